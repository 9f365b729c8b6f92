"""The life of a text, as data."""

from collections.abc import Mapping
from enum import StrEnum

from cbi.lifecycle import Lifecycle


class MessageState(StrEnum):
    """`unknown` means the gateway may have taken it: it is never handed over twice."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"


class Reason(StrEnum):
    """Why a text did not go out, or why nobody knows whether it did."""

    NO_NUMBER = "no_number"
    UNUSABLE_VALUES = "unusable_values"
    CODE_DEAD = "code_dead"
    WITHDRAWN = "withdrawn"
    NOT_SENT = "not_sent"
    NO_ANSWER = "no_answer"
    INTERRUPTED = "interrupted"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    EXPIRED = "expired"
    STOPPED = "stopped"
    """The number's holder asked for no more texts."""
    NOT_BY_TEXT = "not_by_text"
    """The recipient chose to be told nothing by text."""


class News(StrEnum):
    """What a gateway reports of a text that it took."""

    ACCEPTED = "accepted"
    BUFFERED = "buffered"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    EXPIRED = "expired"


TELLS: Mapping[News, tuple[MessageState, Reason | None]] = {
    News.ACCEPTED: (MessageState.SENT, None),
    News.BUFFERED: (MessageState.SENT, None),
    News.DELIVERED: (MessageState.DELIVERED, None),
    News.UNDELIVERABLE: (MessageState.FAILED, Reason.UNDELIVERABLE),
    News.REJECTED: (MessageState.FAILED, Reason.REJECTED),
    News.EXPIRED: (MessageState.FAILED, Reason.EXPIRED),
}
"""Where each piece of news puts a text. Later in the table of arrows wins over earlier, in whatever order they come."""


MESSAGE = Lifecycle(
    name="text",
    initial=MessageState.QUEUED,
    moves={
        MessageState.QUEUED: {
            MessageState.SENDING: "a worker took it",
            MessageState.WITHDRAWN: "no longer true",
        },
        MessageState.SENDING: {
            MessageState.SENT: "the gateway took it",
            MessageState.QUEUED: "certain that nothing was sent",
            MessageState.FAILED: "cannot be sent",
            MessageState.UNKNOWN: "no clear answer",
            MessageState.WITHDRAWN: "its code is dead",
        },
        MessageState.UNKNOWN: {
            MessageState.SENT: "a late answer",
            MessageState.DELIVERED: "on the telephone",
            MessageState.FAILED: "never arrived",
        },
        MessageState.SENT: {
            MessageState.DELIVERED: "on the telephone",
            MessageState.FAILED: "never arrived",
        },
        MessageState.FAILED: {
            MessageState.DELIVERED: "on the telephone after all",
        },
    },
)
