"""Long lists are left to the worker, who can be stopped at any moment and goes on where it was."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import astuple
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL, DateTime, Engine, LargeBinary, Uuid, func, select, text
from sqlalchemy.orm import Session

from cbi import jobs, offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.db import Base
from cbi.registry import personal
from cbi.registry.consent.models import Consent
from cbi.registry.import_models import Import, RejectedRow
from cbi.registry.intake import parts, waiting
from cbi.registry.intake.mapping import TEMPLATE
from cbi.registry.intake.models import ImportNumber, ImportPart
from cbi.registry.models import DuplicateFlag, Household, PaymentAccount, Person
from tests.flow.killing import until_let_go
from tests.flow.people import Caller, make_user, token_for
from tests.flow.test_registry_import import HEADER, OFFICER, everyone, take

AT_ONCE = 40


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "AT_ONCE", AT_ONCE)


def store(content: bytes, **options: Any) -> UUID:
    with offices.transaction("dz") as session:
        return waiting.store(
            session, OFFICER, io.BytesIO(content), filename="list.csv", mapping=TEMPLATE, **options
        )


def counts(import_id: UUID) -> tuple[str, int, int, int, int]:
    with offices.transaction("dz") as session:
        row = session.get_one(Import, import_id)
        return row.state, row.rows_total, row.rows_landed, row.rows_unchanged, row.rows_rejected


def shape(import_id: UUID) -> dict[str, object]:
    """What an import left, without what is new each time."""
    with offices.transaction("dz") as session:
        households = session.execute(
            select(Household.source_id, Household.size, Household.line, Household.fingerprint)
            .where(Household.import_id == import_id)
            .order_by(Household.source_id)
        )
        rejected = session.execute(
            select(RejectedRow.line, RejectedRow.reasons, RejectedRow.source_id)
            .where(RejectedRow.import_id == import_id)
            .order_by(RejectedRow.line)
        )
        flags = session.execute(
            select(DuplicateFlag.kind, DuplicateFlag.value_index, DuplicateFlag.household_count)
        )
        return {
            "households": [tuple(row) for row in households],
            "rejected": [tuple(row) for row in rejected],
            "flags": {tuple(row) for row in flags},
            "people": session.scalar(select(func.count()).select_from(Person)),
            "left": [session.scalar(select(func.count()).select_from(t)) for t in (ImportPart, ImportNumber)],
            "counts": counts(import_id),
        }  # fmt: skip


KEYED = ("fingerprint", "value_index", "document_index")
"""Of what is kept as bytes, what is the same for the same list; the rest is sealed under keys drawn anew."""


WHOSE = ("id", "household_id", "person_id")


def contents(session: Session) -> dict[str, str]:
    """A digest of everything that lists left in each table, in clear, without keys of rows and times."""
    people = session.scalars(select(Person)).all()
    clear = personal.in_clear(session, people)
    of: dict[object, str] = {row.id: row.source_id for row in session.scalars(select(Household))}
    of |= {each.id: f"{of[each.household_id]}/{astuple(clear[each.id])}" for each in people}
    told = {}
    table: type[Base]
    for table in (Household, Person, PaymentAccount, Consent, RejectedRow, DuplicateFlag):
        kept = [
            column.name for column in table.__table__.columns
            if column.name in KEYED
            or not (column.primary_key or isinstance(column.type, Uuid | DateTime | LargeBinary))
        ]  # fmt: skip
        rows = sorted(
            repr([*(of.get(getattr(row, name, None), "") for name in WHOSE), *(getattr(row, name) for name in kept)])
            for row in session.scalars(select(table))
        )  # fmt: skip
        told[table.__tablename__] = f"{len(rows)} {sha256(chr(10).join(rows).encode()).hexdigest()}"
    return told


def without_interruption(content: bytes) -> dict[str, str]:
    """What the list leaves when nothing stops it; nothing of it stays."""
    with offices.transaction("dz") as session:
        undo = session.begin_nested()
        import_id = waiting.store(
            session, OFFICER, io.BytesIO(content), filename="list.csv", mapping=TEMPLATE
        )
        while waiting.take_next(session, import_id) is not None:
            pass
        session.expire_all()
        left = contents(session)
        undo.rollback()
    return left


def a_list_with_everything(count: int) -> bytes:
    """Right rows, wrong ones, a number that comes back in another part, and a shared telephone across parts."""
    lines = everyone(count).decode().splitlines()
    lines.insert(70, "BAD1;Amina Test;12;ar;4;;")
    lines.insert(150, "H3;Somebody Else;0550777777;ar;4;;")
    lines.insert(160, f"LATE;Late Test;0550{5:06d};ar;4;;")
    return "\n".join(lines).encode()


def test_a_list_left_to_the_worker_comes_to_the_same_as_one_taken_in_at_once(
    database: URL,
) -> None:
    content = a_list_with_everything(200)
    later = store(content)
    assert counts(later) == ("waiting", 0, 0, 0, 0)
    assert jobs.imports("dz") == 203
    assert counts(later) == ("done", 203, 201, 0, 2)
    assert shape(later)["left"] == [0, 0]
    at_once = take(content)
    assert (at_once.landed, at_once.unchanged, at_once.rejected) == (0, 201, 2)
    assert [row.reasons[0].code for row in at_once.rows if row.reasons] == [
        "phone_impossible", "repeated",
    ]  # fmt: skip
    assert jobs.imports("dz") == 0


def test_the_parts_that_wait_hold_nothing_in_clear(database: URL, owner: Engine) -> None:
    store(everyone(50))
    with owner.connect() as connection:
        kept = connection.scalars(text("SELECT content FROM dz.import_parts")).all()
    assert len(kept) == 2
    assert not [1 for each in kept if b"Person" in bytes(each) or b"0550" in bytes(each)]


def killed_after(office: str, import_id: UUID, parts_done: int) -> None:
    """A worker's process, killed as by a power cut once it has read so many parts."""
    worker = subprocess.Popen(
        [sys.executable, "-c", f"from cbi import jobs; jobs.imports({office!r})"],
        cwd=Path(__file__).parents[2], env=os.environ.copy(),
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while _done(import_id) < parts_done:
            assert worker.poll() is None, "the worker was faster than the test"
            assert time.monotonic() < until
            time.sleep(0.005)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    until_let_go()


def _done(import_id: UUID) -> int:
    with offices.transaction("dz") as session:
        return session.scalars(select(Import.parts_done).where(Import.id == import_id)).one()


def test_a_worker_killed_in_the_middle_leaves_nothing_half_and_the_next_goes_on(
    database: URL, point_at: Callable[..., None]
) -> None:
    content = a_list_with_everything(1_000)
    whole = without_interruption(content)
    broken = store(content)
    killed_after("dz", broken, 5)
    state, total, landed, _, rejected = counts(broken)
    assert state == "waiting"
    assert total == landed + rejected == _done(broken) * AT_ONCE
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Household)) == landed
    jobs.imports("dz")
    resumed = shape(broken)
    assert resumed["counts"] == ("done", 1_003, 1_001, 0, 2)
    assert len({row[0] for row in resumed["households"]}) == 1_001  # type: ignore[attr-defined]
    assert resumed["people"] == 1_001
    assert resumed["left"] == [0, 0]
    assert sorted(row[1][0]["code"] for row in resumed["rejected"]) == [  # type: ignore[attr-defined]
        "phone_impossible", "repeated",
    ]  # fmt: skip
    assert resumed["flags"] != set()
    with offices.transaction("dz") as session:
        assert contents(session) == whole, "row for row the same as without any interruption"


