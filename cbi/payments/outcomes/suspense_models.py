"""What providers' statements moved on our float and nothing in our books explains: each line, since when, and until when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from cbi.audit.refusal_models import Confirmable, by_two
from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, may_update


class SuspendedLine(Base):
    """One stay of a statement line in account 1900: from when nothing explained it until something did.

    `number` counts the stays of a line, from 1: a match that was found wrong brings it back.
    """

    __tablename__ = "suspended_lines"
    __table_args__ = (
        Index("uq_suspended_lines_open", "line_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("ix_suspended_lines_open", "provider", postgresql_where=text("ended_at IS NULL")),
        CheckConstraint("effect_minor <> 0", name="moves_something"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended_whole"),
        {"info": may_update("ended_at", "ended_by")},
    )  # fmt: skip

    line_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    provider: Mapped[str]
    effect_minor: Mapped[MinorUnits]
    """What it did to our float, in minor units: below zero when money left it."""
    currency: Mapped[CurrencyCode]
    since: Mapped[Instant]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    """What explained it: `ladder` (a rule, or the books by now), or `finding:<id>`, two people."""


class Withdrawal(Confirmable, Base):
    """Two people's decision that payments which wait for a provider are not sent to it.

    One proposes, another confirms; until then nothing has changed. Each payment that it moved has an event whose source is
    `withdrawal:<id>`, so `payment_count` can be counted anew.
    """

    __tablename__ = "withdrawals"
    __table_args__ = (
        *by_two("confirmed"),
        CheckConstraint("payment_count > 0", name="has_payments"),
        {
            "info": may_update(
                "payment_count", "total_minor", "confirmed_by", "confirmed_at", "refusal_id"
            )
        },
    )

    id: Mapped[Key]
    run_id: Mapped[UUID] = mapped_column(ForeignKey("payment_runs.id"), index=True)
    provider: Mapped[str]
    payment_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The one payment that it is about; without one, all that wait for the provider."""
    reason: Mapped[str]
    payment_count: Mapped[int]
    """How many waited when it was proposed; once it is confirmed, how many it moved."""
    total_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
