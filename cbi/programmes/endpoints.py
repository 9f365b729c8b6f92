"""Programmes over HTTP: apply a file, look, open a cycle, see who is not in and why."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger.schemas import Moved
from cbi.programmes import applying, budget, cycles, days_off, queries, working_week
from cbi.programmes.fund_schemas import Allocate
from cbi.programmes.models import Cycle, EligibilityDecision, Programme
from cbi.programmes.schemas import (
    AppliedOut,
    ApplyProgramme,
    CycleOut,
    DayOffIn,
    DayOffOut,
    DaysOffOut,
    DecisionOut,
    OpenCycle,
    OpenedCycleOut,
    ProgrammeDetailOut,
    ProgrammeOut,
    Which,
    WorkingWeekOut,
)

router = Router(tags=["programmes"])
Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]


@router.post("/programmes", status_code=201, summary="Apply a programme file")
def apply(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PROGRAMME_APPLY))],
    body: ApplyProgramme,
) -> AppliedOut:
    return AppliedOut.of(applying.apply(session, actor, body.definition))


@router.post("/programmes/check", summary="See what a programme file would change")
def check(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PROGRAMME_APPLY))],
    body: ApplyProgramme,
) -> AppliedOut:
    return AppliedOut.of(applying.check(session, actor, body.definition))


@router.get("/programmes", summary="Programmes, by code")
def list_programmes(
    session: OfficeSession, actor: Reader, limit: Limit = 50, cursor: Cursor = None
) -> Page[ProgrammeOut]:
    wanted = queries.programmes(actor.programmes(Permission.PROGRAMME_READ))
    return page(session, wanted, ProgrammeOut.of, by=[Programme.code], limit=limit, cursor=cursor)


@router.get("/programmes/{code}", summary="One programme with its latest rules")
def show(session: OfficeSession, actor: Reader, code: str) -> ProgrammeDetailOut:
    actor.require(Permission.PROGRAMME_READ, code)
    programme = queries.find(session, code)
    return ProgrammeDetailOut(
        **ProgrammeOut.of(programme).model_dump(),
        definition=queries.definition(session, programme).canonical(),
    )


@router.post("/programmes/{code}/cycles", status_code=201, summary="Open a payment cycle")
def open_cycle(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.CYCLE_OPEN))],
    code: str,
    body: OpenCycle,
) -> OpenedCycleOut:
    return OpenedCycleOut.of(cycles.open_cycle(session, actor, code, body.period))


@router.post(
    "/programmes/{code}/allocations",
    status_code=201,
    summary="Give part of one of its funds to a programme",
)
def allocate(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.FUND_MOVE))],
    code: str,
    body: Allocate,
) -> Moved:
    booked = budget.allocate(
        session, actor, code, body.amount, body.reference, currency=body.currency, fund=body.fund
    )
    return Moved(booked=booked)


@router.get("/programmes/{code}/cycles", summary="A programme's cycles, the latest first")
def list_cycles(session: OfficeSession, actor: Reader, code: str) -> list[CycleOut]:
    actor.require(Permission.PROGRAMME_READ, code)
    programme = queries.find(session, code)
    return [
        CycleOut.of(line) for line in queries.cycles(session, Cycle.programme_id == programme.id)
    ]


@router.get("/cycles/{cycle_id}/decisions", summary="Who is not in a cycle, and every reason why")
def list_decisions(
    session: OfficeSession,
    actor: Reader,
    cycle_id: UUID,
    which: Which = "ineligible",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DecisionOut]:
    programme = queries.cycle(session, cycle_id)[1]
    actor.require(Permission.PROGRAMME_READ, programme.code)
    eligible = {"ineligible": False, "eligible": True}.get(which)
    return page(
        session,
        queries.decisions(cycle_id, eligible=eligible),
        DecisionOut.of,
        by=[EligibilityDecision.household_id],
        limit=limit,
        cursor=cursor,
    )


@router.get("/working-week", summary="On which days of the week the office works")
def show_week(session: OfficeSession, actor: Reader) -> WorkingWeekOut:
    return WorkingWeekOut(days=working_week.named(working_week.days(session)))


@router.post("/working-week", summary="Say on which days of the week the office works")
def change_week(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PROGRAMME_APPLY))],
    body: WorkingWeekOut,
) -> WorkingWeekOut:
    return WorkingWeekOut(days=working_week.named(working_week.change(session, actor, body.days)))


@router.get(
    "/days-off", summary="The public holidays of a year, and what people said of single days"
)
def show_days_off(session: OfficeSession, actor: Reader, year: int) -> DaysOffOut:
    return DaysOffOut.of(days_off.of_year(session, year))


@router.post("/days-off", summary="Say that the office does not work on a day, or works after all")
def say_day_off(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PROGRAMME_APPLY))],
    body: DayOffIn,
) -> DayOffOut:
    return DayOffOut.of(days_off.say(session, actor, body.day, body.reason, off=body.off))
