"""Whoever meets a forgotten transaction, a full pool, a wrong clock or other tables is told so, and nothing is lost."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, tzinfo

import pytest
from httpx import Response
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError

from cbi import clock, db, fitness, health, jobs, offices
from cbi.app import create_app
from cbi.payments.models import Payment
from cbi.proofs.verify import verify
from cbi.redemption.models import Payout
from cbi.settings import settings
from tests.flow.at_counter import check, signed_in
from tests.flow.people import Caller, token_for
from tests.redemption_factory import WORD, Issued, code_of, teller

ONE_DAY = timedelta(days=1)
POOL = 40


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for longer than a second."""
    monkeypatch.setattr(db, "PATIENCE_SECONDS", 1)


@pytest.fixture
def amel(run: Issued) -> Caller:
    """A teller who has signed in."""
    who = teller()
    assert who.id is not None
    return Caller(create_app(), token_for(who.id, "teller"))


@contextmanager
def forgotten(owner: Engine) -> Iterator[None]:
    """Within the block, somebody's transaction that nobody ends holds every payment and every code."""
    with owner.connect() as connection:
        connection.execute(text("SELECT 1 FROM payments FOR UPDATE"))
        connection.execute(text("SELECT 1 FROM code_issues FOR UPDATE"))
        yield


@contextmanager
def clock_wrong_by(wrong: timedelta) -> Iterator[None]:
    """Within the block, this machine's clock is wrong."""

    class Wrong:
        @staticmethod
        def now(zone: tzinfo) -> datetime:
            return datetime.now(zone) + wrong

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "datetime", Wrong)
        yield


def authorise(who: Caller, code: str, key: str = "") -> Response:
    return who.post("/redemptions/authorise", {"code": code, "factor": WORD}, key=key)


def pay(who: Caller, held: Response) -> int:
    """Hand the cash over; how many payouts there are then."""
    assert held.status_code == 200, held.text
    paid = who.post(f"/redemptions/{held.json()['authorisation_id']}/confirm")
    assert paid.status_code in {200, 201}, paid.text
    return payouts()


def payouts() -> int:
    with offices.transaction("dz") as session:
        return session.scalar(select(func.count()).select_from(Payout)) or 0


def assert_not_here(answer: Response, code: str) -> None:
    """It is said in a sentence with what to do next, and when to come back."""
    assert (answer.status_code, answer.json()["code"]) == (503, code), answer.text
    assert answer.headers["Retry-After"] == "60"
    assert answer.json()["detail"]
    assert answer.json()["next_step"]


def test_a_forgotten_transaction_holds_nobody_for_ever(
    amel: Caller, run: Issued, owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = code_of(run.payments[0])
    visitor = signed_in(create_app())
    visitor.headers["Accept-Language"] = "fr"
    with forgotten(owner):
        began = time.monotonic()
        assert_not_here(authorise(amel, code, "one"), "http.database_busy")
        assert time.monotonic() - began < 10
        page = check(visitor, code)
        assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
        assert "rien n'est perdu" in visitor.words
        db.disconnect()
        monkeypatch.setenv("CBI_FROZEN_AFTER_SECONDS", "1")
        settings.cache_clear()
        with pytest.raises(DBAPIError) as waited:  # so does background work, for longer
            offices.transact("dz", lambda work: work.execute(select(Payment).with_for_update()))
        assert db.trouble(waited.value) == db.BUSY
    assert pay(amel, authorise(amel, code, "one")) == 1


def test_a_pool_that_is_used_up_is_said_in_words(amel: Caller, run: Issued) -> None:
    code = code_of(run.payments[0])
    db.disconnect()
    with ExitStack() as taken:
        for _ in range(POOL):
            taken.enter_context(db.engine("dz").connect())
        assert_not_here(authorise(amel, code, "one"), "http.database_busy")
    assert pay(amel, authorise(amel, code, "one")) == 1


@pytest.mark.parametrize("wrong", [ONE_DAY, -ONE_DAY], ids=["ahead", "behind"])
def test_no_machine_with_a_wrong_clock_says_what_is_over(
    amel: Caller, run: Issued, owner: Engine, wrong: timedelta
) -> None:
    with owner.begin() as connection:
        today = connection.execute(
            text("SELECT (now() AT TIME ZONE 'Africa/Algiers')::date")
        ).scalar_one()
        last_day = today if wrong > timedelta(0) else today - ONE_DAY
        connection.execute(text("UPDATE code_issues SET expires_on = :day"), {"day": last_day})
    code = code_of(run.payments[0])
    with clock_wrong_by(wrong):
        assert_not_here(authorise(amel, code, "one"), "office.wrong_clock")
        with pytest.raises(fitness.WrongClock):
            jobs.expire("dz")
        assert [each.grade for each in health.machine()] == ["wrong"]
    assert [each.grade for each in health.machine()] == []
    if wrong > timedelta(0):
        assert jobs.expire("dz") == 0
        assert pay(amel, authorise(amel, code, "one")) == 1
    else:
        refused = authorise(amel, code, "one")
        assert refused.json()["code"] == "redemption.expired", refused.text
        assert jobs.expire("dz") == len(run.payments)


def test_a_clock_that_is_a_little_off_keeps_nobody_from_working(amel: Caller, run: Issued) -> None:
    with clock_wrong_by(timedelta(seconds=30)):
        assert pay(amel, authorise(amel, code_of(run.payments[0]))) == 1


def test_a_program_of_another_release_than_the_tables_does_nothing(
    amel: Caller, run: Issued, owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = code_of(run.payments[0])
    for ours in ("0001", "9999"):  # an older one than the tables, and a newer one
        with monkeypatch.context() as patch:
            patch.setattr(fitness, "revision", lambda ours=ours: ours)
            assert_not_here(authorise(amel, code, "one"), "office.other_release")
            with pytest.raises(fitness.OtherRelease):
                jobs.expire("dz")
            assert [each.grade for each in health.machine()] == ["wrong"]
    with owner.begin() as connection:  # an upgrade under way
        connection.execute(text(f"LOCK TABLE tables_of_{fitness.revision()}"))
        assert_not_here(authorise(amel, code, "one"), "http.database_busy")
    assert pay(amel, authorise(amel, code, "one")) == 1
    with offices.transaction("dz") as session:
        assert all(verdict.kept for verdict in verify(session))
