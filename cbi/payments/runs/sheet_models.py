"""What is kept of a run's sheet when it is locked, so that a run of any size can be looked at without waiting."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, CurrencyCode, Instant, MinorUnits


class FindingKind(StrEnum):
    """Why approvers are pointed to a payment. The first four say what changed against the last cycle."""

    NEW = "new"
    GONE = "gone"
    AMOUNT = "amount"
    ACCOUNT = "account"
    SHARED_ACCOUNT = "shared_account"
    SEVERAL_PAYMENTS = "several_payments"
    OPEN_DUPLICATE = "open_duplicate"
    INACTIVE = "inactive"
    JUMP = "jump"
    OUTLIER = "outlier"
    LARGE_SHARE = "large_share"


CHANGES = (FindingKind.NEW, FindingKind.GONE, FindingKind.AMOUNT, FindingKind.ACCOUNT)


class RunSummary(Base):
    """The facts of one revision of a run, worked out once, when it was locked. Append-only.

    `digest` is the run's at that moment: a summary of other content is stale. `seal` is a keyed hash over all of it:
    whoever alters a row, or makes one up, cannot make it fit again without the key, which is not in the database.
    """

    __tablename__ = "run_summaries"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    seal: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[Instant]


class RunFinding(Base):
    """One payment that approvers are pointed to, with what it was and what it is. Append-only.

    `place` counts within a kind: those with the same `together` stand side by side, else the largest difference first.
    """

    __tablename__ = "run_findings"
    __table_args__ = (
        CheckConstraint("num_nonnulls(before_minor, after_minor) > 0", name="amount"),
        CheckConstraint("(payment_number IS NULL) = (after_minor IS NULL)", name="in_this_run"),
    )

    run_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[FindingKind] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    household_id: Mapped[UUID] = mapped_column(Uuid)
    payment_number: Mapped[int | None]
    """Its place in this run; none for what is gone."""
    together: Mapped[int | None]
    """Payments of one kind with the same number go to one account."""
    before_minor: Mapped[MinorUnits | None]
    after_minor: Mapped[MinorUnits | None]
    currency: Mapped[CurrencyCode]
