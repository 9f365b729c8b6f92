"""What one person proposed and another refused, or whoever proposed it took back: for every kind of proposal alike."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, may_update


class Refusal(Base):
    """That a proposal never takes effect, who said so, and why. Append-only, but for words about people who were erased.

    `kind` and `key` are what the proposal is called on the page of what waits for a second person. It was taken back
    where `refused_by` is `proposed_by`.
    """

    __tablename__ = "refusals"
    __table_args__ = (
        Index(None, "proposed_by", "refused_at"),
        Index(None, "kind", "key"),
        {"info": may_update("said", "reason")},
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


class Proposed:
    """Who proposed it, and when."""

    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[Instant]


class Confirmed:
    """Who confirmed it, and when: never whoever proposed or reported it."""

    confirmed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None]


class Proposable(Proposed, Refusable):
    """What one person proposes and another decides about."""


class Acceptable(Proposable):
    """What one person proposes and another accepts; the checks of `by_two("accepted")` belong to it."""

    accepted_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    accepted_at: Mapped[datetime | None]


class Confirmable(Confirmed, Proposable):
    """What one person proposes and another confirms; the checks of `by_two("confirmed")` belong to it."""


class Reportable(Confirmed, Refusable):
    """What one person reports and another confirms; the checks of `by_two("confirmed", "reported")` belong to it."""

    reported_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reported_at: Mapped[Instant]


def by_two(decided: str, proposed: str = "proposed") -> tuple[CheckConstraint, ...]:
    """That one person proposes and another decides, and never what was refused: the checks of such a table.

    `decided` and `proposed` are how its columns `…_by` and `…_at` begin.
    """
    return (
        CheckConstraint(f"{decided}_by <> {proposed}_by", name="two_people"),
        CheckConstraint(f"({decided}_by IS NULL) = ({decided}_at IS NULL)", name=f"{decided}_whole"),
        never_both(f"{decided}_by"),
    )  # fmt: skip


def never_both(accepted: str) -> CheckConstraint:
    """That a row is not both refused and accepted; `accepted` is its column that says by whom."""
    return CheckConstraint(f"refusal_id IS NULL OR {accepted} IS NULL", name="refused_or_accepted")
