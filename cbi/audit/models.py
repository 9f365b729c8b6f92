"""The audit log: entries as they happen, and the seals that chain them together afterwards."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Ordinal


class AuditEntry(Base):
    """Who did what to which thing. Append-only. `details` holds no secret and no person's data."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index(None, "subject_kind", "subject_id"),
        Index(None, "written_in", "id"),
    )

    id: Mapped[Ordinal]
    at: Mapped[Instant]
    actor_kind: Mapped[str]
    actor_id: Mapped[UUID | None] = mapped_column(Uuid)
    act: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    written_in: Mapped[int] = mapped_column(
        BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)")
    )
    """The database transaction that wrote it. Entries are sealed in the order of this and their id, once it is over."""


class AuditSeal(Base):
    """One link of the chain: a keyed hash over the entry and the link before it. Append-only.

    Positions count from 1 without a gap, so that a missing link is seen by its number.
    """

    __tablename__ = "audit_seals"

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[int] = mapped_column(ForeignKey("audit_entries.id"), unique=True)
    chain: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[Instant]
