"""What of a cycle no fund pays, over HTTP."""

from typing import Annotated

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Limit
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.payments.runs import unfunded
from cbi.payments.runs.funding_schemas import LeftLineOut, LeftOut, UnfundedOut

router = Router(tags=["payments"])


@router.get(
    "/programmes/{code}/cycles/{period}/unfunded",
    summary="What a cycle owes that is in no run because no fund pays it, and why",
)
def show(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_READ))],
    code: str,
    period: str,
    limit: Limit = 50,
) -> UnfundedOut:
    return UnfundedOut(
        left=[LeftOut.of(each) for each in unfunded.left(session, actor, code, period)],
        entitlements=[
            LeftLineOut.of(line)
            for line in unfunded.lines(session, actor, code, period, limit=limit)
        ],
    )
