"""Booking money on its way from a page: received from a donor, given to a programme, placed with a provider."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import names_of
from cbi.access.permissions import Permission
from cbi.console.finance_parts import PATH, day
from cbi.console.languages import N_
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.ledger import funds, movements
from cbi.ledger.movements import Movement
from cbi.money import Money
from cbi.programmes import budget
from cbi.programmes.models import Programme

router = Pages()
SHOWN = 20

KINDS = {
    "receipt": N_("received from the donor"),
    "allocation": N_("given to a programme"),
    "prefunding": N_("placed with a provider"),
    "return": N_("given back to the fund"),
    "reallocation": N_("moved to another programme"),
    "refund": N_("sent back to the donor"),
    "write_off": N_("given up as lost with a provider"),
    "recovery": N_("lost before, and back with the provider"),
    "bank_recovery": N_("lost before, and back in our bank"),
}
"""What a movement was, in words."""

Mover = Annotated[Actor, Depends(may(Permission.FUND_MOVE))]
Word = Annotated[str, Form(max_length=100)]


@dataclass(frozen=True, slots=True)
class Line:
    """One movement for the reader: what, of which fund, to or from whom, how much, by whom."""

    movement: Movement
    what: str
    whom: str
    by: str


@router.post(PATH + "/receipts")
def receive(
    visit: ThisVisit, session: OfficeSession, actor: Mover, into: Word = "", received: Word = "", bank_paper: Word = "",
    arrived: Word = "",
) -> Response:  # fmt: skip
    """Book money that arrived from a donor."""
    amount = Money.parse(received, funds.find(session, into).currency)
    booked = funds.receive(session, actor, into, amount, bank_paper, day(arrived))
    return _said(visit, booked=booked)


@router.post(PATH + "/allocations")
def allocate(
    visit: ThisVisit, session: OfficeSession, actor: Mover, given_to: Word = "", out_of: Word = "", given: Word = "",
    memo: Word = "",
) -> Response:  # fmt: skip
    """Give part of a fund to a programme's budget."""
    booked = budget.allocate(session, actor, given_to, given, memo, fund=out_of or None)
    return _said(visit, booked=booked)


@router.post(PATH + "/prefundings")
def prefund(
    visit: ThisVisit, session: OfficeSession, actor: Mover, placed_with: Word = "", placed: Word = "",
    currency: Annotated[str, Form(max_length=3)] = "", transfer: Word = "", left: Word = "",
) -> Response:  # fmt: skip
    """Place money with a provider, to pay out from."""
    amount = Money.parse(placed, currency.strip().upper())
    booked = funds.prefund(session, actor, placed_with, amount, transfer, day(left))
    return _said(visit, booked=booked)


def lines(visit: Visit, session: Session, actor: Actor) -> list[Line]:
    """What was booked last, as far as the reader may know of it."""
    codes = actor.programmes(Permission.FUND_READ)
    rows = session.execute(select(Programme.id, Programme.code))
    known = {row.id: row.code for row in rows if codes is None or row.code in codes}
    found = movements.latest(session, SHOWN, None if codes is None else known.keys())
    names = names_of(session, [each.recorded_by for each in found])
    return [
        Line(
            each,
            visit.gettext(KINDS[each.kind]),
            known.get(each.programme_id) or (each.provider or "").replace("_", " "),
            names.get(each.recorded_by, "") if each.recorded_by else "",
        )
        for each in found
    ]


def _said(visit: Visit, *, booked: bool) -> Response:
    if booked:
        return visit.go(PATH, visit.gettext("It is booked."))
    return visit.go(PATH, visit.gettext("This very movement is booked already: nothing changed."))
