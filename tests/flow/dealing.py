"""An office that pays in dinars from a grant in euros, with the people who change its money."""

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.permissions import Role
from cbi.ledger import deals, funds, queries, reference_rates
from cbi.ledger.deals import Ticket
from cbi.ledger.fx_models import Deal, ReferenceRate
from cbi.ledger.queries import FundPosition
from cbi.money import Money
from cbi.programmes import applying
from cbi.proofs import books, exchange
from tests.factories import EVERYTHING, START, Colleague, colleague
from tests.flow.signing import later

TODAY = (START - timedelta(hours=2)).date()
"""A day that is never yet to come while a story is told."""
FILE = """
programme: {{code: {code}, name: Relief, kind: stipend, languages: [ar, fr, en]}}
fund: {{code: {fund}, name: European fund, currency: {kept_in}, amount: "50000", valid_from: {first}-01-01,
  valid_to: {last}-12-31}}
currency: {currency}
stipend: {{base: "0", per_member: "1000"}}
schedule: {{every: month, first: {first}-01, last: {last}-12}}
delivery: {{provider: post_office, mechanism: cash_over_counter}}
"""


class Dealers(NamedTuple):
    """Who writes deals down, and who confirms them."""

    treasurer: Colleague
    finance: Colleague


def dealers(session: Session) -> Dealers:
    return Dealers(colleague(session, Role.TREASURER), colleague(session, Role.HEAD_OF_FINANCE))


def file(**changes: str) -> str:
    """The programme file of the grant in euros."""
    said = {"code": "relief", "fund": "eu-26", "kept_in": "EUR", "currency": "DZD"}
    return FILE.format(first=START.year, last=START.year + 1, **(said | changes))


def grant(session: Session, received: str = "20000", **changes: str) -> None:
    """A programme that pays in dinars, and a fund in euros that has received money."""
    applying.apply(session, EVERYTHING, file(**changes))
    said = {"fund": "eu-26", "kept_in": "EUR"} | changes
    amount = Money.parse(received, said["kept_in"])
    assert funds.receive(session, EVERYTHING, said["fund"], amount, f"BANK-{said['fund']}")


def rate(
    session: Session, people: Dealers, value: str = "146.5", base: str = "EUR", quote: str = "DZD", *, days_ago: int = 0
) -> ReferenceRate:  # fmt: skip
    """A rate that one entered and another confirmed."""
    with later():
        made = reference_rates.propose(
            session, people.treasurer.actor, base, quote, value, "Bank of Algeria",
            clock.now().date() - timedelta(days=days_ago + 1),
        )  # fmt: skip
        return reference_rates.confirm(
            session, people.finance.actor, made.id, people.finance.code(), value
        )


def ticket(
    sold: str = "10000.00", bought: str = "1452000.00", reference: str = "FX-1", at: str | None = "145.2",
    currencies: tuple[str, str] = ("EUR", "DZD"),
) -> Ticket:  # fmt: skip
    """What the bank's paper says."""
    return Ticket(
        reference, Money.parse(sold, currencies[0]), Money.parse(bought, currencies[1]), at
    )


def dealt(
    session: Session, people: Dealers, said: Ticket | None = None, fund: str = "eu-26"
) -> Deal:
    """A deal that one wrote down and another confirmed."""
    with later():
        made = deals.propose(session, people.treasurer.actor, fund, said or ticket())
        return deals.confirm(session, people.finance.actor, made.id, people.finance.code())


def nothing_is_broken(session: Session) -> None:
    checks = (
        *books.never_overspent,
        *books.in_one_place,
        *exchange.in_one_place,
        *exchange.append_only,
    )
    assert [breach for check in checks for breach in check(session)] == []


def adds_up(position: FundPosition) -> bool:
    stages = [
        getattr(position, name)
        for name in FundPosition.__slots__
        if name not in {"code", "name", "granted", "received"}
    ]
    return sum(stages, Money.zero(position.received.currency)) == position.received


def by_currency(session: Session) -> dict[str, FundPosition]:
    return {each.received.currency: each for each in queries.fund_positions(session)}
