"""kill -9 at every step: whoever carries on afterwards pays nobody twice and loses nothing that was acknowledged."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, func, select

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import Act, SandboxProvider, Schedule, Step
from cbi import clock, jobs, offices
from cbi.ledger.queries import fund_positions
from cbi.messaging import claims
from cbi.messaging.models import Message
from cbi.messaging.phones import phones
from cbi.messaging.states import MessageState
from cbi.payments.sending import inbox, polling, sending
from cbi.payments.states import PaymentState, RunState
from cbi.redemption import counter
from cbi.redemption.holding import Authorised
from cbi.redemption.models import CodeIssue, Payout
from cbi.registry import personal
from cbi.settings import settings
from tests.flow.killing import SECRET, LastingAdapter, Ledger, killed
from tests.flow.sending import (
    SIZES,
    STORIES,
    PointAt,
    Waiting,
    accounts,
    assert_every_promise_is_kept,
    attempts,
    payments,
    run_state,
    states,
    told,
)
from tests.redemption_factory import code_of, teller

PAYMENTS = len(SIZES)


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def waiting(database: URL, template: str) -> Waiting:
    """Runs that a worker may send."""
    return STORIES[template]


def carry_on(run_id: UUID, ledger: Ledger) -> None:
    """What the worker does when it is back: send what waits, then ask about what nobody knows."""
    adapter = LastingAdapter(ledger)
    sending.send("dz", run_id, "sandbox", adapter, personal.accounts)
    polling.poll("dz", "sandbox", adapter, patience=timedelta(0))


def assert_paid_once_and_nothing_lost(run_id: UUID, ledger: Ledger) -> int:
    """The provider's truth and our books agree; returns how many payments nobody can say anything about.

    Those were about to be given to the provider and never reached it: they are asked about, and never sent again.
    """
    assert_every_promise_is_kept()
    heard = Counter(key[:32] for key in ledger.heard().elements())
    assert max(heard.values(), default=1) == 1, "something was sent twice, be it in two attempts"
    paid = {UUID(key[:32]): minor for key, minor in ledger.paid().items()}
    assert len(paid) == len(ledger.paid()), "a payment was paid in two attempts"
    for payment in payments(run_id):
        expected = PaymentState.PAID if payment.id in paid else PaymentState.UNKNOWN
        assert payment.state is expected
        assert paid.get(payment.id, payment.amount_minor) == payment.amount_minor
    with offices.transaction("dz") as session:
        delivered = sum(position.delivered.minor for position in fund_positions(session))
    assert delivered == sum(paid.values())
    assert run_state(run_id) is RunState.RELEASED
    return PAYMENTS - len(paid)


@pytest.mark.parametrize(
    ("step", "passage", "never_sent"),
    [
        ("before the intent is saved", 1, 0),
        ("before the intent is saved", 2, 0),
        ("before it is marked as handed over", 1, 0),
        ("before it is marked as handed over", 3, 0),
        ("before it is sent", 1, 1),
        ("before it is sent", 4, 1),
        ("before the provider pays", 3, 1),
        ("before the provider answers", 1, 0),
        ("before the provider answers", 6, 0),
        ("before the answer is saved", 3, 0),
        ("after the answer is saved", 4, 0),
        ("before the run is finished", 1, 0),
        ("after the run is finished", 1, 0),
    ],
)
def test_a_sender_that_is_killed_pays_nobody_twice(
    waiting: Waiting, tmp_path: Path, step: str, passage: int, never_sent: int
) -> None:
    ledger = Ledger(tmp_path)
    assert killed(step, tmp_path, "send", waiting.by_sandbox, passage=passage)
    assert_every_promise_is_kept()
    acknowledged = {p.id for p in payments(waiting.by_sandbox) if p.state is PaymentState.PAID}
    carry_on(waiting.by_sandbox, ledger)
    assert assert_paid_once_and_nothing_lost(waiting.by_sandbox, ledger) == never_sent
    after = {p.id for p in payments(waiting.by_sandbox) if p.state is PaymentState.PAID}
    assert acknowledged <= after


def test_a_sender_that_is_killed_again_and_again_pays_nobody_twice(
    waiting: Waiting, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    for step in ("before the intent is saved", "before the provider answers", "before the run is finished"):  # fmt: skip
        assert killed(step, tmp_path, "send", waiting.by_sandbox)
        assert_every_promise_is_kept()
    carry_on(waiting.by_sandbox, ledger)
    assert assert_paid_once_and_nothing_lost(waiting.by_sandbox, ledger) == 0


@pytest.mark.parametrize(
    ("step", "passage", "issued"),
    [
        ("before a chunk is saved", 2, 2),
        ("before a chunk", 3, 4),
        ("before the run is finished", 1, 6),
    ],
)
def test_a_release_to_codes_that_is_killed_gives_everybody_one_code(
    waiting: Waiting, tmp_path: Path, step: str, passage: int, issued: int
) -> None:
    assert killed(step, tmp_path, "issue", waiting.by_codes, passage=passage)
    assert codes_and_texts() == (issued, issued)
    assert_every_promise_is_kept()
    assert jobs.release("dz", waiting.by_codes).payments == PAYMENTS - issued
    assert codes_and_texts() == (PAYMENTS, PAYMENTS)
    assert states(waiting.by_codes) == [PaymentState.ACCEPTED] * PAYMENTS
    assert run_state(waiting.by_codes) is RunState.RELEASED
    assert len(attempts(waiting.by_codes)) == PAYMENTS
    assert_every_promise_is_kept()


def codes_and_texts() -> tuple[int, int]:
    """How many payments have a code, and how many texts tell one."""
    with offices.transaction("dz") as session:
        coded = session.scalar(select(func.count(CodeIssue.payment_id.distinct())))
        told_ = session.scalar(select(func.count(Message.code_issue_id.distinct())))
    return coded or 0, told_ or 0


@pytest.mark.parametrize(
    ("step", "passage", "arrived", "stuck"),
    [
        ("before the texts are taken", 1, 0, 0),
        ("before the first text", 1, 0, 6),
        ("before the gateway answers", 3, 3, 6),
        ("before the outcomes are saved", 1, 6, 6),
    ],
)
def test_a_worker_that_is_killed_with_texts_in_hand_sends_none_twice(
    waiting: Waiting, tmp_path: Path, step: str, passage: int, arrived: int, stuck: int
) -> None:
    jobs.release("dz", waiting.by_codes)
    assert killed(step, tmp_path, "text", passage=passage)
    assert sum(texts_on(waiting.by_codes)) == arrived
    jobs.hand_over("dz")
    with clock.frozen(clock.now() + claims.HELD_AT_MOST):
        jobs.hand_over("dz")
    assert max(texts_on(waiting.by_codes)) <= 1
    assert sum(texts_on(waiting.by_codes)) == (arrived if stuck else PAYMENTS)
    with offices.transaction("dz") as session:
        became = Counter(session.scalars(select(Message.state)))
    assert became == Counter({MessageState.UNKNOWN: stuck, MessageState.SENT: PAYMENTS - stuck})
    assert_every_promise_is_kept()


def texts_on(run_id: UUID) -> list[int]:
    """How many texts each recipient's telephone shows."""
    return [len(phones(settings()).inbox(number)) for number in accounts(run_id)]


