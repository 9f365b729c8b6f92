"""What is on record of one household in one programme: when it takes part, what it has shown, what was made up for."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, Uuid, false
from sqlalchemy.orm import Mapped, mapped_column

from cbi.audit.refusal_models import Refusable, never_both
from cbi.db import Base, Instant, Key, Ordinal, may_update
from cbi.programmes.models import CODE_PATTERN


class Enrolment(Refusable, Base):
    """The first and the last day on which a household takes part. The latest row counts that nobody has refused.

    A row with `needs_second` reaches back into cycles that were opened before it. Until a second person has confirmed it,
    those are not made up for.
    """

    __tablename__ = "enrolments"
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="days"),
        CheckConstraint("confirmed_by <> noted_by", name="two_people"),
        CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed_whole"),
        never_both("confirmed_by"),
        Index(None, "programme_id", "household_id"),
        {"info": may_update("confirmed_by", "confirmed_at", "refusal_id")},
    )

    id: Mapped[Ordinal]
    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"))
    household_id: Mapped[UUID] = mapped_column(Uuid)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    reason: Mapped[str]
    noted_by: Mapped[UUID | None] = mapped_column(Uuid)
    noted_at: Mapped[Instant]
    carried_by: Mapped[UUID | None] = mapped_column(Uuid)
    """The split by which it went with people from the household that it was noted for."""
    needs_second: Mapped[bool] = mapped_column(default=False, server_default=false())
    confirmed_by: Mapped[UUID | None] = mapped_column(Uuid)
    confirmed_at: Mapped[datetime | None]


class Suspension(Refusable, Base):
    """Days on which a household takes no part, from `begins_on` until the day before `resumes_on`.

    One found to be wrong took nothing away: what was missed is owed. A resumption with `needs_second` reaches back into
    cycles that were opened before it. Those are not made up for until a second person has confirmed it; once refused, it
    holds for cycles opened since, and its suspension was not wrong.
    """

    __tablename__ = "suspensions"
    __table_args__ = (
        CheckConstraint("resumes_on >= begins_on", name="days"),
        CheckConstraint(
            "num_nulls(resumes_on, was_wrong, resumed_because, resumed_at) IN (0, 4)",
            name="resumed_whole",
        ),
        Index(None, "programme_id", "household_id"),
        Index(
            "uq_suspensions_open",
            "programme_id",
            "household_id",
            unique=True,
            postgresql_where="resumes_on IS NULL",
        ),
        CheckConstraint("num_nulls(carried_from, carried_by) IN (0, 2)", name="carried_whole"),
        CheckConstraint("resumes_on IS NOT NULL OR NOT needs_second", name="held_resumed"),
        CheckConstraint("confirmed_by <> resumed_by", name="two_people"),
        CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="confirmed_whole"),
        never_both("confirmed_by"),
        UniqueConstraint("carried_from", "carried_by", "household_id"),
        {
            "info": may_update(
                "resumes_on", "was_wrong", "resumed_because", "resumed_by", "resumed_at", "needs_second", "confirmed_by",
                "confirmed_at", "refusal_id",
            )
        },
    )  # fmt: skip

    id: Mapped[Key]
    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"))
    household_id: Mapped[UUID] = mapped_column(Uuid)
    begins_on: Mapped[date]
    reason: Mapped[str]
    suspended_by: Mapped[UUID | None] = mapped_column(Uuid)
    suspended_at: Mapped[Instant]
    resumes_on: Mapped[date | None]
    was_wrong: Mapped[bool | None]
    resumed_because: Mapped[str | None]
    resumed_by: Mapped[UUID | None] = mapped_column(Uuid)
    resumed_at: Mapped[datetime | None]
    carried_from: Mapped[UUID | None] = mapped_column(Uuid)
    """The suspension of another household that it repeats, because people went from one to the other."""
    carried_by: Mapped[UUID | None] = mapped_column(Uuid)
    """The split or merge that brought it here."""
    needs_second: Mapped[bool] = mapped_column(default=False, server_default=false())
    confirmed_by: Mapped[UUID | None] = mapped_column(Uuid)
    confirmed_at: Mapped[datetime | None]


class FollowedChange(Base):
    """A split, a merge or its undoing that suspensions and first and last days have followed. Append-only."""

    __tablename__ = "followed_changes"

    change_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    followed_at: Mapped[Instant]
    """Before the change itself: it was made when nothing followed by itself, and people saw to it."""


class ArrearsPaid(Base):
    """A period that a household missed and was owed later, in the cycle `cycle_id`. Once for ever. Append-only."""

    __tablename__ = "arrears_paid"

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"), primary_key=True)
    household_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    cycle_id: Mapped[UUID] = mapped_column(Uuid, index=True)


class ConditionMet(Base):
    """A household has met a condition of its grant: one person noted it with evidence, another confirmed it."""

    __tablename__ = "conditions_met"
    __table_args__ = (
        CheckConstraint(f"condition ~ '{CODE_PATTERN}'", name="condition"),
        CheckConstraint("decision IN ('confirmed', 'refused')", name="decision"),
        CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)", name="decided_whole"
        ),
        CheckConstraint("decided_by <> noted_by", name="two_people"),
        Index(
            "uq_conditions_met_once",
            "programme_id",
            "household_id",
            "condition",
            unique=True,
            postgresql_where="decision IS DISTINCT FROM 'refused'",
        ),
        {"info": may_update("decision", "decided_by", "decided_at", "remark")},
    )

    id: Mapped[Key]
    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"))
    household_id: Mapped[UUID] = mapped_column(Uuid)
    condition: Mapped[str]
    evidence: Mapped[str]
    """Where the proof is to be found: the paper's number, the visit's date."""
    noted_by: Mapped[UUID] = mapped_column(Uuid)
    noted_at: Mapped[Instant]
    decision: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(Uuid)
    decided_at: Mapped[datetime | None]
    remark: Mapped[str | None]
