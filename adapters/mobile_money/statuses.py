"""The operator's words to ours (GSMA Mobile Money API 1.2.0, disbursements, 2022), and how it writes amounts."""

import re
from enum import StrEnum

from cbi.errors import Invalid
from cbi.fsp.messages import FailureReason, LineKind, Outcome
from cbi.money import Money, exponent

WORDS: dict[Outcome, tuple[str, ...]] = {
    # `transactionStatus` is free text; these are the words of the specification's own examples. An operator's other
    # words are settings, and whatever is not listed is unknown.
    Outcome.PAID: ("completed",),
    Outcome.ACCEPTED: ("pending",),
    Outcome.FAILED: ("failed",),
    Outcome.RETURNED: ("reversed",),
}

REQUEST_STATES: dict[str, Outcome] = {
    # `completed` ends the request; what became of the money stands in the transaction.
    "pending": Outcome.ACCEPTED,
    "completed": Outcome.ACCEPTED,
    "failed": Outcome.FAILED,
}


class Refused(StrEnum):
    """What an error in answer to a payment message means, where it is no failure of the payment."""

    TRY_LATER = "try_later"  # turned away at the door: certain that nothing was done
    ASK = "ask"  # nobody can tell what was done


Meaning = FailureReason | Refused

HTTP_STATUS: dict[str, int] = {
    "businessRule": 400,
    "validation": 400,
    "authorisation": 401,
    "identification": 404,
    "internal": 500,
    "serviceUnavailable": 503,
}
"""The HTTP status that belongs to a category of errors. Under any other, an error object proves nothing."""

TOO_MANY_REQUESTS = 429
"""Turned away by a gateway, whatever the body says (RFC 6585, section 4)."""

_R = FailureReason

ERRORS: dict[tuple[str, str], Meaning] = {
    ("businessRule", "genericError"): _R.PROVIDER_ERROR,
    ("businessRule", "dailyVolumeLimitExceeded"): _R.LIMIT_EXCEEDED,
    ("businessRule", "dailyValueLimitExceeded"): _R.LIMIT_EXCEEDED,
    ("businessRule", "weeklyVolumeLimitExceeded"): _R.LIMIT_EXCEEDED,
    ("businessRule", "weeklyValueLimitExceeded"): _R.LIMIT_EXCEEDED,
    ("businessRule", "monthlyVolumeLimitExceeded"): _R.LIMIT_EXCEEDED,
    ("businessRule", "monthlyValueLimitExceeded"): _R.LIMIT_EXCEEDED,
    ("businessRule", "accountMaxTotalVolumeExceeded"): _R.LIMIT_EXCEEDED,
    ("businessRule", "accountMaxTotalValueExceeded"): _R.LIMIT_EXCEEDED,
    ("businessRule", "lessThanTransactionMinValue"): _R.LIMIT_EXCEEDED,
    ("businessRule", "greaterThanTransactionMaxValue"): _R.LIMIT_EXCEEDED,
    ("businessRule", "maxBalanceExceeded"): _R.LIMIT_EXCEEDED,
    ("businessRule", "samePartiesError"): _R.PROVIDER_ERROR,
    # The first message under this correlation id stands, whatever became of it.
    ("businessRule", "duplicateRequest"): Refused.ASK,
    ("businessRule", "insufficientFunds"): _R.INSUFFICIENT_FLOAT,
    ("businessRule", "incorrectState"): _R.ACCOUNT_BLOCKED,
    ("businessRule", "underPaymentNotAllowed"): _R.PROVIDER_ERROR,
    ("businessRule", "overPaymentNotAllowed"): _R.PROVIDER_ERROR,
    ("businessRule", "rateLimitError"): Refused.TRY_LATER,
    ("businessRule", "transactionTypeError"): _R.PROVIDER_ERROR,
    ("businessRule", "noMandateAuthority"): _R.PROVIDER_ERROR,
    ("businessRule", "linkViolation"): _R.PROVIDER_ERROR,
    ("businessRule", "countryofOriginNotPermitted"): _R.PROVIDER_ERROR,
    ("businessRule", "nationalityNotPermitted"): _R.ACCOUNT_BLOCKED,
    ("businessRule", "idDocumentNotSupported"): _R.ACCOUNT_BLOCKED,
    ("businessRule", "issuingCountryNotSupported"): _R.ACCOUNT_BLOCKED,
    ("businessRule", "quoteHasExpired"): _R.PROVIDER_ERROR,
    ("validation", "genericError"): _R.PROVIDER_ERROR,
    ("validation", "lengthError"): _R.PROVIDER_ERROR,
    ("validation", "formatError"): _R.PROVIDER_ERROR,
    ("validation", "negativeValue"): _R.PROVIDER_ERROR,
    ("validation", "currencyNotSupported"): _R.PROVIDER_ERROR,
    ("validation", "mandatoryValueNotSupplied"): _R.PROVIDER_ERROR,
    ("validation", "invalidOffset"): _R.PROVIDER_ERROR,
    ("identification", "genericError"): _R.ACCOUNT_NOT_FOUND,
    ("identification", "identifierError"): _R.ACCOUNT_NOT_FOUND,
    ("authorisation", "genericError"): _R.PROVIDER_ERROR,
    ("authorisation", "requestDeclined"): _R.PROVIDER_ERROR,
    # Our own credentials or rights: mended once for the whole run, which then goes on.
    ("authorisation", "clientAuthorisationError"): Refused.TRY_LATER,
    ("authorisation", "servicingPartyAuthorisationError"): Refused.TRY_LATER,
    ("authorisation", "requestingPartyAuthorisationError"): Refused.TRY_LATER,
    # "a proxy server issue may have resulted in a HTTP 5xx response but the provider may have completed the request"
    ("internal", "genericError"): Refused.ASK,
    ("serviceUnavailable", "genericError"): Refused.ASK,
}
"""Every error by category and code, as the answer to a payment message. A pair that is not here is `Refused.ASK`."""


