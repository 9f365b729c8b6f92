"""The database fails under a run, or a worker freezes: nothing acknowledged is lost, and nobody is paid twice."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cbi import db, fitness, offices
from cbi.payments.sending import polling, sending
from cbi.payments.sending.sending import TakenOver
from cbi.payments.states import PaymentState, RunState
from cbi.registry import personal
from tests.flow.killing import LastingAdapter, Ledger, working
from tests.flow.sending import (
    SIZES,
    STORIES,
    PointAt,
    Waiting,
    assert_every_promise_is_kept,
    payments,
    run_state,
    told,
)
from tests.simulation.cutting import Conflicted, ConnectionLost, breaking

Hook = Callable[[Session], None]


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def waiting(database: URL, template: str) -> Waiting:
    """Runs that a worker may send."""
    return STORIES[template]


@contextmanager
def at_commits(before: Hook, after: Hook = lambda _: None) -> Iterator[None]:
    """Within the block, do something just before and just after every commit in an office."""
    transaction = offices.transaction

    @contextmanager
    def hooked(code: str) -> Iterator[Session]:
        with transaction(code) as session:
            yield session
            before(session)
        after(session)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offices, "transaction", hooked)
        yield


def send(run_id: UUID, ledger: Ledger) -> None:
    adapter = LastingAdapter(ledger)
    sending.send("dz", run_id, "sandbox", adapter, personal.accounts)


def ask(ledger: Ledger, run_id: UUID) -> None:
    """A worker that is well carries on: it sends what waits, and asks about what nobody knows."""
    send(run_id, ledger)
    polling.poll("dz", "sandbox", LastingAdapter(ledger))


def assert_paid_once(run_id: UUID, ledger: Ledger) -> int:
    """The provider's record is our books, and no key was sent twice; returns how many were paid."""
    assert_every_promise_is_kept()
    heard = ledger.heard()
    assert max(heard.values()) == 1, "a key was sent twice"
    paid = {UUID(key[:32]) for key in ledger.paid()}
    assert len(paid) == len(ledger.paid()), "a payment was paid in two attempts"
    for payment in payments(run_id):
        expected = PaymentState.PAID if payment.id in paid else PaymentState.UNKNOWN
        assert payment.state is expected
    assert run_state(run_id) is RunState.RELEASED
    return len(paid)


def test_every_transaction_of_a_run_may_have_to_begin_again(
    waiting: Waiting, tmp_path: Path
) -> None:
    ledger, conflicts, commits = Ledger(tmp_path), 0, 0

    def every_second(_: Session) -> None:
        nonlocal conflicts, commits
        commits += 1
        if commits % 2:
            conflicts += 1
            raise Conflicted

    with at_commits(every_second):
        ask(ledger, waiting.by_sandbox)
    assert conflicts > 3 * len(SIZES)
    assert assert_paid_once(waiting.by_sandbox, ledger) == len(SIZES)


def test_every_transaction_of_a_run_may_break_at_any_of_its_statements(
    waiting: Waiting, tmp_path: Path
) -> None:
    ledger, begun, broken = Ledger(tmp_path), 0, 0
    transaction = offices.transaction

    def struck() -> None:
        nonlocal broken
        broken += 1

    @contextmanager
    def breaks(code: str) -> Iterator[Session]:
        nonlocal begun
        with transaction(code) as session:
            begun += 1
            if (
                begun % 3
            ):  # two of three break, so some begin anew twice; the statement is another one each time
                breaking(session, 1 + begun % 7, struck)
            yield session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offices, "transaction", breaks)
        ask(ledger, waiting.by_sandbox)
    assert broken > len(SIZES)
    assert assert_paid_once(waiting.by_sandbox, ledger) == len(SIZES)


@pytest.mark.parametrize("took_effect", [False, True])
def test_a_connection_lost_inside_commit_pays_nobody_twice(
    waiting: Waiting, owner: Engine, tmp_path: Path, *, took_effect: bool
) -> None:
    ledger, lost = Ledger(tmp_path), 0
    for survives in range(60):  # each time the worker gets one commit further than the last time
        commits = 0

        def is_next(survives: int = survives) -> bool:
            nonlocal commits
            commits += 1
            return commits == survives + 1

        def cut(session: Session) -> None:
            if not took_effect and is_next():
                own = session.scalar(text("SELECT pg_backend_pid()"))
                with owner.begin() as connection:
                    connection.execute(
                        text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": own}
                    )

        def forget(_: Session) -> None:
            if took_effect and is_next():
                raise ConnectionLost

        try:
            with at_commits(cut, forget):
                send(waiting.by_sandbox, ledger)
        except DBAPIError:
            lost += 1
        else:
            break
        assert_every_promise_is_kept()
    assert lost >= 3
    ask(ledger, waiting.by_sandbox)
    assert_paid_once(waiting.by_sandbox, ledger)


