"""Lists of people that leave the house, over HTTP: asked for, approved, fetched encrypted, revoked, and traced."""

import io
from typing import Annotated

from fastapi import Depends, File, Path, UploadFile
from fastapi.responses import StreamingResponse

from cbi.access import users
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.protection.exporting import asking, fetching, tracing
from cbi.protection.exporting.asking import Wish
from cbi.protection.exporting.choosing import Whom
from cbi.protection.exporting.fetching import Fetched
from cbi.protection.exporting.schemas import (
    ApproveExport,
    AskExport,
    EndExport,
    ExportOut,
    PassphraseOut,
)

router = Router(tags=["people's data"])
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Reader = Annotated[Actor, Depends(may(Permission.EXPORT_READ))]
Asker = Annotated[Actor, Depends(may(Permission.EXPORT_ASK))]
Approver = Annotated[Actor, Depends(may(Permission.EXPORT_APPROVE))]
Number = Annotated[int, Path(ge=1, le=2**31, description="The list's number.")]


@router.post("/exports", status_code=201, summary="Ask for a list of people that leaves the house")
def ask(session: OfficeSession, actor: Asker, body: AskExport) -> ExportOut:
    whom = Whom(body.programme, body.period, body.area, body.everybody)
    recipient = users.id_of(session, body.recipient) if body.recipient else None
    wish = Wish(
        whom, tuple(body.columns), body.purpose, body.reason, body.fetches, recipient, body.disclosure
    )  # fmt: skip
    return ExportOut.of(asking.ask(session, actor, wish))


@router.get("/exports", summary="The lists that were asked for, the latest first")
def list_exports(session: OfficeSession, actor: Reader) -> list[ExportOut]:
    return [ExportOut.of(each) for each in asking.listed(session, actor)]


@router.get("/exports/{number}", summary="One list: who asked for what, and what became of it")
def show(session: OfficeSession, actor: Reader, number: Number) -> ExportOut:
    return ExportOut.of(asking.find(session, actor, number))


@router.post("/exports/{number}/approval", summary="Approve a list that is above the limits")
def approve(
    session: OfficeSession, actor: Approver, number: Number, body: ApproveExport
) -> ExportOut:
    return ExportOut.of(asking.approve(session, actor, number, body.one_time_code))


@router.post("/exports/{number}/refusal", summary="Refuse a list that waits")
def refuse(session: OfficeSession, actor: Approver, number: Number, body: EndExport) -> ExportOut:
    return ExportOut.of(asking.refuse(session, actor, number, body.reason))


@router.post("/exports/{number}/revocation", summary="Let a list be fetched no more")
def revoke(session: OfficeSession, actor: Reader, number: Number, body: EndExport) -> ExportOut:
    return ExportOut.of(asking.revoke(session, actor, number, body.reason))


@router.post(
    "/exports/{number}/file",
    summary="Fetch the list, an encrypted ZIP file; every fetch is noted for everybody in it",
    response_class=StreamingResponse,
)
def fetch(session: OfficeSession, actor: Asker, number: Number) -> StreamingResponse:
    return download(fetching.fetch(session, actor, number))


@router.post("/exports/{number}/passphrase", summary="The passphrase, once, to be read out")
def passphrase(session: OfficeSession, actor: Approver, number: Number) -> PassphraseOut:
    return PassphraseOut(passphrase=fetching.passphrase(session, actor, number))


@router.post("/exports/trace", summary="Which list a file, or some rows of one, came from")
def trace(
    session: OfficeSession, actor: Approver, file: Annotated[UploadFile, File()]
) -> list[dict[str, str | int]]:
    found = tracing.trace(session, actor, file.file.read())
    return [{"number": each.number, "by": each.by, "rows": each.rows} for each in found]


def download(fetched: Fetched) -> StreamingResponse:
    """The file in pieces: an answer that is sent so is never kept to be given again."""
    return StreamingResponse(
        io.BytesIO(fetched.content),
        media_type=XLSX if fetched.name.endswith(".xlsx") else "application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{fetched.name}"',
            "Content-Length": str(len(fetched.content)), "Cache-Control": "no-store",
        },
    )  # fmt: skip
