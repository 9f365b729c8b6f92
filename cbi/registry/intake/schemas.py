"""How intake appears over the API: households that a program sends, with every refusal at the place it is about."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.http.replay import ShownOnce
from cbi.registry.import_models import RejectedRow
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.rejected import OpenedRow
from cbi.registry.intake.results import ImportResult
from cbi.registry.intake.sending import Item, Pointed
from cbi.registry.intake.wording import told
from cbi.registry.schemas import CountsOut, ReasonOut

MOST_HOUSEHOLDS = 1_000
Text = str | int
"""A value may come as text or as a whole number; it is read by the same rules as a cell of a list."""


class PersonIn(BaseModel):
    """One person of a household. `phone` to `prefers` are those of whoever receives."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = Field(default=None, examples=["Amina Benali"])
    sex: Text | None = Field(default=None, examples=["female"])
    born_on: Text | None = Field(default=None, examples=["1990-05-31"])
    age: Text | None = Field(default=None, description="Where no date of birth is known.")
    document_kind: Text | None = None
    document: Text | None = None
    phone: Text | None = Field(default=None, examples=["+213550123456"])
    card: Text | None = None
    word: Text | None = None
    prefers: Text | None = Field(default=None, examples=["cash"])
    is_head: bool = False
    is_recipient: bool = Field(
        default=False, description="Receives for the household; the head does if nobody is marked."
    )


class HouseholdIn(BaseModel):
    """One household with its people, in the words of docs/registration-files.md."""

    model_config = ConfigDict(extra="forbid")

    source_id: Text | None = Field(default=None, examples=["H-0042"])
    size: Text | None = Field(default=None, examples=[4])
    area: Text | None = None
    language: Text | None = Field(default=None, examples=["fr"])
    needs: Text | None = Field(default=None, examples=["pregnancy; disability 2"])
    band: Text | None = None
    scorecard: Text | None = None
    consent: Text | None = None
    consent_on: Text | None = Field(default=None, examples=["2026-03-01"])
    people: list[PersonIn] = Field(default=[], max_length=60)


class SendHouseholds(BaseModel):
    """Households from another program. `source` is where they were registered; numbers are unique within it."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(pattern="^[a-z0-9][a-z0-9_-]{1,39}$", examples=["partner-oran-2026"])
    households: list[HouseholdIn] = Field(min_length=1, max_length=MOST_HOUSEHOLDS)
    dry_run: bool = Field(default=False, description="Say what would come of it, change nothing.")

    def plain(self) -> list[Mapping[str, Any]]:
        """The households as plain values."""
        return [each.model_dump() for each in self.households]


class PointedReason(BaseModel):
    """Why a household did not land, or what needs a look, and the place in the request that it is about."""

    pointer: str = Field(
        description="A JSON pointer (RFC 6901).", examples=["/households/3/people/0/phone"]
    )
    code: str
    message: str
    next_step: str

    @classmethod
    def of(cls, pointed: Pointed, language: str) -> "PointedReason":
        reason = told(pointed.reason, language)
        return cls(
            pointer=pointed.pointer, code=reason.code, message=reason.message, next_step=reason.next_step
        )  # fmt: skip


class ItemOut(BaseModel):
    """What became of one household."""

    index: int
    source_id: str
    outcome: str = Field(description="landed, unchanged or rejected.")
    reasons: list[PointedReason]
    warnings: list[PointedReason]

    @classmethod
    def of(cls, item: Item, language: str) -> "ItemOut":
        return cls(
            index=item.index,
            source_id=item.source_id,
            outcome=item.outcome,
            reasons=[PointedReason.of(each, language) for each in item.reasons],
            warnings=[PointedReason.of(each, language) for each in item.warnings],
        )


class SentOut(CountsOut):
    """What came of the request: the numbers, and every household in the order in which it was sent."""

    households: list[ItemOut]

    @classmethod
    def of(cls, result: ImportResult, items: list[Item], language: str) -> "SentOut":
        return cls(
            **cls.counted(result),
            households=[ItemOut.of(item, language) for item in items],
        )


class RejectedRowOut(BaseModel):
    """A row that did not land and has not ended. What stands in it is not shown."""

    id: int
    import_id: UUID
    sheet: str | None
    line: int
    source_id: str | None = Field(description="Its household's registration number, if known.")
    reasons: list[ReasonOut]

    @classmethod
    def of(cls, row: RejectedRow, language: str) -> "RejectedRowOut":
        return cls(
            id=row.id,
            import_id=row.import_id,
            sheet=row.sheet,
            line=row.line,
            source_id=row.source_id,
            reasons=[ReasonOut.of(Reason.of(kept), language) for kept in row.reasons],
        )


class OpenedRowOut(RejectedRowOut, ShownOnce):
    """The same with its filled cells, by the names of their columns."""

    cells: dict[str, str]

    @classmethod
    def opened(cls, found: OpenedRow, language: str) -> "OpenedRowOut":
        return cls(**RejectedRowOut.of(found.row, language).model_dump(), cells=dict(found.cells))


class CorrectRow(BaseModel):
    """Other values for a row, by our field names or the columns' own; an empty text empties the cell."""

    values: dict[str, str] = Field(
        min_length=1, max_length=100, examples=[{"phone": "+213550123456", "size": "4"}]
    )


class CorrectedOut(BaseModel):
    """What became of the row's household."""

    ending: str = Field(description="landed, or unchanged: it was there already.")
    source_id: str
    people: int
    rows: int = Field(description="How many rejected rows have ended with it.")


class DropRow(BaseModel):
    """Give up a row, and the others of its household."""

    reason: str = Field(min_length=3, max_length=500, examples=["registered twice by the partner"])


class DroppedOut(BaseModel):
    """How many rows were given up."""

    rows: int
