"""Cards keep the contract, and each card's limit is exactly the sum of what was paid onto it, whatever goes wrong."""

import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.cards.records import Load
from cbi import clock
from cbi.fsp.cards import CardLoss
from cbi.fsp.contract import AdapterContract, Bench
from cbi.fsp.errors import NotSent
from cbi.fsp.messages import FailureReason, Outcome, Payee, ProviderUpdate
from cbi.money import Money
from tests.adapters.cards_bench import CardsBench, ask, cards_adapter, pay
from tests.peers.stripe_issuing import API_KEY, Fault, Running, stripe_issuing


@pytest.fixture
def stripe(shared_data: Path) -> Iterator[Running]:
    with stripe_issuing(shared_data) as running:
        yield running


class TestCards(AdapterContract):
    @pytest.fixture
    def bench(self, stripe: Running) -> Bench:
        return CardsBench(stripe)


@pytest.fixture
def desk(stripe: Running) -> CardsBench:
    return CardsBench(stripe)


def in_euros(*amounts: int) -> list[Money]:
    return [Money(amount, "EUR") for amount in amounts]


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.ERROR_AFTER, Fault.GIBBERISH_AFTER])
def test_what_was_done_without_a_word_is_found_and_never_done_again(
    desk: CardsBench, fault: Fault
) -> None:
    desk.peer.faults.append(fault)
    assert pay(desk) is Outcome.UNKNOWN
    assert ask(desk) is Outcome.PAID
    assert pay(desk) is Outcome.PAID
    desk.peer.moment += timedelta(hours=25)  # Stripe has forgotten the key, and the card has not
    assert pay(desk) is Outcome.PAID
    assert desk.payments_made() == [desk.amount]
    assert desk.messages_received() == 1


@pytest.mark.parametrize("fault", [Fault.LOST_ON_THE_WAY, Fault.ERROR_BEFORE, Fault.KEY_SEEN])
def test_what_may_have_been_done_is_unknown_and_stays_so(desk: CardsBench, fault: Fault) -> None:
    desk.peer.faults.append(fault)
    assert pay(desk) is Outcome.UNKNOWN
    assert ask(desk) is Outcome.UNKNOWN
    assert desk.payments_made() == []


@pytest.mark.parametrize("fault", [Fault.TOO_MANY, Fault.LOCKED])
def test_a_busy_stripe_has_done_nothing_and_may_be_sent_the_same_again(
    desk: CardsBench, fault: Fault
) -> None:
    desk.peer.faults.append(fault)
    assert pay(desk) is NotSent
    assert desk.payments_made() == []
    assert pay(desk) is Outcome.PAID
    assert desk.payments_made() == [desk.amount]


def test_while_stripe_is_away_nothing_is_sent(desk: CardsBench) -> None:
    desk.running.stop()
    for payment in (1, 2):
        assert pay(desk, payment) is NotSent


def test_a_wrong_key_to_stripe_sends_nothing(desk: CardsBench) -> None:
    stranger = cards_adapter(desk.running.url, API_KEY="sk_test_somebodyElse000")
    with pytest.raises(NotSent):
        stranger.submit(desk.instruction())


def test_two_that_write_at_once_both_arrive(desk: CardsBench) -> None:
    another = cards_adapter(desk.running.url)
    desk.peer.meanwhile.append(lambda: assert_paid(another.submit(desk.instruction(2))))
    assert pay(desk, 1) is Outcome.PAID
    assert desk.peer.limit(desk.card) == 2 * desk.amount.minor
    assert [ask(desk, payment) for payment in (1, 2)] == [Outcome.PAID] * 2


def assert_paid(update: ProviderUpdate) -> None:
    assert update.outcome is Outcome.PAID


def test_a_writer_that_died_in_between_is_mended_by_asking(desk: CardsBench) -> None:
    another = cards_adapter(desk.running.url)
    desk.peer.meanwhile.append(lambda: assert_paid(another.submit(desk.instruction(2))))
    desk.peer.faults += [Fault.ANSWER_LOST]
    assert pay(desk, 1) is Outcome.UNKNOWN
    assert desk.peer.limit(desk.card) == desk.amount.minor, "the second saw nothing of the first"
    assert ask(desk, 1) is Outcome.PAID
    assert desk.peer.limit(desk.card) == 2 * desk.amount.minor


def test_nothing_that_fails_after_the_load_calls_it_unsent(desk: CardsBench) -> None:
    another = cards_adapter(desk.running.url)
    desk.peer.meanwhile.append(lambda: assert_paid(another.submit(desk.instruction(2))))
    desk.peer.faults += [
        Fault.NOTHING,
        Fault.NOTHING,
        Fault.TOO_MANY,
    ]  # the last one meets the mending
    assert pay(desk, 1) is Outcome.UNKNOWN
    assert ask(desk, 1) is Outcome.PAID
    assert desk.peer.limit(desk.card) == 2 * desk.amount.minor


