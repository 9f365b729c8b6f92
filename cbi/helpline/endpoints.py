"""Complaints over HTTP, for complaint handlers only; and how much texts may tell a person."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.helpline import handling, queries
from cbi.helpline.models import Complaint
from cbi.helpline.schemas import (
    AnswerComplaint,
    AssignComplaint,
    ChoosePrivacy,
    CloseComplaint,
    ComplaintOut,
    ComplaintSheetOut,
    HiddenOut,
    NoteOnComplaint,
)
from cbi.helpline.states import Category, ComplaintState
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.registry import privacy

router = Router(tags=["complaints"])
Handler = Annotated[Actor, Depends(may(Permission.COMPLAINT_HANDLE))]


@router.get("/complaints", summary="Complaints, those that are due first")
def list_complaints(
    session: OfficeSession,
    actor: Handler,
    state: ComplaintState | None = None,
    category: Category | None = None,
    urgent: bool | None = None,  # noqa: FBT001 - a query parameter is always given by name
    overdue: bool = False,  # noqa: FBT001, FBT002
    owner_id: UUID | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ComplaintOut]:
    return page(
        session,
        queries.complaints(
            actor, state=state, category=category, urgent=urgent, overdue=overdue, owner_id=owner_id
        ),
        ComplaintOut.of,
        by=[Complaint.due_at, Complaint.id],
        limit=limit,
        cursor=cursor,
    )


@router.get("/complaints/hidden", summary="How many open complaints only protection officers see")
def hidden(session: OfficeSession, actor: Handler) -> HiddenOut:
    return HiddenOut(sensitive=queries.hidden(session, actor))


@router.get("/complaints/{complaint_id}", summary="One complaint, opened; the look is on record")
def show(session: OfficeSession, actor: Handler, complaint_id: UUID) -> ComplaintSheetOut:
    return ComplaintSheetOut.from_sheet(queries.sheet(session, actor, complaint_id))


@router.post("/complaints/{complaint_id}/answer", summary="Answer by text")
def answer(
    session: OfficeSession, actor: Handler, complaint_id: UUID, body: AnswerComplaint
) -> ComplaintOut:
    return ComplaintOut.of(handling.answer(session, actor, complaint_id, body.answer))


@router.post("/complaints/{complaint_id}/spoken", summary="Note that somebody spoke to the person")
def spoken(
    session: OfficeSession, actor: Handler, complaint_id: UUID, body: NoteOnComplaint
) -> ComplaintOut:
    return ComplaintOut.of(handling.spoken(session, actor, complaint_id, body.note))


@router.post("/complaints/{complaint_id}/assign", summary="Give a complaint an owner")
def assign(
    session: OfficeSession, actor: Handler, complaint_id: UUID, body: AssignComplaint
) -> ComplaintOut:
    return ComplaintOut.of(handling.assign(session, actor, complaint_id, body.owner_id))


@router.post("/complaints/{complaint_id}/close", summary="Close a complaint with its outcome")
def close(
    session: OfficeSession, actor: Handler, complaint_id: UUID, body: CloseComplaint
) -> ComplaintOut:
    return ComplaintOut.of(handling.close(session, actor, complaint_id, body.outcome, body.note))


@router.post("/complaints/{complaint_id}/allow-number", summary="Let texts go to its number again")
def allow_number(
    session: OfficeSession, actor: Handler, complaint_id: UUID, body: NoteOnComplaint
) -> ComplaintOut:
    return ComplaintOut.of(handling.allow_number(session, actor, complaint_id, body.note))


@router.post(
    "/persons/{person_id}/privacy", status_code=204, summary="How much texts may tell a person"
)
def choose_privacy(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PRIVACY_CHOOSE))],
    person_id: UUID,
    body: ChoosePrivacy,
) -> None:
    privacy.choose(session, actor, person_id, body.level)
