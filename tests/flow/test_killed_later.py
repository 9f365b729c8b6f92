"""kill -9 while it is found out what became of payments: statements, answers, counters. Whoever carries on loses nothing."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL, func, select

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import Act, SandboxProvider, Schedule, Step
from cbi import jobs, offices
from cbi.access.actor import Actor
from cbi.payments.sending import polling, sending
from cbi.payments.states import PaymentState
from cbi.reconciliation import matching, statements
from cbi.reconciliation.models import Match, StatementFile, StatementLine
from cbi.redemption import counter, shortages
from cbi.redemption.holding import Authorised
from cbi.redemption.models import Authorisation, CashShortage, Payout
from cbi.registry import personal
from tests.factories import EVERYTHING
from tests.flow.killing import SECRET, LastingAdapter, Ledger, killed
from tests.flow.sending import (
    SIZES,
    STORIES,
    PointAt,
    Waiting,
    assert_every_promise_is_kept,
    attempts,
    payments,
    states,
    told,
)
from tests.redemption_factory import code_of, teller

PAYMENTS = len(SIZES)
PAID, ACCEPTED = [PaymentState.PAID] * PAYMENTS, [PaymentState.ACCEPTED] * PAYMENTS


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def waiting(database: URL, template: str) -> Waiting:
    """Runs that a worker may send."""
    return STORIES[template]


def counted(model: type[object]) -> int:
    with offices.transaction("dz") as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


@pytest.mark.parametrize(
    ("step", "files", "known"),
    [
        ("before its lines are copied", 0, ACCEPTED),
        ("before the statement is saved", 0, ACCEPTED),
        ("after the statement is saved", 1, ACCEPTED),
        ("before its news is booked", 1, ACCEPTED),
        ("before its lines are matched", 1, ACCEPTED),
        ("before the matches are saved", 1, ACCEPTED),
        (f"after {PAYMENTS} lines are matched", 1, PAID),
    ],
)
def test_a_statement_that_is_killed_on_its_way_in_is_there_once_and_whole(
    waiting: Waiting, tmp_path: Path, step: str, files: int, known: list[PaymentState]
) -> None:
    run_id = waiting.by_sandbox
    provider = SandboxProvider(
        Schedule(Step(Act.PAY_LATER)), opening_float=lambda _: 10**9, secret=SECRET
    )
    sending.send("dz", run_id, "sandbox", SandboxAdapter(provider), personal.accounts)
    for key in attempts(run_id):
        provider.settle(key)
    content = provider.statement("DZD")
    (tmp_path / "statement").write_bytes(content)
    assert killed(step, tmp_path, "statement")
    assert counted(StatementFile) == files
    assert counted(StatementLine) == files * PAYMENTS
    assert states(run_id) == known
    assert_every_promise_is_kept()
    again = offices.transact(
        "dz", lambda s: statements.take_in(s, EVERYTHING, "sandbox", content, "statement.txt")
    )
    assert again.already is bool(files)
    offices.transact("dz", lambda s: matching.reconcile(s, EVERYTHING, "sandbox"))
    assert states(run_id) == PAID
    assert (counted(StatementLine), counted(Match)) == (PAYMENTS, PAYMENTS)
    assert_every_promise_is_kept()


@pytest.mark.parametrize(
    ("step", "passage", "known"),
    [
        ("before the provider is asked", 2, 1),
        ("before the news is booked", 2, 1),
        ("before it is saved", 3, 2),
    ],
)
def test_a_worker_that_is_killed_while_asking_asks_again(
    waiting: Waiting, tmp_path: Path, step: str, passage: int, known: int
) -> None:
    run_id, ledger = waiting.by_sandbox, Ledger(tmp_path)
    later = SandboxProvider(Schedule(Step(Act.PAY_LATER)), opening_float=lambda _: 10**9)
    sending.send("dz", run_id, "sandbox", SandboxAdapter(later), personal.accounts)
    for key, minor in zip(
        attempts(run_id), (p.amount_minor for p in payments(run_id)), strict=True
    ):
        ledger.write("paid", key, minor)
    assert killed(step, tmp_path, "ask", passage=passage)
    assert states(run_id).count(PaymentState.PAID) == known
    assert_every_promise_is_kept()
    assert polling.poll("dz", "sandbox", LastingAdapter(ledger), patience=timedelta(0)) == PAYMENTS - known  # fmt: skip
    assert states(run_id) == PAID
    assert_every_promise_is_kept()


@pytest.fixture
def at_the_counter(waiting: Waiting) -> tuple[Actor, str, str]:
    """A teller, a code and what its owner shows."""
    jobs.release("dz", waiting.by_codes)
    payment = payments(waiting.by_codes)[0]
    factor = f"{payment.amount_minor // 1000_00 - 1:04d}"  # the nth household has n members
    return teller(), code_of(payment.id), factor


def holds(at: tuple[Actor, str, str]) -> Authorised:
    who, code, factor = at
    held = offices.transact(
        "dz", lambda session: counter.authorise(session, who, code=code, factor=factor)
    )
    assert isinstance(held, Authorised)
    return held


@pytest.mark.parametrize(
    ("step", "held"), [("before the hold is saved", 0), ("after the hold is saved", 1)]
)
def test_a_counter_that_loses_power_while_it_holds_a_payment_pays_it_once(
    at_the_counter: tuple[Actor, str, str], tmp_path: Path, step: str, held: int
) -> None:
    who, code, factor = at_the_counter
    assert killed(step, tmp_path, "hold", f"{who.id}/{code}/{factor}")
    assert counted(Authorisation) == held
    assert_every_promise_is_kept()
    again = holds(at_the_counter)
    for _ in range(2):
        offices.transact("dz", lambda s: counter.confirm(s, who, again.authorisation_id))
    assert counted(Payout) == 1
    assert_every_promise_is_kept()


@pytest.mark.parametrize(("step", "noted"), [("before it is noted", 0), ("after it is noted", 1)])
def test_a_counter_that_loses_power_while_it_has_no_cash_keeps_the_code_good(
    at_the_counter: tuple[Actor, str, str], tmp_path: Path, step: str, noted: int
) -> None:
    who, _, _ = at_the_counter
    held = holds(at_the_counter).authorisation_id
    assert killed(step, tmp_path, "no cash", f"{who.id}/{held}")
    assert counted(CashShortage) == noted
    offices.transact("dz", lambda s: shortages.turn_away(s, who, authorisation_id=held))
    assert (counted(CashShortage), counted(Payout)) == (1, 0)
    offices.transact(
        "dz", lambda s: counter.confirm(s, who, holds(at_the_counter).authorisation_id)
    )
    assert counted(Payout) == 1
    assert_every_promise_is_kept()
