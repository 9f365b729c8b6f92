"""Households over HTTP: as they are or were on a day, what changes in them, and what waits for a second person."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.registry.carried import to_reassess
from cbi.registry.households import queries, requests, troubles
from cbi.registry.households.models import HouseholdRequest
from cbi.registry.households.recording import UnknownHome
from cbi.registry.households.schemas import (
    ChangeIn,
    ConfirmedOut,
    ConfirmIn,
    HouseholdStoryOut,
    ReassessmentOut,
    RefuseIn,
    SaidOut,
    TroubleOut,
    WaitingOut,
)
from cbi.registry.models import Household

router = Router(tags=["registry"])
Reader = Annotated[Actor, Depends(may(Permission.REGISTRY_READ))]
Changer = Annotated[Actor, Depends(may(Permission.HOUSEHOLD_CHANGE))]
Confirmer = Annotated[Actor, Depends(may(Permission.HOUSEHOLD_CONFIRM))]


@router.get("/households/{household_id}", summary="A household as it is, or as it was on a day")
def show_household(
    session: OfficeSession,
    actor: Reader,
    household_id: UUID,
    on: Annotated[
        date | None, Query(description="At the end of that day; now if left out.")
    ] = None,
) -> HouseholdStoryOut:
    found = session.get(Household, household_id)
    if found is None:
        raise UnknownHome(
            "There is no such household.", next_step="See the list: GET /api/v1/households"
        )
    return HouseholdStoryOut.of(queries.show(session, actor, found, on))


@router.post(
    "/households/{household_id}/changes",
    status_code=201,
    summary="Change a household, or ask a second person to confirm it",
)
def change_household(
    session: OfficeSession, actor: Changer, response: Response, household_id: UUID, body: ChangeIn
) -> SaidOut:
    said = requests.ask(session, actor, body.asked(session, household_id))
    if said.request is not None:
        response.status_code = 202
    return SaidOut.of(said)


@router.get("/household-changes", summary="Changes that wait for a second person")
def list_waiting(
    session: OfficeSession, actor: Reader, limit: Limit = 50, cursor: Cursor = None
) -> Page[WaitingOut]:
    found = page(
        session,
        queries.waiting(actor),
        lambda row: row,
        by=[HouseholdRequest.id],
        limit=limit,
        cursor=cursor,
    )
    numbers = queries.numbers(session, [row.household_id for row in found.items])
    return Page(
        items=[WaitingOut.of(row, numbers[row.household_id]) for row in found.items],
        next_cursor=found.next_cursor,
    )


@router.post(
    "/household-changes/{number}/confirmation", summary="Confirm what a colleague asked for"
)
def confirm_change(
    session: OfficeSession, actor: Confirmer, number: int, body: ConfirmIn
) -> ConfirmedOut:
    change = requests.confirm(
        session, actor, number, again=body.again, face_to_face=body.face_to_face
    )
    return ConfirmedOut(change_id=change)


@router.post(
    "/household-changes/{number}/refusal",
    status_code=204,
    summary="Refuse what a colleague asked for",
)
def refuse_change(session: OfficeSession, actor: Confirmer, number: int, body: RefuseIn) -> None:
    requests.refuse(session, actor, number, body.remark)


@router.get(
    "/household-reassessments",
    summary="Households whose needs or bands were carried over in a split or merge, and by when to look",
)
def list_reassessments(
    session: OfficeSession, actor: Reader, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> list[ReassessmentOut]:
    rows = session.execute(to_reassess(actor).limit(limit))
    return [ReassessmentOut.of(*row) for row in rows]


@router.get("/household-troubles", summary="Households that nobody can be paid for, and what to do")
def list_troubles(
    session: OfficeSession, actor: Reader, limit: Annotated[int, Query(ge=1, le=1000)] = 200
) -> list[TroubleOut]:
    rows = session.execute(troubles.troubles(actor).limit(limit))
    return [TroubleOut.of(row.household_id, row.source_id, row.trouble) for row in rows]
