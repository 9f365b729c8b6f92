"""Which days of the week an office works: those of its country, until somebody says otherwise."""

from collections.abc import Sequence

from babel import Locale, UnknownLocaleError
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Invalid
from cbi.offices import office_of
from cbi.programmes.fields import WEEKDAYS, nearest
from cbi.programmes.models import WorkingWeek
from cbi.programmes.schedule import MONDAY_TO_FRIDAY


class UnusableWeek(Invalid):
    """An office cannot work on these days."""

    code = "office.unusable_week"


def days(session: Session) -> frozenset[int]:
    """The days that the office works, from 1 (Monday) to 7 (Sunday), as somebody said last or as in its country."""
    said = session.scalar(select(WorkingWeek.days).order_by(WorkingWeek.id.desc()).limit(1))
    return frozenset(said) if said else of_country(office_of(session).region)


def of_country(region: str) -> frozenset[int]:
    """The days that are worked in a country (CLDR, week data); from Monday to Friday where that is not known."""
    try:
        locale = Locale.parse(f"und_{region}")
    except (UnknownLocaleError, ValueError):
        return MONDAY_TO_FRIDAY
    rest, day = {locale.weekend_end}, locale.weekend_start
    while day != locale.weekend_end:
        rest.add(day)
        day = (day + 1) % 7
    return frozenset(day + 1 for day in range(7) if day not in rest)


def change(session: Session, actor: Actor, words: Sequence[str]) -> frozenset[int]:
    """Say on which days the office works, in English words; it holds for every cycle that has not opened yet.

    Raises UnusableWeek.
    """
    actor.require(Permission.PROGRAMME_APPLY)
    given = [word.strip().casefold() for word in words if word.strip()]
    if strange := [word for word in given if word not in WEEKDAYS]:
        raise UnusableWeek(
            f"{strange[0][:20]!r} is not a day of the week.",
            next_step=nearest(strange[0], WEEKDAYS),
        )
    if not given:
        raise UnusableWeek("No day is named.", next_step="Name at least one, such as sunday.")
    chosen = sorted({WEEKDAYS.index(word) + 1 for word in given})
    session.execute(insert(WorkingWeek).values(days=chosen, set_by=actor.id, set_at=clock.now()))
    named = [WEEKDAYS[day - 1] for day in chosen]
    record(session, actor, "office.working_week", "office", office_of(session).code, days=named)
    return frozenset(chosen)


def named(chosen: frozenset[int]) -> list[str]:
    """The days in words, from Monday on."""
    return [WEEKDAYS[day - 1] for day in sorted(chosen)]
