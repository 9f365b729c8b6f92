"""Complaints, the texts that belong to each, and everything that was done about it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, Ordinal, may_update
from cbi.helpline.states import Category, ComplaintState, Outcome


class Complaint(Base):
    """Something a person has to look at because somebody wrote. What they wrote is sealed, in `InboundText`.

    `number` is what people call it by. One number has one complaint open about one thing: further texts join it.
    """

    __tablename__ = "complaints"
    __table_args__ = (
        Index(
            "uq_complaints_open", "number_index", "category", "payment_id", unique=True,
            postgresql_where=text("state <> 'closed'"), postgresql_nulls_not_distinct=True,
        ),
        Index("ix_complaints_due", "due_at", postgresql_where=text("state <> 'closed'")),
        Index(None, "payment_id"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint("(outcome IS NULL) = (closed_at IS NULL)", name="closed_with_outcome"),
        {"info": may_update("category", "urgent", "sensitive", "state", "due_at", "owner_id", "closed_at", "outcome",
                            "number_index")},
    )  # fmt: skip

    id: Mapped[Key]
    number: Mapped[int] = mapped_column(Identity(), unique=True)
    category: Mapped[Category]
    urgent: Mapped[bool]
    sensitive: Mapped[bool]
    """Whether only protection officers may see it, because it may speak of abuse."""
    state: Mapped[ComplaintState]
    number_index: Mapped[bytes] = mapped_column(LargeBinary)
    """The keyed hash of the number that wrote."""
    language: Mapped[str]
    person_id: Mapped[UUID | None] = mapped_column(Uuid)
    payment_id: Mapped[UUID | None] = mapped_column(Uuid)
    opened_at: Mapped[Instant]
    due_at: Mapped[Instant]
    owner_id: Mapped[UUID | None] = mapped_column(Uuid)
    closed_at: Mapped[datetime | None]
    outcome: Mapped[Outcome | None]


class ComplaintText(Base):
    """A text that came in and belongs to a complaint."""

    __tablename__ = "complaint_texts"

    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), primary_key=True)
    text_id: Mapped[UUID] = mapped_column(ForeignKey("inbound_texts.id"), primary_key=True)
    added_at: Mapped[Instant]


class ComplaintEvent(Base):
    """One thing that was done about a complaint, by whom. What the handler noted is sealed.

    Append-only, but for the note: it goes when the person's data is destroyed, or once the complaint was closed as
    long ago as texts are kept.
    """

    __tablename__ = "complaint_events"
    __table_args__ = {"info": may_update("note")}

    id: Mapped[Ordinal]
    complaint_id: Mapped[UUID] = mapped_column(ForeignKey("complaints.id"), index=True)
    before: Mapped[str | None]
    after: Mapped[str]
    act: Mapped[str]
    note: Mapped[bytes | None] = mapped_column(LargeBinary)
    actor_id: Mapped[UUID | None] = mapped_column(Uuid)
    at: Mapped[Instant]
