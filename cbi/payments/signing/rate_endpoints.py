"""Over HTTP: the second person of an exchange rate, who types it again where it is far from the last one."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger.fx_schemas import ConfirmRate, RateOut
from cbi.payments.signing import rate_limits

router = Router(prefix="/fx", tags=["foreign exchange"])


@router.post("/rates/{rate_id}/confirmation", summary="Let a colleague's rate count from now on")
def confirm_rate(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.FX_CONFIRM))],
    rate_id: UUID,
    body: ConfirmRate,
) -> RateOut:
    return RateOut.of(rate_limits.confirm(session, actor, rate_id, body.one_time_code, body.rate))
