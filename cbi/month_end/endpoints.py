"""Closing a month over HTTP: the checklist, the two people who close, and the two who open it again."""

from typing import Annotated

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.month_end import closing, reopening
from cbi.month_end.schemas import AskReopening, CloseOut, ConfirmClose, LineOut, ProposeClose

router = Router(tags=["month end"])
Reader = Annotated[Actor, Depends(may(Permission.FUND_READ))]
Closer = Annotated[Actor, Depends(may(Permission.BOOKS_CLOSE))]


@router.get("/month-closes", summary="Every closing of a month, latest first")
def list_closes(session: OfficeSession, actor: Reader, month: str | None = None) -> list[CloseOut]:
    return [CloseOut.of(close) for close in closing.closes(session, actor, month)]


@router.get("/months/{month}/checklist", summary="What is done and what is open before closing")
def checklist(session: OfficeSession, actor: Reader, month: str) -> list[LineOut]:
    return [LineOut.of(line) for line in closing.check(session, actor, month)]


@router.post(
    "/months/{month}/close", status_code=201, summary="Propose to close a month; nothing is closed"
)
def propose(session: OfficeSession, actor: Closer, month: str, body: ProposeClose) -> CloseOut:
    given = {check.value: why for check, why in body.reasons.items()}
    return CloseOut.of(closing.propose(session, actor, month, given))


@router.post("/months/{month}/close/confirmation", summary="Close a month as a colleague proposed")
def confirm(session: OfficeSession, actor: Closer, month: str, body: ConfirmClose) -> CloseOut:
    return CloseOut.of(closing.confirm(session, actor, month, body.one_time_code))


@router.post("/months/{month}/reopening", summary="Ask to open a closed month again")
def reopen(session: OfficeSession, actor: Closer, month: str, body: AskReopening) -> CloseOut:
    return CloseOut.of(reopening.ask(session, actor, month, body.reason))


@router.post(
    "/months/{month}/reopening/confirmation", summary="Open a month again as a colleague asked"
)
def confirm_reopening(
    session: OfficeSession, actor: Closer, month: str, body: ConfirmClose
) -> CloseOut:
    return CloseOut.of(reopening.confirm(session, actor, month, body.one_time_code))
