"""What one person proposed and another refused, or whoever proposed it took back: for every kind of proposal alike."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key


class Refusal(Base):
    """That a proposal never takes effect, who said so, and why. Append-only.

    `kind` and `key` are what the proposal is called on the page of what waits for a second person. It was taken back
    where `refused_by` is `proposed_by`.
    """

    __tablename__ = "refusals"
    __table_args__ = (
        Index(None, "proposed_by", "refused_at"),
        Index(None, "kind", "key"),
    )

    id: Mapped[Key]
    kind: Mapped[str]
    key: Mapped[str]
    said: Mapped[str | None]
    """What whoever proposed it had given as the reason or the evidence."""
    proposed_by: Mapped[UUID] = mapped_column(Uuid)
    proposed_at: Mapped[Instant]
    refused_by: Mapped[UUID] = mapped_column(Uuid)
    refused_at: Mapped[Instant]
    reason: Mapped[str]


class Refusable:
    """What a proposal's own row says of it: once it was refused, a constraint of its table keeps it from being accepted."""

    refusal_id: Mapped[UUID | None] = mapped_column(ForeignKey("refusals.id"))


def never_both(accepted: str) -> CheckConstraint:
    """That a row is not both refused and accepted; `accepted` is its column that says by whom."""
    return CheckConstraint(f"refusal_id IS NULL OR {accepted} IS NULL", name="refused_or_accepted")
