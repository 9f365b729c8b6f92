"""The outbox: which text goes to whom. Never the text itself, so a code is never at rest."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, may_update
from cbi.messaging.states import MessageState, Reason

__all__ = ["Message", "MessageState"]


class Message(Base):
    """One text to one telephone: a template, its harmless values, and what it is about.

    `account_id` is the payment account whose number it goes to. `code_issue_id` says which code to
    render, in memory, at hand-over. `dedupe` makes asking twice for the same text harmless.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_waiting", "id", postgresql_where=text("waiting")),
        Index("ix_messages_waiting_code", "code_issue_id", postgresql_where=text("waiting")),
        CheckConstraint("NOT jsonb_exists(values, 'code')", name="holds_no_code"),
        CheckConstraint("waiting = (state IN ('queued', 'sending'))", name="waiting"),
        {
            "info": may_update(
                "state", "waiting", "tries", "not_before", "handed_over_at", "gateway_reference",
                "reason",
            ),
            "postgresql_with": {"fillfactor": 70},
        },
    )  # fmt: skip

    id: Mapped[Key]
    template: Mapped[str]
    language: Mapped[str]
    account_id: Mapped[UUID] = mapped_column(Uuid)
    payment_id: Mapped[UUID | None] = mapped_column(Uuid, index=True)
    code_issue_id: Mapped[UUID | None] = mapped_column(Uuid)
    values: Mapped[dict[str, Any]] = mapped_column(JSONB)
    dedupe: Mapped[str] = mapped_column(unique=True)
    state: Mapped[MessageState]
    waiting: Mapped[bool] = mapped_column(default=True)
    """Whether a worker should still look at it; apart from `state` so that few moves touch an index."""
    tries: Mapped[int] = mapped_column(default=0)
    """How often it was given to the gateway."""
    not_before: Mapped[datetime | None]
    created_at: Mapped[Instant]
    handed_over_at: Mapped[datetime | None]
    """When a worker last took it in order to hand it over."""
    gateway_reference: Mapped[str | None]
    reason: Mapped[Reason | None]
