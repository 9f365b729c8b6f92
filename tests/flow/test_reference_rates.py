"""A rate counts once two people stand behind it, for as long as it is fresh; what is held is valued and never booked."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.ledger import deals, fx_positions, reference_rates
from cbi.ledger.models import Transfer
from cbi.ledger.reference_rates import NoRate, StaleRate, UnknownRate, UnusableDay
from cbi.money import Money
from tests.factories import START
from tests.flow.dealing import (
    Dealers,
    dealers,
    dealt,
    grant,
    nothing_is_broken,
    rate,
    ticket,
)
from tests.flow.signing import later


@pytest.fixture
def people(session: Session) -> Dealers:
    return dealers(session)


def test_a_deal_needs_a_rate_of_its_day_that_is_confirmed_and_fresh(
    session: Session, people: Dealers
) -> None:
    grant(session)
    treasurer = people.treasurer.actor
    with later():
        waits = reference_rates.propose(session, treasurer, "EUR", "DZD", "146", "Bank of Algeria")
        with pytest.raises(NoRate):
            deals.propose(session, treasurer, "eu-26", ticket())
        reference_rates.withdraw(session, treasurer, waits.id, "It was typed wrongly.")
        with pytest.raises(UnknownRate):
            reference_rates.confirm(session, people.finance.actor, waits.id, people.finance.code())
        with pytest.raises(UnusableDay):
            reference_rates.propose(
                session,
                treasurer,
                "EUR",
                "DZD",
                "146",
                "The press",
                START.date() + timedelta(days=400),
            )
    old = rate(session, people, days_ago=40)
    with later(), pytest.raises(StaleRate, match=f"is of {old.day}"):
        deals.propose(session, treasurer, "eu-26", ticket())
    fresh = rate(session, people, "0.0068", "DZD", "EUR", days_ago=29)
    with later():
        made = deals.propose(session, treasurer, "eu-26", ticket())
        assert made.reference_rate_id == fresh.id
        early = deals.Ticket(
            "FX-3", ticket().sold, ticket().bought, None, old.day + timedelta(days=5)
        )
        assert deals.propose(session, treasurer, "eu-26", early).reference_rate_id == old.id


def test_a_rate_of_the_same_day_takes_the_place_of_the_first(
    session: Session, people: Dealers
) -> None:
    grant(session)
    rate(session, people, "146.5")
    made = dealt(session, people)
    second = rate(session, people, "144")
    assert reference_rates.on(session, "DZD", "EUR").id == second.id
    assert deals.exchange_of(session, made).reference.written == "146.5"
    nothing_is_broken(session)


def test_what_is_held_is_valued_and_nothing_is_booked_for_it(
    session: Session, people: Dealers
) -> None:
    grant(session)
    grant(session, "1000", fund="us-26", kept_in="USD", code="us")
    rate(session, people, "150")
    dealt(session, people, ticket("10000.00", "1500000.00", at=None))
    before = session.scalars(select(Transfer.id)).all()
    with later():
        found = {held.bank.currency: held for held in fx_positions.holdings(session)}
    assert (found["EUR"].bank.decimal, found["EUR"].worth) == (
        "10000.00",
        Money(150_000_000, "DZD"),
    )
    assert (found["DZD"].worth, found["DZD"].position) == (
        Money(150_000_000, "DZD"), Money(-150_000_000, "DZD"),
    )  # fmt: skip
    assert found["USD"].worth is None
    assert "Nobody has confirmed an exchange rate" in found["USD"].why_not
    (pair,) = fx_positions.changed(session)
    assert (str(pair.average), pair.spread.minor) == ("1 EUR = 150 DZD", 0)
    assert session.scalars(select(Transfer.id)).all() == before
