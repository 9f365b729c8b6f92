"""The life of a payment run and of a payment, as data."""

from enum import StrEnum

from cbi.lifecycle import Lifecycle


class RunState(StrEnum):
    DRAFT = "draft"
    LOCKED = "locked"
    CERTIFIED = "certified"
    APPROVED = "approved"
    RELEASING = "releasing"
    RELEASED = "released"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class PaymentState(StrEnum):
    READY = "ready"
    SENDING = "sending"
    ACCEPTED = "accepted"
    PARTLY_PAID = "partly_paid"
    PAID = "paid"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DISPUTED = "disputed"
    RETURNED = "returned"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


RUN = Lifecycle(
    name="payment run",
    initial=RunState.DRAFT,
    moves={
        RunState.DRAFT: {RunState.LOCKED: "content fixed", RunState.CANCELLED: ""},
        RunState.LOCKED: {
            RunState.CERTIFIED: "signed, and others have yet to",
            RunState.APPROVED: "the only signature, funds committed",
            RunState.DRAFT: "returned with a reason",
            RunState.CANCELLED: "",
        },
        RunState.CERTIFIED: {
            RunState.CERTIFIED: "signed again, and others have yet to",
            RunState.APPROVED: "last signature, funds committed",
            RunState.DRAFT: "returned with a reason",
            RunState.CANCELLED: "",
        },
        RunState.APPROVED: {
            RunState.RELEASING: "recall window over",
            RunState.CANCELLED: "recalled, funds released",
        },
        RunState.RELEASING: {RunState.RELEASED: "every payment handed over"},
        RunState.RELEASED: {
            RunState.CLOSED: "every payment settled",
            RunState.RELEASING: "payments to be tried anew",
        },
        RunState.CLOSED: {RunState.RELEASED: "money came back"},
    },
)

_LATE = "late: found to have been paid"

PAYMENT = Lifecycle(
    name="payment",
    initial=PaymentState.READY,
    moves={
        PaymentState.READY: {
            PaymentState.SENDING: "",
            PaymentState.CANCELLED: "",
            PaymentState.PAID: _LATE,
        },
        PaymentState.SENDING: {
            PaymentState.ACCEPTED: "",
            PaymentState.PAID: "",
            PaymentState.FAILED: "",
            PaymentState.UNKNOWN: "",
            PaymentState.READY: "certain that nothing was sent",
        },
        PaymentState.ACCEPTED: {
            PaymentState.PAID: "",
            PaymentState.FAILED: "",
            PaymentState.UNKNOWN: "",
            PaymentState.EXPIRED: "code void, unpaid",
            PaymentState.PARTLY_PAID: "a part handed over",
        },
        # Never rests here: in the same instant the next attempt is for the rest.
        PaymentState.PARTLY_PAID: {PaymentState.ACCEPTED: "the rest, under a new code"},
        PaymentState.UNKNOWN: {
            PaymentState.ACCEPTED: "",
            PaymentState.PAID: "",
            PaymentState.FAILED: "",
            PaymentState.DISPUTED: "nobody knew for days",
        },
        PaymentState.DISPUTED: {PaymentState.PAID: "", PaymentState.FAILED: ""},
        PaymentState.PAID: {PaymentState.RETURNED: ""},
        PaymentState.FAILED: {
            PaymentState.READY: "new attempt",
            PaymentState.CANCELLED: "",
            PaymentState.PAID: _LATE,
        },
        PaymentState.RETURNED: {
            PaymentState.READY: "new attempt",
            PaymentState.CANCELLED: "",
            PaymentState.PAID: "another attempt was paid too",
        },
        PaymentState.EXPIRED: {
            PaymentState.READY: "new attempt",
            PaymentState.CANCELLED: "",
            PaymentState.PAID: _LATE,
        },
        PaymentState.CANCELLED: {PaymentState.PAID: _LATE},
    },
)

ON_ITS_WAY = frozenset(
    {PaymentState.SENDING, PaymentState.ACCEPTED, PaymentState.UNKNOWN, PaymentState.DISPUTED}
)
"""The present attempt has not ended: it may still be paid, and nobody may make another."""

IN_DOUBT = frozenset({PaymentState.UNKNOWN, PaymentState.DISPUTED})
"""Nobody knows what became of the present attempt."""


class ReceivableState(StrEnum):
    OPEN = "open"
    RECOVERED = "recovered"
    WRITTEN_OFF = "written_off"
    DELIVERED = "delivered"
    UNFOUNDED = "unfounded"


RECEIVABLE = Lifecycle(
    name="receivable",
    initial=ReceivableState.OPEN,
    moves={
        ReceivableState.OPEN: {
            ReceivableState.RECOVERED: "the money came back",
            ReceivableState.WRITTEN_OFF: "given up by two people",
            ReceivableState.DELIVERED: "nothing else was paid: it is the payment",
            ReceivableState.UNFOUNDED: "two people took its finding back",
        },
        ReceivableState.WRITTEN_OFF: {ReceivableState.RECOVERED: "the money came back after all"},
    },
)
