"""What Stripe tells of its own accord is believed when it is signed and fresh, and says only what it says."""

import copy
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cbi import clock
from cbi.fsp.errors import UntrustedCallback
from cbi.fsp.messages import Callback, Outcome
from tests.adapters.cards_bench import CardsBench
from tests.peers.stripe_issuing import stripe_issuing


@pytest.fixture
def desk(shared_data: Path) -> Iterator[CardsBench]:
    with stripe_issuing(shared_data) as running:
        yield CardsBench(running)


def told(desk: CardsBench, event: dict[str, Any]) -> list[Outcome]:
    """What an event says, genuinely signed just now."""
    desk.peer.moment = clock.now()
    callback = Callback(*desk.peer.signed(event))
    return [update.outcome for update in desk.cards.parse_callback(callback)]


@pytest.mark.parametrize(
    "kind",
    ["issuing_authorization.created", "issuing_transaction.created", "issuing_cardholder.updated", "topup.succeeded",
     "issuing_card.created", "charge.succeeded", "something.new"],
)  # fmt: skip
def test_an_event_about_something_else_says_nothing_of_our_payments(
    desk: CardsBench, kind: str
) -> None:
    assert told(desk, {**desk.event(Outcome.PAID), "type": kind}) == []


def test_a_change_that_touches_no_payment_says_nothing(desk: CardsBench) -> None:
    desk.event(Outcome.PAID)
    desk.peer.change(desk.card, metadata={"note": "called about a PIN"})
    assert told(desk, desk.peer.events[-1]) == []


def test_a_limit_that_is_not_the_sum_of_the_payments_leaves_them_unknown(desk: CardsBench) -> None:
    event = desk.event(Outcome.PAID)
    event["data"]["object"]["spending_controls"]["spending_limits"][0]["amount"] += 1
    assert told(desk, event) == [Outcome.UNKNOWN]


def test_an_entry_taken_out_without_its_value_leaves_the_payment_unknown(desk: CardsBench) -> None:
    event = desk.event(Outcome.RETURNED)
    event["data"]["object"]["spending_controls"]["spending_limits"][0]["amount"] += 1
    assert told(desk, event) == [Outcome.UNKNOWN]


def test_packing_older_payments_away_is_no_news(desk: CardsBench) -> None:
    for payment in range(1, 18):
        desk.cards.submit(desk.instruction(payment))
        desk.peer.moment += timedelta(days=1)
    event = copy.deepcopy(desk.peer.events[-1])
    assert len(event["data"]["previous_attributes"]["metadata"]) > 10
    assert told(desk, event) == [Outcome.PAID]


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_signature_from_another_time_is_refused(desk: CardsBench, minutes: int) -> None:
    event = desk.event(Outcome.PAID)
    desk.peer.moment = clock.now() + timedelta(minutes=minutes)
    with pytest.raises(UntrustedCallback, match="too long ago"):
        desk.cards.parse_callback(Callback(*desk.peer.signed(event)))


def test_a_message_that_was_fresh_when_it_came_may_be_read_later(desk: CardsBench) -> None:
    event, came = desk.event(Outcome.PAID), clock.now()
    desk.peer.moment = came
    headers, body = desk.peer.signed(event)
    with clock.frozen(came + timedelta(days=2)):
        (update,) = desk.cards.parse_callback(Callback(headers, body, came))
        assert update.outcome is Outcome.PAID
        with pytest.raises(UntrustedCallback):
            desk.cards.parse_callback(Callback(headers, body))


def test_the_secret_of_another_endpoint_is_not_believed(desk: CardsBench) -> None:
    desk.peer.moment = clock.now()
    signed = desk.peer.signed(desk.event(Outcome.PAID), secret="whsec_somebodyElses00")
    with pytest.raises(UntrustedCallback):
        desk.cards.parse_callback(Callback(*signed))


def test_a_signed_message_that_is_no_event_is_untrusted(desk: CardsBench) -> None:
    desk.peer.moment = clock.now()
    for strange in ({}, {"object": "card"}, {"object": "v2.core.event"}):
        with pytest.raises(UntrustedCallback):
            desk.cards.parse_callback(Callback(*desk.peer.signed(strange)))
