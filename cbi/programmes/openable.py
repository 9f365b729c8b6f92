"""Which payment cycles of a programme somebody may want to open now."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.offices import office_of
from cbi.programmes import queries
from cbi.programmes.models import Cycle, Programme
from cbi.programmes.periods import Period


@dataclass(frozen=True, slots=True)
class Openable:
    """Periods without a cycle, the earliest first, the one that is most likely meant, and whether it has begun."""

    periods: tuple[Period, ...]
    likely: Period | None
    is_due: bool


def openable(session: Session, programme: Programme) -> Openable:
    """The periods of the programme that have begun, or begin next, and have no cycle.

    Further ones are not offered: a cycle fixes what is owed, and cannot be taken back. The likely one is the last that
    has begun.
    """
    schedule = queries.definition(session, programme).schedule
    opened = set(session.scalars(select(Cycle.period).where(Cycle.programme_id == programme.id)))
    today = clock.today(office_of(session).timezone)
    found = []
    for period in schedule.periods:
        if str(period) not in opened:
            found.append(period)
        if period.starts_on > today:
            break
    begun = [each for each in found if each.starts_on <= today]
    return Openable(tuple(found), begun[-1] if begun else next(iter(found), None), bool(begun))
