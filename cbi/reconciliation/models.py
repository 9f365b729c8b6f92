"""A provider's statements, their lines, and which payment each line settles."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, CurrencyCode, Instant, Key, MinorUnits, may_update


class StatementFile(Base):
    """One statement as it came, known by its digest: the same file twice changes nothing."""

    __tablename__ = "statement_files"
    __table_args__ = (
        UniqueConstraint("provider", "file_digest"),
        {"info": may_update("reconciled_at")},
    )

    id: Mapped[Key]
    provider: Mapped[str]
    file_digest: Mapped[bytes] = mapped_column(LargeBinary)
    filename: Mapped[str]
    currency: Mapped[CurrencyCode]
    opening_minor: Mapped[MinorUnits | None]
    closing_minor: Mapped[MinorUnits | None]
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    """The earliest and the latest value date of its lines; None when it has none."""
    line_count: Mapped[int]
    new_lines: Mapped[int]
    total_minor: Mapped[MinorUnits]
    """What the provider says it paid out: the sum of the lines of kind payment."""
    imported_by: Mapped[UUID | None] = mapped_column(Uuid)
    imported_at: Mapped[Instant]
    reconciled_at: Mapped[datetime | None]
    """When its lines were first compared with our payments."""


class StatementLine(Base):
    """One line of a statement. The provider's own name for it makes overlapping files harmless. Append-only."""

    __tablename__ = "statement_lines"
    __table_args__ = (
        UniqueConstraint("provider", "line_id"),
        Index(None, "statement_id"),
        Index(
            "ix_statement_lines_top_up", "provider", "provider_reference",
            postgresql_where=text("kind = 'top_up'"),
        ),
        CheckConstraint("kind IN ('payment', 'return', 'fee', 'top_up', 'other')", name="kind"),
        CheckConstraint("amount_minor > 0 OR kind = 'other'", name="amount_positive"),
    )  # fmt: skip

    id: Mapped[Key]
    statement_id: Mapped[UUID] = mapped_column(Uuid)
    provider: Mapped[str]
    number: Mapped[int]
    """Its place in the file it first came in."""
    line_id: Mapped[str]
    kind: Mapped[str]
    amount_minor: Mapped[MinorUnits]
    currency: Mapped[CurrencyCode]
    value_date: Mapped[date]
    idempotency_key: Mapped[str | None]
    provider_reference: Mapped[str | None]
    office: Mapped[str | None]


class Match(Base):
    """A line settles an attempt: at most one of each, by unique constraints. Append-only.

    There is none unless our own books agree: the attempt was paid (or, for a line of kind return, came back).
    """

    __tablename__ = "matches"
    __table_args__ = (
        UniqueConstraint("payment_id", "attempt", "kind"),
        CheckConstraint("kind IN ('payment', 'return')", name="kind"),
    )

    line_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(Uuid)
    attempt: Mapped[int]
    kind: Mapped[str]
    rule: Mapped[str]
    """The rule of the ladder and its version, such as `R1.1`."""
    amount_minor: Mapped[MinorUnits]
    matched_at: Mapped[Instant]
