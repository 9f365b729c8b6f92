"""Statements of the providers: taking one in, what came of it, and how well each agrees with our books."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, UploadFile
from fastapi.responses import Response

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.errors import Invalid
from cbi.http.pages import Cursor, page
from cbi.http.requests import OfficeSession
from cbi.reconciliation import matching, queries, statements
from cbi.reconciliation.models import StatementFile

router = Pages()
SHOWN = 20

Importer = Annotated[Actor, Depends(may(Permission.STATEMENT_IMPORT))]
Reader = Annotated[Actor, Depends(may(Permission.DISCREPANCY_READ))]


class NoFile(Invalid):
    """The form was sent without a file."""

    code = "statement.no_file"


@router.get("/statements")
def listed(
    visit: ThisVisit, session: OfficeSession, actor: Reader, cursor: Cursor = None
) -> Response:
    """All statements, the newest first."""
    found = page(
        session,
        queries.statements(actor),
        lambda each: each,
        by=[StatementFile.imported_at, StatementFile.id],
        limit=SHOWN,
        cursor=cursor,
        newest_first=True,
    )
    more = f"/statements?cursor={found.next_cursor}" if found.next_cursor else None
    return visit.show(
        "overview/statements.html", statements=queries.matches(session, found.items), more=more
    )


@router.post("/statements")
def take_in(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Importer,
    provider: Annotated[str, Form(max_length=64)] = "",
    file: UploadFile | None = None,
) -> Response:
    """Take a statement in and compare it with our payments at once; then show what came of it."""
    if file is None or not file.filename:
        raise NoFile("No file was chosen.", next_step="Choose the file that the provider sent.")
    taken = statements.take_in(session, actor, provider, file.file, file.filename)
    done = matching.reconcile(session, actor, provider)
    notice = (
        visit.gettext("This very file was here already: nothing was taken in.")
        if taken.already
        else visit.gettext(
            "Taken in: new lines %(new)s, matched %(matched)s, discrepancies opened %(opened)s, explained %(settled)s.",
            new=taken.new_lines,
            matched=done.matched,
            opened=done.opened,
            settled=done.settled,
        )
    )
    if not visit.may(Permission.DISCREPANCY_READ):
        return visit.go("/", notice)
    return visit.go(f"/statements/{taken.statement_id}", notice)


@router.get("/statements/{statement_id}")
def one(visit: ThisVisit, session: OfficeSession, actor: Reader, statement_id: UUID) -> Response:
    """One statement: its lines by kind, how many are matched, and what is open about them."""
    sheet = queries.sheet(session, actor, statement_id)
    (match,) = queries.matches(session, [sheet.file])
    return visit.show("overview/statement.html", sheet=sheet, match=match)
