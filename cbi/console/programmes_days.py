"""The days on which the office does not work, on a page: its country's holidays, and what people say of single days."""

from datetime import date
from typing import Annotated

from fastapi import Depends, Form, Query
from fastapi.responses import Response

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.finance_parts import day, unusable
from cbi.console.pages import Pages
from cbi.console.programmes_words import WEEKDAYS
from cbi.console.visit import ThisVisit
from cbi.http.requests import OfficeSession
from cbi.offices import office_of
from cbi.programmes import days_off, working_week
from cbi.programmes.periods import FIRST_YEAR, LAST_YEAR

PATH = "/days-off"
router = Pages()

Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Sayer = Annotated[Actor, Depends(may(Permission.PROGRAMME_APPLY))]
Year = Annotated[int | None, Query(ge=FIRST_YEAR, le=LAST_YEAR)]
Word = Annotated[str, Form(max_length=1000)]


@router.get(PATH)
def show(visit: ThisVisit, session: OfficeSession, actor: Reader, year: Year = None) -> Response:
    """The days off of a year, each with who says so, and the days of the week that are worked."""
    today: date = clock.today(office_of(session).timezone)
    wanted = year or today.year
    return visit.show(
        "programmes/days.html",
        found=days_off.of_year(session, wanted),
        year=wanted,
        years=[each for each in (wanted - 1, wanted + 1) if FIRST_YEAR <= each <= LAST_YEAR],
        week=[WEEKDAYS[each] for each in sorted(working_week.days(session))],
        may_say=actor.may(Permission.PROGRAMME_APPLY),
    )


@router.post(PATH)
def say(
    visit: ThisVisit, session: OfficeSession, actor: Sayer, of: Word = "", what: Word = "", reason: Word = ""
) -> Response:  # fmt: skip
    """Say that the office does not work on a day, or works on one that was off."""
    named = day(of)
    if named is None or what not in {"off", "works"}:
        raise unusable()
    days_off.say(session, actor, named, reason, off=what == "off")
    said = visit.gettext("It is noted. It holds for every cycle that has not opened yet.")
    return visit.go(f"{PATH}?year={named.year}", said)
