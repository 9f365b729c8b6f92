"""Over HTTP: what people are told, and what each of them said to it."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, File, Form, Path, Response, UploadFile

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.languages import Spoken
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.registry.consent import listing, lists, notices, recording
from cbi.registry.consent.list_reading import Whole
from cbi.registry.consent.schemas import (
    ConsentListOut,
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


@router.post(
    "/consents/imports",
    status_code=201,
    summary="Bring in a list (XLSX, CSV) of what registered people said",
)
def take_in(
    session: OfficeSession,
    actor: Recorder,
    response: Response,
    language: Spoken,
    file: Annotated[UploadFile, File(description="The list, as docs/consent.md describes it.")],
    *,
    notice: Annotated[
        str,
        Form(max_length=60, description="For rows that name none.", examples=["registration/1"]),
    ] = "",
    how: Annotated[
        str, Form(max_length=40, description="For rows that do not say: in_person, signed, call.")
    ] = "",
    told_in: Annotated[
        str, Form(max_length=2, description="The language, for rows that name none.")
    ] = "",
    on: Annotated[date | None, Form(description="The day, for rows without one.")] = None,
    dry_run: Annotated[bool, Form(description="Check everything, and change nothing.")] = False,
) -> ConsentListOut:
    result = lists.take_in(
        session, actor, file.file, filename=file.filename or "", whole=Whole(how, notice, told_in, on), dry_run=dry_run
    )  # fmt: skip
    if result.dry_run or not result.taken:
        response.status_code = 200
    return ConsentListOut.of(result, language)
