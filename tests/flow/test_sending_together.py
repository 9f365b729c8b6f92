"""Payments that leave for their provider at the same time: one that goes wrong spoils no other, and nobody is paid twice."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL, event, select, text
from sqlalchemy.orm import Session

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import Act, SandboxProvider, Schedule, Step
from cbi import db, offices
from cbi.fsp.keys import read_idempotency_key
from cbi.fsp.messages import FspProfile, Outcome, PaymentInstruction, ProviderUpdate
from cbi.money import Money
from cbi.payments.models import Attempt, Payment
from cbi.payments.outcomes import outcomes
from cbi.payments.sending import polling, sending
from cbi.payments.sending.sending import Sent
from cbi.payments.states import PaymentState
from cbi.registry import personal
from tests.flow.killing import LastingAdapter, Ledger, killed
from tests.flow.sending import (
    STORIES,
    PointAt,
    accounts,
    assert_every_promise_is_kept,
    attempts,
    disputes,
    payments,
    states,
    told,
)

AT_ONCE, TOGETHER = 4, 3
"""Of six payments one leaves, then two, then the other three, although the provider takes four."""


class FourAtOnce(SandboxAdapter):
    """A provider that takes four payments at the same time; notes the most that it ever had in hand."""

    def __init__(self, provider: SandboxProvider) -> None:
        super().__init__(provider)
        self.in_hand = self.most = 0
        self._lock, self.met = threading.Lock(), threading.Barrier(TOGETHER)
        self.afterwards: Callable[[ProviderUpdate], ProviderUpdate] = lambda news: news

    @property
    def profile(self) -> FspProfile:
        return replace(super().profile, at_once=AT_ONCE)

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        with self._lock:
            self.in_hand += 1
            self.most = max(self.most, self.in_hand)
        try:
            return self.afterwards(super().submit(instruction))
        finally:
            with self._lock:
                self.in_hand -= 1


class Bank:
    """The provider, the run that is sent to it, and what came of it."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id, self.schedule = run_id, Schedule()
        self.provider = SandboxProvider(self.schedule, opening_float=lambda _: 10**9)
        self.adapter = FourAtOnce(self.provider)
        self.accounts = accounts(run_id)

    def plan(self, place: int, *acts: Act) -> None:
        self.schedule.plan(self.accounts[place], *(Step(act) for act in acts))

    def send(self) -> Sent:
        return sending.send("dz", self.run_id, "sandbox", self.adapter, personal.accounts)

    def poll(self) -> int:
        return polling.poll("dz", "sandbox", self.adapter, patience=timedelta(0))


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def bank(database: URL, template: str) -> Iterator[Bank]:
    yield Bank(STORIES[template].by_sandbox)
    assert_every_promise_is_kept()


def names(run_id: UUID) -> list[str | None]:
    with offices.transaction("dz") as session:
        return list(
            session.scalars(
                select(Attempt.provider_reference).where(
                    Attempt.payment_id.in_([payment.id for payment in payments(run_id)])
                )
            )
        )


def test_more_and_more_leave_together_and_each_is_paid_under_its_own_name(bank: Bank) -> None:
    waits = bank.adapter.met

    last = {payment.id for payment in payments(bank.run_id)[-TOGETHER:]}

    def when_all_are_there(news: ProviderUpdate) -> ProviderUpdate:
        if read_idempotency_key(news.idempotency_key)[0] in last:
            waits.wait(timeout=60)  # none of them gets an answer before all have asked
        return news

    bank.adapter.afterwards = when_all_are_there
    assert bank.send() == Sent(submitted=6)
    assert bank.adapter.most == TOGETHER
    assert states(bank.run_id) == [PaymentState.PAID] * 6
    assert None not in names(bank.run_id)
    assert len(set(names(bank.run_id))) == 6
    assert set(bank.provider.messages.values()) == {1}
    assert bank.send() == Sent()


def test_what_was_only_taken_is_accepted_and_its_ticket_kept(bank: Bank) -> None:
    bank.schedule.otherwise = Step(Act.PAY_LATER)
    bank.adapter.afterwards = lambda news: replace(news, ticket=f"T-{news.idempotency_key}")
    bank.send()
    assert states(bank.run_id) == [PaymentState.ACCEPTED] * 6
    with offices.transaction("dz") as session:
        kept = dict(session.execute(select(Attempt.idempotency_key, Attempt.ticket)).all())
    assert all(kept[key] == f"T-{key}" for key in attempts(bank.run_id))


def test_a_declined_a_silent_and_a_refused_one_spoil_nothing_for_those_beside_them(
    bank: Bank,
) -> None:
    bank.schedule.plan(bank.accounts[0], Step(Act.DECLINE, "NO_SUCH_ACCOUNT"))
    bank.plan(1, Act.PAY_THEN_HANG_UP)
    bank.plan(2, Act.REFUSE_CONNECTION)
    assert bank.send() == Sent(submitted=6, unknown=1, held_back=1)
    assert states(bank.run_id) == [
        PaymentState.FAILED, PaymentState.UNKNOWN, PaymentState.READY, PaymentState.PAID, PaymentState.PAID,
        PaymentState.PAID,
    ]  # fmt: skip
    assert bank.poll() == 1
    assert states(bank.run_id)[1] is PaymentState.PAID


