"""What the office holds in each currency and what it would be worth in its own; and what deals have cost. A report only."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.errors import CbiError
from cbi.ledger import past, reference_rates
from cbi.ledger.chart import BANK, FLOAT, FX_POSITION
from cbi.ledger.exchange import Rate
from cbi.ledger.fx_models import Deal
from cbi.ledger.reference_rates import Quoted
from cbi.money import Money
from cbi.offices import office_of


@dataclass(frozen=True, slots=True)
class Holding:
    """Money in one currency at the end of a day. `worth` is in the office's currency at `rate`; None where none counts.

    `position` is what account 1950 says: what was sold of this currency less what was bought, at reference rates.
    """

    bank: Money
    floats: Money
    position: Money
    worth: Money | None
    rate: Quoted | None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """All deals from one currency into another. `spread` and `residual`: what was realised, a loss above zero."""

    deals: int
    sold: Money
    bought: Money
    spread: Money
    residual: Money

    @property
    def average(self) -> Rate:
        """The rate at which all of it together was changed."""
        return Rate.between(self.sold, self.bought)


def holdings(session: Session, through: date | None = None) -> list[Holding]:
    """What lies in each currency on a day, today by default, and what it would be worth.

    Nothing is booked: funds are spent in the currency they are in, so a gain or a loss is real only once a deal is made.
    """
    office = office_of(session)
    day = through or clock.today(office.timezone)
    lines = past.trial_balance(session, through=day)
    held = {(line.code, line.balance.currency): line.balance for line in lines}

    def of(code: str, currency: str) -> Money:
        return held.get((code, currency), Money.zero(currency))

    found = []
    for currency in sorted({currency for _, currency in held}):
        bank, floats = of(BANK.code, currency), of(FLOAT.code, currency)
        position = of(FX_POSITION.code, currency)
        if currency == office.currency:
            found.append(Holding(bank, floats, position, bank + floats, None))
            continue
        try:
            quoted = reference_rates.on(session, currency, office.currency, day)
        except (reference_rates.NoRate, reference_rates.StaleRate) as refusal:
            found.append(Holding(bank, floats, position, None, None, _why(refusal)))
        else:
            worth = quoted.rate.nearest(bank + floats)
            found.append(Holding(bank, floats, position, worth, quoted))
    return found


def changed(
    session: Session, fund_id: UUID | None = None, into: str | None = None
) -> list[Changed]:
    """What all confirmed deals sold and bought, by pair of currencies; of one fund and into one currency, if wanted."""
    wanted: list[ColumnElement[bool]] = [Deal.confirmed_at.is_not(None)]
    if fund_id is not None:
        wanted.append(Deal.fund_id == fund_id)
    if into is not None:
        wanted.append(Deal.bought_currency == into)
    rows = session.execute(
        select(
            Deal.sold_currency, Deal.bought_currency, func.count(), func.sum(Deal.sold_minor),
            func.sum(Deal.bought_minor), func.sum(Deal.spread_minor), func.sum(Deal.residual_minor),
        )
        .where(*wanted)
        .group_by(Deal.sold_currency, Deal.bought_currency)
        .order_by(Deal.sold_currency, Deal.bought_currency)
    )  # fmt: skip
    return [
        Changed(count, Money(int(sold), of), *(Money(int(minor), into) for minor in amounts))
        for of, into, count, sold, *amounts in rows
    ]


def _why(refusal: CbiError) -> str:
    return refusal.message
