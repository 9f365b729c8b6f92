"""Lists of households on pages: brought, looked at first, given back with the reasons beside their rows, and followed."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console import registry_lists_words as words
from cbi.console.finance_parts import no_file, unusable
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.visit import Entry, ThisVisit, Visit
from cbi.errors import CbiError
from cbi.http.pages import Cursor, page
from cbi.http.requests import OfficeSession
from cbi.offices import office_of
from cbi.protection.exporting import row_copies, row_workbooks
from cbi.protection.exporting.endpoints import download
from cbi.registry import queries
from cbi.registry.import_models import Import, ImportKind
from cbi.registry.intake import brought, heading, importing, waiting
from cbi.registry.intake.importing import NothingUsable
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping
from cbi.registry.intake.mapping_files import load_mapping
from cbi.registry.intake.mapping_parts import LARGEST_TEXT, UnusableMapping
from cbi.registry.intake.results import ImportResult, count_reasons
from cbi.registry.intake.tables import UnusableFile
from cbi.registry.intake.wording import told
from cbi.registry.intake.xlsforms import read_form, with_form

PATH = "/registry/lists"
router = Pages()
MENU = (Entry(N_("Lists"), PATH, Permission.REGISTRY_READ, Group.REGISTRATION),)
REFUSALS = words.REFUSALS
SHOWN = 20
ROWS, REASONS = 50, 20
"""Rows of a list that are shown with their reasons, and reasons that are counted; all of them stand in the copy."""
AT_ONCE = 1_000_000
"""Bytes of a list that is taken in while somebody waits for the page, some 20,000 households; a longer one is left to
the worker. A look has no worker: whoever looks at more waits longer, half a minute for 50,000.
"""
WRITTEN = "written"
"""Chosen as the mapping: the text that stands in the form."""

Reader = Annotated[Actor, Depends(may(Permission.REGISTRY_READ))]
Importer = Annotated[Actor, Depends(may(Permission.REGISTRY_IMPORT))]
Word = Annotated[str, Form(max_length=100)]
Text = Annotated[str, Form(max_length=2 * LARGEST_TEXT)]
"""Browsers send each end of a line as two characters."""


@dataclass(frozen=True, slots=True)
class Read:
    """How a list is to be read: what was chosen on the page, and the mapping file's text if one was handed in."""

    chosen: str = ""
    text: str = ""


@router.get(PATH)
def listed(
    visit: ThisVisit, session: OfficeSession, actor: Reader, cursor: Cursor = None
) -> Response:
    """The lists that were brought, the newest first, with what came of all of them; and a form to bring one."""
    return _page(visit, session, actor, Read(), cursor=cursor)


@router.post(PATH)
def bring(
    visit: ThisVisit, session: OfficeSession, actor: Importer, file: UploadFile | None = None, mapping: Word = "",
    text: Text = "", mapping_file: UploadFile | None = None, form: UploadFile | None = None, take: Word = "",
    later: Word = "",
) -> Response:  # fmt: skip
    """Look at a list, which changes nothing, or take it in: at once, or by the worker where it is long."""
    how = _how(mapping, text, mapping_file)
    if file is None or not file.filename:
        raise no_file()
    try:
        with session.begin_nested():
            rules = _rules(session, actor, how, form)
            content = row_workbooks.unsealed(session, actor, file.file)
            if take and (later or (file.size or 0) > AT_ONCE):
                left = waiting.store(session, actor, content, filename=file.filename, mapping=rules)
                return visit.go(f"{PATH}/{left}", visit.gettext("The list is left to the worker."))
            done = importing.import_file(
                session, actor, content, filename=file.filename, mapping=rules, dry_run=not take
            )
    except NothingUsable as refusal:
        return _page(visit, session, actor, how, found=refusal.result, refusal=refusal)
    except (UnusableFile, UnusableMapping) as refusal:
        return _refused(visit, session, actor, how, refusal)
    if done.import_id is None:
        return _page(visit, session, actor, how, found=done)
    return visit.go(f"{PATH}/{done.import_id}", _said(visit, done))


@router.post(PATH + "/copy")
def copy(
    visit: ThisVisit, session: OfficeSession, actor: Importer, file: UploadFile | None = None, mapping: Word = "",
    text: Text = "", mapping_file: UploadFile | None = None, form: UploadFile | None = None,
) -> Response:  # fmt: skip
    """The same list as a workbook, with the reasons beside the rows that cannot be taken; nothing is changed or kept."""
    how = _how(mapping, text, mapping_file)
    if file is None or not file.filename:
        raise no_file()
    try:
        with session.begin_nested():
            made = row_copies.copied(
                session, actor, file.file, filename=file.filename, mapping=_rules(session, actor, how, form),
                language=visit.language, dry_run=True,
            )  # fmt: skip
    except (UnusableFile, UnusableMapping) as refusal:
        return _refused(visit, session, actor, how, refusal)
    return download(made.file)


