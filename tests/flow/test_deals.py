"""A grant in euros pays in dinars: every deal is two people's, is in both books once, and alone brings budget."""

from datetime import timedelta

import pytest
from sqlalchemy import URL, select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Permission, Role
from cbi.access.totp import WrongCode
from cbi.app import create_app
from cbi.errors import CbiError
from cbi.ledger import deals, funds, fx_positions, past, queries, reference_rates
from cbi.ledger.deals import OwnDeal, TicketUsed, UnknownDeal, UnusableDeal
from cbi.ledger.exchange import UnusableRate
from cbi.ledger.funds import NotChanged, UnusableMovement
from cbi.ledger.models import Transfer
from cbi.ledger.posting import NotCovered
from cbi.ledger.reference_rates import NoRate, OwnRate
from cbi.money import Money
from cbi.payments.runs import queries as run_queries
from cbi.payments.runs import runs
from cbi.payments.runs.schemas import RunSheetOut
from cbi.payments.sending import dispatch
from cbi.programmes import applying, budget, cycles, fund_requests
from cbi.programmes.applying import FixedForGood, FundDiffers
from cbi.programmes.budget import OtherCurrency
from cbi.terminal.run_sheets import print_sheet
from tests.factories import EVERYTHING, PERIOD, START, approved_run, colleague, households, team
from tests.flow.browsing import Browsing
from tests.flow.dealing import (
    Dealers,
    adds_up,
    by_currency,
    dealers,
    dealt,
    file,
    grant,
    nothing_is_broken,
    rate,
    ticket,
)
from tests.flow.people import token_for
from tests.flow.sending import assert_every_promise_is_kept
from tests.flow.signing import later


@pytest.fixture
def people(session: Session) -> Dealers:
    return dealers(session)


def test_a_deal_is_in_both_books_on_both_planes(session: Session, people: Dealers) -> None:
    grant(session)
    rate(session, people, "146.5")
    dealt(session, people, ticket("10000.00", "1452000.50"))
    balances = {
        (line.balance.currency, line.code): line.balance.decimal
        for line in queries.trial_balance(session)
    }
    assert balances == {
        ("EUR", "1000"): "10000.00", ("EUR", "1950"): "10000.00", ("EUR", "2000"): "10000.00",
        ("EUR", "2990"): "10000.00", ("DZD", "1000"): "1452000.50", ("DZD", "1950"): "-1465000.00",
        ("DZD", "5200"): "13000.00", ("DZD", "5290"): "-0.50", ("DZD", "2000"): "1452000.50",
        ("DZD", "2930"): "12999.50", ("DZD", "2990"): "-1465000.00",
    }  # fmt: skip
    euros, dinars = by_currency(session)["EUR"], by_currency(session)["DZD"]
    assert (euros.granted.decimal, euros.received.decimal) == ("50000.00", "20000.00")
    assert (dinars.granted.minor, dinars.received.minor) == (0, 0)
    assert adds_up(euros)
    assert adds_up(dinars)
    today = clock.now().date() + timedelta(days=1)
    assert past.fund_positions(session, through=today) == queries.fund_positions(session)
    nothing_is_broken(session)


def test_a_gain_is_booked_the_other_way_round(session: Session, people: Dealers) -> None:
    grant(session)
    rate(session, people, "144")
    made = dealt(session, people)
    assert deals.spread_of(made).decimal == "-12000.00"
    assert by_currency(session)["DZD"].fx_borne.decimal == "-12000.00"
    nothing_is_broken(session)


def test_a_budget_in_another_currency_comes_only_from_a_deal(
    session: Session, people: Dealers
) -> None:
    grant(session)
    with pytest.raises(OtherCurrency, match="pays in DZD") as refusal:
        budget.allocate(session, EVERYTHING, "relief", "100.00", "M-1", currency="EUR")
    assert "cbi fx deal" in refusal.value.next_step
    with pytest.raises(NotChanged, match="kept in EUR") as refused, session.begin_nested():
        budget.allocate(session, EVERYTHING, "relief", "1000000.00", "M-2")
    assert "cbi fx deal eu-26 … --into DZD" in refused.value.next_step
    with pytest.raises(UnusableMovement, match="kept in EUR"):
        funds.receive(session, EVERYTHING, "eu-26", Money.parse("5.00", "DZD"), "BANK-X")
    rate(session, people)
    dealt(session, people)
    assert budget.allocate(session, EVERYTHING, "relief", "1000000.00", "M-2")
    assert by_currency(session)["DZD"].available.decimal == "1000000.00"
    nothing_is_broken(session)


