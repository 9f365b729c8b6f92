"""A run by mobile money through a real HTTP server: whatever the operator does and says, nobody is paid twice."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import URL, select

from adapters.mobile_money.adapter import MobileMoneyAdapter
from cbi import clock, jobs, offices
from cbi.app import create_app
from cbi.payments.models import Discrepancy, InboundCallback
from cbi.payments.sending import polling, providers
from cbi.payments.states import PaymentState, RunState
from cbi.reconciliation import matching, statements
from cbi.settings import settings
from tests.factories import EVERYTHING, released_run
from tests.flow.killing import until_let_go
from tests.flow.sending import (
    accounts,
    assert_every_promise_is_kept,
    at_once,
    attempts,
    disputes,
    payments,
    run_state,
    states,
)
from tests.peers import mobile_money as gsma
from tests.peers.mobile_money import Act, Error, Operator
from tests.peers.serving import served

PAID, FAILED, UNKNOWN = PaymentState.PAID, PaymentState.FAILED, PaymentState.UNKNOWN
ERROR = Error(400, "businessRule", "maxBalanceExceeded")


class House:
    """The operator, our application really served, and the adapter between them."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.run_id = UUID(int=0)

    def run(self, households: int) -> list[str]:
        """A run that a worker may send; returns the telephones it goes to."""
        self.run_id, _ = released_run(
            "dz", range(1, households + 1), provider="mobile_money", mechanism="mobile_money"
        )
        return accounts(self.run_id)

    def send(self, minutes: int = 0) -> jobs.Done:
        with clock.frozen(clock.now() + timedelta(minutes=minutes)):
            return jobs.release("dz", self.run_id)

    def ask(self) -> int:
        adapter = providers.adapter("mobile_money")
        assert isinstance(adapter, MobileMoneyAdapter)
        return polling.poll("dz", "mobile_money", adapter, patience=timedelta(0))

    def restart(self) -> None:
        """What a new process does: the adapter remembers nothing."""
        providers.adapter.cache_clear()

    def assert_nobody_was_paid_twice(self) -> None:
        """By the operator's own truth, in which every message that it ever heard is counted."""
        paid = self.operator.truth()
        assert len({key[:32] for key in paid}) == len(paid)
        assert max(self.operator.book.heard.values()) == 1
        owed = {payment.id.hex: payment.amount_minor for payment in payments(self.run_id)}
        for key, (amount, currency) in paid.items():
            assert (int(amount) * 100, currency) == (owed[key[:32]], "DZD")


