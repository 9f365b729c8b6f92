"""An office whose first month is over, and the people who close it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cbi import clock, jobs, offices
from cbi.access.permissions import Role
from cbi.ledger import closed, funds
from cbi.ledger.models import MonthClose
from cbi.money import Money
from cbi.month_end import closing, reopening
from cbi.month_end.checklist import Line, month_of, walk
from tests.factories import EVERYTHING, START, Colleague, colleague, funded_programme

FIRST = closed.first_day(START.astimezone(ZoneInfo("Africa/Algiers")).date())
MONTH = f"{FIRST:%Y-%m}"
"""The month in which the office's books begin."""
NEXT = closed.last_day(FIRST) + timedelta(days=1)
OVER = datetime.combine(NEXT, time(9), UTC)
"""The morning after it."""
REASONS = {"statements": "The post office sends it next week."}
_minutes = 0


@dataclass
class Closers:
    """Two people who may close the books."""

    treasurer: Colleague
    finance: Colleague


def begun() -> Closers:
    """Money is received, allocated and placed at the post office in the first month, and all of it is sealed."""
    with clock.frozen(START), offices.transaction("dz") as session:
        funded_programme(session)
        people = Closers(
            colleague(session, Role.TREASURER), colleague(session, Role.HEAD_OF_FINANCE)
        )
    seal()
    return people


def seal() -> None:
    """Bind what the audit log says into its chain."""
    while jobs.seal("dz"):
        pass


@contextmanager
def later(**more: float) -> Iterator[None]:
    """A minute after whatever was done last, once the month is over: everybody's one-time code is fresh."""
    global _minutes
    _minutes += 1
    with clock.frozen(OVER + timedelta(minutes=_minutes, **more)):
        yield


def proposed(who: Colleague, reasons: dict[str, str] = REASONS, month: str = MONTH) -> MonthClose:
    """One person proposes to close a month."""
    with later(), offices.transaction("dz") as session:
        return closing.propose(session, who.actor, month, reasons)


def confirmed(who: Colleague, month: str = MONTH) -> MonthClose:
    """Another confirms it."""
    with later(), offices.transaction("dz") as session:
        return closing.confirm(session, who.actor, month, who.code())


def close(people: Closers) -> MonthClose:
    """Two people close the first month."""
    proposed(people.treasurer)
    return confirmed(people.finance)


def reopen(people: Closers, month: str = MONTH) -> MonthClose:
    """Two people open it again."""
    with later(), offices.transaction("dz") as session:
        reopening.ask(session, people.finance.actor, month, "The bank sent its statement late.")
    with later(), offices.transaction("dz") as session:
        return reopening.confirm(session, people.treasurer.actor, month, people.treasurer.code())


def receive(reference: str, amount: str = "10.00") -> None:
    """Book money from the donor, on the day that the clock says."""
    with offices.transaction("dz") as session:
        assert funds.receive(session, EVERYTHING, "echo-26", Money.parse(amount, "DZD"), reference)


def still_open(month: str = MONTH) -> dict[str, Line]:
    """What the checklist says is open, by its name."""
    with later(), offices.transaction("dz") as session:
        lines = walk(session, month_of(session, month))
    return {line.check.value: line for line in lines if not line.done}
