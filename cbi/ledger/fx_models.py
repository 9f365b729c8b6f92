"""Exchange rates that two people stand behind, and the deals by which money was changed from one currency into another."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cbi.audit.refusal_models import Confirmed, Proposed
from cbi.db import Base, CurrencyCode, Key, MinorUnits, may_update

_DECIDED = ("confirmed_by", "confirmed_at", "withdrawn_by", "withdrawn_at")


def _by_two_people() -> tuple[CheckConstraint, ...]:
    """One proposes, another confirms; or somebody withdraws it before."""
    return (
        CheckConstraint("confirmed_by <> proposed_by", name="two_people"),
        CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed_whole"),
        CheckConstraint("(withdrawn_by IS NULL) = (withdrawn_at IS NULL)", name="withdrawn_whole"),
        CheckConstraint(
            "confirmed_at IS NULL OR withdrawn_at IS NULL", name="confirmed_or_withdrawn"
        ),
    )


class Withdrawable(Confirmed, Proposed):
    """What one person enters and another confirms, or somebody withdraws before; `_by_two_people` belongs to it."""

    withdrawn_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    withdrawn_at: Mapped[datetime | None]


class ReferenceRate(Withdrawable, Base):
    """What one whole unit of `base` was worth in `quote` on a day, as an exact fraction, and who says so.

    It counts once a second person has confirmed it. A rate is corrected by confirming another for the same day.
    """

    __tablename__ = "reference_rates"
    __table_args__ = (
        CheckConstraint("base <> quote", name="two_currencies"),
        CheckConstraint("numerator > 0 AND denominator > 0", name="above_zero"),
        *_by_two_people(),
        Index(None, "base", "quote", "day"),
        {"info": may_update(*_DECIDED)},
    )

    id: Mapped[Key]
    base: Mapped[CurrencyCode]
    quote: Mapped[CurrencyCode]
    day: Mapped[date]
    numerator: Mapped[int]
    denominator: Mapped[int]
    source: Mapped[str]


class Deal(Withdrawable, Base):
    """One exchange of a fund's money at the bank, as the ticket says it; booked when a second person confirms it.

    `numerator`/`denominator` is the ticket's rate: whole units of `bought_currency` for one of `sold_currency`. What was
    bought, the residual and the spread together are what the reference rate makes of what was sold.
    """

    __tablename__ = "fx_deals"
    __table_args__ = (
        CheckConstraint("sold_minor > 0 AND bought_minor > 0", name="amounts_positive"),
        CheckConstraint("sold_currency <> bought_currency", name="two_currencies"),
        CheckConstraint("numerator > 0 AND denominator > 0", name="above_zero"),
        CheckConstraint("value_date >= dealt_on", name="dealt_before"),
        *_by_two_people(),
        Index(
            "uq_fx_deals_reference", "reference", unique=True, postgresql_where=text("withdrawn_at IS NULL")
        ),
        {"info": may_update(*_DECIDED)},
    )  # fmt: skip

    id: Mapped[Key]
    reference: Mapped[str]
    """The bank's, of the ticket."""
    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.id"))
    sold_minor: Mapped[MinorUnits]
    sold_currency: Mapped[CurrencyCode]
    bought_minor: Mapped[MinorUnits]
    bought_currency: Mapped[CurrencyCode]
    numerator: Mapped[int]
    denominator: Mapped[int]
    dealt_on: Mapped[date]
    value_date: Mapped[date | None]
    """When the bank moved the money, where the ticket says so; else the day on which the deal is confirmed."""
    reference_rate_id: Mapped[UUID] = mapped_column(ForeignKey("reference_rates.id"))
    residual_minor: Mapped[MinorUnits]
    """What the ticket's rate makes of the amount sold, less what was bought; below zero where the bank gave more."""
    spread_minor: Mapped[MinorUnits]
    """What the reference rate makes of the amount sold, less what the ticket's rate does; below zero: a gain."""
