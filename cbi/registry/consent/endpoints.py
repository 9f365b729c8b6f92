"""Over HTTP: what people are told, and what each of them said to it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.registry.consent import listing, notices, recording
from cbi.registry.consent.schemas import (
    ConsentOut,
    NoticeOut,
    ProposeNotice,
    RefuseNotice,
    SayWord,
)

router = Router(tags=["consent"])
Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Registrar = Annotated[Actor, Depends(may(Permission.REGISTRY_READ))]
Proposer = Annotated[Actor, Depends(may(Permission.NOTICE_PROPOSE))]
Accepter = Annotated[Actor, Depends(may(Permission.NOTICE_ACCEPT))]
Recorder = Annotated[Actor, Depends(may(Permission.CONSENT_RECORD))]
Number = Annotated[int, Path(ge=1, le=2**31)]


@router.get("/notices", summary="Every version of every notice, the latest first")
def list_notices(session: OfficeSession, actor: Reader) -> list[NoticeOut]:
    return [NoticeOut.of(row) for row in notices.versions(session, actor)]


@router.post("/notices", status_code=201, summary="Propose a notice's file as its next version")
def propose(session: OfficeSession, actor: Proposer, body: ProposeNotice) -> NoticeOut:
    return NoticeOut.of(notices.propose(session, actor, body.file))


@router.post(
    "/notices/{code}/versions/{version}/accept", summary="Accept what somebody else proposed"
)
def accept(session: OfficeSession, actor: Accepter, code: str, version: Number) -> NoticeOut:
    return NoticeOut.of(notices.accept(session, actor, code, version))


@router.post(
    "/notices/{code}/versions/{version}/refuse",
    summary="Refuse a proposed notice, or take one's own back",
)
def refuse(
    session: OfficeSession, actor: Proposer, code: str, version: Number, body: RefuseNotice
) -> NoticeOut:
    return NoticeOut.of(notices.refuse(session, actor, code, version, body.reason))


@router.get(
    "/households/{household_id}/consents",
    summary="What the people of a household said, the latest first",
)
def list_consents(session: OfficeSession, actor: Registrar, household_id: UUID) -> list[ConsentOut]:
    said = listing.of_household(session, actor, household_id)
    return [ConsentOut.of(row, counts=counts) for row, counts in said]


@router.post(
    "/persons/{person_id}/consents",
    status_code=201,
    summary="Record what a person said to some purposes",
)
def say(
    session: OfficeSession, actor: Recorder, person_id: UUID, body: SayWord
) -> list[ConsentOut]:
    rows = recording.say(session, actor, person_id, body.word())
    return [ConsentOut.of(row, counts=True) for row in rows]
