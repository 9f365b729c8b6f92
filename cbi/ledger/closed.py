"""Closed months: which they are, and how booking into a month and closing it keep out of each other's way."""

import calendar
from datetime import date

from sqlalchemy import ColumnElement, and_, bindparam, func, select, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import TableValuedAlias

from cbi.errors import Conflict
from cbi.ledger.models import MonthClose
from cbi.offices import Office, office_of

STANDING = and_(MonthClose.confirmed_at.is_not(None), MonthClose.reopened_at.is_(None))
"""A close that holds: confirmed, and not reopened since."""


class MonthClosed(Conflict):
    """The day that the clock tells, or a paper, lies in a month whose books are closed. Nothing was booked."""

    code = "ledger.month_closed"


def first_day(day: date) -> date:
    """The first day of the day's month, by which a month is known."""
    return day.replace(day=1)


def last_day(month: date) -> date:
    """The last day of the month that begins then."""
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])


def books_of(office: Office, day: date) -> str:
    """The name of the lock on the office's books of the day's month: shared by who books, alone for who closes."""
    return f"books:{office.code}:{day:%Y-%m}"


def held_by_many() -> TableValuedAlias:
    """One row, read while the lock named `books` is held by this transaction and nobody closes that month."""
    name = func.hashtextextended(bindparam("books"), 0)
    return func.pg_advisory_xact_lock_shared(name).table_valued("held").render_derived(name="books")


def hold_alone(session: Session, month: date) -> None:
    """Wait until everybody who is booking into the month has committed, and keep others out of it until we have."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:books, 0))"),
        {"books": books_of(office_of(session), month)},
    )


def is_closed() -> ColumnElement[bool]:
    """Whether the month `books_month`, or a later one, is closed."""
    return (
        select(MonthClose.month)
        .where(STANDING, MonthClose.month >= bindparam("books_month"))
        .exists()
    )


def latest(session: Session) -> date | None:
    """The last month whose books are closed; those before it are closed, too."""
    return session.scalar(select(func.max(MonthClose.month)).where(STANDING))


def refusal(day: date, *, chosen: bool = False) -> MonthClosed:
    """Why nothing is booked on this day; `chosen`: by whoever books it, from a paper."""
    if chosen:
        return MonthClosed(
            f"The books of {day:%Y-%m} are closed, and nothing takes effect on {day} any more.",
            next_step="Leave the day out, so that it takes effect today; or have two people reopen the month.",
            day=day.isoformat(),
        )
    return MonthClosed(
        f"The clock says {day}, and the books of {day:%Y-%m} are closed.",
        next_step="Have the clock of the server set right; what was wrong in a closed month is corrected today.",
        day=day.isoformat(),
    )
