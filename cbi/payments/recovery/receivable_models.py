"""Money that was paid a second time: what is owed back to us, what became of it, and who gave it up."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from cbi.audit.refusal_models import Confirmable, by_two
from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, Ordinal, may_update
from cbi.payments.states import ReceivableState


class Receivable(Base):
    """One attempt that was paid although its payment was, or might be, paid by another. Once for each attempt.

    Or, where `excess` says so, what an attempt took more than was sent: that is never the payment, but may turn out to be
    what was missing of it. Once, and once more for each line of its own (`finding_id`). `source` is how we know of it: a
    callback, an answer, a statement.
    """

    __tablename__ = "receivables"
    __table_args__ = (
        UniqueConstraint(
            "payment_id", "attempt", "excess", "finding_id", postgresql_nulls_not_distinct=True
        ),
        Index("ix_receivables_open", "entitlement_id", postgresql_where=text("state = 'open'")),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        {"info": may_update("state")},
    )

    id: Mapped[Key]
    payment_id: Mapped[UUID] = mapped_column(Uuid)
    attempt: Mapped[int]
    entitlement_id: Mapped[UUID] = mapped_column(Uuid)
    """What the payment is for: while the money may have reached the household, nothing more is sent for it."""
    excess: Mapped[bool] = mapped_column(default=False)
    finding_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Where the excess came in a line of its own: the two people's finding of that line."""
    provider: Mapped[str]
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    state: Mapped[ReceivableState]
    source: Mapped[str]
    found_at: Mapped[Instant]


class ReceivableEvent(Base):
    """One move of a receivable. Append-only.

    `attempt` is the attempt whose money came back, where the provider said so: of two that were paid, either may.
    `reference` names the paper that a person saw.
    """

    __tablename__ = "receivable_events"

    id: Mapped[Ordinal]
    receivable_id: Mapped[UUID] = mapped_column(ForeignKey("receivables.id"), index=True)
    before: Mapped[str]
    after: Mapped[str]
    attempt: Mapped[int | None]
    source: Mapped[str]
    reference: Mapped[str | None]
    at: Mapped[Instant]


class WriteOff(Confirmable, Base):
    """Two people's decision that money will not come back, with why and the evidence they saw.

    One proposes, another confirms; until then nothing has changed. What was refused can be proposed anew.
    """

    __tablename__ = "write_offs"
    __table_args__ = (
        Index(
            "uq_write_offs_standing", "receivable_id", unique=True, postgresql_where=text("refusal_id IS NULL")
        ),
        *by_two("confirmed"),
        {"info": may_update("confirmed_by", "confirmed_at", "refusal_id")},
    )  # fmt: skip

    id: Mapped[Key]
    receivable_id: Mapped[UUID] = mapped_column(ForeignKey("receivables.id"))
    reason: Mapped[str]
    evidence: Mapped[str]
    """Where the paper can be found that shows the money is lost."""