def test_postgresql_that_crashes_in_the_middle_of_a_run_loses_nothing(
    waiting: Waiting, database: URL, owner: Engine, tmp_path: Path
) -> None:
    if os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("the server of TEST_DATABASE_URL is not ours to kill")
    with owner.begin() as connection:
        name = database.database
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = on"))
    owner.dispose()
    db.disconnect()
    ledger = Ledger(tmp_path)
    acknowledged: set[UUID] = set()
    for survives in (2, 6, 11):
        commits = 0

        def crash(session: Session, survives: int = survives) -> None:
            nonlocal commits
            commits += 1
            if commits == survives:
                own = session.scalar(text("SELECT pg_backend_pid()"))
                assert own is not None
                os.kill(
                    own, signal.SIGKILL
                )  # the server ends every connection and recovers from its log

        with at_commits(crash), pytest.raises(DBAPIError):
            send(waiting.by_sandbox, ledger)
        _until_it_answers()
        done = {each.id for each in payments(waiting.by_sandbox) if each.state is PaymentState.PAID}
        assert acknowledged <= done
        acknowledged |= done
        assert_every_promise_is_kept()
    ask(ledger, waiting.by_sandbox)
    assert_paid_once(waiting.by_sandbox, ledger)
    paid = {each.id for each in payments(waiting.by_sandbox) if each.state is PaymentState.PAID}
    assert acknowledged <= paid


def _until_it_answers() -> None:
    for _ in range(100):
        db.disconnect()
        try:
            with offices.transaction("dz") as session:
                session.execute(text("SELECT 1"))
        except DBAPIError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("PostgreSQL does not come back")


@pytest.mark.parametrize(
    "step", ["before it is marked as handed over", "before it is sent", "before the provider answers"]
)  # fmt: skip
def test_a_worker_that_was_frozen_and_thawed_pays_nobody_twice(
    waiting: Waiting, owner: Engine, tmp_path: Path, step: str
) -> None:
    ledger, run_id = Ledger(tmp_path), waiting.by_sandbox
    with working(step, tmp_path, "send", run_id, passage=2, by=signal.SIGSTOP) as frozen:
        _until_stopped(frozen.pid)
        send(run_id, ledger)
        assert run_state(run_id) is RunState.RELEASING, "the frozen one still has the right to send"
        db.disconnect()  # the network drops a peer that is silent for too long, and its locks go with it
        with owner.begin() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        send(run_id, ledger)
        assert frozen.pid is not None
        os.kill(frozen.pid, signal.SIGCONT)
        frozen.join(60)
        assert frozen.exitcode not in {None, 0}, f"it should have ended by {TakenOver.__name__}"
    ask(ledger, run_id)
    assert_paid_once(run_id, ledger)


@contextmanager
def upgraded(owner: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within the block the office's tables are of the next release; at its end this program is of it, too."""
    ours = fitness.revision()
    for of, on in ((f"{int(ours) + 1:04}", True), (ours, False)):
        with owner.begin() as connection, monkeypatch.context() as patch:
            patch.setattr(fitness, "revision", lambda of=of: of)
            fitness.let_others_end(connection)
            fitness.sign_tables(connection, "dz")
        if on:
            yield


def test_a_worker_under_whom_the_tables_are_upgraded_stops_and_the_next_release_goes_on(
    waiting: Waiting, owner: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, run_id, step = Ledger(tmp_path), waiting.by_sandbox, "before the provider answers"
    with working(step, tmp_path, "send", run_id, passage=2, by=signal.SIGSTOP) as old:
        _until_stopped(old.pid)
        with upgraded(owner, monkeypatch):
            assert old.pid is not None
            os.kill(old.pid, signal.SIGCONT)
            old.join(60)
            assert old.exitcode == 1, f"it should have ended by {fitness.OtherRelease.__name__}"
        assert len(ledger.heard()) == 2, "it took no more payments"
    ask(ledger, run_id)
    assert assert_paid_once(run_id, ledger) == len(SIZES)


def test_an_upgrade_waits_for_whoever_is_in_the_middle_of_a_transaction(
    waiting: Waiting, owner: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitness, "_DRAINED_WITHIN", "500ms")
    ledger, run_id, step = Ledger(tmp_path), waiting.by_sandbox, "before the intent is saved"
    with working(step, tmp_path, "send", run_id, by=signal.SIGSTOP) as old:
        _until_stopped(old.pid)
        with pytest.raises(DBAPIError) as refused, upgraded(owner, monkeypatch):
            pass
        assert db.trouble(refused.value) == db.BUSY
        assert old.pid is not None
        os.kill(old.pid, signal.SIGCONT)
        old.join(60)
        assert old.exitcode == 0
    assert assert_paid_once(run_id, ledger) == len(SIZES)


def _until_stopped(pid: int | None) -> None:
    for _ in range(600):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
            return
        time.sleep(0.05)
    raise AssertionError("it does not come to that step")