def test_a_run_is_paid_in_dinars_from_the_fund_in_euros(
    database: URL, capsys: pytest.CaptureFixture[str]
) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        people, payers = dealers(session), team(session)
        grant(session)
        rate(session, people)
        dealt(session, people)
        budget.allocate(session, EVERYTHING, "relief", "1000000.00", "M-1")
        funds.prefund(session, EVERYTHING, "post_office", Money.parse("900000.00", "DZD"), "V-1")
        households(session, [2, 3])
        run = approved_run(session, payers, "relief")
        assert (run.currency, by_currency(session)["DZD"].committed.decimal) == ("DZD", "5000.00")
    with clock.frozen(START + timedelta(hours=1)), offices.transaction("dz") as session:
        dispatch.begin_release(session, payers.authoriser.actor, run.id)
        sheet = run_queries.sheet(session, run.id)
        print_sheet(sheet)
        (told,) = RunSheetOut.from_sheet(sheet).changed
    assert (told.average, told.bought.amount) == ("1 EUR = 145.2 DZD", "1452000.00")
    assert "10,000.00 EUR for 1,452,000.00 DZD: 1 EUR = 145.2 DZD" in capsys.readouterr().out
    assert people.finance.actor.id
    reader = Browsing(create_app(), token_for(people.finance.actor.id))
    for page, words in (
        (f"/approvals/{run.id}", "Changed by deals"),
        ("/", "Changed into another currency"),
    ):
        reader.get(page)
        assert words in reader.words
    assert_every_promise_is_kept()


BOTH = """
programme: {{code: both, name: Relief, kind: stipend, languages: [ar, fr, en]}}
funds:
  - {{code: eu-26, name: European fund, currency: EUR, amount: "50000", valid_from: {first}-01-01,
      valid_to: {last}-12-31}}
  - {{code: dz-26, name: Home fund, amount: "900000", valid_from: {first}-01-01, valid_to: {last}-12-31}}
currency: DZD
stipend: {{base: "0", per_member: "1000"}}
schedule: {{every: month, first: {first}-01, last: {last}-12}}
delivery: {{provider: post_office, mechanism: cash_over_counter}}
"""


def test_a_programme_draws_on_a_fund_in_euros_and_then_on_one_in_dinars(
    session: Session, people: Dealers
) -> None:
    applying.apply(session, EVERYTHING, BOTH.format(first=START.year, last=START.year + 1))
    funds.receive(session, EVERYTHING, "eu-26", Money.parse("100", "EUR"), "B-1")
    funds.receive(session, EVERYTHING, "dz-26", Money.parse("100000", "DZD"), "B-2")
    rate(session, people)
    dealt(session, people, ticket("20.00", "2904.00"))
    budget.allocate(session, EVERYTHING, "both", "2500.00", "M-1", fund="eu-26")
    budget.allocate(session, EVERYTHING, "both", "50000.00", "M-2", fund="dz-26")
    households(session, [2, 3, 4])
    opened = cycles.open_cycle(session, EVERYTHING, "both", PERIOD)
    made = runs.build_all(session, team(session).maker.actor, opened.id)
    sheets = [run_queries.sheet(session, run.id) for run in made]
    assert {sheet.money.fund: sheet.line.total.decimal for sheet in sheets} == {
        "eu-26": "2000.00", "dz-26": "7000.00",
    }  # fmt: skip
    assert sorted(len(sheet.changed) for sheet in sheets) == [0, 1]
    assert [(each.code, each.received.currency) for each in queries.fund_positions(session)] == [
        ("dz-26", "DZD"), ("eu-26", "EUR"), ("eu-26", "DZD"),
    ]  # fmt: skip
    nothing_is_broken(session)


def test_what_is_left_in_dinars_goes_back_into_euros(session: Session, people: Dealers) -> None:
    grant(session)
    rate(session, people)
    dealt(session, people)
    back = ticket("2000.00", "13.50", "FX-2", None, ("DZD", "EUR"))
    dealt(session, people, back)
    euros, dinars = by_currency(session)["EUR"], by_currency(session)["DZD"]
    assert (euros.unallocated.decimal, dinars.unallocated.decimal) == ("10013.50", "1450000.00")
    assert euros.converted.decimal == "9986.35"
    assert adds_up(euros)
    assert adds_up(dinars)
    (one, other) = fx_positions.changed(session)
    assert (one.sold.currency, other.sold.currency) == ("DZD", "EUR")
    nothing_is_broken(session)


def test_what_exchange_has_gained_goes_back_to_the_donor_too(
    session: Session, people: Dealers
) -> None:
    grant(session)
    rate(session, people)
    dealt(session, people)
    dealt(session, people, ticket("1452000.00", "10100.00", "FX-2", None, ("DZD", "EUR")))
    held = by_currency(session)["EUR"]
    assert (held.received.decimal, held.unallocated.decimal) == ("20000.00", "20100.00")
    treasurer, finance = people
    with later():
        asked = fund_requests.ask_refund(
            session, treasurer.actor, "eu-26", "20100.00", "LETTER-1", "the grant has ended"
        )
        fund_requests.confirm(session, finance.actor, asked.number, finance.code())
    held = by_currency(session)["EUR"]
    assert (held.received.decimal, held.unallocated.decimal) == ("-100.00", "0.00")
    assert adds_up(held)
    with later():
        more = fund_requests.ask_refund(
            session, treasurer.actor, "eu-26", "0.01", "LETTER-2", "a slip"
        )
        with pytest.raises(NotCovered), session.begin_nested():
            fund_requests.confirm(session, finance.actor, more.number, finance.code())
    nothing_is_broken(session)


