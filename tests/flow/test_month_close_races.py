"""A month being closed while somebody books into it: either the transfer is in what was kept, or it was refused."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import Barrier, Event

import pytest
from sqlalchemy import URL, text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.errors import CbiError
from cbi.ledger import funds
from cbi.ledger.closed import MonthClosed
from cbi.ledger.models import MonthClose
from cbi.money import Money
from cbi.month_end import closing, reopening
from cbi.proofs.verify import verify
from tests.factories import EVERYTHING, START
from tests.flow.month_end import MONTH, REASONS, Closers, begun, close, later, proposed, seal

SHORT, LONG = 0.3, 20.0


@pytest.fixture
def people(database: URL) -> Closers:
    return begun()


@contextmanager
def booking(reference: str) -> Iterator[Session]:
    """A transaction in which a receipt is booked on a day of the month, and which is not over yet."""
    with clock.frozen(START + timedelta(hours=1)), offices.transaction("dz") as session:
        assert funds.receive(session, EVERYTHING, "echo-26", Money.parse("10.00", "DZD"), reference)
        yield session


def waits_for_a_lock(sessions: int = 1) -> None:
    """Come back when so many transactions wait for an advisory lock."""
    for _ in range(200):
        with offices.transaction("dz") as session:
            waiting = session.scalar(
                text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            )
            if waiting and waiting >= sessions:
                return
        Event().wait(0.05)
    raise AssertionError("nobody waits")


def confirming(people: Closers) -> MonthClose:
    with later():
        return offices.transact(
            "dz",
            lambda session: closing.confirm(
                session, people.finance.actor, MONTH, people.finance.code()
            ),
        )


def kept_promises() -> None:
    seal()
    with offices.transaction("dz") as session:
        assert [verdict.breaches for verdict in verify(session)] == [()] * 9


def test_a_close_waits_for_who_is_booking_and_sees_what_they_booked(people: Closers) -> None:
    proposed(people.treasurer)
    with ThreadPoolExecutor(1) as pool:
        with booking("BANK-LATE"):
            closed = pool.submit(confirming, people)
            waits_for_a_lock()
            assert not closed.done()
        with pytest.raises(closing.BooksMoved):
            closed.result(LONG)
    seal()
    close(people)
    kept_promises()


def test_who_books_waits_for_a_close_and_is_refused(people: Closers) -> None:
    proposed(people.treasurer)
    with ThreadPoolExecutor(1) as pool:
        with later(), offices.transaction("dz") as session:
            closing.confirm(session, people.finance.actor, MONTH, people.finance.code())
            booked: Future[None] = pool.submit(book, "BANK-LATE")
            waits_for_a_lock()
            assert not booked.done()
        with pytest.raises(MonthClosed):
            booked.result(LONG)
    kept_promises()


def book(reference: str) -> None:
    with booking(reference):
        pass


def test_closing_a_month_keeps_nobody_from_booking_in_the_next(people: Closers) -> None:
    proposed(people.treasurer)
    with later(), offices.transaction("dz") as session:
        closing.confirm(session, people.finance.actor, MONTH, people.finance.code())
        with later(), offices.transaction("dz") as other:
            other.execute(text("SET LOCAL lock_timeout = '1s'"))
            funds.receive(other, EVERYTHING, "echo-26", Money.parse("10.00", "DZD"), "BANK-2")
    kept_promises()


def test_however_closing_and_booking_meet_what_is_kept_is_what_is_booked(people: Closers) -> None:
    proposed(people.treasurer)
    together = Barrier(5)

    def at_once(work: Callable[[], object]) -> type[CbiError] | None:
        together.wait()
        try:
            work()
        except CbiError as refusal:
            return type(refusal)
        return None

    with ThreadPoolExecutor(5) as pool:
        closed = pool.submit(at_once, lambda: confirming(people))
        booked = [pool.submit(at_once, partial(book, f"LATE-{at}")) for at in range(4)]
        refused = [each.result(LONG) for each in booked]
    assert closed.result() in {None, closing.BooksMoved, closing.NotReady}
    if closed.result() is None:
        assert refused == [MonthClosed] * 4
    else:
        assert None in refused
    kept_promises()


def test_a_month_is_reopened_or_the_next_is_proposed_one_at_a_time(people: Closers) -> None:
    close(people)
    with later(), offices.transaction("dz") as session:
        reopening.ask(session, people.finance.actor, MONTH, "A paper came late.")
        with later(), offices.transaction("dz") as other:
            other.execute(text("SET LOCAL lock_timeout = '200ms'"))
            with pytest.raises(Exception, match="lock timeout"):
                closing.propose(other, people.treasurer.actor, MONTH, REASONS)
            other.rollback()
