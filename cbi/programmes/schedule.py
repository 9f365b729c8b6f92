"""When the payment cycles of a programme open by themselves, on the clock of the office."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cbi.programmes.periods import Period
from cbi.programmes.terms import Schedule

USUAL_TIME = time(6)
"""When a cycle opens on its day, if the programme file does not say."""

CATCH_UP = timedelta(days=7)
"""What should have opened longer ago is left to people: whoever had an outage that long wants to look first."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A period, and the moment (UTC) at which its cycle opens by itself."""

    period: Period
    at: datetime


def opening_of(period: Period, schedule: Schedule, zone: ZoneInfo) -> Opening | None:
    """When the period's cycle opens; None when people open it.

    A day that the period does not have is its last one. A time that the clock leaves out when it is put forward is
    as long after midnight as it would have been; of one that comes twice the first counts (PEP 495, fold 0).
    """
    if schedule.opens_on is None:
        return None
    day = min(period.starts_on + timedelta(days=schedule.opens_on - 1), period.ends_on)
    local = datetime.combine(day, schedule.opens_at or USUAL_TIME, zone)
    return Opening(period, local.astimezone(UTC))


def openings(schedule: Schedule, zone: ZoneInfo) -> Iterator[Opening]:
    """Every opening of the programme, in order; none when people open its cycles."""
    period = schedule.first
    while period <= schedule.last:
        opening = opening_of(period, schedule, zone)
        if opening is None:
            return
        yield opening
        period = period.next


def came_due(schedule: Schedule, zone: ZoneInfo, since: datetime, now: datetime) -> list[Opening]:
    """What came due after `since` and by `now`."""
    return [each for each in openings(schedule, zone) if since < each.at <= now]


def upcoming(schedule: Schedule, zone: ZoneInfo, now: datetime) -> Opening | None:
    """The next cycle that opens by itself, if there is one."""
    return next((each for each in openings(schedule, zone) if each.at > now), None)
