"""Over HTTP: appeals against assessments, and how scores cluster above thresholds."""

from typing import Annotated

from fastapi import Depends, Path

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.registry import naming
from cbi.registry.scorecards import appeal_words, appeals, clustering
from cbi.registry.scorecards.appeal_schemas import (
    AppealOut,
    ClusterOut,
    DecideAppeal,
    LodgeAppeal,
)
from cbi.registry.scorecards.models import Appeal

router = Router(tags=["assessments"])
Lodger = Annotated[Actor, Depends(may(Permission.APPEAL_LODGE))]
Decider = Annotated[Actor, Depends(may(Permission.APPEAL_DECIDE))]


@router.post("/appeals", status_code=201, summary="Appeal against an assessment")
def lodge(session: OfficeSession, actor: Lodger, body: LodgeAppeal) -> AppealOut:
    household = naming.named(session, body.household)
    made = appeals.lodge(session, actor, household, body.says, assessment=body.assessment)
    return AppealOut.of(made, appeal_words.shown(session, actor, [made])[made.id])


@router.get("/appeals", summary="Appeals that wait for a decision, or all of them")
def list_appeals(
    session: OfficeSession, actor: Lodger, limit: Limit = 50, cursor: Cursor = None, *, open_only: bool = True
) -> Page[AppealOut]:  # fmt: skip
    wanted = appeals.listed(actor, open_only=open_only)
    some = page(session, wanted, lambda row: row, by=[Appeal.id], limit=limit, cursor=cursor)
    words = appeal_words.shown(session, actor, some.items)
    return Page(
        items=[AppealOut.of(row, words[row.id]) for row in some.items],
        next_cursor=some.next_cursor,
    )


@router.post("/appeals/{number}/decide", summary="Decide an appeal, by another than who made it")
def decide(
    session: OfficeSession,
    actor: Decider,
    number: Annotated[int, Path(ge=1, le=2**53)],
    body: DecideAppeal,
) -> AppealOut:
    row = appeals.decide(
        session, actor, number, body.outcome, body.answer, answers=body.answers, on=body.on,
        reassessment=body.reassessment,
    )  # fmt: skip
    return AppealOut.of(row, appeal_words.shown(session, actor, [row])[row.id])


@router.get("/scorecards/{code}/clustering", summary="Scores within two points of each threshold")
def show_clusters(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PROOF_READ))],
    code: str,
) -> list[ClusterOut]:
    return [ClusterOut.of(one) for one in clustering.clusters(session, actor, code)]
