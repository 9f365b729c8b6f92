"""How an office stands, over HTTP."""

from typing import Annotated

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import signed_in
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.reporting.overview import overview
from cbi.reporting.schemas import OverviewOut

router = Router(tags=["reporting"])


@router.get(
    "/overview", summary="How the office stands: progress, payments lately, funds, what is stuck"
)
def show(session: OfficeSession, actor: Annotated[Actor, Depends(signed_in)]) -> OverviewOut:
    return OverviewOut.of(overview(session, actor))
