"""A card is issued once, handed over, lost and replaced: its value goes with it, and is never doubled."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cbi.fsp.cards import CardLoss, CardStanding
from cbi.fsp.errors import NotSent
from cbi.fsp.messages import Callback, Outcome
from tests.adapters.cards_bench import CardsBench, ask, cards_adapter, pay
from tests.peers.stripe_issuing import Running, stripe_issuing


@pytest.fixture
def stripe(shared_data: Path) -> Iterator[Running]:
    with stripe_issuing(shared_data) as running:
        yield running


@pytest.fixture
def desk(stripe: Running) -> CardsBench:
    return CardsBench(stripe)


def test_a_card_is_issued_once_however_often_it_is_asked_for(desk: CardsBench) -> None:
    for hours in (0, 1, 30):
        desk.peer.moment += timedelta(hours=hours)
        assert desk.cards.issue_card(desk.holder, "EUR").name == desk.card
    assert (len(desk.peer.cards), len(desk.peer.cardholders)) == (1, 1)


def test_a_card_in_the_drawer_is_paid_when_it_is_handed_over(stripe: Running) -> None:
    desk = CardsBench(stripe, handed_over=False)
    assert pay(desk) is Outcome.ACCEPTED
    assert not desk.peer.spend(desk.card, 1)
    assert desk.cards.hand_over_card(desk.payee.account).standing is CardStanding.IN_USE
    assert ask(desk) is Outcome.PAID
    (update,) = desk.cards.parse_callback(Callback(*desk.peer.signed(desk.peer.events[-1])))
    assert update.outcome is Outcome.PAID


def test_what_is_left_on_a_lost_card_moves_to_the_new_one_and_is_never_doubled(
    desk: CardsBench,
) -> None:
    pay(desk, 1)
    pay(desk, 2)
    assert desk.peer.spend(desk.card, 4_000)
    for _ in range(2):
        assert (
            desk.cards.block_card(desk.payee.account, CardLoss.LOST).standing
            is CardStanding.BLOCKED
        )
    assert not desk.peer.spend(desk.card, 1)
    assert desk.cards.submit(desk.instruction(3)).provider_code == "card_canceled"
    new = desk.cards.replace_card(desk.payee.account)
    desk.peer.moment += timedelta(hours=30)
    assert desk.cards.replace_card(desk.payee.account) == new
    assert (new.replaces, new.standing) == (desk.card, CardStanding.NOT_IN_USE)
    desk.cards.hand_over_card(desk.payee.account)
    assert desk.peer.left_on(new.name) == 26_000
    assert pay(desk, 1) is Outcome.PAID
    assert pay(desk, 4) is Outcome.PAID
    assert desk.peer.spend(new.name, 41_000)
    assert not desk.peer.spend(new.name, 1)
    assert desk.payments_made() == [desk.amount] * 3
    assert desk.peer.cards[desk.card]["cancellation_reason"] == "lost"


def test_a_payment_that_meets_the_replacement_of_its_card_is_on_the_new_one(
    desk: CardsBench,
) -> None:
    pay(desk, 1)
    another = cards_adapter(desk.running.url)

    def lose_and_replace() -> None:
        another.block_card(desk.payee.account, CardLoss.STOLEN)
        another.replace_card(desk.payee.account)

    desk.peer.meanwhile.append(lose_and_replace)
    assert pay(desk, 2) is Outcome.PAID
    new = desk.cards.hand_over_card(desk.payee.account)
    assert desk.peer.left_on(new.name) == 30_000
    assert ask(desk, 2) is Outcome.PAID


def test_only_a_blocked_card_is_replaced(desk: CardsBench) -> None:
    with pytest.raises(NotSent, match="not blocked"):
        desk.cards.replace_card(desk.payee.account)
    with pytest.raises(NotSent, match="no card"):
        desk.cards.block_card("0" * 32, CardLoss.LOST)


def test_a_name_that_no_card_can_carry_is_refused_before_anything_is_made(desk: CardsBench) -> None:
    with pytest.raises(NotSent, match="letters"):
        desk.cards.issue_card(replace(desk.holder, account="1" * 32, name="أمينة"), "EUR")
    assert len(desk.peer.cardholders) == 1
