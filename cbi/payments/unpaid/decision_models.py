"""What somebody decided about payments that were not paid, and which runs pay what was given up in others."""

from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits


class Remedy(StrEnum):
    """What becomes of a payment that failed, came back or expired."""

    TRY_AGAIN = "try_again"
    GIVE_UP = "give_up"


class PaymentDecision(Base):
    """One person's decision about payments of one run, with its reason. Append-only.

    Each payment that it moved has an event whose source is `decision:<id>`, so `payment_count` can be counted anew.
    """

    __tablename__ = "payment_decisions"
    __table_args__ = (CheckConstraint("payment_count > 0", name="has_payments"),)

    id: Mapped[Key]
    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), index=True)
    remedy: Mapped[Remedy]
    reason: Mapped[str]
    payment_count: Mapped[int]
    total_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[Instant]


class FollowUp(Base):
    """How many payments of a run pay what was given up in an earlier one; kept for each revision when it is locked."""

    __tablename__ = "follow_ups"
    __table_args__ = (CheckConstraint("payment_count > 0", name="has_payments"),)

    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    earlier_run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), primary_key=True)
    payment_count: Mapped[int]
    total_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
