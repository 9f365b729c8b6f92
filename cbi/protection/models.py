"""Whose data is to be destroyed, who agreed, and what was destroyed."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, may_update


class Ground(StrEnum):
    """Why data is destroyed: somebody asked for it, or it was kept as long as it may be."""

    REQUEST = "request"
    RETENTION = "retention"


class ErasureDecision(StrEnum):
    """What a second person decided."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"


class Erasure(Base):
    """A proposal to destroy people's data. Confirmed by somebody else it is carried out at once, and certified.

    `texts_before`, `rows_before`, `answers_before`: of a retention run, what older texts, rejected rows and answers of
    assessments go with it.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)", name="decided_whole"
        ),
        CheckConstraint("decided_by <> asked_by OR decision = 'refused'", name="two_people"),
        CheckConstraint(
            "(certificate IS NOT NULL) = (decision IS NOT DISTINCT FROM 'confirmed')",
            name="certified",
        ),
        CheckConstraint("(certificate IS NULL) = (seal IS NULL)", name="sealed"),
        {
            "info": may_update(
                "decision", "decided_by", "decided_at", "remark", "certificate", "seal"
            )
        },
    )

    id: Mapped[Key]
    number: Mapped[int] = mapped_column(unique=True)
    """Counted without a sequence: a backup that was read back takes later erasures in with their numbers."""
    ground: Mapped[Ground]
    reason: Mapped[str]
    texts_before: Mapped[datetime | None]
    rows_before: Mapped[datetime | None]
    answers_before: Mapped[datetime | None]
    asked_by: Mapped[UUID] = mapped_column(Uuid)
    asked_at: Mapped[Instant]
    decision: Mapped[ErasureDecision | None]
    decided_by: Mapped[UUID | None] = mapped_column(Uuid)
    decided_at: Mapped[datetime | None]
    remark: Mapped[str | None]
    certificate: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    seal: Mapped[bytes | None] = mapped_column(LargeBinary)


class ErasurePerson(Base):
    """One person that a proposal is about. `erased_at` is when their key was destroyed; `obstacle` why it was not."""

    __tablename__ = "erasure_persons"
    __table_args__ = (
        Index(None, "person_id"),
        CheckConstraint("num_nulls(erased_at, obstacle) > 0", name="one_end"),
        {"info": may_update("erased_at", "obstacle")},
    )

    erasure_id: Mapped[UUID] = mapped_column(ForeignKey("erasures.id"), primary_key=True)
    person_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    erased_at: Mapped[datetime | None]
    obstacle: Mapped[str | None]
