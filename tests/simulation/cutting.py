"""Where a life is cut: at every commit and every call of the provider, by a power cut, a lost connection or a conflict."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from cbi import db, offices
from cbi.payments.sending import answers
from tests.simulation.adapter import LINE
from tests.simulation.faults import BREAKS, RATES, Weather
from tests.simulation.first_day import OFFICE


class PowerCut(BaseException):
    """The process ends here: no handler of ours sees it, and nothing in memory is left."""


class ConnectionLost(OperationalError):
    """The connection broke, and nobody knows on which side of the commit."""

    def __init__(self) -> None:
        super().__init__(None, None, psycopg.OperationalError("the connection is lost"))


class Conflicted(OperationalError):
    """PostgreSQL asks that the transaction be done again."""

    def __init__(self) -> None:
        super().__init__(None, None, psycopg.errors.SerializationFailure("by the simulation"))


class Cutter:
    """Stands at the points; `between` is called where another process could do something in between."""

    def __init__(self, weather: Weather, between: Callable[[], None]) -> None:
        self._weather, self._between = weather, between
        self.points = 0
        self.passed: Counter[str] = Counter()
        self._asleep = False

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Let everything pass within the block."""
        self._asleep = True
        try:
            yield
        finally:
            self._asleep = False

    def pass_(self, point: str) -> None:
        """Pass a point at which the process may die."""
        if self._asleep:
            return
        self.points += 1
        self.passed[point] += 1
        if self._weather.strikes("F1", RATES["F1"] * (4 if "provider" in point else 1)):
            raise PowerCut(f"no. {self.points}, {point}")

    def before_commit(self) -> None:
        if self._asleep:
            return
        self.pass_("before a commit")
        if self._weather.strikes("F37", RATES["F37"]):
            raise Conflicted
        if self._weather.strikes("F36", RATES["F36"]):
            raise ConnectionLost

    def within(self, session: Session) -> None:
        """Let PostgreSQL itself break the transaction at one of its statements, now and then."""
        at = None if self._asleep else self._weather.breaks_at()
        if at is not None:
            breaking(session, at, lambda: self._weather.met.update({BREAKS: 1}))

    def after_commit(self) -> None:
        if self._asleep:
            return
        self.pass_("after a commit")
        if self._weather.strikes("F36", RATES["F36"]):
            raise ConnectionLost
        if self._weather.strikes("F3", RATES["F3"]):
            self._between()


@contextmanager
def cutting(cutter: Cutter) -> Iterator[None]:
    """Let the cutter stand at the points within the block."""
    transaction = offices.transaction

    def cut(code: str) -> AbstractContextManager[Session]:
        return _cut(transaction, code, cutter)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(offices, "transaction", cut)
        patch.setattr(LINE, "passing", cutter.pass_)
        yield


@contextmanager
def _cut(
    transaction: Callable[[str], AbstractContextManager[Session]], code: str, cutter: Cutter
) -> Iterator[Session]:
    with transaction(code) as session:
        cutter.within(session)
        yield session
        cutter.before_commit()
    cutter.after_commit()


def breaking(session: Session, at: int, struck: Callable[[], object]) -> None:
    """Have PostgreSQL fail the statement of that number (from 1) in the session's transaction: a deadlock, or a conflict."""
    connection, passed = session.connection(), 0
    code = "40P01" if at % 2 else "40001"

    def instead(_: object, __: object, statement: str, given: Any, *___: object) -> tuple[str, Any]:
        nonlocal passed
        passed += 1
        if passed != at or isinstance(given, list):  # a list: one statement for many rows
            return statement, given
        struck()
        return (
            f"DO $$ BEGIN RAISE EXCEPTION 'by the simulation' USING ERRCODE = '{code}'; END $$",
            (),
        )

    event.listen(connection, "before_cursor_execute", instead, retval=True)


class _Together:
    """Does in one thread, in an order of its own, what threads would do side by side: the same each time."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run()

    def submit(self, run: Callable[..., Any], *given: Any) -> "Future[Any]":
        made: Future[Any] = Future()
        self._waiting.append((made, lambda: run(*given)))
        plain = made.result

        def result(timeout: float | None = None) -> Any:
            self._run()
            return plain(timeout)

        made.result = result  # type: ignore[method-assign]
        return made

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._chance.shuffle(waiting)
        for made, run in waiting:
            try:
                made.set_result(run())
            except BaseException as error:  # noqa: BLE001 - a power cut, too, is met by whoever waits for the answers
                made.set_exception(error)


@contextmanager
def leaving_together(chance: random.Random) -> Iterator[None]:
    """What the engine does in threads is done one after the other within the block, in an order drawn by chance."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "ThreadPoolExecutor", lambda _: _Together(chance))
        yield


def start_again() -> None:
    """What follows a power cut: every connection is gone, and with it every lock and whatever was not committed."""
    db.engine(OFFICE).dispose()
