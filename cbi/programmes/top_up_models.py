"""Top-ups: what households are owed on top of what a cycle decided, proposed by one person and accepted by another."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, may_update


class TopUp(Base):
    """A list of households with what each is owed on top of one cycle, and the decision behind it.

    `digest` is over its rows. While it is not refused, no other list of the cycle has the same rows, or rests on the same
    decision (`reference`).
    """

    __tablename__ = "top_ups"
    __table_args__ = (
        UniqueConstraint("cycle_id", "number"),
        Index(
            "uq_top_ups_rows", "cycle_id", "digest", unique=True,
            postgresql_where=text("decision IS DISTINCT FROM 'refused'"),
        ),
        Index(
            "uq_top_ups_reference", "cycle_id", "reference_key", unique=True,
            postgresql_where=text("decision IS DISTINCT FROM 'refused'"),
        ),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("basis IN ('list', 'rules')", name="basis"),
        CheckConstraint("households > 0 AND total_minor > 0", name="pays_somebody"),
        CheckConstraint("decision IN ('accepted', 'refused')", name="decision"),
        CheckConstraint("num_nulls(decision, decided_by, decided_at) IN (0, 3)", name="decided_whole"),
        CheckConstraint("(decision = 'refused') = (remark IS NOT NULL)", name="refused_with_a_reason"),
        CheckConstraint("decision <> 'accepted' OR decided_by <> proposed_by", name="two_people"),
        {"info": may_update("decision", "decided_by", "decided_at", "remark")},
    )  # fmt: skip

    id: Mapped[Key]
    cycle_id: Mapped[UUID] = mapped_column(ForeignKey("cycles.id"))
    number: Mapped[int]
    """Counts the top-ups of the cycle from 1; its component is `topup-<number>`."""
    basis: Mapped[str]
    """`list`: amounts of named households; `rules`: what the cycle's rules make of facts that became known later."""
    reason: Mapped[str]
    reference: Mapped[str]
    """Where the decision can be found: a memo, the minutes of a meeting."""
    reference_key: Mapped[str]
    """The same without spaces, in small letters and plain digits: `MEMO-14`, `memo -14` and `MEMO-١٤` are one decision."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    households: Mapped[int]
    total_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[Instant]
    decision: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    remark: Mapped[str | None]


class TopUpRow(Base):
    """One household of a top-up: what it was owed for the cycle before, how much more, and why. Append-only."""

    __tablename__ = "top_up_rows"
    __table_args__ = (
        CheckConstraint("amount_minor > 0 AND before_minor > 0", name="amount_positive"),
    )

    top_up_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    household_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    before_minor: Mapped[MinorUnits]
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    reason: Mapped[str]
