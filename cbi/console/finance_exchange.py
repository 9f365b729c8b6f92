"""Money in several currencies: what is held, the deals at the bank and what they cost, and the exchange rates."""

from typing import Annotated

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy import select

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console.finance_parts import PATH as FINANCE
from cbi.console.finance_parts import day, funds, parts
from cbi.console.finance_words import STATES
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.http.requests import OfficeSession
from cbi.ledger import deals, fx_positions, reference_rates
from cbi.ledger.deals import Ticket
from cbi.ledger.models import Fund
from cbi.money import Money

PATH = f"{FINANCE}/exchange"
router = Pages()
SHOWN = 50

Reader = Annotated[Actor, Depends(may(Permission.FUND_READ))]
Mover = Annotated[Actor, Depends(may(Permission.FUND_MOVE))]
Word = Annotated[str, Form(max_length=100)]
Words = Annotated[str, Form(max_length=500)]


@router.get(PATH)
def show(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """What is held in each currency, the deals, and the rates, the latest first."""
    rates = reference_rates.listed(session, actor)[:SHOWN]
    made = deals.listed(session, actor)[:SHOWN]
    people = [who for each in rates for who in (each.proposed_by, each.confirmed_by)]
    people += [who for each in made for who in (each.proposed_by, each.confirmed_by)]
    return visit.show(
        "finance/exchange.html",
        parts=parts(visit, actor),
        holdings=fx_positions.holdings(session),
        changed=fx_positions.changed(session),
        deals=[(each, deals.sold_of(each), deals.bought_of(each), deals.rate_of(each), deals.spread_of(each),
                deals.residual_of(each), STATES[deals.state(each)]) for each in made],
        rates=[(each, reference_rates.rate_of(each), STATES[reference_rates.state(each)]) for each in rates],
        names=names_of(session, people),
        funds_by_id=dict(session.execute(select(Fund.id, Fund.code)).all()),
        funds=funds(session),
        may_move=actor.may(Permission.FUND_MOVE),
    )  # fmt: skip


@router.post(PATH + "/rates")
def enter_rate(
    visit: ThisVisit, session: OfficeSession, actor: Mover, base: Word = "", quote: Word = "", rate: Word = "",
    source: Words = "", of: Word = "",
) -> Response:  # fmt: skip
    """Enter what one unit of a currency was worth in another."""
    reference_rates.propose(session, actor, base, quote, rate, source, day(of))
    return visit.go(PATH, visit.gettext("It is noted. It counts once somebody else confirms it."))


@router.post(PATH + "/deals")
def enter_deal(
    visit: ThisVisit, session: OfficeSession, actor: Mover, fund: Word = "", sold: Word = "", sold_in: Word = "",
    bought: Word = "", bought_in: Word = "", reference: Word = "", ticket_rate: Word = "", dealt_on: Word = "",
    moved_on: Word = "",
) -> Response:  # fmt: skip
    """Write down a deal as the bank's ticket says it."""
    ticket = Ticket(
        reference, Money.parse(sold, sold_in.strip().upper()), Money.parse(bought, bought_in.strip().upper()),
        ticket_rate.strip() or None, day(dealt_on), day(moved_on),
    )  # fmt: skip
    deals.propose(session, actor, fund, ticket)
    return visit.go(PATH, visit.gettext("It is noted. It is booked once somebody else confirms it."))  # fmt: skip
