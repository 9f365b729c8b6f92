"""What was booked of money on its way: received from donors, given to programmes, placed with providers, moved back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.ledger.models import Fund, FundMovement
from cbi.money import Money


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement with its paper. `kind` is a word of the table; `programme_id` whose budget it came to, or left."""

    kind: str
    fund: str | None
    programme_id: UUID | None
    provider: str | None
    amount: Money
    reference: str
    value_date: date
    """When it took effect: the day that its paper says, or on which it was booked."""
    recorded_by: UUID | None
    recorded_at: datetime


def latest(
    session: Session, limit: int, programmes: Collection[UUID] | None = None
) -> list[Movement]:
    """The movements that were booked last, the latest first; `programmes`: only those of their budgets."""
    wanted = (
        select(FundMovement, Fund.code)
        .outerjoin(Fund, Fund.id == FundMovement.fund_id)
        .order_by(FundMovement.recorded_at.desc(), FundMovement.id.desc())
        .limit(limit)
    )
    if programmes is not None:
        wanted = wanted.where(FundMovement.programme_id.in_(programmes))
    return [
        Movement(
            row.kind, fund, row.programme_id, row.provider, Money(row.amount_minor, row.currency), row.reference,
            row.value_date, row.recorded_by, row.recorded_at,
        )
        for row, fund in session.execute(wanted)
    ]  # fmt: skip
