"""Whatever is dealt, and however many confirm at once: both books balance, and a ticket is booked once."""

from fractions import Fraction
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.ledger import deals, queries
from cbi.ledger.deals import UnknownDeal
from cbi.ledger.exchange import UnusableRate
from cbi.ledger.fx_models import Deal
from cbi.ledger.posting import NotCovered
from cbi.money import Money, exponent
from tests.factories import START, colleague
from tests.flow.dealing import (
    adds_up,
    by_currency,
    dealers,
    dealt,
    grant,
    nothing_is_broken,
    rate,
    ticket,
)
from tests.flow.sending import assert_every_promise_is_kept, at_once
from tests.flow.signing import later

AT_SAME_TIME = 20


def test_a_ticket_confirmed_by_twenty_at_once_is_booked_once(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        people = dealers(session)
        others = [colleague(session, Role.HEAD_OF_FINANCE) for _ in range(AT_SAME_TIME)]
        grant(session)
        rate(session, people)

    def write_down(_: int) -> UUID:
        return offices.transact(
            "dz",
            lambda session: deals.propose(session, people.treasurer.actor, "eu-26", ticket()).id,
        )

    def confirm(each: int) -> bool:
        who = others[each]
        try:
            offices.transact(
                "dz", lambda session: deals.confirm(session, who.actor, made, who.code())
            )
        except UnknownDeal:
            return False
        return True

    with later():
        (made,) = set(at_once(write_down, range(AT_SAME_TIME)))
        assert sorted(at_once(confirm, range(AT_SAME_TIME)))[-2:] == [False, True]
    with offices.transaction("dz") as session:
        assert by_currency(session)["EUR"].converted.decimal == "10000.00"
        assert by_currency(session)["DZD"].unallocated.decimal == "1452000.00"
    assert_every_promise_is_kept()


def test_deals_both_ways_at_once_neither_wait_crosswise_nor_oversell(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        people = dealers(session)
        others = [colleague(session, Role.HEAD_OF_FINANCE) for _ in range(8)]
        grant(session, "16000")
        rate(session, people)
        dealt(session, people, ticket("4000.00", "580800.00", "FX-0"))
        waiting = []
        for place in range(8):
            said = (
                ticket("4000.00", "580800.00", f"FX-{place + 1}")
                if place % 2
                else ticket("290400.00", "2000.00", f"FX-{place + 1}", None, ("DZD", "EUR"))
            )
            with later():
                waiting.append(deals.propose(session, people.treasurer.actor, "eu-26", said).id)

    def confirm(place: int) -> bool:
        who = others[place]
        try:
            offices.transact(
                "dz", lambda session: deals.confirm(session, who.actor, waiting[place], who.code())
            )
        except NotCovered:
            return False
        return True

    with later():
        booked = at_once(confirm, range(8))
    assert any(booked)
    with offices.transaction("dz") as session:
        done = session.scalars(select(Deal.id).where(Deal.confirmed_at.is_not(None))).all()
        assert len(done) == 1 + sum(booked)
        assert all(adds_up(each) for each in queries.fund_positions(session))
    assert_every_promise_is_kept()


@settings(
    max_examples=6, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    st.sampled_from(["JPY", "USD", "TND"]), st.sampled_from(["XOF", "DZD", "KWD"]),
    st.lists(
        st.tuples(
            st.integers(1, 10**7), st.fractions(Fraction(1, 2), Fraction(20), max_denominator=1000), st.integers(-9, 9)
        ),
        min_size=1, max_size=4,
    ),
)  # fmt: skip
def test_whatever_is_dealt_both_books_balance_and_nothing_is_lost(
    session: Session, one: str, other: str, said: list[tuple[int, Fraction, int]]
) -> None:
    point = session.begin_nested()
    people = dealers(session)
    grant(session, "40000", kept_in=one)
    rate(session, people, "7/3", one, other)
    sold_in_all = bought_in_all = 0
    for place, (minor, at, rounded) in enumerate(said):
        scale = 10 ** exponent(one)
        sold = Money(minor % (40_000 * scale // 4) + 1, one)
        nearest = int(sold.minor * at * 10 ** exponent(other) / scale)
        bought = Money(max(1, nearest + rounded), other)
        try:
            dealt(session, people, deals.Ticket(f"FX-{place}", sold, bought, str(at)))
        except UnusableRate:
            continue
        sold_in_all += sold.minor
        bought_in_all += bought.minor
    bank = {
        line.balance.currency: line.balance.minor
        for line in queries.trial_balance(session)
        if line.code == "1000"
    }
    assert bank.get(one) == 40_000 * 10 ** exponent(one) - sold_in_all
    assert bank.get(other, 0) == bought_in_all
    assert all(adds_up(each) for each in queries.fund_positions(session))
    nothing_is_broken(session)
    point.rollback()
