"""What people are told (notices), and what each of them said to it, purpose by purpose."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, may_update

CODE_PATTERN = "^[a-z0-9][a-z0-9_-]{1,39}$"


class Scope(StrEnum):
    """What somebody may be asked for: each is said yes or no to by itself. The words are stored."""

    ASSISTANCE = "assistance"
    """To be registered, assessed and paid."""
    PROVIDER = "provider"
    """That the provider who pays is given what it needs for it."""
    TEXTS = "texts"
    """To be written to by SMS."""
    REFERRAL = "referral"
    """To be named to a partner who could help."""
    DUPLICATES = "duplicate_checks"
    """To be looked for, by keyed hashes, in the registries of other agencies."""
    RESEARCH = "research"
    """To be asked how it went, and counted in studies."""


class Answer(StrEnum):
    """What somebody said. The words are stored."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


NO = (Answer.REFUSED, Answer.WITHDRAWN)


class How(StrEnum):
    """How it was said. The words are stored."""

    IN_PERSON = "in_person"
    SIGNED = "signed"
    TEXT = "text"
    """By SMS, from the number on record."""
    CALL = "call"
    """On the telephone, to a colleague."""
    GUARDIAN = "guardian"
    """By who answers for the person."""
    LIST = "list"
    """As a list of registrations says."""


_SCOPES = ", ".join(f"'{scope}'" for scope in Scope)


class Notice(Base):
    """One version of what people are told, in each language and for each purpose it asks for.

    Proposed by one person; accepted, by another, it never changes.
    """

    __tablename__ = "notices"
    __table_args__ = (
        CheckConstraint(f"code ~ '{CODE_PATTERN}'", name="code"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint(
            f"cardinality(scopes) > 0 AND scopes <@ ARRAY[{_SCOPES}]::text[]", name="scopes"
        ),
        CheckConstraint("decision IN ('accepted', 'refused')", name="decision"),
        CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)", name="decided_whole"
        ),
        CheckConstraint(
            "decision = 'refused' OR decided_by <> proposed_by", name="accepted_by_another"
        ),
        CheckConstraint(
            "(decision IS NOT DISTINCT FROM 'refused') = (reason IS NOT NULL)",
            name="refused_with_reason",
        ),
        Index("uq_notices_open", "code", unique=True, postgresql_where="decision IS NULL"),
        {"info": may_update("decision", "decided_by", "decided_at", "reason")},
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    valid_until: Mapped[date]
    """The last day on which somebody may be asked with it; what was said stays said."""
    texts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """By language, then by purpose."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the content."""
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[Instant]
    decision: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class Consent(Base):
    """What one person said to one purpose. The latest row of a person and scope counts. Append-only.

    Without `notice_code` it was said before notices were kept, or to a list's own; `notice` is what that was called.
    """

    __tablename__ = "consents"
    __table_args__ = (
        CheckConstraint("(notice_code IS NULL) = (notice_version IS NULL)", name="notice_whole"),
        CheckConstraint("(how = 'guardian') = (guardian_id IS NOT NULL)", name="guardian"),
        CheckConstraint("guardian_id <> person_id", name="guardian_is_another"),
        CheckConstraint("num_nulls(carried_from, carried_by) IN (0, 2)", name="carried_whole"),
        Index(
            "ix_consents_no",
            "person_id",
            "scope",
            postgresql_where="answer <> 'given'",
        ),
        UniqueConstraint("number"),
    )

    id: Mapped[Key]
    number: Mapped[int] = mapped_column(BigInteger, Identity())
    """The order in which they were recorded, which decides between two of one day."""
    person_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    scope: Mapped[Scope]
    answer: Mapped[Answer]
    said_on: Mapped[date]
    notice_code: Mapped[str | None]
    notice_version: Mapped[int | None]
    notice: Mapped[str | None]
    language: Mapped[str | None]
    """The language in which the notice was told."""
    how: Mapped[How]
    guardian_id: Mapped[UUID | None] = mapped_column(Uuid)
    recorded_by: Mapped[UUID | None] = mapped_column(Uuid)
    """None: the engine, from a list or a text."""
    recorded_at: Mapped[Instant]
    carried_from: Mapped[UUID | None] = mapped_column(Uuid)
    """The word that it repeats: of another record of the same person, found to be one with this by `carried_by`."""
    carried_by: Mapped[UUID | None] = mapped_column(Uuid)
