"""What Stripe sends of its own accord: who may be believed, and what an event says about our payments."""

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from adapters.cards import records
from adapters.cards.amounts import from_stripe
from adapters.cards.purse import Purse, limit_of, was_handed_over
from adapters.cards.statuses import CARD_UPDATED, IGNORED
from cbi import clock
from cbi.fsp.errors import UntrustedCallback
from cbi.fsp.messages import Callback, FailureReason, Outcome, ProviderUpdate

log = logging.getLogger(__name__)

Json = dict[str, Any]
SIGNATURE = "Stripe-Signature"
_SIGNED_AT = re.compile(r"(?:^|,)t=([0-9]{1,12})(?:,|$)", re.ASCII)


def genuine(callback: Callback, secret: str, tolerance: timedelta) -> Json:
    """The event, if Stripe signed exactly these bytes (HMAC-SHA256 over moment and body), and not long before they came.

    Raises UntrustedCallback. The library compares in constant time; it would measure freshness by its own clock and at
    the moment of reading, but a callback may be kept for a while before it is read.
    """
    header = callback.header(SIGNATURE)
    try:
        stripe.WebhookSignature.verify_header(callback.body, header, secret, tolerance=None)
        event = json.loads(callback.body)
    except (stripe.SignatureVerificationError, ValueError, TypeError, RecursionError) as error:
        raise UntrustedCallback("Stripe's signature is missing or wrong.") from error
    signed = _SIGNED_AT.search(header or "")
    came = callback.received_at or clock.now()
    if signed is None or abs(came.timestamp() - int(signed[1])) > tolerance.total_seconds():
        raise UntrustedCallback("Stripe signed the message too long ago, or in the future.")
    if not isinstance(event, dict) or event.get("object") != "event":
        raise UntrustedCallback("The message is signed, but it is no event.")
    return event


def updates(event: Json) -> list[ProviderUpdate]:
    """What the event says about payments of ours, in their order; nothing for most kinds. Raises DamagedRecord."""
    if event["type"] != CARD_UPDATED:
        reason = IGNORED.get(event["type"], "its kind is not known here")
        log.info("ignored an event %s: %s", event["type"], reason)
        return []
    card, before = event["data"]["object"], event["data"].get("previous_attributes") or {}
    purse = Purse((card,))
    now = records.loads(card["metadata"])
    earlier = records.loads(_restored(card["metadata"], before.get("metadata") or {}))
    at = datetime.fromtimestamp(event["created"], UTC)
    came_into_use = "status" in before and card["status"] == "active"
    told = [standing(purse, key, at) for key in now if came_into_use or key not in earlier]
    # An entry is only ever taken out by a person at Stripe, who takes the value back with it.
    gone = [key for key in earlier if key not in now]
    return told + [_taken_back(card, key, at) for key in gone]


def standing(purse: Purse, key: str, at: datetime | None = None) -> ProviderUpdate:
    """What became of a payment that the cards remember, and for how much they do. Raises DamagedRecord."""
    newest, load = purse.cards[0], purse.loads[key]
    amount = from_stripe(load.amount, newest["currency"].upper())
    return ProviderUpdate(
        key, purse.outcome(key), provider_code=newest["status"], occurred_at=at, amount=amount
    )


def _restored(metadata: Json, changed: Json) -> Json:
    """The entries as they were: Stripe shows what a changed one held, and null for one that is new."""
    return {name: value for name, value in {**metadata, **changed}.items() if value is not None}


def _taken_back(card: Json, key: str, at: datetime) -> ProviderUpdate:
    code = f"{card['status']}/taken_back"
    if limit_of(card) != records.total(records.loads(card["metadata"])):
        return ProviderUpdate(key, Outcome.UNKNOWN, provider_code=code, occurred_at=at)
    if was_handed_over(card):
        return ProviderUpdate(key, Outcome.RETURNED, provider_code=code, occurred_at=at)
    return ProviderUpdate(
        key,
        Outcome.FAILED,
        failure=FailureReason.ACCOUNT_BLOCKED,
        provider_code=code,
        occurred_at=at,
    )