@router.get(PATH + "/{import_id}")
def one(visit: ThisVisit, session: OfficeSession, actor: Reader, import_id: UUID) -> Response:
    """What came of one list, or how far the worker is with it."""
    found = queries.import_of(session, actor, import_id)
    return visit.show(
        "registry_lists/one.html",
        path=PATH,
        brought=found,
        state=words.state(visit, found),
        who=next(iter(names_of(session, [found.imported_by]).values()), None),
        waits=brought.waits(session, actor, [import_id]).get(import_id, 0),
        reasons=[
            (told(reason, visit.language), count)
            for reason, count in brought.counted(session, actor, import_id, REASONS)
        ],
        has_file=found.kind != ImportKind.REQUEST,
        mapping=str(import_id) if found.mapping is not None else "",
    )


def _how(chosen: str, text: str, file: UploadFile | None) -> Read:
    """What was chosen: a mapping file that is handed in counts, whatever else stands in the form."""
    if file is not None and file.filename:
        read = file.file.read(LARGEST_TEXT + 1)
        return Read(WRITTEN, read.decode("utf-8-sig", errors="replace"))
    return Read(chosen, text)


def _rules(session: Session, actor: Actor, how: Read, form: UploadFile | None) -> ColumnMapping:
    """A file's mapping, that of an earlier list, or the template. Raises UnusableMapping, UnusableFile, UnknownImport."""
    if how.chosen == WRITTEN:
        rules = load_mapping(how.text)
    elif how.chosen:
        try:
            earlier = queries.import_of(session, actor, UUID(how.chosen))
        except ValueError:
            raise unusable() from None
        rules = heading.mapping_of(session, earlier)
    else:
        rules = TEMPLATE
    if form is None or not form.filename:
        return rules
    return with_form(rules, read_form(form.file), office_of(session).languages[0])


def _said(visit: Visit, done: ImportResult) -> str:
    if done.repeated:
        return visit.gettext("This very list was taken in before: nothing changed.")
    return visit.gettext(
        "Taken in: %(landed)s, known already: %(unchanged)s, not taken: %(rejected)s.",
        landed=done.landed, unchanged=done.unchanged, rejected=done.rejected,
    )  # fmt: skip


def _refused(
    visit: Visit, session: Session, actor: Actor, how: Read, refusal: UnusableFile | UnusableMapping
) -> Response:
    """The page with what is wrong with a file as a whole; a mapping file that cannot be used is handed in anew."""
    if isinstance(refusal, UnusableMapping) and (problems := refusal.details.get("problems")):
        return _page(visit, session, actor, Read(), status=422, problems=problems)
    return _page(visit, session, actor, how, refusal=refusal)


def _page(
    visit: Visit, session: Session, actor: Actor, how: Read, *, cursor: Cursor = None,
    found: ImportResult | None = None, refusal: CbiError | None = None, status: int = 200, problems: object = (),
) -> Response:  # fmt: skip
    may_bring = actor.may_somewhere(Permission.REGISTRY_IMPORT)
    lists = page(
        session, queries.imports(actor), lambda each: each, by=[Import.imported_at, Import.id], limit=SHOWN,
        cursor=cursor, newest_first=True,
    )  # fmt: skip
    noted = [note for note in found.rows if note.reasons or note.warnings] if found else []
    return visit.show(
        "registry_lists/list.html",
        status=status,
        refusal=refusal,
        path=PATH,
        how=how,
        mappings=_mappings(visit, session, actor, how) if may_bring else [],
        columns=words.columns(visit.language),
        lost=words.missing(refusal),
        problems=problems,
        found=found,
        changed=words.changed(found) if found else 0,
        flags=words.flags(visit, found) if found else [],
        reasons=[(told(each, visit.language), n) for each, n in count_reasons(noted)[:REASONS]],
        rows=[(note.sheet, note.line, words.of_row(note, visit.language)) for note in noted[:ROWS]],
        more=len(noted) - ROWS,
        may_bring=may_bring,
        totals=brought.totals(session, actor),
        lists=[(each, words.state(visit, each)) for each in lists.items],
        waits=brought.waits(session, actor, [each.id for each in lists.items]),
        names=names_of(session, [each.imported_by for each in lists.items]),
        older=lists.next_cursor and f"{PATH}?cursor={lists.next_cursor}",
    )  # fmt: skip


def _mappings(visit: Visit, session: Session, actor: Actor, how: Read) -> list[tuple[str, str]]:
    """The template, what was handed in a moment ago, and how the latest list of each source was read."""
    as_before = visit.gettext("As the list %(file)s of %(source)s")
    return [
        ("", visit.gettext("The office's own columns")),
        *([(WRITTEN, visit.gettext("The mapping file of a moment ago"))] if how.text else []),
        *(
            (str(each.id), as_before % {"file": each.filename, "source": each.source})
            for each in brought.mapped(session, actor)
        ),
    ]
