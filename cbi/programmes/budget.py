"""Giving a programme money from its fund."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.errors import Conflict, Invalid
from cbi.ledger import funds
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.programmes import queries
from cbi.programmes.models import Programme, ProgrammeFund


class OtherCurrency(Conflict):
    """A budget is kept in the programme's currency, and this is another."""

    code = "budget.other_currency"


class WhichFund(Invalid):
    """The programme draws on several funds, or not on that one."""

    code = "budget.which_fund"


def allocate(
    session: Session,
    actor: Actor,
    programme: str,
    amount: str,
    reference: str,
    *,
    currency: str | None = None,
    fund: str | None = None,
) -> bool:
    """Move part of one of the programme's funds into its budget. False when this reference is booked already.

    Without a currency the amount is in the programme's; without a fund it is from the only one. Raises UnknownProgramme,
    UnusableAmount, UnusableMovement, WhichFund, NotCovered.
    """
    found = queries.find(session, programme)
    money = Money.parse(amount, currency or found.currency)
    if money.currency != found.currency:
        raise OtherCurrency(
            f"The programme {found.code} pays in {found.currency}, and its budget is not kept in {money.currency}.",
            next_step=f"Change the money first (cbi fx deal … --into {found.currency}), then give it in {found.currency}.",
            currency=found.currency,
        )
    source = fund_of(session, found, fund)
    return funds.allocate(session, actor, source.id, found.id, found.code, money, reference)


def fund_of(session: Session, programme: Programme, code: str | None) -> Fund:
    """The fund of that code that a programme draws on; without a code its only one. Raises WhichFund."""
    drawn_on = session.scalars(
        select(Fund)
        .join(ProgrammeFund, ProgrammeFund.fund_id == Fund.id)
        .where(ProgrammeFund.programme_id == programme.id)
        .order_by(Fund.code)
    ).all()
    found = [fund for fund in drawn_on if code in (None, fund.code)]
    if len(found) != 1:
        codes = ", ".join(fund.code for fund in drawn_on)
        raise WhichFund(
            f"The programme {programme.code} does not draw on {code[:50]!r}."
            if code
            else f"The programme {programme.code} draws on several funds.",
            next_step=f"Name one of them: {codes}.",
            funds=[fund.code for fund in drawn_on],
        )
    return found[0]
