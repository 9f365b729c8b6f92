"""The registry over HTTP: masked households go out, needs and bands are noted, possible duplicates are decided."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.registry import bands, duplicates, naming, needs, queries
from cbi.registry.models import DuplicateFlag, Household
from cbi.registry.schemas import (
    BandsOut,
    DecideDuplicate,
    FlagOut,
    HouseholdOut,
    NeedsOut,
    NoteBand,
    NoteNeed,
)

router = Router(tags=["registry"])
Importer = Annotated[Actor, Depends(may(Permission.REGISTRY_IMPORT))]
Reader = Annotated[Actor, Depends(may(Permission.REGISTRY_READ))]
Decider = Annotated[Actor, Depends(may(Permission.REGISTRY_DECIDE))]


@router.get("/households", summary="Households, with their recipients masked")
def list_households(
    session: OfficeSession,
    actor: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: str | None = None,
) -> Page[HouseholdOut]:
    found = page(
        session,
        queries.households(actor, status=status),
        lambda row: row,
        by=[Household.id],
        limit=limit,
        cursor=cursor,
    )
    shown = queries.recipients(session, [row.id for row in found.items])
    return Page(
        items=[HouseholdOut.of(row, shown.get(row.id)) for row in found.items],
        next_cursor=found.next_cursor,
    )


@router.post("/registry/needs", status_code=201, summary="Note a household's need")
def note_need(session: OfficeSession, actor: Importer, body: NoteNeed) -> list[NeedsOut]:
    household = naming.named(session, body.household)
    needs.note(
        session, actor, household, body.need, members=body.members, on=body.on, source=body.source
    )
    return _words(needs.words_of(session, household.id))


@router.get("/registry/needs", summary="The needs that households have now, by the word")
def list_needs(session: OfficeSession, actor: Reader) -> list[NeedsOut]:
    return _words(needs.words(session, actor))


@router.post(
    "/registry/bands", status_code=201, summary="Note what an assessment made of a household"
)
def note_band(session: OfficeSession, actor: Importer, body: NoteBand) -> list[BandsOut]:
    household = naming.named(session, body.household)
    bands.note(
        session,
        actor,
        household,
        body.band,
        scorecard=body.scorecard,
        on=body.on,
        source=body.source,
    )
    return [BandsOut.of(row) for row in bands.words_of(session, household.id)]


@router.get("/registry/bands", summary="The bands that households are in now, by scorecard")
def list_bands(session: OfficeSession, actor: Reader) -> list[BandsOut]:
    return [BandsOut.of(row) for row in bands.words(session, actor)]


def _words(found: list[tuple[str, int, int]]) -> list[NeedsOut]:
    return [
        NeedsOut(need=need, households=count, members=members) for need, count, members in found
    ]


@router.get(
    "/registry/duplicates", summary="Telephones and documents that several households share"
)
def list_duplicates(
    session: OfficeSession,
    actor: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    *,
    open_only: bool = True,
    unmerged: bool = False,
) -> Page[FlagOut]:
    actor.require(Permission.REGISTRY_READ)
    found = page(
        session,
        queries.unmerged_flags() if unmerged else queries.current_flags(open_only=open_only),
        lambda flag: flag,
        by=[DuplicateFlag.flagged_at, DuplicateFlag.id],
        limit=limit,
        cursor=cursor,
    )
    shown = duplicates.with_households(session, found.items)
    return Page(items=[FlagOut.of(each) for each in shown], next_cursor=found.next_cursor)


@router.post(
    "/registry/duplicates/{flag_id}/decide", summary="Say whether it is one person or several"
)
def decide_duplicate(
    session: OfficeSession, actor: Decider, flag_id: UUID, body: DecideDuplicate
) -> FlagOut:
    flag = duplicates.decide(session, actor, flag_id, body.decision, body.reason)
    return FlagOut.of(duplicates.with_households(session, [flag])[0])
