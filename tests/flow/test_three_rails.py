"""A run split over three providers, of which one is down for a while and one answers late: everybody is paid once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, select
from typer.testing import CliRunner

from cbi import clock, jobs, offices
from cbi.cli import app
from cbi.fsp.adapter import ReadsCallbacks
from cbi.fsp.keys import LAST_ATTEMPT
from cbi.ledger.queries import fund_positions
from cbi.messaging.models import Message
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.runs import progress
from cbi.payments.sending import cards, providers
from cbi.payments.sending import inbox as callbacks
from cbi.payments.states import PaymentState, RunState
from cbi.reconciliation import matching, statements
from cbi.registry.models import Household
from cbi.reporting.stuck import Reason, stuck
from tests.factories import EVERYTHING
from tests.flow.sending import assert_every_promise_is_kept, at_once, disputes, run_state
from tests.flow.three_rails import (
    CARDS,
    MOBILE_MONEY,
    POST_OFFICE,
    RAILS,
    Rails,
    inbox,
    run_over,
    size_of,
    telephone,
    three_rails,
)
from tests.peers.mobile_money import Act, Error, Reply
from tests.peers.stripe_issuing import Fault
from tests.redemption_factory import OPEN, minutes

S = PaymentState
SIZES = list(range(1, 31))
OWED = {rail: [size * 1000 for size in SIZES[place::3]] for place, rail in enumerate(RAILS)}


@pytest.fixture
def rails(database: URL, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rails]:
    with three_rails(shared_data, monkeypatch) as rails:
        run_over(rails, SIZES, handed_over=4)
        yield rails


def test_everybody_is_paid_once_by_the_way_they_asked_for(
    rails: Rails, monkeypatch: pytest.MonkeyPatch
) -> None:
    _go_out_while_the_operator_is_down(rails)
    _fall_silent(rails)
    _come_back(rails, monkeypatch)
    _answer_late(rails)
    with rails.hours(8):
        assert jobs.close("dz") == 0, "cash is not collected yet"
    rails.redeem(minutes=5)
    with clock.frozen(minutes(60)):
        while jobs.hand_over("dz"):
            pass

    assert rails.truth() == OWED
    assert {size: rails.stripe.limit(card) for size, card in rails.cards.items()} == {
        size: size * 1000_00 for size in SIZES[2::3]
    }
    assert max(rails.operator.book.heard.values()) == 1
    assert [rails.states(rail) for rail in RAILS] == [{S.PAID: 10}] * 3
    _assert_told_once(rails)
    assert_every_promise_is_kept()

    _reconcile(rails)
    with clock.frozen(minutes(120)):
        assert jobs.close("dz") == 1
    assert run_state(rails.run_id) is RunState.CLOSED
    with offices.transaction("dz") as session:
        (fund,) = fund_positions(session)
    assert (fund.committed.minor, fund.in_transit.minor, fund.awaiting.minor) == (0, 0, 0)
    assert fund.delivered.minor == sum(SIZES) * 1000_00
    shown = CliRunner().invoke(app, ["verify", "--office", "dz"])
    assert shown.exit_code == 0, shown.output


def _go_out_while_the_operator_is_down(rails: Rails) -> None:
    """Nothing connects to it; codes and cards go out all the same. One answer of Stripe's is lost, one request refused."""
    rails.operator.stop()
    rails.stripe.faults += [Fault.ANSWER_LOST, Fault.TOO_MANY]
    rails.work(1, ask=False)
    assert rails.states(POST_OFFICE) == {S.ACCEPTED: 10}
    assert rails.states(MOBILE_MONEY) == {S.READY: 10}
    by_card = rails.states(CARDS)
    assert (by_card[S.UNKNOWN], by_card[S.READY]) == (1, 1)
    assert by_card[S.PAID] + by_card[S.ACCEPTED] == 8, (
        "loaded, in the recipient's hand or in the drawer"
    )
    counter, telephone, card = rails.sheet().routes
    assert (counter.waiting, telephone.waiting, card.waiting) == (0, 10, 1)
    assert counter.waits_until is None
    assert telephone.waits_until is not None
    rails.work(1.01)
    assert rails.states(CARDS) == {S.PAID: 4, S.ACCEPTED: 6}, "asked, and tried again"


