"""How a household's part in a programme appears over the API."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from cbi.ledger.schemas import Amount
from cbi.programmes.conditions import Noted
from cbi.programmes.confirming import Days
from cbi.programmes.enrolling import Act, Line
from cbi.programmes.making_up import MadeUp
from cbi.programmes.replaying import Replay
from cbi.programmes.resuming import Resumed

Number = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="The registration number, or source/number.",
        examples=["H-0042"],
    ),
]


class EnrolmentLine(BaseModel):
    """One household, the day it concerns and why."""

    household: Number
    on: date = Field(examples=["2026-03-01"])
    reason: str = Field(min_length=3, max_length=500, examples=["moved to another camp"])


class ChangeEnrolment(BaseModel):
    """What is said of these households: all of them or none. `was_wrong` is for a resumption."""

    model_config = ConfigDict(extra="forbid")

    act: Act
    households: list[EnrolmentLine] = Field(min_length=1, max_length=10_000)
    was_wrong: bool = Field(
        default=False,
        description="There was no ground for the suspension: what was missed is owed.",
    )

    def lines(self) -> list[Line]:
        """The same for the use case."""
        return [
            Line(f"household {each.household}", each.household, each.on, each.reason)
            for each in self.households
        ]


class ChangedOut(BaseModel):
    """How many households it was written down of."""

    households: int
    waiting: int = Field(
        default=0,
        description="Of how many of them what they missed in cycles opened before waits for a second person.",
    )
    suspended: int = Field(
        default=0,
        description="How many that were resumed stay suspended: people of another suspended household joined them.",
    )


class MadeUpOut(BaseModel):
    """What the next cycle owes a household for earlier ones: as things stand, and once what waits is confirmed."""

    period: str
    before: Amount
    after: Amount
    calculation: str
    is_in: bool = Field(
        description="Whether the household is in for that cycle by what is known today."
    )

    @classmethod
    def of(cls, found: MadeUp) -> "MadeUpOut":
        return cls(
            period=str(found.period), before=Amount.of(found.before), after=Amount.of(found.after),
            calculation=found.trace, is_in=found.is_in,
        )  # fmt: skip


MadeUpOrNone = Annotated[
    MadeUpOut | None, Field(description="Null where no cycle is left that could make up for it.")
]


class DaysOut(BaseModel):
    """Days on which a household takes part that reach back into open cycles, and wait for a second person."""

    number: int
    household: str
    starts_on: date | None
    ends_on: date | None
    reason: str
    noted_by: UUID | None
    noted_at: datetime
    made_up: MadeUpOrNone

    @classmethod
    def of(cls, days: Days, made_up: MadeUp | None) -> "DaysOut":
        row = days.enrolment
        return cls(
            number=row.id, household=days.household, starts_on=row.starts_on, ends_on=row.ends_on, reason=row.reason,
            noted_by=row.noted_by, noted_at=row.noted_at, made_up=made_up and MadeUpOut.of(made_up),
        )  # fmt: skip


class ConfirmDays(BaseModel):
    """Which days that wait are right, by their number."""

    number: int = Field(ge=1, examples=[17])


class ResumedOut(BaseModel):
    """A suspension that a colleague ended, so that it reaches back into open cycles; it waits for a second person."""

    id: UUID
    household: str
    begins_on: date
    resumes_on: date
    was_wrong: bool
    reason: str
    resumed_by: UUID | None
    resumed_at: datetime
    made_up: MadeUpOrNone

    @classmethod
    def of(cls, resumed: Resumed, made_up: MadeUp | None) -> "ResumedOut":
        row = resumed.suspension
        assert row.resumes_on is not None
        assert row.resumed_at is not None
        return cls(
            id=row.id, household=resumed.household, begins_on=row.begins_on, resumes_on=row.resumes_on,
            was_wrong=row.was_wrong is True, reason=row.resumed_because or "", resumed_by=row.resumed_by,
            resumed_at=row.resumed_at, made_up=made_up and MadeUpOut.of(made_up),
        )  # fmt: skip


class ConfirmResumption(BaseModel):
    """Which suspension was ended rightly, by its id."""

    id: UUID


class NoteCondition(BaseModel):
    """A condition that a household has met, and where the proof is."""

    household: Number
    condition: str = Field(examples=["business-plan"])
    evidence: str = Field(
        min_length=3, max_length=500, examples=["plan seen on the visit of 3 March"]
    )


class DecideCondition(BaseModel):
    """Whether a colleague's note holds. A refusal needs a remark."""

    household: Number
    condition: str = Field(examples=["business-plan"])
    decision: Literal["confirmed", "refused"]
    remark: str = Field(default="", max_length=500)


class NotedOut(BaseModel):
    """One condition of one household, as far as it has come."""

    id: UUID
    household: str
    condition: str
    evidence: str
    noted_at: datetime
    decision: str | None
    remark: str | None

    @classmethod
    def of(cls, noted: Noted) -> "NotedOut":
        return cls(
            id=noted.id, household=noted.household, condition=noted.condition, evidence=noted.evidence,
            noted_at=noted.noted_at, decision=noted.decision, remark=noted.remark,
        )  # fmt: skip


class DifferingOut(BaseModel):
    """A household of which something else comes out."""

    household_id: UUID
    component: str
    kept: str
    again: str


class ReplayOut(BaseModel):
    """What came of deciding a cycle anew. `differing` is 0 when everything came out the same."""

    programme: str
    period: str
    version: int
    combinations: int
    decisions: int
    not_kept: int
    differing: int
    examples: list[DifferingOut]

    @classmethod
    def of(cls, found: Replay) -> "ReplayOut":
        return cls(
            programme=found.programme, period=found.period, version=found.version,
            combinations=found.combinations, decisions=found.decisions, not_kept=found.not_kept,
            differing=found.differing,
            examples=[
                DifferingOut(
                    household_id=each.household_id, component=each.component, kept=each.kept, again=each.again
                )
                for each in found.examples
            ],
        )  # fmt: skip
