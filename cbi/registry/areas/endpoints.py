"""Places over HTTP: the tree is taken in and looked at, and households are matched with it."""

from typing import Annotated

from fastapi import Depends, File, Form, Query, UploadFile

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.registry.areas import keeping, matching, queries
from cbi.registry.areas.schemas import (
    AreaOut,
    AreasOut,
    AreasTaken,
    MatchAreas,
    MatchedOut,
    OneAreaOut,
)

router = Router(tags=["registry"])
Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Changer = Annotated[Actor, Depends(may(Permission.AREAS_CHANGE))]


@router.post("/areas/imports", summary="Take in a list of places (CSV or XLSX)")
def import_areas(
    session: OfficeSession,
    actor: Changer,
    file: Annotated[
        UploadFile, File(description="P-codes and names by level, or code, name and parent.")
    ],
    *,
    dry_run: Annotated[
        bool, Form(description="Say what would come of it, and change nothing.")
    ] = False,
) -> AreasTaken:
    """New places are added and new names noted; nothing is changed or deleted. One wrong row refuses the list."""
    return AreasTaken.of(
        keeping.import_areas(
            session, actor, file.file, filename=file.filename or "areas", dry_run=dry_run
        )
    )


@router.get("/areas", summary="The tree of places")
def list_areas(
    session: OfficeSession,
    actor: Reader,
    below: Annotated[
        str | None, Query(max_length=40, description="This area and what lies in it.")
    ] = None,
) -> AreasOut:
    """Each after what it lies in."""
    return AreasOut(items=[AreaOut.of(each) for each in queries.areas(session, actor, below=below)])


@router.get("/areas/{code}", summary="One area")
def show_area(session: OfficeSession, actor: Reader, code: str) -> OneAreaOut:
    """With every name that it ever had, and what lies directly in it."""
    return OneAreaOut.of(
        queries.areas(session, actor, below=code), list(queries.called(session, actor, code))
    )


@router.post("/areas/matches", summary="Match the households' areas with the tree")
def match_areas(session: OfficeSession, actor: Changer, body: MatchAreas) -> MatchedOut:
    """Shows what each spelling means, and which mean nothing; writes the codes only when asked to."""
    return MatchedOut.of(matching.match(session, actor, write=body.write))
