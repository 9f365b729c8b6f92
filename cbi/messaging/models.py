"""The outbox, what the gateway reports of it, and the texts that came in. No text that goes out is kept in words."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cbi.db import Base, Instant, Key, Ordinal, may_update
from cbi.messaging.states import MessageState, News, Reason

__all__ = ["DeliveryReport", "InboundText", "Message", "MessageState", "NumberChoice"]


class Message(Base):
    """One text to one telephone: a template, its harmless values, and what it is about.

    `account_id` is the payment account whose number it goes to; a reply to a number that belongs to nobody has that
    `number` instead, sealed, until it was handed over. `code_issue_id` says which code to render, in memory, at
    hand-over. `dedupe` makes asking twice for the same text harmless.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_waiting", "id", postgresql_where=text("waiting")),
        Index(
            "ix_messages_gateway_reference",
            "gateway_reference",
            postgresql_where=text("gateway_reference IS NOT NULL"),
        ),
        CheckConstraint("NOT jsonb_exists(values, 'code')", name="holds_no_code"),
        CheckConstraint("waiting = (state IN ('queued', 'sending'))", name="waiting"),
        CheckConstraint(
            "(number IS NOT NULL) = (account_id IS NULL AND waiting)", name="goes_to_one"
        ),
        {
            "info": may_update(
                "state", "waiting", "tries", "not_before", "handed_over_at", "gateway_reference",
                "reason", "number",
            ),
            "postgresql_with": {"fillfactor": 70},
        },
    )  # fmt: skip

    id: Mapped[Key]
    template: Mapped[str]
    language: Mapped[str]
    account_id: Mapped[UUID | None] = mapped_column(Uuid)
    number: Mapped[bytes | None] = mapped_column(LargeBinary)
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


class DeliveryReport(Base):
    """What the gateway said of a text after it took it, each piece of news once, in whatever order they came."""

    __tablename__ = "delivery_reports"
    __table_args__ = (UniqueConstraint("message_id", "news"),)

    id: Mapped[Ordinal]
    message_id: Mapped[UUID] = mapped_column(Uuid)
    news: Mapped[News]
    received_at: Mapped[Instant]


class InboundText(Base):
    """A text that somebody sent us, kept once for each name that its channel gave it. Sender and words are sealed."""

    __tablename__ = "inbound_texts"
    __table_args__ = (
        UniqueConstraint("channel", "external_id"),
        Index(
            "ix_inbound_texts_waiting", "received_at", postgresql_where=text("handled_at IS NULL")
        ),
        Index(None, "sender_index"),
        {"info": may_update("handled_at", "outcome", "sender", "sender_index", "words")},
    )

    id: Mapped[Key]
    channel: Mapped[str]
    external_id: Mapped[str]
    sender: Mapped[bytes] = mapped_column(LargeBinary)
    sender_index: Mapped[bytes] = mapped_column(LargeBinary)
    """The keyed hash that `PaymentAccount.value_index` has for the same number."""
    words: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[Instant]
    handled_at: Mapped[datetime | None]
    outcome: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class NumberChoice(Base):
    """What the holder of one number asked of us by text. The number is a keyed hash, as in `InboundText`."""

    __tablename__ = "number_choices"
    __table_args__ = (
        CheckConstraint("language ~ '^[a-z]{2}$'", name="language"),
        {"info": may_update("language", "stopped_at", "wrong_at")},
    )

    number_index: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    language: Mapped[str | None]
    stopped_at: Mapped[datetime | None]
    """When they asked for no more texts."""
    wrong_at: Mapped[datetime | None]
    """When they said that the number is not the recipient's: only a person takes that back, never a text."""
    heard_at: Mapped[Instant]
