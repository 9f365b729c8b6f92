"""Cash for work on pages: the activities with what they come to, and the sheets of one activity's groups."""

from typing import Annotated

from fastapi import Depends, Form
from fastapi import Path as InPath
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console import work_sheets
from cbi.console.finance_parts import by_currency
from cbi.console.languages import N_
from cbi.console.pages import Pages
from cbi.console.visit import Entry, ThisVisit
from cbi.console.work_words import BASES, REFUSALS, half_days, state
from cbi.http.requests import OfficeSession
from cbi.programmes import queries, work_queries, work_totals
from cbi.programmes import work_sheets as sheets
from cbi.programmes.models import Programme
from cbi.programmes.work_models import WorkActivity, WorkGroup

PATH = work_sheets.PATH
router = Pages()
MENU = (Entry(N_("Work"), PATH, Permission.WORK_READ),)
__all__ = ["MENU", "REFUSALS", "router"]
SHOWN = 200

Reader = Annotated[Actor, Depends(may(Permission.WORK_READ))]
Enterer = Annotated[Actor, Depends(may(Permission.WORK_ENTER))]
Named = Annotated[str, InPath(max_length=64)]
Word = Annotated[str, Form(max_length=64)]

router.routes.extend(work_sheets.router.routes)


@router.get(PATH)
def activities(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """Every activity that the reader may know of, by programme, with its totals."""
    found = [
        (programme, work_totals.totals(session, programme)) for programme in _programmes(session, actor)
    ]  # fmt: skip
    return visit.show(
        "work/activities.html",
        programmes=[
            (
                programme, lines,
                [
                    by_currency(getattr(each, name) for each in lines)
                    for name in ("earned", "unpaid", "late")
                ],
            )
            for programme, lines in found
            if lines
        ],
        bases=BASES,
        days=lambda count: half_days(visit, count),
        may_enter=visit.may(Permission.WORK_ENTER),
    )  # fmt: skip


@router.get(PATH + "/{programme}/{activity}")
def one(
    visit: ThisVisit, session: OfficeSession, actor: Reader, programme: Named, activity: Named
) -> Response:
    """One activity: its totals, its groups, and the sheets with how far each is."""
    actor.require(Permission.WORK_READ, programme)
    found = queries.find(session, programme)
    where = work_queries.activity(session, found, activity)
    opened = work_totals.opened_periods(session, found)
    lines = work_queries.sheets(session, found, WorkActivity.id == where.id)
    groups = session.scalars(work_queries.groups(where).order_by(WorkGroup.code)).all()
    total = next(
        each for each in work_totals.totals(session, found) if each.activity.id == where.id
    )
    return visit.show(
        "work/activity.html",
        programme=found,
        total=total,
        lines=[(line, state(visit, line, opened)) for line in lines[:SHOWN]],
        groups=[(each.code, f"{each.code}: {each.name}") for each in groups],
        bases=BASES,
        days=lambda count: half_days(visit, count),
        period=opened and max(opened),
        may_enter=actor.may(Permission.WORK_ENTER, found.code),
    )


@router.post(PATH + "/{programme}/{activity}")
def make(
    visit: ThisVisit, session: OfficeSession, actor: Enterer, programme: Named, activity: Named, group: Word = "",
    period: Word = "",
) -> Response:  # fmt: skip
    """The sheet of a group for a period; made when it is asked for first."""
    sheet = sheets.make(session, actor, programme, activity, group, period.strip())
    return visit.go(f"{PATH}/sheets/{sheet.id}")


def _programmes(session: Session, actor: Actor) -> list[Programme]:
    """The programmes of cash for work that the actor may see."""
    codes = actor.programmes(Permission.WORK_READ)
    has_work = select(WorkActivity.programme_id)
    found = session.scalars(
        queries.programmes(codes).where(Programme.id.in_(has_work)).order_by(Programme.code)
    )
    return list(found)
