"""That an office stands still: why, since when, and the two people who let it go on."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, may_update


class Standstill(Base):
    """From `began_at` until `ended_at` nothing leaves the office: no payment, no code and its cash, no text.

    `begun_by` is who stopped it, with a reason; None where the engine found that the database had been restored.
    One person asks to go on, another lets it. Where it is stopped, or a restore is found, once more, it begins anew.
    """

    __tablename__ = "standstills"
    __table_args__ = (
        CheckConstraint("(begun_by IS NULL) = (reason IS NULL)", name="begun_whole"),
        CheckConstraint("num_nulls(asked_because, asked_by, asked_at) IN (0, 3)", name="asked_whole"),
        CheckConstraint("num_nulls(ended_by, ended_at) IN (0, 2)", name="ended_whole"),
        CheckConstraint("ended_at IS NULL OR (asked_by IS NOT NULL AND asked_by <> ended_by)", name="ended_by_two"),
        CheckConstraint("open = (ended_at IS NULL)", name="open_until_ended"),
        Index("uq_standstills_open", "open", unique=True, postgresql_where=text("open")),
        {
            "info": may_update(
                "began_at", "position", "witnessed", "asked_because", "asked_by", "asked_at", "ended_by", "ended_at",
                "open",
            )
        },
    )  # fmt: skip

    id: Mapped[Key]
    began_at: Mapped[Instant]
    begun_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None]
    position: Mapped[int] = mapped_column(BigInteger)
    """How many entries of the audit log were sealed when it began."""
    witnessed: Mapped[str | None]
    """The end of the audit log as this machine had seen it, where the database did not hold it any more."""
    open: Mapped[bool]
    asked_because: Mapped[str | None]
    asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    ended_at: Mapped[datetime | None]
