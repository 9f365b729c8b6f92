"""What a transaction wants done by a worker is asked for once it is committed, and never before."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL
from sqlalchemy.orm import Session

from cbi import db, jobs, offices
from cbi.errors import Conflict


class Kept(Conflict):
    code = "test.kept"
    keeps_work = True


class Undone(Conflict):
    code = "test.undone"


def _want_and_raise(session: Session, error: Conflict) -> None:
    db.soon(session, "releases")
    raise error


@pytest.fixture
def asked() -> Iterator[list[tuple[str, str]]]:
    """The jobs that were asked for, with their office."""
    heard: list[tuple[str, str]] = []
    before = db._ask
    db.ask_with(lambda job, office: heard.append((job, office)))
    yield heard
    db.ask_with(before)


def test_a_job_is_asked_for_once_after_the_commit(
    database: URL, asked: list[tuple[str, str]]
) -> None:
    with offices.transaction("dz") as session:
        db.soon(session, "releases")
        db.soon(session, "releases")
        assert asked == []
    assert asked == [("releases", "dz")]


def test_what_was_undone_wants_nothing(database: URL, asked: list[tuple[str, str]]) -> None:
    with pytest.raises(Undone):
        offices.transact("dz", lambda session: _want_and_raise(session, Undone("Not like this.")))
    assert asked == []


def test_a_refusal_that_keeps_its_work_wants_it_done(
    database: URL, asked: list[tuple[str, str]]
) -> None:
    with pytest.raises(Kept):
        offices.transact("dz", lambda session: _want_and_raise(session, Kept("Counted.")))
    assert asked == [("releases", "dz")]


def test_work_that_is_repeated_asks_once(database: URL, asked: list[tuple[str, str]]) -> None:
    times = []

    def work(session: Session) -> None:
        db.soon(session, "releases")
        times.append(1)
        if len(times) == 1:
            session.connection().exec_driver_sql(
                "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$"
            )

    offices.transact("dz", work)
    assert len(times) == 2
    assert asked == [("releases", "dz")]


def test_every_job_that_is_wanted_is_one_that_the_clock_knows() -> None:
    assert {"releases", "answer"} <= jobs.HOUSEKEEPING.keys()
