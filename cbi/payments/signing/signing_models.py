"""What says who must sign a payment run: the office's policy, what it asked of each run, and who stands in for whom."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.audit.refusal_models import Acceptable, by_two
from cbi.db import Base, Instant, Key, may_update


class ApprovalPolicy(Acceptable, Base):
    """One version of the office's policy. It holds from when a second person accepts it until the next one is accepted."""

    __tablename__ = "approval_policies"
    __table_args__ = (
        *by_two("accepted"),
        {"info": may_update("accepted_by", "accepted_at", "refusal_id")},
    )

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rules: Mapped[list[Any]] = mapped_column(JSONB)
    """In canonical form, as `cbi.payments.signing.approval_policy` writes them."""
    controls: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Which controls block, in canonical form; None: as the engine comes."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)


class RequiredSignatures(Base):
    """Which steps one revision of a run takes, and what was counted to choose them. Append-only.

    `number` 1 is from locking; a later one asks for more than the one before, because more had been locked by then.
    `seal` is a keyed hash over all of it, and stands in the audit log as well.
    """

    __tablename__ = "required_signatures"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    seal: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[Instant]


class Delegation(Base):
    """One person signs in the place of another, within limits, once a third person has accepted it.

    `programmes` empty: all that the delegator may sign for. Both days are included, in the office's time zone.
    """

    __tablename__ = "delegations"
    __table_args__ = (
        CheckConstraint("from_id <> to_id", name="two_people"),
        CheckConstraint("accepted_by NOT IN (from_id, to_id)", name="accepted_by_a_third"),
        CheckConstraint("(accepted_by IS NULL) = (accepted_at IS NULL)", name="accepted_whole"),
        CheckConstraint("(withdrawn_by IS NULL) = (withdrawn_at IS NULL)", name="withdrawn_whole"),
        CheckConstraint("first_day <= last_day", name="days"),
        CheckConstraint(
            "(limit_minor IS NULL) = (currency IS NULL) AND limit_minor > 0", name="amount_limit"
        ),
        {"info": may_update("accepted_by", "accepted_at", "withdrawn_by", "withdrawn_at")},
    )

    id: Mapped[Key]
    from_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    to_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str]
    """The signing role whose steps it is for."""
    programmes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    limit_minor: Mapped[int | None]
    currency: Mapped[str | None]
    first_day: Mapped[date]
    last_day: Mapped[date]
    made_at: Mapped[Instant]
    accepted_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    accepted_at: Mapped[datetime | None]
    withdrawn_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    withdrawn_at: Mapped[datetime | None]