@pytest.fixture
def house(database: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("CBI_PROVIDERS", "post_office,mobile_money")
    settings.cache_clear()
    with gsma.operating("DZD") as operator, served(create_app()) as address:
        for name, text in {
            "BASE_URL": operator.url,
            "ACCOUNT": gsma.ACCOUNT,
            "API_KEY": gsma.API_KEY,
            "CALLBACK_URL": f"{address}/api/v1/callbacks/dz/mobile_money",
            "CALLBACK_SECRET": gsma.CALLBACK_SECRET,
            "MAXIMUM_DZD": "100000",
            "TIMEOUT_SECONDS": "2",
        }.items():
            monkeypatch.setenv(f"CBI_FSP_MOBILE_MONEY_{name}", text)
        providers.adapter.cache_clear()
        yield House(operator)
    providers.adapter.cache_clear()


def test_a_whole_run_through_an_outage_lost_answers_a_kill_and_repetitions(house: House) -> None:
    operator, numbers = house.operator, house.run(12)
    operator.stop()
    house.send()
    assert states(house.run_id) == [PaymentState.READY] * 12
    assert run_state(house.run_id) is RunState.RELEASING
    operator.start()

    for place, act in {
        1: Act.PAY_THEN_HANG_UP, 5: Act.PAY_THEN_503, 6: Act.PAY_LATER, 7: Act.DECLINE, 8: Act.SAY_NONSENSE,
        9: Act.DECLINE_LATER, 10: Act.PAY_LATER, 11: Act.REFUSE_DUPLICATE,
    }.items():  # fmt: skip
        operator.plan(numbers[place], act)
    _send_and_be_killed(house.run_id, before_answer=4)
    heard = set(operator.book.heard)
    assert len(heard) == 4
    assert_every_promise_is_kept()
    house.restart()
    house.send(minutes=5)
    assert run_state(house.run_id) is RunState.RELEASED
    expected = [PAID] * 12
    for unknown in (1, 3, 5, 8, 11):
        expected[unknown] = UNKNOWN
    expected[6] = expected[9] = expected[10] = PaymentState.ACCEPTED
    expected[7] = FAILED
    assert states(house.run_id) == expected

    operator.settle()
    sixth, ninth = (attempts_of(house, place)[-1] for place in (6, 9))
    assert at_once(lambda _: operator.call_back(sixth), range(5)) == [204] * 5
    assert [operator.call_back(ninth) for _ in range(3)] == [204] * 3
    house.ask()
    assert states(house.run_id) == [
        PAID, PAID, PAID, PAID, PAID, PAID, PAID, FAILED, PAID, FAILED, PAID, UNKNOWN,
    ]  # fmt: skip
    assert house.send(minutes=90) == jobs.Done(0), "what is unknown is never sent again"
    assert house.ask() == 0
    house.assert_nobody_was_paid_twice()
    assert disputes() == []
    assert_every_promise_is_kept()
    _reconcile(house, paid=9)


def attempts_of(house: House, place: int) -> list[str]:
    payment = payments(house.run_id)[place]
    return [key for key in attempts(house.run_id) if key.startswith(payment.id.hex)]


def _send_and_be_killed(run_id: UUID, before_answer: int) -> None:
    """Send in a process of its own, which is killed when the operator has answered so often, and that is not saved."""
    program = (
        "import sys; from uuid import UUID; from cbi import jobs; from cbi.payments.sending import sending;"
        "from tests.flow.killing import Killer; killer = Killer('answer', int(sys.argv[2]));"
        "killer.around(sending, '_save_answer', before='answer');"
        "sending._may_be_offered = lambda *given: True;"
        "jobs.release('dz', UUID(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(run_id), str(before_answer)],
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
        timeout=120,
        check=False,
    )
    assert done.returncode == -9
    until_let_go()


def _reconcile(house: House, paid: int) -> None:
    """The operator's own list settles exactly what it paid."""
    today = clock.now().date()
    days = (today - timedelta(days=1), today + timedelta(days=1))
    assert statements.fetch("dz", EVERYTHING, "mobile_money", *days).new_lines == paid
    with offices.transaction("dz") as session:
        assert matching.reconcile(session, EVERYTHING, "mobile_money").matched == paid
    assert statements.fetch("dz", EVERYTHING, "mobile_money", *days).new_lines == 0
    assert set(disputes()) <= {"not_collected"}, "the one that nobody knows about"
    assert_every_promise_is_kept()


def test_a_message_that_was_lost_stays_unknown_and_is_never_sent_again(house: House) -> None:
    house.operator.plan(house.run(3)[1], Act.HANG_UP)
    for minutes in (0, 10, 100):
        house.send(minutes=minutes)
        house.ask()
        house.restart()
    assert states(house.run_id) == [PAID, UNKNOWN, PAID]
    house.assert_nobody_was_paid_twice()
    assert_every_promise_is_kept()


def test_an_operator_that_is_not_available_leaves_one_unknown_and_the_rest_waiting(
    house: House,
) -> None:
    numbers = house.run(20)
    house.operator.plan(numbers[0], Act.PAY)
    house.operator.otherwise = Act.SAY_503
    house.send()
    house.operator.heartbeat = "unavailable"
    for minutes in (5, 15, 60):
        house.send(minutes=minutes)
    assert states(house.run_id).count(UNKNOWN) <= 3, "as many as it takes to see that it is down"
    house.operator.otherwise, house.operator.heartbeat = Act.PAY, "available"
    for minutes in (200, 300):
        house.send(minutes=minutes)
    assert set(states(house.run_id)) == {PAID, UNKNOWN}
    assert states(house.run_id).count(UNKNOWN) <= 3
    house.assert_nobody_was_paid_twice()
    assert_every_promise_is_kept()


# Contradictions


def _say(house: House, key: str, what: str) -> None:
    """The operator calls back that it paid, or that it failed, whatever is true."""
    payment = house.operator.payment(key)
    paid = house.operator.told(payment) | {"transactionStatus": "completed"}
    assert house.operator.call_back(key, paid if what == "paid" else ERROR.json) == 204


ORDERS = list(itertools.product(["paid", "failed"], repeat=3))[1:-1]
"""Every way in which three messages can contradict each other: the first, the last or the middle one is another."""


@pytest.mark.parametrize("truth", [Act.PAY_LATER, Act.DECLINE_LATER])
def test_contradictory_callbacks_end_in_what_the_operator_says_when_asked_and_one_discrepancy(
    house: House, truth: Act
) -> None:
    house.operator.otherwise, house.operator.error = truth, ERROR
    house.run(len(ORDERS))
    house.send()
    house.operator.settle()
    calls = list(zip(attempts(house.run_id), ORDERS, strict=True))
    for key, order in calls:
        for what in order:
            _say(house, key, what)
    assert FAILED not in states(house.run_id), "nothing unasked is believed to have failed"
    house.ask()
    right = PAID if truth is Act.PAY_LATER else PaymentState.RETURNED
    assert states(house.run_id) == [right] * len(ORDERS)
    assert disputes() == ["said_to_have_failed"] * len(ORDERS)
    for key, order in calls:
        for what in reversed(order):  # the very same again: late, and known
            _say(house, key, what)
    house.ask()
    assert states(house.run_id) == [right] * len(ORDERS)
    assert disputes() == ["said_to_have_failed"] * len(ORDERS)
    house.assert_nobody_was_paid_twice()
    assert_every_promise_is_kept()


def test_a_failure_that_the_operator_confirms_needs_nobodys_attention(house: House) -> None:
    house.operator.otherwise, house.operator.error = Act.DECLINE_LATER, ERROR
    house.run(2)
    house.send()
    house.operator.settle()
    house.restart()
    for key in attempts(house.run_id):
        assert house.operator.call_back(key) == 204
    with offices.transaction("dz") as session:
        assert len(session.scalars(select(InboundCallback.id)).all()) == 2, "in the same words"
    assert states(house.run_id) == [UNKNOWN] * 2
    assert disputes() == ["said_to_have_failed"] * 2
    assert house.ask() == 2
    assert states(house.run_id) == [FAILED] * 2
    assert disputes() == []
    first = attempts(house.run_id)[0]
    _say(house, first, "paid")
    assert (states(house.run_id), disputes()) == ([PAID, FAILED], ["paid_after_failed"])
    assert_every_promise_is_kept()


def test_an_answer_that_it_failed_is_not_believed_after_a_callback_that_it_was_paid(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.run(1)
    house.operator.otherwise, house.operator.error = Act.DECLINE, ERROR
    pay = house.operator.pay

    def pay_and_call_back_first(*given: object) -> gsma.Reply:
        reply = pay(*given)  # type: ignore[arg-type]
        _say(house, attempts(house.run_id)[0], "paid")
        return reply

    monkeypatch.setattr(house.operator, "pay", pay_and_call_back_first)
    house.send()
    assert (states(house.run_id), disputes()) == ([PAID], ["said_to_have_failed"])
    assert_every_promise_is_kept()


def test_another_amount_is_never_booked_whoever_says_it(house: House) -> None:
    numbers = house.run(3)
    house.operator.plan(numbers[0], Act.SAY_ANOTHER_AMOUNT)
    house.operator.plan(numbers[1], Act.PAY_LATER)
    house.send()
    house.operator.settle()
    second = house.operator.payment(attempts_of(house, 1)[0])
    second.asked["amount"] = "2000.5"
    assert house.operator.call_back(second.key) == 204
    assert states(house.run_id) == [UNKNOWN, UNKNOWN, PAID]
    assert disputes() == ["paid_another_amount"] * 2
    house.ask()
    assert states(house.run_id) == [PAID, UNKNOWN, PAID], "asked, it tells the first one rightly"
    assert disputes() == ["paid_another_amount"] * 2
    with offices.transaction("dz") as session:
        told = session.scalars(select(Discrepancy.details)).all()
    assert {each["said_amount"] for each in told} == {"1.00 DZD", "2,000.50 DZD"}
    assert_every_promise_is_kept()


def test_what_is_not_rightly_signed_changes_nothing(house: House) -> None:
    house.operator.otherwise = Act.PAY_LATER
    house.run(2)
    house.send()
    house.operator.settle()
    key, other = attempts(house.run_id)
    url = house.operator.payment(key).callback_url
    headers, body = house.operator.message(key)
    theirs = house.operator.payment(other).callback_url
    root = url.removesuffix(f"/{key}")
    old = f"{clock.now() - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
    correlation = headers["X-CorrelationID"]
    stale = headers | {"X-Date": old, "X-Signature": gsma.signature(old, correlation, body)}
    for address, given, content, status in (
        (url, {}, body, 403),
        (url, headers, body + b" ", 403),
        (url, headers | {"X-Signature": "0" * 64}, body, 403),
        (url, stale, body, 403),
        (theirs, headers, body, 403),
        (f"{root}/rent", headers, body, 403),
        (url.replace("/dz/", "/nowhere/"), headers, body, 404),
        (url.replace("mobile_money", "post_office"), headers, body, 404),
        (url.replace("mobile_money", "sandbox"), headers, body, 404),
        (url, headers, b"x" * 1_000_001, 413),
    ):
        assert httpx.put(address, headers=given, content=content).status_code == status
    assert states(house.run_id) == [PaymentState.ACCEPTED] * 2
    assert disputes() == []
    sneaky = headers | {"X-Callback-About": other}
    assert httpx.put(root, headers=sneaky, content=body).status_code == 204, "the header is ours to set"  # fmt: skip
    assert states(house.run_id) == [PAID, PaymentState.ACCEPTED]
    assert_every_promise_is_kept()
