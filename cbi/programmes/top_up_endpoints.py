"""Top-ups over HTTP: propose amounts on top of what a cycle decided, look, accept or refuse."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Limit
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.programmes import queries, top_up_queries, top_up_rules, top_ups
from cbi.programmes.top_up_models import TopUp
from cbi.programmes.top_up_schemas import (
    AcceptTopUp,
    ProposeTopUp,
    RefuseTopUp,
    TopUpByRules,
    TopUpOut,
    TopUpRowOut,
)

router = Router(tags=["programmes"])
Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Proposer = Annotated[Actor, Depends(may(Permission.CYCLE_OPEN))]
Accepter = Annotated[Actor, Depends(may(Permission.VALUE_ACCEPT))]


@router.post("/cycles/{cycle_id}/top-ups", status_code=201, summary="Propose a top-up by a list")
def propose(
    session: OfficeSession, actor: Proposer, cycle_id: UUID, body: ProposeTopUp
) -> TopUpOut:
    currency = queries.cycle(session, cycle_id)[1].currency
    lines = [row.line(place, currency, body.reason) for place, row in enumerate(body.rows, 1)]
    made = top_ups.propose(
        session, actor, cycle_id, lines, reason=body.reason, reference=body.reference
    )
    return _out(session, actor, made)


@router.post(
    "/cycles/{cycle_id}/top-ups/by-rules",
    status_code=201,
    summary="Propose what the cycle's rules make of what is known now",
)
def propose_by_rules(
    session: OfficeSession, actor: Proposer, cycle_id: UUID, body: TopUpByRules
) -> TopUpOut:
    made = top_up_rules.propose(
        session, actor, cycle_id, reason=body.reason, reference=body.reference, households=body.households
    )  # fmt: skip
    return _out(session, actor, made)


@router.get("/cycles/{cycle_id}/top-ups", summary="A cycle's top-ups")
def list_top_ups(session: OfficeSession, actor: Reader, cycle_id: UUID) -> list[TopUpOut]:
    return [TopUpOut.of(line) for line in top_up_queries.listed(session, actor, cycle_id)]


@router.get("/cycles/{cycle_id}/top-ups/{number}/rows", summary="The first households of a top-up")
def list_rows(
    session: OfficeSession,
    actor: Reader,
    cycle_id: UUID,
    number: Annotated[int, Path(ge=1, le=2**31)],
    limit: Limit = 50,
) -> list[TopUpRowOut]:
    found = top_up_queries.rows(session, actor, cycle_id, number, limit)
    return [TopUpRowOut.of(row) for row in found]


@router.post("/top-ups/{top_up_id}/accept", summary="Accept a colleague's top-up: it is owed")
def accept(session: OfficeSession, actor: Accepter, top_up_id: UUID, body: AcceptTopUp) -> TopUpOut:
    return _out(session, actor, top_ups.accept(session, actor, top_up_id, body.one_time_code))


@router.post("/top-ups/{top_up_id}/refuse", summary="Refuse a top-up")
def refuse(session: OfficeSession, actor: Accepter, top_up_id: UUID, body: RefuseTopUp) -> TopUpOut:
    return _out(session, actor, top_ups.refuse(session, actor, top_up_id, body.remark))


@router.post("/top-ups/{top_up_id}/withdraw", summary="Take back a top-up of one's own")
def withdraw(
    session: OfficeSession, actor: Proposer, top_up_id: UUID, body: RefuseTopUp
) -> TopUpOut:
    return _out(session, actor, top_ups.withdraw(session, actor, top_up_id, body.remark))


def _out(session: OfficeSession, actor: Actor, top_up: TopUp) -> TopUpOut:
    found = top_up_queries.listed(session, actor, top_up.cycle_id)
    return TopUpOut.of(next(line for line in found if line.id == top_up.id))
