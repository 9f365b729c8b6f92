"""Where each fund's money is, what each programme has left of it, what was booked, and asking to move it back or on."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console import (
    finance_exchange,
    finance_months,
    finance_moving,
    finance_owed,
    finance_receivables,
    finance_standstill,
    finance_tariffs,
    finance_values,
)
from cbi.console.finance_parts import PATH, columns, day, funds, parts, programmes
from cbi.console.finance_words import DECISIONS, OF_A_FLOAT, REFUSALS, REQUESTS
from cbi.console.languages import N_
from cbi.console.menu import Group
from cbi.console.pages import Pages
from cbi.console.visit import Entry, ThisVisit
from cbi.http.requests import OfficeSession
from cbi.ledger.chart import BUDGET
from cbi.ledger.models import Account, Fund
from cbi.ledger.queries import FundPosition
from cbi.ledger.request_models import RequestKind
from cbi.money import Money
from cbi.programmes import float_losses, fund_requests
from cbi.programmes.models import Programme
from cbi.reporting.overview import known_funds
from cbi.settings import settings

router = Pages()
for part in (
    finance_exchange, finance_tariffs, finance_values, finance_owed, finance_receivables, finance_months,
    finance_moving, finance_standstill,
):  # fmt: skip
    router.routes.extend(part.router.routes)

MENU = (Entry(N_("Money"), PATH, Permission.FUND_READ, Group.FINANCE),)
__all__ = ["MENU", "REFUSALS", "router"]
SHOWN = 50
NOTED = N_("Request %(number)s is noted. Somebody else confirms it.")

Reader = Annotated[Actor, Depends(may(Permission.FUND_READ))]
Mover = Annotated[Actor, Depends(may(Permission.FUND_MOVE))]
Word = Annotated[str, Form(max_length=100)]
Words = Annotated[str, Form(max_length=1000)]


@dataclass(frozen=True, slots=True)
class Budget:
    """What a programme has of a fund for new runs."""

    programme: str
    fund: str
    left: Money


@router.get(PATH)
def overview(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """What each fund got, committed, spent and has left, in each currency; and the requests to move it."""
    lines = [(each, stages(each)) for each in known_funds(session, actor)]
    budgets, known = _budgets(session, actor), {fund.code for fund, _ in lines}
    return visit.show(
        "finance/funds.html",
        parts=parts(visit, actor),
        lines=lines,
        sums=columns(stages for _, stages in lines),
        budgets=budgets,
        budget_sums=columns([each.left] for each in budgets),
        requests=fund_requests.requests(session, actor)[:SHOWN],
        kinds=REQUESTS,
        decisions=DECISIONS,
        programmes=programmes(session, actor, Permission.FUND_MOVE),
        funds=[(code, name) for code, name in funds(session) if code in known],
        may_refund=actor.may(Permission.FUND_MOVE),
        movements=finance_moving.lines(visit, session, actor),
        providers=[(name, name.replace("_", " ")) for name in settings().providers],
        currencies=sorted({each.left.currency for each in budgets}),
        losses=[(kind.value, visit.gettext(REQUESTS[kind])) for kind in OF_A_FLOAT],
    )


@router.post(PATH + "/requests/return")
def ask_return(
    visit: ThisVisit, session: OfficeSession, actor: Mover, programme: Word = "", to: Word = "", fund: Word = "",
    amount: Word = "", reference: Word = "", reason: Words = "",
) -> Response:  # fmt: skip
    """Ask to give unspent budget back to its fund, or to move it to another programme."""
    made = fund_requests.ask_return(
        session, actor, programme, amount, reference, reason, to=to or None, fund=fund or None
    )
    return visit.go(PATH, visit.gettext(NOTED, number=made.number))


@router.post(PATH + "/requests/refund")
def ask_refund(
    visit: ThisVisit, session: OfficeSession, actor: Mover, donor_fund: Word = "", refund: Word = "", letter: Word = "",
    why: Words = "",
) -> Response:  # fmt: skip
    """Ask to send unspent money of a fund back to its donor."""
    made = fund_requests.ask_refund(session, actor, donor_fund, refund, letter, why)
    return visit.go(PATH, visit.gettext(NOTED, number=made.number))


@router.post(PATH + "/requests/loss")
def ask_loss(
    visit: ThisVisit, session: OfficeSession, actor: Mover, what: Word = "", bearer: Word = "", provider: Word = "",
    lost: Word = "", of_fund: Word = "", evidence: Word = "", cause: Words = "",
    came_back: Word = "",
) -> Response:  # fmt: skip
    """Ask to give up money that is lost with a provider, or to take back into the books what came back of it."""
    if what == RequestKind.WRITE_OFF:
        made = float_losses.ask_loss(
            session, actor, bearer, provider, lost, evidence, cause, fund=of_fund or None
        )
    else:
        made = float_losses.ask_recovery(
            session, actor, bearer, provider, lost, evidence, cause, fund=of_fund or None,
            to_bank=what == RequestKind.BANK_RECOVERY, value_date=day(came_back),
        )  # fmt: skip
    return visit.go(PATH, visit.gettext(NOTED, number=made.number))


def stages(fund: FundPosition) -> list[Money]:
    """Got, committed, spent, changed into other currencies, left: the first is the sum of the others."""
    return [
        fund.received,
        fund.committed + fund.in_transit + fund.awaiting,
        fund.delivered + fund.fees + fund.written_off + fund.uncovered,
        fund.converted + fund.fx_borne,
        fund.unallocated + fund.available,
    ]


def _budgets(session: Session, actor: Actor) -> list[Budget]:
    left = func.sum(Account.credits_minor - Account.debits_minor)
    wanted = (
        select(Programme.code, Fund.code, Account.currency, left)
        .join(Programme, Programme.id == Account.programme_id)
        .join(Fund, Fund.id == Account.fund_id)
        .where(Account.code == BUDGET.code)
        .group_by(Programme.code, Fund.code, Account.currency)
        .order_by(Programme.code, Fund.code, Account.currency)
    )
    codes = actor.programmes(Permission.FUND_READ)
    if codes is not None:
        wanted = wanted.where(Programme.code.in_(codes))
    return [
        Budget(programme, fund, Money(int(minor), currency))
        for programme, fund, currency, minor in session.execute(wanted)
    ]
