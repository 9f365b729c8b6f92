"""A programme file on pages: looked at first, with every mistake or all that it would change; then applied."""

from typing import Annotated

from fastapi import Depends, Form, UploadFile
from fastapi.responses import Response

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.finance_parts import no_file
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.http.requests import OfficeSession
from cbi.programmes import applying
from cbi.programmes.problems import ProgrammeFileErrors

PROGRAMMES = "/programmes"
PATH = "/programme-files"
router = Pages()
LARGEST = 200_000
"""Characters; the longest programme file that anybody wrote has some thousands."""

Applier = Annotated[Actor, Depends(may(Permission.PROGRAMME_APPLY))]


@router.get(PATH)
def begin(visit: ThisVisit, actor: Applier) -> Response:
    """Choose the file."""
    return visit.show("programmes/file.html", applied=None, problems=(), text="")


@router.post(PATH)
def look(
    visit: ThisVisit, session: OfficeSession, actor: Applier, file: UploadFile | None = None,
    definition: Annotated[str, Form(max_length=LARGEST)] = "",
) -> Response:  # fmt: skip
    """See what a file would change, or what is wrong in it; nothing is changed."""
    if file is not None and file.filename:
        definition = file.file.read(LARGEST).decode("utf-8-sig", errors="replace")
    if not definition.strip():
        raise no_file()
    try:
        applied = applying.check(session, actor, definition)
    except ProgrammeFileErrors as wrong:
        return visit.show(
            "programmes/file.html", status=422, applied=None, problems=wrong.problems, text=definition
        )  # fmt: skip
    return visit.show("programmes/file.html", applied=applied, problems=(), text=definition)


@router.post(PATH + "/apply")
def apply(
    visit: ThisVisit, session: OfficeSession, actor: Applier,
    definition: Annotated[str, Form(max_length=LARGEST)] = "",
) -> Response:  # fmt: skip
    """Make the programme of the file that was looked at, or its next version."""
    applied = applying.apply(session, actor, definition)
    if applied.changed:
        said = visit.gettext("Version %(version)s holds from now on.", version=applied.version)
    else:
        said = visit.gettext("The file says what is on record: nothing changed.")
    return visit.go(f"{PROGRAMMES}/{applied.programme}", said)