@pytest.mark.parametrize(
    ("step", "paid"), [("before the payout is saved", 0), ("after the payout is saved", 1)]
)
def test_a_counter_that_loses_power_while_paying_has_paid_once_or_not_at_all(
    waiting: Waiting, owner: Engine, tmp_path: Path, step: str, paid: int
) -> None:
    jobs.release("dz", waiting.by_codes)
    who, payment = teller(), payments(waiting.by_codes)[0]
    factor = f"{payment.amount_minor // 1000_00 - 1:04d}"  # the nth household has n members
    held = offices.transact(
        "dz", lambda session: counter.authorise(session, who, code=code_of(payment.id), factor=factor)
    )  # fmt: skip
    assert isinstance(held, Authorised)
    assert killed(step, tmp_path, "confirm", f"{who.id}/{held.authorisation_id}")
    assert payouts() == paid
    assert_every_promise_is_kept()
    receipt = offices.transact(
        "dz", lambda session: counter.confirm(session, who, held.authorisation_id)
    )
    assert (receipt.receipt, receipt.amount.minor) == (held.receipt, payment.amount_minor)
    assert payouts() == 1
    assert_every_promise_is_kept()


def payouts() -> int:
    with offices.transaction("dz") as session:
        return session.scalar(select(func.count()).select_from(Payout)) or 0


@pytest.mark.parametrize(
    "step", ["before the callback is read", "before the callback's news is saved"]
)
def test_a_callback_that_was_kept_is_read_after_a_crash(
    waiting: Waiting, tmp_path: Path, step: str
) -> None:
    run_id = waiting.by_sandbox
    provider = SandboxProvider(
        Schedule(Step(Act.PAY_LATER)), opening_float=lambda _: 10**9, secret=SECRET
    )
    adapter = SandboxAdapter(provider)
    sending.send("dz", run_id, "sandbox", adapter, personal.accounts)
    key = attempts(run_id)[0]
    provider.settle(key)
    headers, body = provider.callback(key)
    (tmp_path / "callback.json").write_text(json.dumps([headers, body.decode()]))
    assert killed(step, tmp_path, "callback")
    assert states(run_id) == [PaymentState.ACCEPTED] * PAYMENTS
    assert not inbox.receive("dz", "sandbox", adapter, headers, body), "it is here already"
    assert inbox.read_waiting("dz", "sandbox", adapter) == 1
    assert states(run_id) == [PaymentState.PAID] + [PaymentState.ACCEPTED] * (PAYMENTS - 1)
    assert_every_promise_is_kept()
