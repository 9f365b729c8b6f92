"""How top-ups appear over the API."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from cbi.ledger.schemas import Amount
from cbi.money import Money
from cbi.programmes.top_up_lists import MOST, Line
from cbi.programmes.top_up_queries import RowLine, TopUpLine

_REASON = Field(min_length=3, max_length=500, examples=["The need became known after the cycle"])
_REFERENCE = Field(
    min_length=3, max_length=500, description="Where the decision can be found.", examples=["MEMO-2026-14"]
)  # fmt: skip


class TopUpRowIn(BaseModel):
    """One household (its registration number), what it is owed on top, and why if that is not why the others are."""

    household: str = Field(max_length=200, examples=["H-0042"])
    amount: str = Field(max_length=40, examples=["150.00"])
    reason: str | None = Field(None, max_length=500)

    def line(self, place: int, currency: str, reason: str) -> Line:
        """The line of a list. Raises UnusableAmount."""
        amount = Money.parse(self.amount, currency)
        return Line(f"row {place}", self.household, amount, self.reason or reason)


class ProposeTopUp(BaseModel):
    """Amounts on top of what a cycle decided, for named households."""

    rows: list[TopUpRowIn] = Field(min_length=1, max_length=MOST)
    reason: str = _REASON
    reference: str = _REFERENCE


class TopUpByRules(BaseModel):
    """Today's facts by the cycle's own rules. Without `households` everybody whom the cycle owes something."""

    households: list[str] = Field(default_factory=list, max_length=MOST)
    reason: str = _REASON
    reference: str = _REFERENCE


class AcceptTopUp(BaseModel):
    """The fresh one-time code of whoever accepts."""

    one_time_code: str = Field(pattern=r"^[0-9]{6}$")


class RefuseTopUp(BaseModel):
    """Why it is refused."""

    remark: str = Field(min_length=3, max_length=500)


class TopUpOut(BaseModel):
    """One top-up of a cycle. `decision` is none while it waits."""

    id: UUID
    number: int
    basis: Literal["list", "rules"]
    reason: str
    reference: str
    households: int
    total: Amount
    proposed_by: str
    proposed_at: datetime
    decision: Literal["accepted", "refused"] | None
    decided_by: str | None
    decided_at: datetime | None
    remark: str | None

    @classmethod
    def of(cls, line: TopUpLine) -> "TopUpOut":
        return cls.model_validate(
            {
                **{name: getattr(line, name) for name in cls.model_fields if name != "total"},
                "total": Amount.of(line.total),
            }
        )


class TopUpRowOut(BaseModel):
    """One household of a top-up: what it was owed before, and how much more it is."""

    household: str
    before: Amount
    amount: Amount
    reason: str

    @classmethod
    def of(cls, row: RowLine) -> "TopUpRowOut":
        return cls(
            household=row.household, before=Amount.of(row.before), amount=Amount.of(row.amount), reason=row.reason
        )  # fmt: skip
