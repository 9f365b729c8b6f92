"""The lists behind a run's sheet, a part at a time, and the list that is signed, as a file."""

import tempfile
from collections.abc import Iterator
from contextlib import closing
from typing import IO, Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends
from fastapi.responses import Response, StreamingResponse

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.approvals_words import CAUTIONS, CHANGES
from cbi.console.formats import number
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.http.pages import Cursor
from cbi.http.requests import OfficeSession
from cbi.payments.models import PaymentRun
from cbi.payments.runs import finding_lists, lists, payees, runs, summaries
from cbi.payments.runs.findings import SHARE_PERCENT, TIMES_MEDIAN
from cbi.payments.runs.sheet_models import FindingKind
from cbi.payments.signing import blocking

router = Pages()
SHOWN = 50
_BLOCK = 1 << 16
_IN_MEMORY = 1 << 20

Reader = Annotated[Actor, Depends(may(Permission.PAYMENT_READ))]


@router.get("/approvals/{run_id}/lists/{kind}")
def listed(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Reader,
    run_id: UUID,
    kind: FindingKind,
    cursor: Cursor = None,
) -> Response:
    """Which households are meant: by number and area, never by name."""
    run = runs.find_for(session, actor, run_id, Permission.PAYMENT_READ)
    found = finding_lists.listed(session, actor, run, kind, limit=SHOWN, cursor=cursor)
    facts = summaries.of(session, run)
    text = CHANGES.get(kind) or CAUTIONS[kind].what
    title = visit.gettext(
        text,
        times=number(TIMES_MEDIAN, visit.language),
        percent=number(SHARE_PERCENT, visit.language),
    )
    here = f"/approvals/{run_id}/lists/{kind}"
    return visit.show(
        "approvals/list.html",
        run=run,
        kind=kind,
        title=title,
        found=facts.of(kind),
        lines=found.items,
        is_kept=facts.made_at is not None,
        more=found.next_cursor and f"{here}?{urlencode({'cursor': found.next_cursor})}",
        is_first=cursor is None,
    )


@router.get("/approvals/{run_id}/payees")
def payees_above(visit: ThisVisit, session: OfficeSession, actor: Reader, run_id: UUID) -> Response:
    """Who gets more within thirty days than the office lets one person or account get: by number, never by name."""
    run = runs.find_for(session, actor, run_id, Permission.PAYMENT_READ)
    limit = blocking.payee_limit(session, run)
    return visit.show(
        "approvals/payees.html",
        run=run,
        limit=limit,
        lines=payees.listed(session, actor, run, limit) if limit else [],
    )


@router.get("/approvals/{run_id}/list.xlsx")
def workbook(session: OfficeSession, actor: Reader, run_id: UUID) -> Response:
    """The exact list as a workbook."""
    run = runs.find_for(session, actor, run_id, Permission.PAYMENT_READ)
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it has been sent
    try:
        lists.write_workbook(session, actor, run, file)
    except BaseException:
        file.close()
        raise
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _download(file, kind, _name(session, run, "xlsx"))


@router.get("/approvals/{run_id}/list.txt")
def text(session: OfficeSession, actor: Reader, run_id: UUID) -> Response:
    """What is signed, byte for byte."""
    run = runs.find_for(session, actor, run_id, Permission.PAYMENT_READ)
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it has been sent
    file.writelines(lists.text(session, actor, run))
    return _download(file, "text/plain; charset=utf-8", _name(session, run, "txt"))


def _name(session: OfficeSession, run: PaymentRun, ending: str) -> str:
    return f"run-{run.number}-{runs.programme_of(session, run).code}-{run.period}.{ending}"


def _download(file: IO[bytes], kind: str, name: str) -> Response:
    size = file.tell()
    file.seek(0)

    def blocks() -> Iterator[bytes]:
        with closing(file):
            yield from iter(lambda: file.read(_BLOCK), b"")

    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size)}
    return StreamingResponse(blocks(), media_type=kind, headers=headers)
