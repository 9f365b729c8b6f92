"""Pairs over HTTP: who may be on record twice and why, and what people find out about them."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.registry.linkage import deciding, queries, staff, thresholds
from cbi.registry.linkage.models import Pair
from cbi.registry.linkage.schemas import (
    DecideStaffMatch,
    DecideThresholds,
    PairOut,
    ProposeThresholds,
    SayOfPair,
    StaffMatchOut,
    TakeBackPair,
    ThresholdsOut,
)

router = Router(tags=["registry"])
Reader = Annotated[Actor, Depends(may(Permission.REGISTRY_READ))]
Decider = Annotated[Actor, Depends(may(Permission.REGISTRY_DECIDE))]
Confirmer = Annotated[Actor, Depends(may(Permission.HOUSEHOLD_CONFIRM))]


@router.get("/registry/pairs", summary="Who may be on record twice, the oldest first")
def list_pairs(
    session: OfficeSession,
    actor: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    *,
    open_only: bool = True,
) -> Page[PairOut]:
    found = page(
        session,
        queries.to_decide() if open_only else select(Pair),
        lambda pair: pair,
        by=[Pair.found_at, Pair.id],
        limit=limit,
        cursor=cursor,
    )
    return Page(items=_told(session, found.items), next_cursor=found.next_cursor)


@router.get("/registry/pairs/{pair_id}", summary="One pair, and what was said of it")
def show_pair(session: OfficeSession, actor: Reader, pair_id: UUID) -> PairOut:
    return _told(session, [deciding.pair_of(session, actor, pair_id)])[0]


@router.post("/registry/pairs/{pair_id}/say", summary="Say whether a pair is one person or two")
def say_of_pair(session: OfficeSession, actor: Decider, pair_id: UUID, body: SayOfPair) -> PairOut:
    pair = deciding.say(session, actor, pair_id, body.finding, body.reason, kept=body.kept)
    return _told(session, [pair])[0]


@router.post(
    "/registry/pairs/{pair_id}/take-back",
    summary="Open a settled pair again; two people part what was made one",
)
def take_back_pair(
    session: OfficeSession, actor: Decider, pair_id: UUID, body: TakeBackPair
) -> PairOut:
    return _told(session, [deciding.take_back(session, actor, pair_id, body.reason)])[0]


@router.post(
    "/registry/pairs/{pair_id}/uphold", summary="Let two records stay one that somebody wants back"
)
def uphold_pair(
    session: OfficeSession, actor: Decider, pair_id: UUID, body: TakeBackPair
) -> PairOut:
    return _told(session, [deciding.uphold(session, actor, pair_id, body.reason)])[0]


@router.get("/registry/thresholds", summary="From what score pairs are asked about")
def list_thresholds(session: OfficeSession, actor: Reader) -> list[ThresholdsOut]:
    return [ThresholdsOut.of(each) for each in thresholds.versions(session, actor)]


@router.post("/registry/thresholds", status_code=201, summary="Propose other scores")
def propose_thresholds(
    session: OfficeSession, actor: Decider, body: ProposeThresholds
) -> ThresholdsOut:
    return ThresholdsOut.of(
        thresholds.propose(session, actor, ask=body.ask, certain=body.certain, reason=body.reason)
    )


@router.post("/registry/thresholds/{version}/decide", summary="Accept or refuse proposed scores")
def decide_thresholds(
    session: OfficeSession, actor: Confirmer, version: int, body: DecideThresholds
) -> ThresholdsOut:
    return ThresholdsOut.of(thresholds.decide(session, actor, version, accept=body.accept))


@router.get("/registry/staff-matches", summary="Staff and tellers who may be recipients")
def list_staff_matches(session: OfficeSession, actor: Decider) -> list[StaffMatchOut]:
    return [StaffMatchOut.of(each) for each in staff.listed(session, actor)]


@router.post(
    "/registry/staff-matches/{match_id}/decide",
    status_code=204,
    summary="Say whether a colleague is that recipient",
)
def decide_staff_match(
    session: OfficeSession, actor: Decider, match_id: UUID, body: DecideStaffMatch
) -> None:
    staff.decide(session, actor, match_id, body.decision, body.reason)


def _told(session: Session, pairs: Sequence[Pair]) -> list[PairOut]:
    sides, said = queries.sides(session, pairs), queries.verdicts(session, pairs)
    return [PairOut.of(pair, sides, said) for pair in pairs]
