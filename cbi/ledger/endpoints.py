"""The books over HTTP: money received and placed, fund positions, the trial balance."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger import funds, past, queries
from cbi.ledger.schemas import BalanceOut, FundPositionOut, MoveAtTheBank, Moved
from cbi.money import Money

router = Router(tags=["ledger"])
Treasurer = Annotated[Actor, Depends(may(Permission.FUND_MOVE))]
Reader = Annotated[Actor, Depends(may(Permission.FUND_READ))]


@router.get("/funds", summary="Where each fund's money is")
def list_funds(session: OfficeSession, actor: Reader) -> list[FundPositionOut]:
    return [FundPositionOut.of(fund) for fund in queries.fund_positions(session)]


@router.get(
    "/trial-balance", summary="Debits and credits of every account, now or on an earlier day"
)
def trial_balance(
    session: OfficeSession,
    actor: Reader,
    through: date | None = None,
    as_known: datetime | None = None,
) -> list[BalanceOut]:
    if through is None and as_known is None:
        return [BalanceOut.of(line) for line in queries.trial_balance(session)]
    lines = past.trial_balance(session, through=through, as_known=as_known)
    return [BalanceOut.of(line) for line in lines]


@router.post("/funds/{code}/receipts", status_code=201, summary="Book money received from a donor")
def receive(session: OfficeSession, actor: Treasurer, code: str, body: MoveAtTheBank) -> Moved:
    amount = Money.parse(body.amount, body.currency)
    booked = funds.receive(session, actor, code, amount, body.reference, body.value_date)
    return Moved(booked=booked)


@router.post(
    "/providers/{provider}/prefunding", status_code=201, summary="Place money with a provider"
)
def prefund(session: OfficeSession, actor: Treasurer, provider: str, body: MoveAtTheBank) -> Moved:
    amount = Money.parse(body.amount, body.currency)
    booked = funds.prefund(session, actor, provider, amount, body.reference, body.value_date)
    return Moved(booked=booked)
