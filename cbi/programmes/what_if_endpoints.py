"""Over HTTP: what would change before anybody saves it, and appeals against being left out of a cycle."""

from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.programmes import appealing, what_if
from cbi.programmes.what_if import WhatIf
from cbi.programmes.what_if_tables import Line
from cbi.registry import naming
from cbi.registry.scorecards import appeal_words, versions
from cbi.registry.scorecards.appeal_schemas import AppealOut

router = Router(tags=["programmes"])
_LARGEST = 256 * 1024


class AskWhatIf(BaseModel):
    """A changed scorecard file, a changed programme file (`rules`), or both; `programme` names whose cost is wanted."""

    scorecard: str | None = Field(
        default=None, max_length=_LARGEST, examples=["scorecard: vulnerability\n…"]
    )
    programme: str | None = Field(default=None, max_length=40, examples=["family-stipend"])
    rules: str | None = Field(default=None, max_length=_LARGEST)


class LineOut(BaseModel):
    """One line. Numbers of one to four households are null for those who may not open assessments."""

    name: str
    households: int | None
    moved_in: int | None
    moved_out: int | None
    before_minor: int | None
    after_minor: int | None

    @classmethod
    def of(cls, line: Line) -> "LineOut":
        return cls(**{name: getattr(line, name) for name in cls.model_fields})


class TableOut(BaseModel):
    """The lines by one thing, and their sum."""

    by: str
    lines: list[LineOut]
    total: LineOut


class MoveOut(BaseModel):
    """Households of one band that would be in another; null: hidden, because few or beside few."""

    before: str
    after: str
    households: int | None


class WhatIfOut(BaseModel):
    """What would change; nothing was. `cost` is in the programme's currency."""

    scorecard: str | None
    programme: str | None
    currency: str | None
    assessed: int
    unknown: int
    moves: list[MoveOut]
    tables: list[TableOut]
    cost: dict[str, Any] | None

    @classmethod
    def of(cls, found: WhatIf) -> "WhatIfOut":
        return cls(
            scorecard=found.scorecard, programme=found.programme, assessed=found.assessed,
            unknown=found.unknown, currency=found.cost.now.currency if found.cost else None,
            moves=[MoveOut(before=was, after=becomes, households=count or None) for was, becomes, count in found.moves],
            tables=[
                TableOut(by=each.by, lines=[LineOut.of(line) for line in each.lines], total=LineOut.of(each.total))
                for each in found.tables
            ],
            cost=found.cost.kept() if found.cost else None,
        )  # fmt: skip


class AppealCycle(BaseModel):
    """A household that does not agree with what a cycle decided about it."""

    household: str = Field(
        min_length=1, max_length=200, description="The registration number, or source/number.", examples=["H-0042"]
    )  # fmt: skip
    says: str = Field(min_length=3, max_length=500, examples=["We live in the area."])


@router.post("/scorecards/what-if", summary="What other points, thresholds or amounts would change")
def compare(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.SCORECARD_PROPOSE))],
    body: AskWhatIf,
) -> WhatIfOut:
    card = versions.new(body.scorecard) if body.scorecard else None
    return WhatIfOut.of(
        what_if.what_if(session, actor, scorecard=card, programme=body.programme, rules=body.rules)
    )


@router.post(
    "/programmes/{programme}/cycles/{period}/appeals",
    status_code=201,
    summary="Appeal against being left out of a cycle",
)
def lodge(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.APPEAL_LODGE))],
    programme: str,
    period: str,
    body: AppealCycle,
) -> AppealOut:
    household = naming.named(session, body.household)
    made = appealing.lodge(session, actor, household, programme, period, body.says)
    return AppealOut.of(made, appeal_words.shown(session, actor, [made])[made.id])
