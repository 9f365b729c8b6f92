"""On which legal basis a programme uses people's data: each version of it, as two people decided about it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, may_update


class Ground(StrEnum):
    """Why people's data may be used. The words are stored, and programme files use them."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTEREST = "vital_interest"
    PUBLIC_INTEREST = "public_interest"
    """Also an agency's mandate."""
    LEGITIMATE_INTEREST = "legitimate_interest"


class LegalBasis(Base):
    """One version of a programme's legal basis. Proposed by who applied the file; accepted, by another, it never changes."""

    __tablename__ = "legal_bases"
    __table_args__ = (
        CheckConstraint("version > 0", name="version"),
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
        Index(
            "uq_legal_bases_open", "programme_id", unique=True, postgresql_where="decision IS NULL"
        ),
        {"info": may_update("decision", "decided_by", "decided_at", "reason")},
    )

    programme_id: Mapped[UUID] = mapped_column(ForeignKey("programmes.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ground: Mapped[Ground]
    because: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of ground and words."""
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[Instant]
    decision: Mapped[str | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
