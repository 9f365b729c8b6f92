"""Giving a programme money from its fund."""

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.ledger import funds
from cbi.money import Money
from cbi.programmes import queries


def allocate(
    session: Session,
    actor: Actor,
    programme: str,
    amount: str,
    reference: str,
    *,
    currency: str | None = None,
) -> bool:
    """Move part of the programme's fund into its budget. False when this reference is booked already.

    Without a currency the amount is in the programme's. Raises UnknownProgramme, UnusableAmount, UnusableMovement,
    NotCovered.
    """
    found = queries.find(session, programme)
    money = Money.parse(amount, currency or found.currency)
    return funds.allocate(session, actor, found.fund_id, found.id, found.code, money, reference)
