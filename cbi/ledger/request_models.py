"""What somebody asked to be done with money that was given out or placed already: nothing moves before another confirms."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, may_update


class RequestKind(StrEnum):
    """From a budget back to its fund, from one programme's budget to another's, or from a fund back to its donor; what is
    lost with a provider, given up at the cost of a budget, and what came back of that, to its float or to our bank.
    """

    RETURN = "return"
    REALLOCATION = "reallocation"
    REFUND = "refund"
    WRITE_OFF = "write_off"
    RECOVERY = "recovery"
    BANK_RECOVERY = "bank_recovery"


class Decision(StrEnum):
    """What became of a request."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"


class FundRequest(Base):
    """One request to move a fund's money, with its paper and its reason.

    Once confirmed there is a fund movement with the same id, and the books hold its entries.
    """

    __tablename__ = "fund_requests"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint(
            "CASE kind WHEN 'return' THEN from_programme_id IS NOT NULL AND to_programme_id IS NULL"
            " WHEN 'reallocation' THEN from_programme_id IS NOT NULL AND to_programme_id IS NOT NULL"
            " AND from_programme_id <> to_programme_id"
            " WHEN 'refund' THEN num_nonnulls(from_programme_id, to_programme_id) = 0"
            " WHEN 'write_off' THEN from_programme_id IS NOT NULL AND to_programme_id IS NULL"
            " WHEN 'recovery' THEN from_programme_id IS NULL AND to_programme_id IS NOT NULL"
            " WHEN 'bank_recovery' THEN from_programme_id IS NULL AND to_programme_id IS NOT NULL ELSE false END",
            name="from_and_to",
        ),
        CheckConstraint(
            "(kind IN ('write_off', 'recovery', 'bank_recovery')) = (provider IS NOT NULL)", name="with_whom"
        ),
        CheckConstraint(
            "value_date IS NULL OR kind IN ('recovery', 'bank_recovery')", name="when_it_came_back"
        ),
        CheckConstraint("num_nulls(decision, decided_by, decided_at) IN (0, 3)", name="decided_whole"),
        CheckConstraint("decision <> 'confirmed' OR decided_by <> asked_by", name="two_people"),
        CheckConstraint("decision <> 'refused' OR remark IS NOT NULL", name="refused_with_reason"),
        # What was refused may be asked for again on the same paper.
        Index(
            "uq_fund_requests_reference", "kind", "reference", unique=True,
            postgresql_where=text("decision IS DISTINCT FROM 'refused'"),
        ),
        {"info": may_update("decision", "decided_by", "decided_at", "remark")},
    )  # fmt: skip

    id: Mapped[Key]
    number: Mapped[int] = mapped_column(Identity(), unique=True)
    kind: Mapped[RequestKind]
    fund_id: Mapped[UUID] = mapped_column(ForeignKey("funds.id"))
    from_programme_id: Mapped[UUID | None] = mapped_column(Uuid)
    to_programme_id: Mapped[UUID | None] = mapped_column(Uuid)
    provider: Mapped[str | None]
    """With whom money was lost."""
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    reference: Mapped[str]
    reason: Mapped[str]
    value_date: Mapped[date | None]
    """When what was lost came back, where the paper says so."""
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[Instant]
    decision: Mapped[Decision | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    remark: Mapped[str | None]
    """Why it was refused."""
