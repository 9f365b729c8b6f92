"""People's data over HTTP: opened for a purpose, who looked, and its destruction by two people."""

from typing import Annotated

from fastapi import Depends, Query

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.protection import erasing, retention
from cbi.protection.models import Erasure
from cbi.protection.schemas import (
    AskErasure,
    ConfirmErasure,
    DueOut,
    ErasureOut,
    ObstacleOut,
    OpenedOut,
    RefuseErasure,
    SeenOut,
)
from cbi.registry import viewing
from cbi.registry.purposes import Purpose

router = Router(tags=["people's data"])
Opener = Annotated[Actor, Depends(may(Permission.PERSON_OPEN))]
Reader = Annotated[Actor, Depends(may(Permission.REGISTRY_READ))]
Asker = Annotated[Actor, Depends(may(Permission.ERASURE_ASK))]
Confirmer = Annotated[Actor, Depends(may(Permission.ERASURE_CONFIRM))]


# Not a POST: the answer to a POST is kept, so that it can be given again, and nobody's name is to be kept there.
@router.get("/people", summary="Open what identifies a household's people; the look is noted")
def open_household(
    session: OfficeSession,
    actor: Opener,
    household: str,
    purpose: Purpose,
    field: Annotated[list[viewing.Field], Query(min_length=1)],
) -> list[OpenedOut]:
    found = viewing.opened(session, actor, household, field, purpose)
    return [OpenedOut.of(one) for one in found]


@router.get("/people/views", summary="Who has looked at the people of a household")
def list_views(session: OfficeSession, actor: Reader, household: str) -> list[SeenOut]:
    names = actor.may(Permission.VIEWS_READ)
    return [SeenOut.of(one) for one in viewing.seen(session, actor, household, names=names)]


@router.get("/erasures", summary="Proposals to destroy people's data, and what came of them")
def list_erasures(
    session: OfficeSession, actor: Asker, *, waiting: bool = False
) -> list[ErasureOut]:
    return [ErasureOut.of(each) for each in erasing.listed(session, actor, waiting=waiting)]


@router.get("/erasures/due", summary="What was kept as long as it may be")
def list_due(session: OfficeSession, actor: Asker) -> DueOut:
    return DueOut.of(retention.due(session, actor))


@router.post("/erasures", status_code=201, summary="Propose to destroy data; nothing is destroyed")
def ask(session: OfficeSession, actor: Asker, body: AskErasure) -> ErasureOut:
    if body.households:
        return _shown(session, erasing.ask(session, actor, body.households, body.reason))
    return _shown(session, retention.ask_for_what_is_due(session, actor, body.reason))


@router.post("/erasures/{number}/confirmation", summary="Destroy data as a colleague proposed")
def confirm(
    session: OfficeSession, actor: Confirmer, number: int, body: ConfirmErasure
) -> ErasureOut:
    return _shown(session, erasing.confirm(session, actor, number, body.one_time_code))


@router.post("/erasures/{number}/refusal", summary="Refuse a proposal, or take back one's own")
def refuse(
    session: OfficeSession, actor: Confirmer, number: int, body: RefuseErasure
) -> ErasureOut:
    return _shown(session, erasing.refuse(session, actor, number, body.reason))


def _shown(session: OfficeSession, erasure: Erasure) -> ErasureOut:
    return ErasureOut.of(
        erasure, [ObstacleOut.of(each) for each in erasing.obstacles(session, erasure)]
    )
