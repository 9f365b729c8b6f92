"""Moving money that was given out already, over HTTP: one person asks, another confirms."""

from typing import Annotated

from fastapi import Depends, Query

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.programmes import float_losses, fund_requests
from cbi.programmes.fund_schemas import (
    AskLoss,
    AskRecovery,
    AskRefund,
    AskReturn,
    Confirmation,
    Refusal,
    RequestOut,
)

router = Router(tags=["ledger"])
Treasurer = Annotated[Actor, Depends(may(Permission.FUND_MOVE))]
Confirmer = Annotated[Actor, Depends(may(Permission.FUND_CONFIRM))]


@router.get("/fund-requests", summary="Requests to move a fund's money, the latest first")
def list_requests(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.FUND_READ))],
    waiting: Annotated[bool | None, Query(description="Only what nobody has decided.")] = None,
) -> list[RequestOut]:
    found = fund_requests.requests(session, actor, waiting=bool(waiting))
    return [RequestOut.of(request) for request in found]


@router.post(
    "/programmes/{code}/budget-returns",
    status_code=201,
    summary="Ask to move unspent budget back to its fund, or to another programme; nothing moves yet",
)
def ask_return(session: OfficeSession, actor: Treasurer, code: str, body: AskReturn) -> RequestOut:
    request = fund_requests.ask_return(
        session, actor, code, body.amount, body.reference, body.reason, to=body.to_programme, fund=body.fund
    )  # fmt: skip
    return RequestOut.of(request)


@router.post(
    "/funds/{code}/refunds",
    status_code=201,
    summary="Ask to send unspent money back to the donor; nothing moves yet",
)
def ask_refund(session: OfficeSession, actor: Treasurer, code: str, body: AskRefund) -> RequestOut:
    request = fund_requests.ask_refund(
        session, actor, code, body.amount, body.reference, body.reason
    )
    return RequestOut.of(request)


@router.post(
    "/programmes/{code}/float-losses",
    status_code=201,
    summary="Ask to give up money that is lost with a provider; nothing moves yet",
)
def ask_loss(session: OfficeSession, actor: Treasurer, code: str, body: AskLoss) -> RequestOut:
    request = float_losses.ask_loss(
        session, actor, code, body.provider, body.amount, body.reference, body.reason, fund=body.fund
    )  # fmt: skip
    return RequestOut.of(request)


@router.post(
    "/programmes/{code}/float-recoveries",
    status_code=201,
    summary="Ask to take back into the books what was given up and came back; nothing moves yet",
)
def ask_recovery(
    session: OfficeSession, actor: Treasurer, code: str, body: AskRecovery
) -> RequestOut:
    request = float_losses.ask_recovery(
        session, actor, code, body.provider, body.amount, body.reference, body.reason, fund=body.fund, to_bank=body.to_bank,
        value_date=body.value_date,
    )  # fmt: skip
    return RequestOut.of(request)


@router.post(
    "/fund-requests/{number}/confirmation", summary="Confirm a colleague's request: the money moves"
)
def confirm(
    session: OfficeSession, actor: Confirmer, number: int, body: Confirmation
) -> RequestOut:
    return RequestOut.of(fund_requests.confirm(session, actor, number, body.one_time_code))


@router.post("/fund-requests/{number}/refusal", summary="Refuse a request, or take back one's own")
def refuse(session: OfficeSession, actor: Confirmer, number: int, body: Refusal) -> RequestOut:
    return RequestOut.of(fund_requests.refuse(session, actor, number, body.reason))
