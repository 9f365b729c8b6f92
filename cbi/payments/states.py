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
    PAID = "paid"
    FAILED = "failed"
    UNKNOWN = "unknown"
    RETURNED = "returned"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


RUN = Lifecycle(
    name="payment run",
    initial=RunState.DRAFT,
    moves={
        RunState.DRAFT: {RunState.LOCKED: "content fixed", RunState.CANCELLED: ""},
        RunState.LOCKED: {
            RunState.CERTIFIED: "first approver",
            RunState.DRAFT: "returned with a reason",
            RunState.CANCELLED: "",
        },
        RunState.CERTIFIED: {
            RunState.APPROVED: "second approver, funds committed",
            RunState.DRAFT: "returned with a reason",
            RunState.CANCELLED: "",
        },
        RunState.APPROVED: {
            RunState.RELEASING: "recall window over",
            RunState.CANCELLED: "recalled, funds released",
        },
        RunState.RELEASING: {RunState.RELEASED: "every payment handed over"},
        RunState.RELEASED: {RunState.CLOSED: "every payment settled"},
    },
)

PAYMENT = Lifecycle(
    name="payment",
    initial=PaymentState.READY,
    moves={
        PaymentState.READY: {PaymentState.SENDING: "", PaymentState.CANCELLED: ""},
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
        },
        PaymentState.UNKNOWN: {
            PaymentState.ACCEPTED: "",
            PaymentState.PAID: "",
            PaymentState.FAILED: "",
        },
        PaymentState.PAID: {PaymentState.RETURNED: ""},
        PaymentState.FAILED: {PaymentState.READY: "new attempt", PaymentState.CANCELLED: ""},
        PaymentState.RETURNED: {PaymentState.READY: "new attempt", PaymentState.CANCELLED: ""},
        PaymentState.EXPIRED: {PaymentState.READY: "new attempt", PaymentState.CANCELLED: ""},
    },
)
