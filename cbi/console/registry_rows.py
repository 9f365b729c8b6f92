"""Rows of lists that could not be taken, on pages: why, mended one by one, given up, or all of them back to the field."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, Query, UploadFile
from fastapi import Path as InPath
from fastapi.responses import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.finance_parts import no_file
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.refusals import Table
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.http.pages import Cursor, page
from cbi.http.requests import OfficeSession
from cbi.offices import office_of
from cbi.protection.exporting import row_workbooks
from cbi.protection.exporting.endpoints import download
from cbi.protection.exporting.fetching import Fetched
from cbi.registry import queries
from cbi.registry.import_models import Import, RejectedRow
from cbi.registry.intake import correcting, heading, importing, rejected
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.correcting import StillWrong
from cbi.registry.intake.importing import NothingUsable
from cbi.registry.intake.models import Ending
from cbi.registry.intake.rejected import OpenedRow
from cbi.registry.intake.wording import told
from cbi.registry.purposes import Purpose

PATH = "/registry/rows"
router = Pages()
MENU = (Entry(N_("Rejected rows"), PATH, Permission.REGISTRY_IMPORT, Group.REGISTRATION),)
REFUSALS: Table = {
    "registry.still_wrong": (
        N_("With these values the household cannot be taken either. Nothing was kept."), N_("See below what is wrong."),
    ),
    "registry.unknown_rejected_row": (N_("There is no such rejected row."), N_("Choose one from the list.")),
    "registry.rejected_row_ended": (
        N_("This row has ended already: it was corrected, given up, or is in a later list."),
        N_("Choose one from the list."),
    ),
    "registry.cannot_be_corrected": (
        N_("This row cannot be corrected by itself."),
        N_("Download the rows, correct them there, and hand them in again."),
    ),
    "registry.nothing_usable": (
        N_("No row of this file can be taken in."), N_("Correct what the list below says, and hand it in again."),
    ),
    "registry.unknown_field": (N_("There is no field or column of that name in this row."), N_("Choose another.")),
    "registry.missing_columns": (
        N_("The list lacks a column that is needed."),
        N_("Name the columns as the page says, in any of the four languages."),
    ),
    "registry.empty_file": (N_("There is nothing in the file."), N_("Export the list again.")),
    "registry.header_only": (N_("The file has a header and no rows."), N_("Export the list again.")),
    "registry.unusable_header": (
        N_("A column has no name, or two have the same."), N_("Give each column a name of its own."),
    ),
    "registry.unknown_sheet": (
        N_("The workbook has several sheets that could be meant."), N_("Leave only the one with the list."),
    ),
    "registry.unknown_file_type": (
        N_("This is no list that can be read."), N_("Hand in a workbook (XLSX) or a CSV file."),
    ),
    "registry.not_a_table": (
        N_("This is no list that can be read."), N_("Hand in a workbook (XLSX) or a CSV file."),
    ),
    "registry.damaged_file": (
        N_("The file is damaged."), N_("Open it in a spreadsheet program, save it again, and hand that in."),
    ),
    "registry.password_protected": (
        N_("The workbook is protected by a password."), N_("Save it without one, and hand that in."),
    ),
    "registry.nothing_to_mend": (N_("No row waits."), N_("Choose another list.")),
    "registry.too_many_rows_taken": (
        N_("One person takes %(most)s rows within a day."),
        N_("Hand in what you have mended, and take the others tomorrow."),
    ),
    "registry.unknown_row_workbook": (
        N_("There is no such workbook of yours."), N_("Whoever took it tells its passphrase; or take the rows anew."),
    ),
    "export.unusable_envelope": (
        N_("It cannot be told which workbook of rejected rows this was, or it was altered on its way."),
        N_("Keep the workbook's name, such as rows-17.xlsx; or hand it in without encrypting it."),
    ),
    "export.wrong_passphrase": (
        N_("It was encrypted with another passphrase than its own."),
        N_("Encrypt it with the passphrase that it came with; or hand it in without encrypting it."),
    ),
    "registry.rejected_row_destroyed": (
        N_("What stood in this row was kept as long as it may be, and is destroyed."),
        N_("Take the household in with a new list."),
    ),
    "registry.unknown_import": (N_("There is no such list."), N_("Choose one from the list.")),
}  # fmt: skip
SHOWN = 50
LISTS = 20

Importer = Annotated[Actor, Depends(may(Permission.REGISTRY_IMPORT))]
Number = Annotated[int, InPath(ge=1, le=2**62)]
Words = Annotated[str, Form(max_length=1000)]
Many = Annotated[list[str], Form(max_length=500)]


@router.get(PATH)
def listed(
    visit: ThisVisit, session: OfficeSession, actor: Importer, cursor: Cursor = None,
    import_id: Annotated[UUID | None, Query()] = None,
) -> Response:  # fmt: skip
    """The lists with rows that wait, and the rows of one list or of all, without what stands in them."""
    found = page(
        session, rejected.waiting_rows(actor, import_id), lambda each: each, by=[RejectedRow.id], limit=SHOWN, cursor=cursor
    )  # fmt: skip
    where = f"{PATH}?import_id={import_id}&" if import_id else f"{PATH}?"
    return visit.show(
        "registry_rows/list.html",
        path=PATH,
        lists=_lists(session, actor),
        taken=row_workbooks.of_mine(session, actor),
        chosen=queries.import_of(session, actor, import_id) if import_id else None,
        rows=[(row, _reasons(visit, row.reasons)) for row in found.items],
        destroyed=rejected.destroyed_rows(session, actor, import_id),
        more=found.next_cursor and f"{where}cursor={found.next_cursor}",
    )


@router.get(PATH + "/{number}")
def one(visit: ThisVisit, session: OfficeSession, actor: Importer, number: Number) -> Response:
    """One row with what stands in it, to be mended; that somebody looked is noted."""
    opened = rejected.opened(session, actor, [number], Purpose.CORRECTION)[0]
    rejected.rows_of_household(session, number)
    return _form(visit, opened, _fields(opened))


@router.post(PATH + "/{number}")
def mend(
    visit: ThisVisit, session: OfficeSession, actor: Importer, number: Number, column: Many = [], value: Many = []  # noqa: B006 - FastAPI copies them
) -> Response:  # fmt: skip
    """Read the household again with what was typed; it lands if it is right now."""
    typed = {
        name.strip(): text.strip()
        for name, text in zip(column, value, strict=False)
        if name.strip()
    }
    row = session.get(RejectedRow, number)
    kept = rejected.cells_of(office_of(session).keys, row) if row and row.cells else {}
    changed = {name: text for name, text in typed.items() if text != kept.get(name, "")}
    try:
        with session.begin_nested():
            done = correcting.correct(session, actor, number, changed)
    except StillWrong as refusal:
        opened = rejected.opened(session, actor, [number], Purpose.CORRECTION)[0]
        return _form(visit, opened, kept | typed, refusal=refusal)
    if done.ending is Ending.LANDED:
        said = visit.ngettext(
            "The household is registered, with %(num)s person.", "The household is registered, with %(num)s people.",
            done.people,
        )  # fmt: skip
    else:
        said = visit.gettext("The household is on record already, as it stands here.")
    return visit.go(PATH, said)


@router.post(PATH + "/{number}/give-up")
def give_up(
    visit: ThisVisit, session: OfficeSession, actor: Importer, number: Number, reason: Words = ""
) -> Response:
    """Give up a row and the others of its household."""
    count = rejected.drop(session, actor, number, reason)
    said = visit.ngettext("%(num)s row is given up.", "%(num)s rows are given up.", count)
    return visit.go(PATH, said)


@router.post(PATH + "/of/{import_id}/rows.zip")
def back(visit: ThisVisit, session: OfficeSession, actor: Importer, import_id: UUID) -> Response:
    """The rows of a list that wait, as an encrypted workbook to be corrected; whose they are can see that it was taken."""
    queries.import_of(session, actor, import_id)
    taken = row_workbooks.take(session, actor, import_id, language=visit.language)
    return download(Fetched(taken.name, taken.content, taken.rows))


@router.post(PATH + "/workbooks/{number}/passphrase")
def passphrase(visit: ThisVisit, session: OfficeSession, actor: Importer, number: Number) -> Response:  # fmt: skip
    """The passphrase of a workbook, to whoever took it; in this answer only."""
    words = row_workbooks.passphrase(session, actor, number)
    answer = visit.show("registry_rows/passphrase.html", path=PATH, number=number, words=words)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post(PATH + "/of/{import_id}")
def again(
    visit: ThisVisit, session: OfficeSession, actor: Importer, import_id: UUID, file: UploadFile | None = None
) -> Response:  # fmt: skip
    """Take in the corrected rows of a list, by the same mapping."""
    if file is None or not file.filename:
        raise no_file()
    mapping = heading.mapping_of(session, queries.import_of(session, actor, import_id))
    where = f"{PATH}?import_id={import_id}"
    try:
        with session.begin_nested():
            content = row_workbooks.unsealed(session, actor, file.file)
            done = importing.import_file(
                session, actor, content, filename=file.filename, mapping=mapping
            )
    except NothingUsable as refusal:
        return _nothing(visit, where, refusal)
    return visit.go(
        where,
        visit.gettext(
            "Taken in: %(landed)s, known already: %(unchanged)s, not taken: %(rejected)s.",
            landed=done.landed, unchanged=done.unchanged, rejected=done.rejected,
        ),
    )  # fmt: skip


def _nothing(visit: Visit, where: str, refusal: NothingUsable) -> Response:
    """A file of which nothing was taken, row by row."""
    rows = [
        (note.sheet, note.line, [told(each, visit.language) for each in note.reasons])
        for note in refusal.result.rows[:SHOWN]
        if note.reasons
    ]
    return visit.show("registry_rows/nothing.html", refusal=refusal, where=where, rows=rows)


def _lists(session: Session, actor: Actor) -> list[tuple[Import, int]]:
    """The last lists that have rows which wait, with how many."""
    waits = rejected.waiting_rows(actor).subquery()
    found = session.execute(
        select(Import, func.count())
        .join(waits, waits.c.import_id == Import.id)
        .group_by(Import.id)
        .order_by(Import.imported_at.desc(), Import.id)
        .limit(LISTS)
    )
    return [(brought, count) for brought, count in found]


def _fields(opened: OpenedRow) -> dict[str, str]:
    """The cells of a row, and the empty ones that something is said about."""
    said = [Reason.of(kept).column for kept in opened.row.reasons]
    return dict(opened.cells) | {name: "" for name in said if name and name not in opened.cells}


def _form(
    visit: Visit, opened: OpenedRow, fields: Mapping[str, str], *, refusal: StillWrong | None = None
) -> Response:
    said = [Reason.of(kept) for kept in opened.row.reasons]
    if refusal is not None:
        said = [reason for note in refusal.notes for reason in note.reasons]
    return visit.show(
        "registry_rows/row.html",
        path=PATH,
        row=opened.row,
        fields=list((dict.fromkeys([*_fields(opened), *fields]) | dict(fields)).items()),
        wrong={reason.column for reason in said},
        reasons=[told(reason, visit.language) for reason in said],
        can_be_mended=opened.row.household_line is not None,
        refusal=refusal,
    )


def _reasons(visit: Visit, kept: Sequence[Mapping[str, str]]) -> list[Reason]:
    return [told(Reason.of(dict(each)), visit.language) for each in kept]