def _fall_silent(rails: Rails) -> None:
    """It takes connections again, pays, and does not say so."""
    rails.operator.start()
    rails.operator.otherwise = Act.PAY_THEN_HANG_UP
    rails.work(2, ask=False)
    assert rails.states(MOBILE_MONEY) == {S.UNKNOWN: 3, S.READY: 7}
    assert run_state(rails.run_id) is RunState.RELEASING


def _come_back(rails: Rails, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers; one payment is called back before its answer, two are decided later, one of them said to have failed."""
    operator = rails.operator
    operator.otherwise = Act.PAY
    waiting = [p for p in rails.payments(MOBILE_MONEY) if p.state is S.READY]
    first, second, third = (telephone(size_of(payment)) for payment in waiting[:3])
    operator.plan(second, Act.PAY_LATER)
    operator.plan(third, Act.PAY_LATER)
    pay, crossed = operator.pay, []

    def pay_and_call_back_first(correlation: str, url: str, asked: dict[str, Any]) -> Reply:
        reply = pay(correlation, url, asked)
        if first in str(asked["creditParty"]):
            crossed.append(operator.call_back(operator.book.payments[correlation].key))
        return reply

    monkeypatch.setattr(operator, "pay", pay_and_call_back_first)
    rails.work(3, ask=False)
    assert run_state(rails.run_id) is RunState.RELEASED
    assert rails.states(MOBILE_MONEY) == {S.UNKNOWN: 3, S.ACCEPTED: 2, S.PAID: 5}
    assert crossed == [204]
    one, other = (rails.key(payment) for payment in waiting[1:3])
    failed = Error(400, "businessRule", "maxBalanceExceeded")
    assert operator.call_back(other, failed.json) == 204
    operator.settle()
    assert at_once(lambda _: operator.call_back(one), range(4)) == [204] * 4
    assert [operator.call_back(other) for _ in range(2)] == [204, 204]
    assert operator.call_back(other, failed.json) == 204
    assert disputes() == ["said_to_have_failed"]
    providers.adapter.cache_clear()  # the worker was restarted meanwhile
    rails.work(4)
    assert rails.states(MOBILE_MONEY) == {S.PAID: 10}
    assert disputes() == ["said_to_have_failed"], "a person still has to read it"


def _answer_late(rails: Rails) -> None:
    """The cards in the drawer are fetched: four are called back, the last first and each twice; two are asked about."""
    stripe = rails.stripe
    with rails.hours(6):
        with offices.transaction("dz") as session:
            late = session.scalars(
                select(Household.id)
                .join(Payment, Payment.household_id == Household.id)
                .where(Payment.provider == CARDS, Payment.state == S.ACCEPTED)
                .order_by(Payment.amount_minor)
            ).all()
            for household in late:
                cards.hand_over(session, EVERYTHING, CARDS, household)
        adapter = providers.adapter(CARDS)
        assert isinstance(adapter, ReadsCallbacks)
        told = [stripe.signed(event) for event in stripe.events[:-2]]
        for headers, body in [*reversed(told), *told]:
            callbacks.receive("dz", CARDS, adapter, headers, body)
        assert rails.states(CARDS) == {S.PAID: 8, S.ACCEPTED: 2}
    rails.work(7)
    with rails.hours(8):
        for event in stripe.events:  # what was under way all the time
            callbacks.receive("dz", CARDS, adapter, *stripe.signed(event))
    assert rails.states(CARDS) == {S.PAID: 10}


def _assert_told_once(rails: Rails) -> None:
    """Everybody has one text, with what was paid."""
    with offices.transaction("dz") as session:
        told = session.execute(
            select(Payment.amount_minor, Message.template, Message.values["amount"].astext)
            .join(Message, Message.payment_id == Payment.id)
            .where(Message.template.in_(["PAID", "PAID_OUT"]))
            .order_by(Payment.amount_minor)
        ).all()
    assert [tuple(row) for row in told] == [
        (size * 1000_00, "PAID" if (size - 1) % 3 == 0 else "PAID_OUT", f"{size}000 DZD")
        for size in SIZES
    ]
    for payment in [each for rail in RAILS for each in rails.payments(rail)]:
        texts = inbox(size_of(payment))
        assert len(texts) == (2 if payment.provider == POST_OFFICE else 1), texts
        assert sum(f"{size_of(payment)}000" in text.body for text in texts) == 1


def _reconcile(rails: Rails) -> None:
    """The three statements agree with our books, twice."""
    first, last = (clock.now() - timedelta(days=1)).date(), OPEN.date()
    with clock.frozen(minutes(90)):
        rails.stripe.moment = clock.now()
        for _ in range(2):
            with offices.transaction("dz") as session:
                statements.take_in(session, EVERYTHING, POST_OFFICE, rails.settlement(), "week.csv")
            for rail in (MOBILE_MONEY, CARDS):
                statements.fetch("dz", EVERYTHING, rail, first, last)
            with offices.transaction("dz") as session:
                for rail in RAILS:
                    matching.reconcile(session, EVERYTHING, rail)
    with offices.transaction("dz") as session:
        found = session.execute(
            select(Discrepancy.provider, Discrepancy.kind).where(Discrepancy.settled_at.is_(None))
        ).all()
    assert sorted(tuple(row) for row in found) == [
        (CARDS, "top_up_line"), (MOBILE_MONEY, "said_to_have_failed")
    ]  # fmt: skip


def test_an_operator_that_never_comes_back_keeps_nobody_else_from_being_paid(rails: Rails) -> None:
    rails.operator.stop()
    for hours in (1, 2, 7, 30, 31, 72):
        rails.work(hours)
    with rails.hours(6), offices.transaction("dz") as session:
        for household in session.scalars(
            select(Payment.household_id).where(
                Payment.provider == CARDS, Payment.state == S.ACCEPTED
            )
        ).all():
            cards.hand_over(session, EVERYTHING, CARDS, household)
    rails.redeem(minutes=5)
    rails.work(96)
    assert rails.truth() == OWED | {MOBILE_MONEY: []}
    assert [rails.states(rail) for rail in RAILS] == [{S.PAID: 10}, {S.READY: 10}, {S.PAID: 10}]
    assert max(each.attempts for each in rails.payments(MOBILE_MONEY)) < LAST_ATTEMPT / 2
    _says_what_waits_and_until_when(rails, hours=96)
    with rails.hours(97):
        assert jobs.close("dz") == 0
    assert (run_state(rails.run_id), disputes()) == (RunState.RELEASING, [])
    assert_every_promise_is_kept()


def _says_what_waits_and_until_when(rails: Rails, hours: float) -> None:
    """The run sheet, the list of what is stuck, and the terminal."""
    sheet = rails.sheet()
    assert [(each.provider, each.waiting) for each in sheet.routes] == [
        (POST_OFFICE, 0), (MOBILE_MONEY, 10), (CARDS, 0)
    ]  # fmt: skip
    until = sheet.routes[1].waits_until
    with rails.hours(hours), offices.transaction("dz") as session:
        assert until is not None
        assert clock.now() < until <= clock.now() + timedelta(hours=1)
        found = {line.reason: line for line in stuck(session, EVERYTHING, progress.board(session))}
    line = found[Reason.PROVIDER_TAKES_NOTHING]
    assert (line.provider, line.count, line.total, line.until) == (
        MOBILE_MONEY, 10, sheet.routes[1].total, until
    )  # fmt: skip
    assert Reason.HELD not in found
    shown = CliRunner().invoke(app, ["run", "show", "1", "--office", "dz"])
    assert (
        f"10 wait; it took nothing and is tried again at {until + timedelta(hours=1):%d/%m/%Y %H:%M}"
        in " ".join(shown.output.split())
    )
