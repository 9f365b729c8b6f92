"""Assessment forms on a page: handed out as a workbook for households by their numbers, and taken back filled in."""

import io
import re
from typing import Annotated

from fastapi import Depends, UploadFile
from fastapi import Form as Field
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.finance_parts import no_file
from cbi.console.pages import Pages
from cbi.console.registry_assessing_parts import choices, which
from cbi.console.registry_consent_lists import SHOWN, XLSX
from cbi.console.visit import ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.registry.intake.wording import told
from cbi.registry.scorecards import forms, telling, versions
from cbi.registry.scorecards.forms import TakenIn

PATH = "/registry/assessing/forms"
CSV = "text/csv; charset=utf-8"
router = Pages()

Assessor = Annotated[Actor, Depends(may(Permission.ASSESS))]
Word = Annotated[str, Field(max_length=200)]
Numbers = Annotated[str, Field(max_length=200_000)]


@router.get(PATH)
def begin(visit: ThisVisit, session: OfficeSession, actor: Assessor) -> Response:
    """A form to hand out, and one to take back."""
    return _page(visit, session, actor, None)


@router.post(PATH)
def hand_out(
    visit: ThisVisit, session: OfficeSession, actor: Assessor, by: Word = "", households: Numbers = "", area: Word = "",
    kind: Word = "xlsx", language: Word = "",
) -> Response:  # fmt: skip
    """The form as a file: for the households that are named, or else for those whom nobody assessed yet."""
    card, form = which(session, by)
    numbers = [each.strip() for each in re.split(r"[\n,;،؛]", households) if each.strip()]
    spoken = language if language in card.name else visit.language
    target = io.BytesIO()
    paper = forms.write(
        session, actor, card.code, form, target, numbers=numbers, area=area.strip() or None,
        kind="csv" if kind == "csv" else "xlsx", language=spoken,
    )  # fmt: skip
    name = f"assessment-{paper.form_id}.{'csv' if kind == 'csv' else 'xlsx'}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(target.getvalue(), media_type=CSV if kind == "csv" else XLSX, headers=headers)


@router.post(PATH + "/filled")
def take_in(
    visit: ThisVisit, session: OfficeSession, actor: Assessor, file: UploadFile | None = None, take: Word = ""
) -> Response:  # fmt: skip
    """Check a filled form, or take in what is whole of it; the other rows are shown with their reasons."""
    if file is None or not file.filename:
        raise no_file()
    found = forms.take_in(session, actor, file.file, dry_run=not take)
    return _page(visit, session, actor, found)


@router.post(PATH + "/copy")
def copy(
    visit: ThisVisit, session: OfficeSession, actor: Assessor, file: UploadFile | None = None
) -> Response:
    """The same form with the reasons beside the rows that cannot be taken; nothing is taken in."""
    if file is None or not file.filename:
        raise no_file()
    found = forms.take_in(session, actor, file.file, dry_run=True)
    target = io.BytesIO()
    forms.write_report(found, file.file, target, language=visit.language)
    headers = {"Content-Disposition": 'attachment; filename="assessment-checked.xlsx"'}
    return Response(target.getvalue(), media_type=XLSX, headers=headers)


def _page(visit: Visit, session: Session, actor: Actor, found: TakenIn | None) -> Response:
    bands: list[tuple[str, int]] = []
    if found is not None:
        card = versions.find(session, found.scorecard, found.version).scorecard
        bands = [
            (telling.band_name(card, band.name, visit.language), found.bands[band.name])
            for band in card.bands
            if band.name in found.bands
        ]
    return visit.show(
        "registry_assessing/forms.html",
        path=PATH,
        scorecards=choices(visit, session, actor),
        found=found,
        bands=bands,
        kinds=[("xlsx", "XLSX"), ("csv", "CSV")],
        rows=[
            (note.sheet, note.line, [told(each, visit.language) for each in note.reasons])
            for note in (found.rows[:SHOWN] if found else ())
        ],
        more=len(found.rows) - SHOWN if found else 0,
    )
