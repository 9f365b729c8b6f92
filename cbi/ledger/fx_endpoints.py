"""Exchange rates and deals over HTTP: who enters them, the second person who confirms, and what is held."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger import deals, fx_positions, reference_rates
from cbi.ledger.deals import Ticket
from cbi.ledger.fx_schemas import (
    ChangedOut,
    DealOut,
    EnterRate,
    FxCode,
    FxPositions,
    HoldingOut,
    ProposeDeal,
    RateOut,
    Withdraw,
)
from cbi.money import Money

router = Router(prefix="/fx", tags=["foreign exchange"])
Treasurer = Annotated[Actor, Depends(may(Permission.FUND_MOVE))]
Confirmer = Annotated[Actor, Depends(may(Permission.FX_CONFIRM))]
Reader = Annotated[Actor, Depends(may(Permission.FUND_READ))]


@router.get("/rates", summary="Every exchange rate, the latest day first")
def list_rates(session: OfficeSession, actor: Reader) -> list[RateOut]:
    return [
        RateOut.of(
            row, reference_rates.change(session, row) if reference_rates.waits(row) else None
        )
        for row in reference_rates.listed(session, actor)
    ]


@router.post("/rates", status_code=201, summary="Enter an exchange rate; it does not count yet")
def enter(session: OfficeSession, actor: Treasurer, body: EnterRate) -> RateOut:
    row = reference_rates.propose(
        session, actor, body.base, body.quote, body.rate, body.source, body.day
    )
    return RateOut.of(row, reference_rates.change(session, row))


@router.post("/rates/{rate_id}/withdrawal", summary="Drop a rate that nobody has confirmed")
def withdraw_rate(
    session: OfficeSession, actor: Confirmer, rate_id: UUID, body: Withdraw
) -> RateOut:
    return RateOut.of(reference_rates.withdraw(session, actor, rate_id, body.reason))


@router.get("/deals", summary="Every deal, the latest first")
def list_deals(session: OfficeSession, actor: Reader) -> list[DealOut]:
    return [DealOut.of(deal) for deal in deals.listed(session, actor)]


@router.post("/deals", status_code=201, summary="Write down a deal; nothing is booked yet")
def propose(session: OfficeSession, actor: Treasurer, body: ProposeDeal) -> DealOut:
    ticket = Ticket(
        body.reference, Money.parse(body.sold.amount, body.sold.currency),
        Money.parse(body.bought.amount, body.bought.currency), body.rate, body.dealt_on, body.value_date,
    )  # fmt: skip
    return DealOut.of(deals.propose(session, actor, body.fund, ticket))


@router.post("/deals/{deal_id}/confirmation", summary="Confirm a colleague's deal, and book it")
def confirm(session: OfficeSession, actor: Confirmer, deal_id: UUID, body: FxCode) -> DealOut:
    return DealOut.of(deals.confirm(session, actor, deal_id, body.one_time_code))


@router.post("/deals/{deal_id}/withdrawal", summary="Drop a deal that nobody has confirmed")
def withdraw(session: OfficeSession, actor: Confirmer, deal_id: UUID, body: Withdraw) -> DealOut:
    return DealOut.of(deals.withdraw(session, actor, deal_id, body.reason))


@router.get("/positions", summary="What is held in each currency, and what was changed")
def positions(session: OfficeSession, actor: Reader, through: date | None = None) -> FxPositions:
    actor.require(Permission.FUND_READ)
    return FxPositions(
        holdings=[HoldingOut.of(held) for held in fx_positions.holdings(session, through)],
        changed=[ChangedOut.of(pair) for pair in fx_positions.changed(session)],
    )
