"""Stripe's words to ours, as tables. From the API reference of version 2026-10-28.endive, read in November 2026."""

from collections.abc import Mapping
from enum import StrEnum

from cbi.fsp.cards import CardStanding
from cbi.fsp.messages import FailureReason, LineKind

CARD: Mapping[str, CardStanding] = {
    "active": CardStanding.IN_USE,
    "inactive": CardStanding.NOT_IN_USE,
    "canceled": CardStanding.BLOCKED,
}
"""What a card's status says. With another one nothing is loaded, and of what was loaded nothing is certain."""


class Certainty(StrEnum):
    """What an error of Stripe's leaves certain about the request."""

    NOT_DONE = "not_done"  # it was not carried out: the same may be sent again
    REFUSED = "refused"  # it was not carried out, and would not be if it came again
    UNCLEAR = "unclear"


ERRORS: Mapping[str, Certainty] = {
    "RateLimitError": Certainty.NOT_DONE,  # 429: too many requests, or another one holds the object (lock_timeout)
    "AuthenticationError": Certainty.NOT_DONE,  # 401: whoever runs the deployment must mend the key
    "PermissionError": Certainty.NOT_DONE,  # 403
    "InvalidRequestError": Certainty.REFUSED,  # 400, 404
    "CardError": Certainty.REFUSED,  # 402
    "IdempotencyError": Certainty.UNCLEAR,  # the key was used before, for something else: that one may stand
    "APIError": Certainty.UNCLEAR,  # 409 while the first is at work, 5xx, an answer that is not JSON
    "APIConnectionError": Certainty.UNCLEAR,  # unless no connection came about
}
"""By the class of the SDK's exception. Any other one leaves nothing certain."""

FAILURES: Mapping[str, FailureReason] = {
    # Stripe's own codes
    "resource_missing": FailureReason.ACCOUNT_NOT_FOUND,
    "amount_too_large": FailureReason.LIMIT_EXCEEDED,
    "amount_too_small": FailureReason.LIMIT_EXCEEDED,
    "balance_insufficient": FailureReason.INSUFFICIENT_FLOAT,
    "insufficient_funds": FailureReason.INSUFFICIENT_FLOAT,
    # what we find on looking before anything is sent
    "no_card": FailureReason.ACCOUNT_NOT_FOUND,
    "card_canceled": FailureReason.ACCOUNT_BLOCKED,
    "several_cards": FailureReason.ACCOUNT_BLOCKED,
    "another_currency": FailureReason.ACCOUNT_BLOCKED,
    "limit_changed_elsewhere": FailureReason.ACCOUNT_BLOCKED,
    "record_full": FailureReason.LIMIT_EXCEEDED,
    "record_damaged": FailureReason.ACCOUNT_BLOCKED,
}
"""Any other code is the provider's own fault."""

CARD_UPDATED = "issuing_card.updated"
"""The one event that says something about our payments: it shows the card with what it remembers, and remembered."""

_SPENDING = "what a recipient buys is the recipient's own affair"
IGNORED: Mapping[str, str] = {
    "issuing_card.created": "what a new card carries was loaded onto the one before it",
    "issuing_authorization.created": _SPENDING,
    "issuing_authorization.updated": _SPENDING,
    "issuing_authorization.request": "purchases are decided by the card's limit, not by us",
    "issuing_transaction.created": _SPENDING,
    "issuing_transaction.updated": _SPENDING,
    "issuing_transaction.purchase_details_receipt_updated": _SPENDING,
    "issuing_cardholder.created": "it names no payment",
    "issuing_cardholder.updated": "it names no payment",
    "issuing_token.created": "it names no payment",
    "issuing_token.updated": "it names no payment",
    "issuing_dispute.created": "it is between the recipient and a shop",
    "issuing_dispute.updated": "it is between the recipient and a shop",
    "issuing_dispute.submitted": "it is between the recipient and a shop",
    "issuing_dispute.closed": "it is between the recipient and a shop",
    "issuing_dispute.funds_reinstated": "the statement shows it",
    "issuing_dispute.funds_rescinded": "the statement shows it",
    "topup.succeeded": "the statement shows it",
    "topup.reversed": "the statement shows it",
}
"""Why an event is not looked at. One that is not listed is ignored because we do not know it."""

OF_RECIPIENTS = frozenset(
    {"issuing_transaction", "issuing_authorization_hold", "issuing_authorization_release"}
)
"""Balance transactions that spend, or hold, what was delivered to a card: they move nothing of our float."""

LINES: Mapping[str, LineKind] = {
    "topup": LineKind.TOP_UP,
    "stripe_fee": LineKind.FEE,
    "stripe_fx_fee": LineKind.FEE,
    "tax_fee": LineKind.FEE,
}
"""Balance transactions that are one thing only; any other type is OTHER, with its sign."""
