"""When the payment cycles of a programme open by themselves, on the clock of the office."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cbi.programmes.fields import ORDINALS, WEEKDAYS, WORKING_DAY
from cbi.programmes.periods import Every, Period
from cbi.programmes.terms import Schedule

Week = frozenset[int]
"""Days of the week, from 1 (Monday) to 7 (Sunday)."""

MONDAY_TO_FRIDAY: Week = frozenset(range(1, 6))
LAST = "last"

USUAL_TIME = time(6)
"""When a cycle opens on its day, if the programme file does not say."""

CATCH_UP = timedelta(days=7)
"""What should have opened longer ago is left to people: whoever had an outage that long wants to look first."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days that an office works: those of its `week` that are not off. `is_off` is asked only of what may open then."""

    week: Week = MONDAY_TO_FRIDAY
    is_off: Callable[[date], bool] = lambda _: False

    def is_worked(self, day: date) -> bool:
        """Whether the office works on that day."""
        return day.isoweekday() in self.week and not self.is_off(day)


USUAL = Calendar()
"""Where nobody has said anything, and no country is known."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A period, and the moment (UTC) at which its cycle opens by itself."""

    period: Period
    at: datetime


def period_of(schedule: Schedule, text: str) -> Period:
    """The period as a person names it: what is paid once has one, which may be called so, and of several months or weeks
    together the first will do. Raises UnusablePeriod.
    """
    if text.strip() == Every.ONCE == schedule.every:
        return schedule.first
    period = Period.parse(text)
    is_one = period.every == schedule.every and period.length == 1
    return period.together(schedule.interval or 1) if is_one else period


def opening_of(
    period: Period, schedule: Schedule, zone: ZoneInfo, calendar: Calendar = USUAL
) -> Opening | None:
    """When the period's cycle opens; None when people open it. `calendar`: the days that the office works.

    A day that the period does not have is its last one; so is a fifth Sunday, and a working day of a period without any. A
    time that the clock leaves out when it is put forward is as long after midnight as it would have been; of one that comes
    twice the first counts (PEP 495, fold 0).
    """
    if not schedule.opens_itself:
        return None
    day = _day(period, schedule, calendar)
    local = datetime.combine(day, schedule.opens_at or USUAL_TIME, zone)
    return Opening(period, local.astimezone(UTC))


def _day(period: Period, schedule: Schedule, calendar: Calendar) -> date:
    if schedule.opens_on is not None:
        return min(period.starts_on + timedelta(days=schedule.opens_on - 1), period.ends_on)
    which, _, what = (schedule.opens_by or "").partition(" ")
    days = (period.starts_on + timedelta(days=at) for at in range(period.days))
    if what == WORKING_DAY:
        fitting = [day for day in days if calendar.is_worked(day)] or [period.ends_on]
    else:
        fitting = [day for day in days if WEEKDAYS[day.weekday()] == what] or [period.ends_on]
    return fitting[-1] if which == LAST else fitting[min(ORDINALS.index(which), len(fitting) - 1)]


def openings(schedule: Schedule, zone: ZoneInfo, calendar: Calendar = USUAL) -> Iterator[Opening]:
    """Every opening of the programme, in order; none when people open its cycles."""
    for period in schedule.periods:
        opening = opening_of(period, schedule, zone, calendar)
        if opening is None:
            return
        yield opening


def came_due(
    schedule: Schedule,
    zone: ZoneInfo,
    since: datetime,
    now: datetime,
    calendar: Calendar = USUAL,
) -> list[Opening]:
    """What came due after `since` and by `now`."""
    return [each for each in openings(schedule, zone, calendar) if since < each.at <= now]


def upcoming(
    schedule: Schedule, zone: ZoneInfo, now: datetime, calendar: Calendar = USUAL
) -> Opening | None:
    """The next cycle that opens by itself, if there is one."""
    return next((each for each in openings(schedule, zone, calendar) if each.at > now), None)