def answered(http_status: int, category: str, code: str) -> Meaning:
    """What an error means in answer to a payment message."""
    if http_status == TOO_MANY_REQUESTS:
        return Refused.TRY_LATER
    if HTTP_STATUS.get(category) != http_status:
        return Refused.ASK
    return ERRORS.get((category, code), Refused.ASK)


def reported(category: str, code: str) -> FailureReason | None:
    """Why a payment failed, where the operator reports afterwards that it did. None: this error says no such thing."""
    meaning = ERRORS.get((category, code))
    if meaning is None or (category, code) == ("businessRule", "duplicateRequest"):
        return None
    return meaning if isinstance(meaning, FailureReason) else FailureReason.PROVIDER_ERROR


LINES: dict[tuple[str, str], LineKind] = {
    # transaction type, and whether the money left our account or came into it
    ("disbursement", "out"): LineKind.PAYMENT,
    ("reversal", "in"): LineKind.RETURN,
    ("deposit", "in"): LineKind.TOP_UP,
    ("transfer", "in"): LineKind.TOP_UP,
    ("inttransfer", "in"): LineKind.TOP_UP,
}
"""What a completed transaction did to our float; any other is `OTHER`, with its sign."""


class UnreadableAmount(Invalid):
    """Not an amount as the API writes them, or finer than the currency."""

    code = "mobile_money.unreadable_amount"


_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,4}))?", re.ASCII)


def written(amount: Money) -> str:
    """The amount as the API takes it: a full stop only before decimals, and no nought at their end."""
    whole, dot, decimals = amount.decimal.partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}{dot}{decimals}" if decimals else whole


def amount_in(text: object, currency: object) -> Money:
    """Read the operator's amount exactly; noughts at its end change nothing. Raises UnreadableAmount, UnknownCurrency."""
    if not isinstance(text, str) or not isinstance(currency, str):
        raise UnreadableAmount("The operator gave no amount with a currency.")
    places, found = exponent(currency), _AMOUNT.fullmatch(text)
    decimals = (found[2] or "").rstrip("0") if found else ""
    if found is None or len(decimals) > places:
        raise UnreadableAmount(f"The operator's amount is none in {currency}.")
    return Money(int(found[1] + decimals.ljust(places, "0")), currency)