def test_two_people_stand_behind_a_deal_and_the_second_shows_a_code(
    session: Session, people: Dealers
) -> None:
    grant(session)
    rate(session, people)
    with later():
        made = deals.propose(session, people.treasurer.actor, "eu-26", ticket())
        assert session.scalar(select(Transfer.id).where(Transfer.source_id == made.id)) is None
        with pytest.raises(OwnDeal):
            deals.confirm(session, people.treasurer.actor, made.id, people.treasurer.code())
        with pytest.raises(WrongCode):
            deals.confirm(session, people.finance.actor, made.id, "000000")
        outsider = colleague(session, Role.CERTIFIER)
        with pytest.raises(NotPermitted):
            deals.confirm(session, outsider.actor, made.id, outsider.code())
        with pytest.raises(NotPermitted):
            deals.propose(session, people.finance.actor, "eu-26", ticket(reference="FX-9"))
        assert deals.confirm(
            session, people.finance.actor, made.id, people.finance.code()
        ).confirmed_at
    with later(), pytest.raises(UnknownDeal):
        deals.confirm(session, people.finance.actor, made.id, people.finance.code())
    with later(), pytest.raises(UnknownDeal):
        deals.withdraw(session, people.treasurer.actor, made.id, "It was typed wrongly.")


def test_whoever_holds_every_permission_does_not_confirm_their_own(session: Session) -> None:
    both = colleague(session, Role.TREASURER, Role.HEAD_OF_FINANCE, Role.AUTHORISER)
    assert {Permission.FUND_MOVE, Permission.FX_CONFIRM} <= {held for held, _ in both.actor.grants}
    other = Dealers(colleague(session, Role.TREASURER), both)
    grant(session)
    rate(session, other)
    with later():
        made = deals.propose(session, both.actor, "eu-26", ticket())
        with pytest.raises(OwnDeal):
            deals.confirm(session, both.actor, made.id, both.code())
        own = reference_rates.propose(session, both.actor, "EUR", "KES", "150", "The press")
        with pytest.raises(OwnRate):
            reference_rates.confirm(session, both.actor, own.id, both.code())


def test_a_ticket_is_one_deal(session: Session, people: Dealers) -> None:
    grant(session)
    rate(session, people)
    with later():
        made = deals.propose(session, people.treasurer.actor, "eu-26", ticket())
        again = deals.propose(session, people.treasurer.actor, "eu-26", ticket(reference="  FX-1 "))
        assert again.id == made.id
        with pytest.raises(TicketUsed, match=r"10,000.00 EUR for 1,452,000.00 DZD"):
            deals.propose(
                session, people.treasurer.actor, "eu-26", ticket("20000.00", "2904000.00")
            )
        deals.withdraw(session, people.treasurer.actor, made.id, "It was typed wrongly.")
        with pytest.raises(UnknownDeal):
            deals.confirm(session, people.finance.actor, made.id, people.finance.code())
        right = deals.propose(
            session, people.treasurer.actor, "eu-26", ticket("20000.00", "2904000.00")
        )
        assert right.id != made.id
    nothing_is_broken(session)


def test_no_more_is_sold_than_the_fund_holds(session: Session, people: Dealers) -> None:
    grant(session)
    rate(session, people)
    with pytest.raises(NotCovered, match=r"holds 20,000.00 EUR"), session.begin_nested():
        dealt(session, people, ticket("20000.01", "2904001.45"))
    nothing_is_broken(session)


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        (ticket("0.00"), UnusableDeal),
        (ticket(bought="0.00"), UnusableDeal),
        (ticket(reference="  "), UnusableDeal),
        (ticket(at="145,2"), UnusableRate),
        (ticket(bought="1500000.00"), UnusableRate),
        (ticket(at=None, bought="69.00"), UnusableRate),
        (ticket(currencies=("EUR", "EUR")), UnusableRate),
        (ticket(currencies=("EUR", "KES")), NoRate),
    ],
)  # fmt: skip
def test_a_ticket_that_makes_no_sense_is_refused(
    session: Session, people: Dealers, said: deals.Ticket, refusal: type[CbiError]
) -> None:
    grant(session)
    rate(session, people)
    with later(), pytest.raises(refusal) as refused:
        deals.propose(session, people.treasurer.actor, "eu-26", said)
    assert refused.value.next_step


def test_a_fund_keeps_its_currency(session: Session) -> None:
    grant(session)
    with pytest.raises(FixedForGood, match="kept in EUR"):
        applying.apply(session, EVERYTHING, file(kept_in="USD"))
    with pytest.raises(FundDiffers, match=r"amount is 50,000.00 EUR"):
        applying.apply(session, EVERYTHING, file(code="other", kept_in="DZD"))
    assert applying.apply(session, EVERYTHING, file(code="third", currency="KES")).changed
