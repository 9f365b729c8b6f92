"""The lives of a redemption code and of a teller's hold on one, as data."""

from enum import StrEnum

from cbi.lifecycle import Lifecycle


class CodeState(StrEnum):
    ISSUED = "issued"
    LOCKED = "locked"
    PAID = "paid"
    EXPIRED = "expired"
    REPLACED = "replaced"


CODE = Lifecycle(
    name="code",
    initial=CodeState.ISSUED,
    moves={
        CodeState.ISSUED: {
            CodeState.PAID: "cash handed over",
            CodeState.LOCKED: "too many wrong tries, or reported lost",
            CodeState.EXPIRED: "",
            CodeState.REPLACED: "a new code was sent",
        },
        CodeState.LOCKED: {CodeState.REPLACED: "a new code was sent", CodeState.EXPIRED: ""},
    },
)


class HoldState(StrEnum):
    HELD = "held"
    CONFIRMED = "confirmed"
    RELEASED = "released"
    LAPSED = "lapsed"


HOLD = Lifecycle(
    name="hold",
    initial=HoldState.HELD,
    moves={
        HoldState.HELD: {
            HoldState.CONFIRMED: "cash handed over",
            HoldState.RELEASED: "the teller gave it up",
            HoldState.LAPSED: "its minutes were over",
        },
    },
)


class CollectedAs(StrEnum):
    """As what somebody takes a household's cash at a counter. The words are stored, and programs may rely on them."""

    PRIMARY = "primary"
    ALTERNATE = "alternate"
    GUARDIAN = "guardian"
    """Whom a decision appointed for an unaccompanied child that the money is for."""


class TryResult(StrEnum):
    """What came of something typed at a counter, other than a hold."""

    MISTYPED = "mistyped"
    WRONG_CODE = "wrong_code"
    NOT_PAYABLE = "not_payable"
    WRONG_FACTOR = "wrong_factor"
    NO_FACTOR = "no_factor"
    UNLOCKED = "unlocked"