def test_an_answer_about_another_amount_is_looked_at_by_itself(bank: Bank) -> None:
    third = payments(bank.run_id)[2]
    less = Money(third.amount_minor - 1, third.currency)

    def too_little(news: ProviderUpdate) -> ProviderUpdate:
        mine = read_idempotency_key(news.idempotency_key)[0] == third.id
        return replace(news, amount=less) if mine else news

    bank.adapter.afterwards = too_little
    bank.send()
    others = [state for place, state in enumerate(states(bank.run_id)) if place != 2]
    assert others == [PaymentState.PAID] * 5
    assert states(bank.run_id)[2] is PaymentState.UNKNOWN
    assert disputes() == ["paid_another_amount"]


def test_one_name_for_several_payments_is_disputed_and_stops_nobody(bank: Bank) -> None:
    bank.adapter.afterwards = lambda news: replace(news, provider_reference="SBX-1")
    bank.send()
    assert disputes() == ["reference_repeated"] * 5
    assert states(bank.run_id) == [PaymentState.PAID] * 6


def test_an_answer_that_cannot_be_saved_spoils_none_beside_it(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    fourth, apply = payments(bank.run_id)[3].id, outcomes.apply

    def broken(session: Session, news: ProviderUpdate, **about: Any) -> outcomes.Applied:
        if read_idempotency_key(news.idempotency_key)[0] == fourth:
            raise ZeroDivisionError
        return apply(session, news, **about)

    monkeypatch.setattr(sending, "apply", broken)
    bank.adapter.afterwards = lambda news: replace(
        news, provider_reference="SBX-1"
    )  # each is looked at
    with pytest.raises(ZeroDivisionError):
        bank.send()
    assert (
        states(bank.run_id)
        == [PaymentState.PAID] * 3 + [PaymentState.SENDING] + [PaymentState.PAID] * 2
    )
    monkeypatch.undo()
    bank.send()
    assert bank.poll() == 1
    assert states(bank.run_id) == [PaymentState.PAID] * 6


def test_news_that_is_faster_than_the_answers_is_kept(bank: Bank) -> None:
    second = payments(bank.run_id)[1].id

    def called_back_first(news: ProviderUpdate) -> ProviderUpdate:
        if read_idempotency_key(news.idempotency_key)[0] == second:
            with offices.transaction("dz") as session:
                outcomes.apply(session, news, provider="sandbox", source="callback")
        return replace(news, outcome=Outcome.ACCEPTED)

    bank.adapter.afterwards = called_back_first
    assert bank.send() == Sent(submitted=6)
    expected = [PaymentState.ACCEPTED] * 6
    expected[1] = PaymentState.PAID
    assert states(bank.run_id) == expected


def test_answers_and_a_callback_never_wait_for_each_other_crosswise(bank: Bank) -> None:
    second = payments(bank.run_id)[1].id
    held = threading.Event()
    troubles: list[object] = []
    event.listen(db.engine("dz"), "handle_error", troubles.append)

    def calls_back(news: ProviderUpdate) -> None:
        with offices.transaction("dz") as session:
            session.get_one(Payment, second, with_for_update=True)
            held.set()
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            until = time.monotonic() + 20
            while not session.scalar(waiting) and time.monotonic() < until:
                time.sleep(0.01)
            outcomes.apply(session, news, provider="sandbox", source="callback")

    with ThreadPoolExecutor(1) as callbacks:

        def while_the_answers_are_saved(news: ProviderUpdate) -> ProviderUpdate:
            if read_idempotency_key(news.idempotency_key)[0] == second:
                callbacks.submit(copy_context().run, calls_back, news)
                assert held.wait(timeout=20)
            return news

        bank.adapter.afterwards = while_the_answers_are_saved
        assert bank.send() == Sent(submitted=6)
    assert troubles == []
    assert states(bank.run_id) == [PaymentState.PAID] * 6


def test_a_provider_that_is_silent_is_sent_three_payments_and_no_more(bank: Bank) -> None:
    bank.schedule.otherwise = Step(Act.HANG_UP)
    assert bank.send() == Sent(submitted=3, unknown=3, stopped=True)
    assert states(bank.run_id) == [PaymentState.UNKNOWN] * 3 + [PaymentState.READY] * 3


def test_a_provider_that_falls_silent_leaves_as_many_unknown_as_were_on_their_way(
    bank: Bank,
) -> None:
    for place in (3, 4, 5):
        bank.plan(place, Act.HANG_UP)
    assert bank.send() == Sent(submitted=6, unknown=3, stopped=True)
    assert states(bank.run_id) == [PaymentState.PAID] * 3 + [PaymentState.UNKNOWN] * 3


@pytest.mark.parametrize(
    ("step", "passage"),
    [
        ("before it is sent", 2),
        ("before the provider answers", 3),
        ("before the answer is saved", 2),
    ],
)
def test_a_sender_that_is_killed_with_several_on_their_way_pays_nobody_twice(
    bank: Bank, tmp_path: Path, step: str, passage: int
) -> None:
    ledger = Ledger(tmp_path)
    assert killed(step, tmp_path, "send_together", bank.run_id, passage=passage)
    assert_every_promise_is_kept()
    adapter = LastingAdapter(ledger)
    sending.send("dz", bank.run_id, "sandbox", adapter, personal.accounts)
    polling.poll("dz", "sandbox", adapter, patience=timedelta(0))
    assert max(ledger.heard().values()) == 1
    paid = {UUID(key[:32]) for key in ledger.paid()}
    for payment in payments(bank.run_id):
        assert payment.state is (PaymentState.PAID if payment.id in paid else PaymentState.UNKNOWN)
