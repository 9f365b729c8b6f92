"""One work sheet on pages: out to the field, back again with the reasons row by row, signed or refused."""

import io
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Form, Query, UploadFile
from fastapi import Path as InPath
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console.finance_parts import no_file
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit, Visit
from cbi.console.waiting_owed import WORK as KIND
from cbi.console.work_words import half_days, in_their_words, state
from cbi.http.requests import OfficeSession
from cbi.programmes import work_entering, work_queries, work_signing, work_totals
from cbi.programmes import work_sheets as sheets
from cbi.programmes.models import Programme
from cbi.programmes.work_digest import digest_of
from cbi.programmes.work_models import WorkSheet
from cbi.programmes.work_results import Entered, SheetRefused
from cbi.refusals import refusing

PATH = "/cash-for-work"
router = Pages()
SHOWN = 100
"""Rows on a page of a sheet."""
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Reader = Annotated[Actor, Depends(may(Permission.WORK_READ))]
Enterer = Annotated[Actor, Depends(may(Permission.WORK_ENTER))]
Signer = Annotated[Actor, Depends(may(Permission.WORK_SIGN))]
Number = Annotated[int, InPath(ge=1, le=2**31)]
Code = Annotated[str, Form(max_length=20)]
Words = Annotated[str, Form(max_length=1000)]
Digest = Annotated[str, Form(max_length=64)]


@router.get(PATH + "/sheets/{number}")
def one(
    visit: ThisVisit, session: OfficeSession, actor: Reader, number: Number,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:  # fmt: skip
    """A sheet as it stands, row by row without names, and what may be done with it."""
    sheet = work_queries.sheet(session, actor, number, Permission.WORK_READ)
    programme = session.get_one(Programme, sheet.programme_id)
    (line,) = work_queries.sheets(session, programme, WorkSheet.id == sheet.id)
    rows = work_queries.rows(session, number, line.version)
    names = names_of(session, [line.entered_by, line.signed_by])
    waits = line.version > 0 and line.signed_at is None and not line.is_refused
    may_enter = actor.may(Permission.WORK_ENTER, programme.code)
    return visit.show(
        "work/sheet.html",
        programme=programme,
        line=line,
        state=state(visit, line, work_totals.opened_periods(session, programme)),
        rows=rows[(page - 1) * SHOWN : page * SHOWN],
        pages=range(1, -(-len(rows) // SHOWN) + 1),
        page=page,
        worked=half_days(visit, line.half_days),
        names=names,
        seen=digest_of(session, number, line.version).hex() if waits else "",
        may_enter=may_enter,
        is_signed=sheets.standing(session, sheet).signed is not None,
        waits=waits,
        is_own=line.entered_by == actor.id,
        may_sign=waits and actor.may(Permission.WORK_SIGN, programme.code) and line.entered_by != actor.id,
        kind=KIND.code,
    )  # fmt: skip


@router.get(PATH + "/sheets/{number}/sheet.xlsx")
def download(visit: ThisVisit, session: OfficeSession, actor: Enterer, number: Number) -> Response:
    """The sheet as it goes to the field, with names; who took it out is noted."""
    sheet = work_queries.sheet(session, actor, number, Permission.WORK_ENTER)
    target = io.BytesIO()
    sheets.export(session, actor, sheet, target, form="xlsx", language=visit.language)
    headers = {"Content-Disposition": f'attachment; filename="work-sheet-{number}.xlsx"'}
    return Response(target.getvalue(), media_type=_XLSX, headers=headers)


@router.post(PATH + "/entered")
def take_in(
    visit: ThisVisit, session: OfficeSession, actor: Enterer, file: UploadFile | None = None, reason: Words = "",
    only_check: Annotated[str, Form(max_length=5)] = "",
) -> Response:  # fmt: skip
    """Take in a filled sheet: the whole of it, or nothing with the reasons; or only check it."""
    if file is None or not file.filename:
        raise no_file()
    try:
        made = work_entering.take_in(
            session, actor, file.file, reason=reason.strip() or None, dry_run=bool(only_check)
        )
    except SheetRefused as refusal:
        return _look(visit, session, refusal.result, reason, refusal)
    if made.dry_run:
        return _look(visit, session, made, reason, None)
    return visit.go(f"{PATH}/sheets/{made.sheet}", _said(visit, made))


@router.post(PATH + "/copy")
def copy(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Enterer,
    file: UploadFile | None = None,
    reason: Words = "",
) -> Response:
    """The same sheet as a workbook, with the reasons beside its rows; it is kept nowhere, and nothing is taken in."""
    if file is None or not file.filename:
        raise no_file()
    try:
        with session.begin_nested():
            found = work_entering.take_in(
                session, actor, file.file, reason=reason.strip() or None, dry_run=True
            )
    except SheetRefused as refusal:
        found = refusal.result
    found = replace(found, rows=in_their_words(visit, found.rows))
    target = io.BytesIO()
    file.file.seek(0)
    work_entering.write_report(found, file.file, target, language=visit.language)
    headers = {
        "Content-Disposition": f'attachment; filename="work-sheet-{found.sheet}-checked.xlsx"'
    }
    return Response(target.getvalue(), media_type=_XLSX, headers=headers)


@router.post(PATH + "/sheets/{number}/sign")
def sign(
    visit: ThisVisit, session: OfficeSession, actor: Signer, number: Number, code: Code = "", seen: Digest = ""
) -> Response:  # fmt: skip
    """Sign what the page showed: from then on it is paid, and only corrections change it."""
    try:
        digest = bytes.fromhex(seen)
    except ValueError:
        digest = b""
    work_signing.sign(session, actor, number, code, seen=digest)
    said = visit.gettext("The sheet is signed: it is paid with the next cycle.")
    return visit.go(f"{PATH}/sheets/{number}", said)


@router.post(PATH + "/sheets/{number}/refuse")
def refuse(
    visit: ThisVisit, session: OfficeSession, actor: Reader, number: Number, reason_no: Words = ""
) -> Response:
    """Refuse the version that waits, or take back one's own; it is put right and handed in anew."""
    refusing.refuse(session, actor, KIND.code, str(number), reason_no)
    return visit.go(
        f"{PATH}/sheets/{number}", visit.gettext("It is refused. Put right, it is handed in anew.")
    )


def _said(visit: Visit, made: Entered) -> str:
    if made.repeated:
        return visit.gettext("This very file was here already: nothing was taken in.")
    return visit.ngettext(
        "Version %(version)s is in, with %(num)s row. A supervisor who is not on it signs it.",
        "Version %(version)s is in, with %(num)s rows. A supervisor who is not on it signs it.",
        made.taken, version=made.version,
    )  # fmt: skip


def _look(
    visit: Visit, session: Session, result: Entered, reason: str, refusal: SheetRefused | None
) -> Response:
    """What came of a file that changed nothing, row by row; a copy of the workbook that says the same is had by handing it
    in once more, because no page holds people's names.
    """
    result = replace(result, rows=in_their_words(visit, result.rows))
    return visit.show(
        "work/looked_at.html",
        status=200 if refusal is None else 422,
        refusal=refusal,
        result=result,
        worked=half_days(visit, result.half_days),
        rows=[each for each in result.rows if each.reasons or each.warnings],
        is_signed=sheets.standing(session, session.get_one(WorkSheet, result.sheet)).signed is not None,
        reason=reason,
    )  # fmt: skip
