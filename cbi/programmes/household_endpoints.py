"""A household's part in a programme over HTTP: when it takes part, what it has shown; and a cycle decided anew."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.programmes import (
    conditions,
    confirming,
    enrolling,
    making_up,
    queries,
    replaying,
    resuming,
)
from cbi.programmes.household_schemas import (
    ChangedOut,
    ChangeEnrolment,
    ConfirmDays,
    ConfirmResumption,
    DaysOut,
    DecideCondition,
    NoteCondition,
    NotedOut,
    ReplayOut,
    ResumedOut,
)

router = Router(tags=["programmes"])
Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]


@router.post(
    "/programmes/{code}/enrolments",
    status_code=201,
    summary="Say when households start, end, are suspended or resume",
)
def change_enrolments(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.ENROLMENT_CHANGE))],
    code: str,
    body: ChangeEnrolment,
) -> ChangedOut:
    changed = enrolling.change(
        session, actor, code, body.act, body.lines(), was_wrong=body.was_wrong
    )
    return ChangedOut(
        households=changed.households, waiting=changed.waiting, suspended=changed.suspended
    )


@router.get(
    "/programmes/{code}/enrolments/waiting",
    summary="Days that reach back into open cycles and wait for a second person",
)
def waiting_days(session: OfficeSession, actor: Reader, code: str) -> list[DaysOut]:
    rows = confirming.listed(session, actor, code)
    found = making_up.of_listed(session, code, rows)
    return [DaysOut.of(each, found.get(each.key)) for each in rows]


@router.post(
    "/programmes/{code}/enrolments/confirmations",
    status_code=201,
    summary="Confirm days that a colleague noted",
)
def confirm_days(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.VALUE_ACCEPT))],
    code: str,
    body: ConfirmDays,
) -> ChangedOut:
    actor.require(Permission.VALUE_ACCEPT, code)
    confirming.confirm(session, actor, body.number)
    return ChangedOut(households=1)


@router.get(
    "/programmes/{code}/resumptions/waiting",
    summary="Suspensions whose end reaches back into open cycles and waits for a second person",
)
def waiting_resumptions(session: OfficeSession, actor: Reader, code: str) -> list[ResumedOut]:
    rows = resuming.listed(session, actor, code)
    found = making_up.of_listed(session, code, rows)
    return [ResumedOut.of(each, found.get(each.key)) for each in rows]


@router.post(
    "/programmes/{code}/resumptions/confirmations",
    status_code=201,
    summary="Confirm how a colleague ended a suspension",
)
def confirm_resumption(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.VALUE_ACCEPT))],
    code: str,
    body: ConfirmResumption,
) -> ChangedOut:
    actor.require(Permission.VALUE_ACCEPT, code)
    resuming.confirm(session, actor, body.id)
    return ChangedOut(households=1)


@router.post(
    "/programmes/{code}/conditions",
    status_code=201,
    summary="Note that a household has met a condition",
)
def note_condition(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.CONDITION_NOTE))],
    code: str,
    body: NoteCondition,
) -> NotedOut:
    return NotedOut.of(
        conditions.note(session, actor, code, body.household, body.condition, body.evidence)
    )


@router.post(
    "/programmes/{code}/conditions/decisions", summary="Confirm or refuse a noted condition"
)
def decide_condition(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.CONDITION_CONFIRM))],
    code: str,
    body: DecideCondition,
) -> NotedOut:
    if body.decision == conditions.CONFIRMED:
        decided = conditions.confirm(session, actor, code, body.household, body.condition)
    else:
        decided = conditions.refuse(
            session, actor, code, body.household, body.condition, body.remark
        )
    return NotedOut.of(decided)


@router.get("/programmes/{code}/conditions", summary="Conditions that were noted")
def list_conditions(
    session: OfficeSession, actor: Reader, code: str, *, waiting: bool = False
) -> list[NotedOut]:
    actor.require(Permission.PROGRAMME_READ, code)
    programme = queries.find(session, code)
    return [NotedOut.of(each) for each in conditions.listed(session, programme, waiting=waiting)]


@router.get("/cycles/{cycle_id}/replay", summary="Decide a cycle anew from its facts, and compare")
def replay(session: OfficeSession, actor: Reader, cycle_id: UUID) -> ReplayOut:
    cycle, programme = queries.cycle(session, cycle_id)
    return ReplayOut.of(replaying.replay(session, actor, programme.code, cycle.period))
