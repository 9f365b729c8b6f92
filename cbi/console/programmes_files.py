"""A programme file on pages: looked at first, with every mistake or all that it would change; then applied."""

from typing import Annotated

from fastapi import Depends, Form, UploadFile
from fastapi.responses import Response

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.finance_parts import no_file
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit, Visit
from cbi.errors import CbiError
from cbi.http.refused import BodyTooLarge
from cbi.http.requests import OfficeSession
from cbi.programmes import applying
from cbi.programmes.problems import ProgrammeFileErrors

PROGRAMMES = "/programmes"
PATH = "/programme-files"
router = Pages()
LARGEST = 200_000
"""Bytes; the longest programme file that anybody wrote has some thousands. A larger one is refused, never cut short."""
_Text = Annotated[str, Form(max_length=2 * LARGEST)]
"""Browsers send each end of a line as two characters."""

Applier = Annotated[Actor, Depends(may(Permission.PROGRAMME_APPLY))]


@router.get(PATH)
def begin(visit: ThisVisit, actor: Applier) -> Response:
    """Choose the file."""
    return visit.show("programmes/file.html", applied=None, problems=(), text="")


@router.post(PATH)
def look(
    visit: ThisVisit, session: OfficeSession, actor: Applier, file: UploadFile | None = None,
    definition: _Text = "",
) -> Response:  # fmt: skip
    """See what a file would change, or what is wrong in it; nothing is changed."""
    if file is not None and file.filename:
        definition = _read(file)
    if not definition.strip():
        raise no_file()
    try:
        applied = applying.check(session, actor, definition)
    except CbiError as refusal:
        return _refused(visit, definition, refusal)
    return visit.show("programmes/file.html", applied=applied, problems=(), text=definition)


@router.post(PATH + "/apply")
def apply(
    visit: ThisVisit, session: OfficeSession, actor: Applier,
    definition: _Text = "", seen: Annotated[int, Form(ge=0, le=2**31)] = 0,
) -> Response:  # fmt: skip
    """Make the programme of the file that was looked at, or its next version: that which was shown, or nothing."""
    try:
        with session.begin_nested():
            applied = applying.apply(session, actor, definition, seen=seen)
    except CbiError as refusal:
        return _refused(visit, definition, refusal)
    if applied.changed:
        said = visit.gettext("Version %(version)s holds from now on.", version=applied.version)
    else:
        said = visit.gettext("The file says what is on record: nothing changed.")
    return visit.go(f"{PROGRAMMES}/{applied.programme}", said)


def _refused(visit: Visit, text: str, refusal: CbiError) -> Response:
    """The page with what is wrong, and with the text, so that nothing of it is lost."""
    if isinstance(refusal, ProgrammeFileErrors):
        return visit.show(
            "programmes/file.html", status=422, applied=None, problems=refusal.problems, text=text
        )
    return visit.show("programmes/file.html", refusal=refusal, applied=None, problems=(), text=text)


def _read(file: UploadFile) -> str:
    """The file's text. Raises BodyTooLarge."""
    content = file.file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise BodyTooLarge(
            f"The file is larger than {LARGEST:,} bytes, so it is no programme file. Nothing was changed.",
            next_step="Choose the programme's file.",
        )
    return content.decode("utf-8-sig", errors="replace")
