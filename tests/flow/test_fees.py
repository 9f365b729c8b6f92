"""What providers charge: set aside with the run, booked as statements list it, and compared with what the tariff says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from cbi import db, offices
from cbi.ledger import queries as books
from cbi.ledger.posting import NotCovered
from cbi.money import Money
from cbi.payments.fees import tariffs
from cbi.payments.fees.fee_models import FeeCharge, RunFees
from cbi.payments.models import Discrepancy, PaymentRun
from cbi.payments.outcomes import settling
from cbi.payments.runs import closing, queries, runs
from cbi.payments.runs.cautions import BUDGET_SHORT
from cbi.payments.signing import recall
from cbi.payments.states import RunState
from cbi.programmes import budget
from tests.factories import EVERYTHING
from tests.flow.charging import (
    DAY,
    EXPECTED,
    FEES,
    TARIFF,
    another,
    balance,
    charging,
    fee_lines,
    held,
    keys,
    nothing_is_broken,
    paid_lines,
    poor,
    sent,
    signed,
    statement,
    tariff,
)
from tests.flow.signing import House, later, locked, sign
from tests.reconciliation_factory import open_kinds

TOTAL = 10_000_00


@dataclass
class Story:
    """A run that was sent, and what it costs is set aside; whatever a test does is undone."""

    session: Session
    people: House
    run: PaymentRun


@pytest.fixture(scope="module")
def told(own_database: URL) -> tuple[House, UUID]:
    """Told once, in a database of its own."""
    with offices.transaction("dz") as session:
        people = charging(session)
        run_id = sent(session, people).id
    return people, run_id


@pytest.fixture
def story(told: tuple[House, UUID]) -> Iterator[Story]:
    """The story, to go on with."""
    people, run_id = told
    with Session(db.engine("dz"), expire_on_commit=False) as session, session.begin():
        yield Story(session, people, session.get_one(PaymentRun, run_id))
        session.rollback()


def kinds(session: Session) -> list[str]:
    """What is open, but for payments of the story that nobody says anything about."""
    return [kind for kind in open_kinds(session) if kind != "not_collected"]


def close(session: Session, days: int = 0) -> int:
    with later(hours=5, days=days):
        return closing.close_settled(session)


def test_the_sheet_says_what_the_provider_will_charge(story: Story) -> None:
    session, people = story.session, story.people
    run = locked(session, people.makers[0], poor(session, "500000.00"))
    (fees,) = (money := queries.sheet(session, run.id).money).fees
    assert (fees.provider, fees.tariff, fees.payments) == ("sandbox", 1, 4)
    assert fees.expected == money.fees_expected == Money(EXPECTED, "DZD")
    assert money.budget_after.minor == 500_000_00 - TOTAL - EXPECTED
    assert money.floats[0].after.minor == 2_000_000_00 - 2 * (TOTAL + EXPECTED)
    assert held(session, run) == 0


def test_the_last_signature_sets_the_fees_aside(story: Story) -> None:
    session, run = story.session, story.run
    assert held(session, run) == EXPECTED
    money = queries.sheet(session, run.id).money
    assert money.budget_now == money.budget_after == Money(500_000_00 - TOTAL - EXPECTED, "DZD")
    assert money.floats[0].after.minor == 1_000_000_00 - TOTAL - EXPECTED
    nothing_is_broken(session)


def test_the_budget_must_cover_both(story: Story) -> None:
    session, people = story.session, story.people
    programme = poor(session, "10100.00")
    run = locked(session, people.makers[0], programme)
    sheet = queries.sheet(session, run.id)
    (short,) = (each for each in sheet.cautions if each.code == BUDGET_SHORT)
    assert (short.blocks, short.amount) == (True, Money(40_00, "DZD"))
    sign(session, run, "certifier", people.by_step["certifier"])
    with pytest.raises(NotCovered):
        sign(session, run, "authoriser", people.by_step["authoriser"])


def test_what_is_called_off_costs_nothing(story: Story) -> None:
    session, people = story.session, story.people
    run = signed(session, people, poor(session, "500000.00"))
    free = balance(session, "2100")
    with later():
        recall.cancel(session, people.by_step["authoriser"].actor, run.id, "wrong month")
    assert (held(session, run), balance(session, "2100")) == (0, free - TOTAL - EXPECTED)
    nothing_is_broken(session)


def test_fees_by_the_tariff_are_spent_from_what_was_set_aside(story: Story) -> None:
    session, run = story.session, story.run
    done = statement(session, *paid_lines(session, run), *fee_lines(keys(session, run), FEES))
    assert (done.confirmed, done.matched, done.fees) == (4, 4, 4)
    assert kinds(session) == []
    assert {code: balance(session, code) for code in ("2210", "2910", "5100", "1900")} == {
        "2210": 0, "2910": -EXPECTED, "5100": EXPECTED, "1900": 0,
    }  # fmt: skip
    assert balance(session, "1100") == 3_000_000_00 - TOTAL - EXPECTED
    nothing_is_broken(session)


def test_every_fund_still_adds_up(story: Story) -> None:
    session, run = story.session, story.run
    statement(session, *paid_lines(session, run), *fee_lines(keys(session, run), FEES[:2]))
    (fund,) = books.fund_positions(session)
    assert (fund.fees.minor, fund.committed.minor) == (FEES[0] + FEES[1], FEES[2] + FEES[3])
    assert fund.received == (
        fund.unallocated + fund.available + fund.committed + fund.in_transit + fund.awaiting + fund.delivered
        + fund.written_off + fund.uncovered + fund.converted + fund.fx_borne + fund.fees
    )  # fmt: skip


def test_a_fee_above_the_tariff_is_paid_by_the_budget_and_said(story: Story) -> None:
    session, run = story.session, story.run
    statement(session, *paid_lines(session, run), *fee_lines(keys(session, run), [20_00, 37_50]))
    (found,) = session.scalars(select(Discrepancy)).all()
    assert (found.kind, found.amount_minor) == ("fee_above_tariff", 7_50)
    assert found.details["charged_minor"] - found.details["expected_minor"] == 7_50
    assert (balance(session, "2910"), balance(session, "2210")) == (-57_50, -(EXPECTED - 50_00))
    nothing_is_broken(session)


def test_a_fee_below_the_tariff_is_said_too(story: Story) -> None:
    session, run = story.session, story.run
    statement(session, *paid_lines(session, run), *fee_lines(keys(session, run), [15_00]))
    assert kinds(session) == ["fee_below_tariff"]
    assert balance(session, "2210") == -(EXPECTED - 15_00)
    nothing_is_broken(session)


def test_several_fees_for_one_payment_are_compared_together(story: Story) -> None:
    session, run = story.session, story.run
    first, second, *_ = keys(session, run)
    lines = (
        *fee_lines([first], [12_00], "a"), *fee_lines([first], [8_00], "b"),
        *fee_lines([second], [12_00], "c"), *fee_lines([second], [20_00], "d"),
    )  # fmt: skip
    done = statement(session, *paid_lines(session, run), *lines)
    assert (done.fees, kinds(session)) == (4, ["fee_above_tariff"])
    expected = dict(
        session.execute(select(FeeCharge.charged_minor, FeeCharge.expected_minor)).all()
    )
    assert expected == {12_00: 12_00, 8_00: 8_00, 20_00: 18_00}
    nothing_is_broken(session)


def test_a_fee_waits_until_its_payment_is_known_to_be_paid(story: Story) -> None:
    session, run = story.session, story.run
    fees = fee_lines(keys(session, run), FEES)
    assert statement(session, *fees).fees == 0
    assert kinds(session) == ["fee_line"] * 4
    assert balance(session, "1900") == EXPECTED
    assert statement(session, *paid_lines(session, run), *fees, hours=5).fees == 4
    assert (kinds(session), balance(session, "1900")) == ([], 0)
    nothing_is_broken(session)


def test_without_a_tariff_nothing_is_booked_until_one_explains_it(session: Session) -> None:
    people = charging(session, accepted=False)
    run = sent(session, people)
    assert queries.sheet(session, run.id).money.fees == ()
    lines = paid_lines(session, run), fee_lines(keys(session, run), FEES)
    statement(session, *lines[0], *lines[1])
    assert kinds(session) == ["fee_line"] * 4
    assert session.scalars(select(RunFees)).all() == []
    assert balance(session, "5100") == 0
    nothing_is_broken(session)
    terms = TARIFF.format(provider="sandbox", first=DAY, fixed="10.00", settlement="gross", days=31)
    tariff(session, people, terms)
    done = statement(session, *lines[0], *lines[1], {"id": "t", "minor": 1, "type": "TOPUP"})
    assert done.fees == 4
    assert kinds(session) == ["fees_not_reserved", "top_up_line"]
    (short,) = session.scalars(select(Discrepancy).where(Discrepancy.kind == "fees_not_reserved"))
    assert (short.amount_minor, short.details["lines"]) == (EXPECTED, 4)
    nothing_is_broken(session)


def test_what_neither_reserve_nor_budget_covers_stays_in_suspense(story: Story) -> None:
    session, people = story.session, story.people
    programme = poor(session, "10140.00")
    run = sent(session, people, programme)
    lines = (*paid_lines(session, run), *fee_lines(keys(session, run), [20_00, 30_00, 41_00]))
    assert statement(session, *lines).fees == 2
    assert (kinds(session), balance(session, "1900")) == (["fee_line"], 41_00)
    budget.allocate(session, EVERYTHING, programme, "5.00", "MEMO-2")
    assert statement(session, *lines, {"id": "t", "minor": 1, "type": "TOPUP"}).fees == 1
    assert kinds(session) == ["fee_above_tariff", "top_up_line"]
    nothing_is_broken(session)


def test_of_a_net_settlement_gross_and_fee_are_booked_apart(story: Story) -> None:
    session, people = story.session, story.people
    run = another(session, people, settlement="net")
    done = statement(session, *paid_lines(session, run, more=FEES))
    assert (done.confirmed, done.matched, done.fees, kinds(session)) == (4, 4, 4, [])
    assert (balance(session, "5000"), balance(session, "5100")) == (TOTAL, EXPECTED)
    assert balance(session, "1100") == 4_000_000_00 - TOTAL - EXPECTED
    nothing_is_broken(session)


def test_a_difference_that_is_not_the_tariffs_is_no_fee(story: Story) -> None:
    session, people = story.session, story.people
    run = another(session, people, settlement="net")
    done = statement(session, *paid_lines(session, run, more=(20_00, 30_00, 40_00, 50_01)))
    assert (done.matched, done.fees, kinds(session)) == (3, 3, ["amount_differs"])
    nothing_is_broken(session)


def test_a_closed_run_keeps_aside_what_the_bill_may_still_bring(story: Story) -> None:
    session, people = story.session, story.people
    run = another(session, people, days=10)
    statement(session, *paid_lines(session, run), *fee_lines(keys(session, run), FEES[:1]))
    assert close(session) == 1
    assert session.get_one(PaymentRun, run.id).state is RunState.CLOSED
    assert held(session, run) == EXPECTED - FEES[0]
    close(session, days=10)
    assert held(session, run) == EXPECTED - FEES[0]
    close(session, days=11)
    assert held(session, run) == 0
    nothing_is_broken(session)


def test_what_may_not_be_billed_later_is_given_back_at_once(story: Story) -> None:
    session, people = story.session, story.people
    run = another(session, people, days=0)
    statement(session, *paid_lines(session, run))
    close(session)
    assert held(session, run) == 0
    nothing_is_broken(session)


def test_the_tariff_of_the_day_counts(story: Story) -> None:
    session, people = story.session, story.people
    terms = TARIFF.format(
        provider="sandbox",
        first=DAY + timedelta(days=2),
        fixed="15.00",
        settlement="gross",
        days=31,
    )
    tariff(session, people, terms)
    run = sent(session, people, poor(session, "500000.00"))
    (kept,) = session.scalars(select(RunFees).where(RunFees.run_id == run.id)).all()
    assert (kept.tariff_version, kept.fees_minor) == (1, EXPECTED)
    statement(session, *paid_lines(session, run), *fee_lines(keys(session, run), FEES))
    assert kinds(session) == []
    nothing_is_broken(session)


def test_a_run_that_was_returned_sets_aside_what_its_last_sheet_says(story: Story) -> None:
    session, people = story.session, story.people
    run = locked(session, people.makers[0], poor(session, "500000.00"))
    with later():
        recall.send_back(session, people.by_step["certifier"].actor, run.id, "look again")
    terms = TARIFF.format(provider="sandbox", first=DAY, fixed="15.00", settlement="gross", days=31)
    tariff(session, people, terms)
    assert queries.sheet(session, run.id).money.fees[0].tariff == 2
    with later():
        runs.lock(session, people.makers[0].actor, run.id)
    for step in ("certifier", "authoriser"):
        sign(session, run, step, people.by_step[step])
    assert held(session, run) == EXPECTED + 4 * 5_00
    nothing_is_broken(session)


def test_what_was_accepted_first_counts_first_though_the_clock_was_set_back(story: Story) -> None:
    session, people = story.session, story.people
    run = locked(session, people.makers[0], poor(session, "500000.00"), days=1)
    terms = {
        "provider": "sandbox",
        "first": DAY - timedelta(days=60),
        "fixed": "10.00",
        "settlement": "gross",
    }
    tariff(session, people, TARIFF.format(**terms, days=30))
    nothing_is_broken(session)
    with later():
        recall.send_back(session, people.by_step["certifier"].actor, run.id, "look again")
    with later():
        runs.lock(session, people.makers[0].actor, run.id)
    statement(session, *paid_lines(session, story.run), *fee_lines(keys(session, story.run), FEES))
    worked_out = (
        select(RunFees.tariff_version).where(RunFees.run_id == run.id).order_by(RunFees.revision)
    )
    assert list(session.scalars(worked_out)) == [1, 2]
    assert set(session.scalars(select(FeeCharge.tariff_version))) == {2}
    nothing_is_broken(session)


def test_a_tariff_is_accepted_before_a_run_is_locked_or_after_it(story: Story) -> None:
    session, people = story.session, story.people
    locked(session, people.makers[0], poor(session, "500000.00"))
    who = people.authoriser
    with Session(db.engine("dz")) as other:
        other.execute(text("SET LOCAL lock_timeout = '100ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            tariffs.accept(other, who.actor, "sandbox", "DZD", 1, who.code())


def test_words_settle_a_fee_that_is_booked(story: Story) -> None:
    session, run = story.session, story.run
    statement(session, *paid_lines(session, run), *fee_lines(keys(session, run), [25_00]))
    (found,) = session.scalars(select(Discrepancy).where(Discrepancy.kind == "fee_above_tariff"))
    with later(hours=5):
        settling.settle(session, EVERYTHING, found.id, "The provider pays it back in December.")
    assert kinds(session) == []


def test_after_the_last_day_of_a_net_settlement_nothing_is_kept_back(story: Story) -> None:
    session, people = story.session, story.people
    run = another(session, people, settlement="net", fixed="7.00")
    gross = TARIFF.format(provider="sandbox", first=DAY, fixed="10.00", settlement="gross", days=31)
    tariff(session, people, gross)
    by_the_earlier = [fee - 3_00 for fee in FEES]
    done = statement(session, *paid_lines(session, run, more=by_the_earlier))
    assert (done.matched, done.fees, kinds(session)) == (0, 0, ["amount_differs"] * 4)
    nothing_is_broken(session)
