"""A provider's statements, their lines, and which payment each line settles."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    Uuid,
    select,
    text,
    tuple_,
)
from sqlalchemy.orm import Mapped, mapped_column

from cbi.audit.refusal_models import Reportable, by_two
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
        Index(
            "ix_statement_lines_fees", "provider", "value_date", postgresql_where=text("kind = 'fee'")
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
    """A line settles an attempt: at most one of each stands, by unique constraints. Append-only.

    There is none unless our own books agree: the attempt was paid (or, for money that came in, came back).
    """

    __tablename__ = "matches"
    __table_args__ = (
        UniqueConstraint("payment_id", "attempt", "kind", "again"),
        CheckConstraint("kind IN ('payment', 'return')", name="kind"),
    )

    line_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    undone: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """How many matches of the line two people had undone before: so a second one cannot stand beside it."""
    payment_id: Mapped[UUID] = mapped_column(Uuid)
    attempt: Mapped[int]
    kind: Mapped[str]
    rule: Mapped[str]
    """The rule of the ladder and its version, such as `R1.1`; `P1.1`: two people named the attempt."""
    amount_minor: Mapped[MinorUnits]
    matched_at: Mapped[Instant]
    again: Mapped[int]
    """How many matches of the attempt two people had undone before: so a second one cannot stand beside it."""


class UndoneMatch(Base):
    """A match that two people found wrong: it does not stand any more. Append-only."""

    __tablename__ = "undone_matches"
    __table_args__ = (UniqueConstraint("finding_id"),)

    line_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    undone: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The match's own."""
    payment_id: Mapped[UUID] = mapped_column(Uuid)
    attempt: Mapped[int]
    kind: Mapped[str]
    finding_id: Mapped[UUID] = mapped_column(Uuid)
    undone_at: Mapped[Instant]


def stands(match: type[Match] = Match) -> ColumnElement[bool]:
    """Whether a match was not undone. NOT IN: the few that were are read once, whatever the statistics say."""
    undone = select(UndoneMatch.line_id, UndoneMatch.undone)
    return tuple_(match.line_id, match.undone).not_in(undone)


STANDS = stands()


class Verdict(StrEnum):
    """What two people find of a line: that nothing explains, that was matched or found wrongly, or is told in two ways."""

    ATTEMPT = "attempt"
    BOOKED = "booked"
    OPPOSITE = "opposite"
    NOT_OURS = "not_ours"
    REFUNDED = "refunded"
    LOST = "lost"
    UNMATCHED = "unmatched"
    MORE = "more"
    FEE = "fee"
    MISTAKEN = "mistaken"
    FIRST_STORY = "first_story"
    LATER_STORY = "later_story"


class LineFinding(Reportable, Base):
    """One person's report of what a line is, with the proof they saw; a finding once another has confirmed it.

    A report that was mistaken is refused, or taken back, and another is made. What was found of a line is found once,
    until two people take it back by a finding that names it; only that it is not ours, or was matched wrongly, leaves
    it open for another.
    """

    __tablename__ = "line_findings"
    __table_args__ = (
        Index(
            "uq_line_findings_confirmed", "line_id", unique=True,
            postgresql_where=text(
                "confirmed_by IS NOT NULL AND taken_back_by IS NULL"
                " AND verdict IN ('booked', 'opposite', 'refunded', 'lost', 'more', 'fee')"
            ),
        ),
        Index(
            "uq_line_findings_taken_back", "finding_id", unique=True,
            postgresql_where=text("confirmed_by IS NOT NULL AND finding_id IS NOT NULL"),
        ),
        Index("ix_line_findings_line_id", "line_id"),
        Index(
            "uq_line_findings_booked", "transfer_id", unique=True,
            postgresql_where=text("confirmed_by IS NOT NULL AND taken_back_by IS NULL AND transfer_id IS NOT NULL"),
        ),
        *by_two("confirmed", "reported"),
        CheckConstraint(
            "(verdict IN ('attempt', 'unmatched', 'more')) = (payment_id IS NOT NULL AND attempt IS NOT NULL)"
            " AND (verdict = 'booked') = (transfer_id IS NOT NULL)"
            " AND (verdict = 'opposite') = (other_line_id IS NOT NULL)"
            " AND (verdict IN ('lost', 'fee')) = (programme_id IS NOT NULL AND fund_id IS NOT NULL)"
            " AND (verdict = 'mistaken') = (finding_id IS NOT NULL)"
            " AND (verdict IN ('first_story', 'later_story')) = (discrepancy_id IS NOT NULL)",
            name="says_which",
        ),
        CheckConstraint(
            "verdict IN ('attempt', 'booked', 'opposite', 'not_ours', 'refunded', 'lost', 'unmatched', 'more', 'fee',"
            " 'mistaken', 'first_story', 'later_story')",
            name="verdict",
        ),
        CheckConstraint("taken_back_by IS NULL OR confirmed_by IS NOT NULL", name="taken_back_once_found"),
        {"info": may_update("confirmed_by", "confirmed_at", "taken_back_by", "refusal_id")},
    )  # fmt: skip

    id: Mapped[Key]
    line_id: Mapped[UUID] = mapped_column(ForeignKey("statement_lines.id"))
    verdict: Mapped[str]
    payment_id: Mapped[UUID | None] = mapped_column(Uuid)
    attempt: Mapped[int | None]
    other_line_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The line that takes it back, or that it takes back."""
    transfer_id: Mapped[int | None]
    """The movement of our float that is the same, booked by another name."""
    programme_id: Mapped[UUID | None] = mapped_column(Uuid)
    fund_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Who bears it when it is lost, or a fee that names no payment."""
    finding_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The finding that was mistaken, and is taken back by this one."""
    discrepancy_id: Mapped[UUID | None] = mapped_column(Uuid)
    """Where a later file tells the line in another way: what says so."""
    proof: Mapped[str]
    """Where the provider's word can be found: a letter, a message, a ticket."""
    taken_back_by: Mapped[UUID | None] = mapped_column(Uuid)
    """The finding by which two people took this one back; None: it stands."""


FOUND = LineFinding.confirmed_by.is_not(None) & LineFinding.taken_back_by.is_(None)
"""Whether what was reported of a line was found by two people, and stands."""
