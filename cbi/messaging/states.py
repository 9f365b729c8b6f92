"""The life of a text, as data."""

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
    },
)
