"""The page that brings in a list of what people said before their words were kept here."""

import io
from typing import Annotated

from fastapi import Depends, Form, UploadFile
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.finance_parts import day, no_file
from cbi.console.pages import Pages
from cbi.console.registry_consent_words import HOW
from cbi.console.visit import ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.offices import office_of
from cbi.registry.consent import list_reading, lists, notices
from cbi.registry.consent.list_reading import Whole
from cbi.registry.consent.lists import TakenIn
from cbi.registry.consent.models import How
from cbi.registry.consent.recording import STAFF_MAY_SAY
from cbi.registry.intake.wording import told

PATH = "/registry/consent/list"
router = Pages()
SHOWN = 100
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Recorder = Annotated[Actor, Depends(may(Permission.CONSENT_RECORD))]
Word = Annotated[str, Form(max_length=100)]


@router.get(PATH)
def begin(visit: ThisVisit, session: OfficeSession, actor: Recorder) -> Response:
    """What a list says, and the form for one."""
    return _page(visit, session, Whole(), None)


@router.post(PATH)
def take_in(
    visit: ThisVisit, session: OfficeSession, actor: Recorder, file: UploadFile | None = None, how: Word = "",
    notice: Word = "", language: Word = "", on: Word = "", take: Word = "",
) -> Response:  # fmt: skip
    """Check a list, or take in what is whole of it; the rows that cannot be taken are shown with their reasons."""
    if file is None or not file.filename:
        raise no_file()
    whole = Whole(how, notice, language, day(on))
    found = lists.take_in(
        session, actor, file.file, filename=file.filename, whole=whole, dry_run=not take
    )
    if found.rows or found.dry_run:
        return _page(visit, session, whole, found)
    said = visit.gettext(
        "Recorded: %(taken)s rows. On record already: %(unchanged)s.", taken=found.taken, unchanged=found.unchanged
    )  # fmt: skip
    return visit.go(PATH, said)


@router.post(PATH + "/copy")
def copy(
    visit: ThisVisit, session: OfficeSession, actor: Recorder, file: UploadFile | None = None, how: Word = "",
    notice: Word = "", language: Word = "", on: Word = "",
) -> Response:  # fmt: skip
    """The same list as a workbook, with the reasons beside the rows that cannot be taken; nothing is recorded."""
    if file is None or not file.filename:
        raise no_file()
    whole = Whole(how, notice, language, day(on))
    found = lists.take_in(
        session, actor, file.file, filename=file.filename, whole=whole, dry_run=True
    )
    target = io.BytesIO()
    lists.write_report(found, file.file, target, language=visit.language)
    headers = {"Content-Disposition": 'attachment; filename="consent-list-checked.xlsx"'}
    return Response(target.getvalue(), media_type=XLSX, headers=headers)


def _page(visit: Visit, session: Session, whole: Whole, found: TakenIn | None) -> Response:
    office = office_of(session)
    today = clock.today(office.timezone)
    ways = [(str(how), visit.gettext(HOW[how])) for how in STAFF_MAY_SAY if how is not How.GUARDIAN]
    return visit.show(
        "registry_consent/list.html",
        path=PATH,
        columns=[names[0] for names in list_reading.COLUMNS.values()],
        ways=[("", "–"), *ways],
        notices=[("", "–")]
        + [(each.code, f"{each.code}/{each.version}") for each in notices.all_in_force(session, today)],
        tongues=[("", "–"), *((each, each) for each in office.languages)],
        today=today.isoformat(),
        whole=whole,
        on=whole.on.isoformat() if whole.on else "",
        found=found,
        rows=[
            (note.sheet, note.line, [told(each, visit.language) for each in note.reasons])
            for note in (found.rows[:SHOWN] if found else ())
        ],
        more=len(found.rows) - SHOWN if found else 0,
    )  # fmt: skip
