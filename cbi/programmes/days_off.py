"""On which days an office does not work: its country's public holidays, and what its people say of single days."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from types import MappingProxyType

from sqlalchemy import extract, insert, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Invalid
from cbi.offices import office_of
from cbi.programmes import working_week
from cbi.programmes.models import SaidDayOff
from cbi.programmes.periods import FIRST_YEAR, LAST_YEAR
from cbi.programmes.schedule import Calendar


class UnusableDay(Invalid):
    """Nothing can be said of this day."""

    code = "office.unusable_day"


@dataclass(frozen=True, slots=True)
class DayOff:
    """A holiday of the country (`holiday`), or what somebody said last of a day; or both, and then `off` is what they said.

    `said_by` is None where nobody said anything, or the engine did; `reason` and `said_at` are there where it was said.
    """

    day: date
    off: bool
    holiday: str | None = None
    reason: str | None = None
    said_by: str | None = None
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DaysOff:
    """The days off of a year, in order. `known`: whether the public holidays of the country are known here."""

    country: str
    known: bool
    days: tuple[DayOff, ...]


def calendar(session: Session) -> Calendar:
    """The days that the office works, as its people said last or as in its country, which is looked up when asked for."""
    region = office_of(session).region
    words = select(SaidDayOff.day, SaidDayOff.off).order_by(SaidDayOff.id)
    said = dict(session.execute(words).all())  # the last word of each day

    def is_off(day: date) -> bool:
        word = said.get(day)
        return day in of_country(region, day.year) if word is None else word

    return Calendar(working_week.days(session), is_off)


def of_year(session: Session, year: int) -> DaysOff:
    """Every day of a year that is a holiday of the country or of which somebody said something. Raises UnusableDay."""
    _check_year(year)
    region = office_of(session).region
    found = {
        day: DayOff(day, off=True, holiday=name) for day, name in of_country(region, year).items()
    }
    rows = session.execute(
        select(SaidDayOff, User.username)
        .outerjoin(User, User.id == SaidDayOff.said_by)
        .where(extract("year", SaidDayOff.day) == year)
        .order_by(SaidDayOff.id)
    )
    for said, name in rows:
        holiday = of_country(region, year).get(said.day)
        found[said.day] = DayOff(said.day, said.off, holiday, said.reason, name, said.said_at)
    days = tuple(found[day] for day in sorted(found))
    return DaysOff(region, is_known(region), days)


def say(session: Session, actor: Actor, day: date, reason: str, *, off: bool) -> DayOff:
    """Say that the office does not work on a day (`off`), or works on one that was off: for cycles that are not open yet.

    Raises UnusableDay, UnusableReason.
    """
    actor.require(Permission.PROGRAMME_APPLY)
    why = reasons.plain(reason)
    _check_year(day.year)
    if not off and not calendar(session).is_off(day):
        raise UnusableDay(
            f"{day} is no day off, so it cannot be taken back.",
            next_step=f"The days off of that year: cbi office days-off {day.year}",
        )
    said = {"day": day, "off": off, "reason": why, "said_by": actor.id, "said_at": clock.now()}
    session.execute(insert(SaidDayOff).values(said))
    office = office_of(session).code
    record(session, actor, "office.day_off", "office", office, day=str(day), off=off, reason=why)
    return next(each for each in of_year(session, day.year).days if each.day == day)


def is_known(region: str) -> bool:
    """Whether the public holidays of the country are known here."""
    return _library_on(region, FIRST_YEAR) is not None


@cache
def of_country(region: str, year: int) -> Mapping[date, str]:
    """The country's public holidays in that year, by day, as the library `holidays` has them; none where it has none.

    Of feasts that hang on the moon it says when they are expected, and calls them estimated.
    """
    return MappingProxyType(_library_on(region, year) or {})


def _library_on(region: str, year: int) -> dict[date, str] | None:
    import holidays  # noqa: PLC0415 - a third of a second, for offices that ask for a working day alone

    try:
        return dict(holidays.country_holidays(region, years=year, language="en_US"))
    except NotImplementedError:
        return None


def _check_year(year: int) -> None:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise UnusableDay(f"The year {year} cannot be meant.", next_step="Check the year.")
