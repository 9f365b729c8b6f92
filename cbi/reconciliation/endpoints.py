"""Statements and discrepancies over HTTP: take in, reconcile, look, settle, assign."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, Query, Response, UploadFile

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.payments.models import Discrepancy
from cbi.payments.outcomes import settling
from cbi.reconciliation import matching, queries, statements
from cbi.reconciliation.models import StatementFile
from cbi.reconciliation.schemas import (
    AssignDiscrepancy,
    DiscrepancyOut,
    KindTotalOut,
    Reconcile,
    ReconciledOut,
    SettleDiscrepancy,
    StatementOut,
    StatementSheetOut,
    TakenInOut,
)

router = Router(tags=["reconciliation"])
Importer = Annotated[Actor, Depends(may(Permission.STATEMENT_IMPORT))]
Reader = Annotated[Actor, Depends(may(Permission.DISCREPANCY_READ))]
Provider = Annotated[str | None, Query(max_length=64)]
Settler = Annotated[Actor, Depends(may(Permission.DISCREPANCY_SETTLE))]


@router.post("/statements", status_code=201, summary="Take in a provider's statement")
def take_in(
    session: OfficeSession,
    actor: Importer,
    response: Response,
    provider: Annotated[str, Form(max_length=64)],
    file: UploadFile,
) -> TakenInOut:
    taken = statements.take_in(session, actor, provider, file.file, file.filename or "")
    if taken.already:
        response.status_code = 200
    return TakenInOut.of(taken)


@router.get("/statements", summary="Statements, newest first")
def list_statements(
    session: OfficeSession,
    actor: Reader,
    provider: Provider = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[StatementOut]:
    return page(
        session,
        queries.statements(actor, provider),
        StatementOut.of,
        by=[StatementFile.imported_at, StatementFile.id],
        limit=limit,
        cursor=cursor,
        newest_first=True,
    )


@router.get("/statements/{statement_id}", summary="One statement, and what became of its lines")
def show_statement(session: OfficeSession, actor: Reader, statement_id: UUID) -> StatementSheetOut:
    return StatementSheetOut.from_sheet(queries.sheet(session, actor, statement_id))


@router.post("/reconciliations", summary="Compare a provider's statements with our payments")
def reconcile(session: OfficeSession, actor: Importer, body: Reconcile) -> ReconciledOut:
    return ReconciledOut.of(matching.reconcile(session, actor, body.provider))


@router.get("/discrepancies", summary="What does not agree, oldest first")
def list_discrepancies(
    session: OfficeSession,
    actor: Reader,
    kind: Annotated[str | None, Query(max_length=64)] = None,
    is_open: Annotated[bool | None, Query(alias="open")] = None,
    provider: Provider = None,
    owner_id: UUID | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[DiscrepancyOut]:
    return page(
        session,
        queries.discrepancies(
            actor, kind=kind, is_open=is_open, provider=provider, owner_id=owner_id
        ),
        lambda found: DiscrepancyOut.of(session, found),
        by=[Discrepancy.since, Discrepancy.id],
        limit=limit,
        cursor=cursor,
    )


@router.get("/discrepancies/summary", summary="What is open, by kind: how many, how much, how old")
def summary(session: OfficeSession, actor: Reader, provider: Provider = None) -> list[KindTotalOut]:
    return [KindTotalOut.of(line) for line in queries.summary(session, actor, provider)]


@router.post("/discrepancies/{discrepancy_id}/settle", summary="Settle a discrepancy with a reason")
def settle(
    session: OfficeSession, actor: Settler, discrepancy_id: UUID, body: SettleDiscrepancy
) -> DiscrepancyOut:
    settling.settle(session, actor, discrepancy_id, body.resolution)
    return _out(session, discrepancy_id)


@router.post("/discrepancies/{discrepancy_id}/assign", summary="Give a discrepancy an owner")
def assign(
    session: OfficeSession, actor: Settler, discrepancy_id: UUID, body: AssignDiscrepancy
) -> DiscrepancyOut:
    settling.assign(session, actor, discrepancy_id, body.owner_id)
    return _out(session, discrepancy_id)


def _out(session: OfficeSession, discrepancy_id: UUID) -> DiscrepancyOut:
    found = session.get_one(Discrepancy, discrepancy_id, populate_existing=True)
    return DiscrepancyOut.of(session, found)