def test_a_message_that_arrives_hours_late_takes_nothing_away(desk: CardsBench) -> None:
    late = desk.cards._desk.purse(desk.payee.account)
    for payment in (1, 2, 3):
        assert pay(desk, payment) is Outcome.PAID
    change = late.change(*late_load(desk))
    desk.peer.change(desk.card, **change)
    assert desk.peer.limit(desk.card) == desk.amount.minor
    assert ask(desk, 4) is Outcome.PAID
    assert desk.peer.limit(desk.card) == 4 * desk.amount.minor


def late_load(desk: CardsBench) -> list[Load]:
    return [Load(desk.instruction(4).idempotency_key, desk.amount.minor, clock.now().date())]


def test_many_threads_load_one_card_exactly(desk: CardsBench) -> None:
    together, outcomes = threading.Barrier(6), dict[int, object]()

    def work(first: int) -> None:
        together.wait()
        for payment in range(first, first + 5):
            outcomes[payment] = pay(desk, payment)

    threads = [threading.Thread(target=work, args=(1 + 5 * at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes.values()) <= {Outcome.PAID, Outcome.UNKNOWN}
    assert [ask(desk, payment) for payment in range(1, 31)] == [Outcome.PAID] * 30
    assert desk.peer.limit(desk.card) == 30 * desk.amount.minor


def test_one_key_from_many_threads_is_one_load(desk: CardsBench) -> None:
    threads = [threading.Thread(target=pay, args=(desk,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.peer.limit(desk.card) == desk.amount.minor


def test_a_key_for_another_amount_changes_nothing(desk: CardsBench) -> None:
    assert pay(desk) is Outcome.PAID
    dearer = replace(desk.instruction(), amount=desk.amount * 2)
    assert desk.cards.submit(dearer).outcome is Outcome.UNKNOWN
    assert desk.payments_made() == [desk.amount]


def test_a_limit_that_somebody_changed_at_stripe_is_left_alone(desk: CardsBench) -> None:
    assert pay(desk) is Outcome.PAID
    desk.peer.change(
        desk.card, spending_controls={"spending_limits": [{"amount": 5, "interval": "all_time"}]}
    )
    update = desk.cards.submit(desk.instruction(2))
    assert (update.outcome, update.provider_code) == (Outcome.FAILED, "limit_changed_elsewhere")
    assert ask(desk) is Outcome.UNKNOWN
    assert desk.peer.limit(desk.card) == 5


@pytest.mark.parametrize("account", [CardsBench.payee.account[::-1], "+254700123456", "ich_1"])
def test_whoever_has_no_card_is_not_found(desk: CardsBench, account: str) -> None:
    update = desk.cards.submit(replace(desk.instruction(), payee=Payee(account, "")))
    assert (update.outcome, update.failure) == (Outcome.FAILED, FailureReason.ACCOUNT_NOT_FOUND)


def test_a_card_in_another_currency_is_not_loaded(desk: CardsBench) -> None:
    update = desk.cards.submit(replace(desk.instruction(), amount=Money(1000, "DZD")))
    assert (update.outcome, update.provider_code) == (Outcome.FAILED, "another_currency")


def test_years_of_payments_stay_known(desk: CardsBench) -> None:
    for payment in range(1, 61):
        assert pay(desk, payment) is Outcome.PAID
        desk.peer.moment += timedelta(days=30)
    assert pay(desk, 1) is Outcome.PAID
    assert desk.peer.limit(desk.card) == 60 * desk.amount.minor
    assert len(desk.payments_made()) == 60
    assert len(desk.peer.cards[desk.card]["metadata"]) < 30


def test_the_float_is_what_no_card_holds(desk: CardsBench) -> None:
    assert desk.cards.available_float("EUR") == Money(1_000_000, "EUR")
    pay(desk)
    assert desk.cards.available_float("EUR") == Money(985_000, "EUR")
    desk.peer.spend(desk.card, 9_000)
    desk.cards.block_card(desk.payee.account, CardLoss.LOST)
    desk.cards.replace_card(desk.payee.account)
    assert desk.cards.available_float("EUR") == Money(985_000, "EUR")
    assert desk.cards.available_float("DZD") == Money(0, "DZD")


def test_the_log_holds_no_person_and_no_key(
    desk: CardsBench, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), suppress(NotSent):
        desk.cards.issue_card(replace(desk.holder, account="2" * 32), "EUR")
        pay(desk)
        desk.peer.faults.append(Fault.REFUSED)
        pay(desk, 2)
        desk.running.stop()
        pay(desk, 3)
    for hidden in (desk.payee.name, "2" * 32, API_KEY, str(desk.holder.phone)):
        assert hidden not in caplog.text


def test_every_request_names_the_version_it_was_written_for(desk: CardsBench) -> None:
    pay(desk)
    assert desk.peer.versions == {"2026-10-28.endive"}
