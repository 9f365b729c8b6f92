"""Intake over HTTP: how far lists are, what of them was rejected, and households as JSON.

Lists come in where encrypted ones can be opened: `protection/exporting/row_endpoints`.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Response
from fastapi import Path as InPath

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.languages import Spoken
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import LARGEST_BODY, Router
from cbi.registry import queries
from cbi.registry.import_models import Import, RejectedRow
from cbi.registry.intake import correcting, rejected, sending
from cbi.registry.intake.schemas import (
    CorrectedOut,
    CorrectRow,
    DroppedOut,
    DropRow,
    OpenedRowOut,
    RejectedRowOut,
    SendHouseholds,
    SentOut,
)
from cbi.registry.purposes import Purpose
from cbi.registry.schemas import ImportOut

router = Router(tags=["registry"])
Importer = Annotated[Actor, Depends(may(Permission.REGISTRY_IMPORT))]
Reader = Annotated[Actor, Depends(may(Permission.REGISTRY_READ))]
RowId = Annotated[int, InPath(ge=1, le=2**62)]
_MANY_HOUSEHOLDS = 8_000_000
_DRY_RUN = "Say what would come of it, and change nothing."


@router.get("/registry/imports", summary="Imports, and how far they are")
def list_imports(
    session: OfficeSession, actor: Reader, limit: Limit = 50, cursor: Cursor = None
) -> Page[ImportOut]:
    return page(
        session,
        queries.imports(actor),
        ImportOut.of,
        by=[Import.imported_at, Import.id],
        limit=limit,
        cursor=cursor,
    )


@router.get("/registry/imports/{import_id}", summary="What came of an import, and how far it is")
def show_import(session: OfficeSession, actor: Reader, import_id: UUID) -> ImportOut:
    return ImportOut.of(queries.import_of(session, actor, import_id))


@router.post(
    "/registry/households",
    status_code=201,
    summary="Take in households from another program, up to 1,000 at once",
    openapi_extra={LARGEST_BODY: _MANY_HOUSEHOLDS},
)
def send_households(
    session: OfficeSession,
    actor: Importer,
    response: Response,
    language: Spoken,
    body: SendHouseholds,
) -> SentOut:
    result, items = sending.send(session, actor, body.source, body.plain(), dry_run=body.dry_run)
    if result.repeated or result.dry_run:
        response.status_code = 200
    return SentOut.of(result, items, language)


@router.get("/registry/rejected", summary="Rejected rows that have not ended, without their cells")
def list_rejected(
    session: OfficeSession,
    actor: Reader,
    language: Spoken,
    import_id: UUID | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RejectedRowOut]:
    return page(
        session,
        rejected.waiting_rows(actor, import_id),
        lambda row: RejectedRowOut.of(row, language),
        by=[RejectedRow.id],
        limit=limit,
        cursor=cursor,
    )


@router.get(
    "/registry/rejected/{row_id}", summary="A rejected row with its cells, for a stated purpose"
)
def open_rejected(
    session: OfficeSession, actor: Importer, language: Spoken, row_id: RowId, purpose: Purpose
) -> OpenedRowOut:
    return OpenedRowOut.opened(rejected.opened(session, actor, [row_id], purpose)[0], language)


@router.post(
    "/registry/rejected/{row_id}/correct", summary="Correct a rejected row; its household lands"
)
def correct_row(
    session: OfficeSession, actor: Importer, row_id: RowId, body: CorrectRow
) -> CorrectedOut:
    done = correcting.correct(session, actor, row_id, body.values)
    return CorrectedOut(
        ending=done.ending, source_id=done.source_id, people=done.people, rows=done.rows
    )


@router.post("/registry/rejected/{row_id}/drop", summary="Give up a rejected row, with a reason")
def drop_row(session: OfficeSession, actor: Importer, row_id: RowId, body: DropRow) -> DroppedOut:
    return DroppedOut(rows=rejected.drop(session, actor, row_id, body.reason))
