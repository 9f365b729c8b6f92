"""What has to be done before a month is closed, walked through line by line: done, or open with what to do next."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from cbi import clock
from cbi.errors import Invalid
from cbi.ledger import closed
from cbi.month_end import books, exchange, fees, pending, statements
from cbi.month_end.findings import Finding, done, still_open
from cbi.offices import office_of
from cbi.programmes.periods import Every, Period


class UnusableMonth(Invalid):
    """The text does not name a calendar month."""

    code = "month_close.unusable_month"


class Check(StrEnum):
    """One line of the checklist. The word is what a reason is given for, and is kept with the close."""

    MONTH_OVER = "month_over"
    ORDER = "order"
    TRIAL_BALANCE = "trial_balance"
    AUDIT_CHAIN = "audit_chain"
    EXCHANGE = "exchange"
    STATEMENTS = "statements"
    FLOATS = "floats"
    UNKNOWN = "unknown"
    UNDECIDED = "undecided"
    DISCREPANCIES = "discrepancies"
    SUSPENSE = "suspense"
    FEES = "fees"


MUST = frozenset(
    {Check.MONTH_OVER, Check.ORDER, Check.TRIAL_BALANCE, Check.AUDIT_CHAIN, Check.EXCHANGE}
)
"""No reason replaces these; any other line may stay open when somebody says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the checklist: what was found, and for an open one what to do next."""

    check: Check
    done: bool
    says: str
    next_step: str

    @property
    def must(self) -> bool:
        """Whether the month cannot be closed while it is open, whatever the reason."""
        return self.check in MUST


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month of the office: its first and last day, and the instant at which it is over."""

    first: date
    last: date
    over: datetime

    @property
    def name(self) -> str:
        """As people write it: `2026-10`."""
        return f"{self.first:%Y-%m}"


def month_of(session: Session, text: str) -> Month:
    """The month of that name, in the office's calendar. Raises UnusableMonth, UnusablePeriod."""
    period = Period.parse(text)
    if period.every is not Every.MONTH or period.length > 1:
        raise UnusableMonth(
            f"{text[:40]!r} is not a calendar month.",
            next_step="Write the year and the month, such as 2026-10.",
        )
    return of(session, period.starts_on)


def of(session: Session, first: date) -> Month:
    """The month that begins on that day."""
    last = closed.last_day(first)
    zone = office_of(session).timezone
    return Month(first, last, datetime.combine(last + timedelta(days=1), time.min, zone))


def walk(session: Session, month: Month) -> list[Line]:
    """Every line of the checklist, those first that must be done."""
    return [
        Line(check, found.done, found.says, "" if found.done else found.next_step)
        for check, look in _LINES.items()
        for found in [look(session, month)]
    ]


def _month_over(session: Session, month: Month) -> Finding:
    if clock.now() >= month.over:
        return done(f"{month.name} is over.")
    return still_open(f"{month.name} ends on {month.last}.", "Close it when it is over.")


_LINES: dict[Check, Callable[[Session, Month], Finding]] = {
    Check.MONTH_OVER: _month_over,
    Check.ORDER: lambda session, month: books.in_order(session, month.first),
    Check.TRIAL_BALANCE: lambda session, month: books.adds_up(session, month.last),
    Check.AUDIT_CHAIN: lambda session, month: books.sealed(session, month.over),
    Check.EXCHANGE: lambda session, month: exchange.decided(session, month.last, month.over),
    Check.STATEMENTS: lambda session, month: statements.cover(session, month.first, month.last),
    Check.FLOATS: lambda session, month: statements.agree(session, month.last),
    Check.UNKNOWN: lambda session, month: pending.unknown(session, month.over),
    Check.UNDECIDED: lambda session, month: pending.undecided(session, month.over),
    Check.DISCREPANCIES: lambda session, month: pending.discrepancies(session, month.over),
    Check.SUSPENSE: lambda session, month: books.unexplained(session, month.last),
    Check.FEES: lambda session, month: fees.agree(session, month.first, month.last, month.over),
}