def test_two_workers_at_once_take_everybody_in_once(database: URL) -> None:
    import_id = store(everyone(300))
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda: done.append(waiting.work("dz", import_id)))
        for _ in range(3)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    jobs.imports("dz")
    assert counts(import_id) == ("done", 300, 300, 0, 0)
    assert shape(import_id)["people"] == 300


def test_a_list_of_which_nothing_can_be_used_says_so_in_the_end(database: URL) -> None:
    content = "\n".join([HEADER, *(f"H{n};A B;12;ar;4;;" for n in range(90))]).encode()
    import_id = store(content)
    jobs.imports("dz")
    assert counts(import_id) == ("refused", 90, 0, 0, 90)


def test_progress_can_be_asked_for_over_http(database: URL) -> None:
    officer = Caller(create_app(), token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    files = {"file": ("list.csv", everyone(100), "text/csv")}
    left = officer.post("/registry/imports/waiting", files=files)
    assert (left.status_code, left.json()["state"], left.json()["expected"]) == (
        202,
        "waiting",
        100,
    )
    with offices.transaction("dz") as session:
        waiting.take_next(session, UUID(left.json()["id"]))
    half = officer.get(f"/registry/imports/{left.json()['id']}").json()
    assert (half["state"], half["total"], half["expected"]) == ("waiting", AT_ONCE, 100)
    jobs.imports("dz")
    assert [each["state"] for each in officer.get("/registry/imports").json()["items"]] == ["done"]
    assert (
        officer.post(
            "/registry/imports/waiting", files={"file": ("a.csv", b"", "text/csv")}
        ).status_code
        == 422
    )
