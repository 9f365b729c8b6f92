"""Texts over HTTP, for staff: how many stand where, and which did not arrive. Never their words or their numbers."""

from typing import Annotated

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.messaging import queries
from cbi.messaging.models import Message
from cbi.messaging.schemas import MessageOut, TextsOut

router = Router(prefix="/messages", tags=["Texts"])
Reader = Annotated[Actor, Depends(may(Permission.PAYMENT_READ))]


@router.get("/summary", summary="How many texts stand where")
def summary(session: OfficeSession, actor: Reader) -> TextsOut:
    return TextsOut.model_validate(queries.by_state(session))


@router.get("", summary="Texts that did not arrive, or of which nobody knows whether they did")
def in_trouble(
    session: OfficeSession, actor: Reader, limit: Limit = 50, cursor: Cursor = None
) -> Page[MessageOut]:
    return page(
        session,
        queries.in_trouble(),
        MessageOut.model_validate,
        by=[Message.created_at, Message.id],
        limit=limit,
        cursor=cursor,
        newest_first=True,
    )
