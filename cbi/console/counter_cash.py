"""The cash of one post office, for whoever places money with its provider: what it paid today, and when it could not."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from fastapi.responses import Response

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console import counter_office_queries as office_queries
from cbi.console.counter_paying import show
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.http.requests import OfficeSession
from cbi.ledger.queries import floats
from cbi.offices import office_of
from cbi.redemption import shortages

router = Pages()
LATELY = 20
"""How many times that the office had no cash are listed, the newest first."""


@router.get("/post-offices/{office_id}/cash")
def cash(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.FUND_READ))],
    office_id: UUID,
) -> Response:
    """How the office stands today, and what lies with its provider by our books."""
    place = office_queries.office_with_cash(session, actor, office_id)
    currency = office_of(session).currency
    return show(
        visit,
        "counter/cash.html",
        place=place,
        short=office_queries.shortage_of(session, actor, office_id),
        day=office_queries.day_of(session, office_id),
        lies=floats(session, [place.provider], currency)[place.provider],
        said=shortages.lately_said(session, office_id, LATELY),
        near=shortages.elsewhere(session, office_id),
    )
