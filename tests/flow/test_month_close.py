"""Two people close a month in order; then nothing is booked into it, until two people open it again."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import URL, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.access.totp import WrongCode
from cbi.ledger import closed, past
from cbi.ledger.closed import MonthClosed
from cbi.ledger.models import MonthClose, Transfer
from cbi.month_end import closing, reopening
from cbi.month_end.checklist import UnusableMonth, month_of
from cbi.payments.outcomes.discrepancies import open_discrepancy
from cbi.proofs.verify import verify
from cbi.reconciliation.models import StatementFile
from tests.factories import START, colleague
from tests.flow.month_end import (
    FIRST,
    MONTH,
    NEXT,
    OVER,
    REASONS,
    Closers,
    begun,
    close,
    confirmed,
    later,
    proposed,
    receive,
    reopen,
    seal,
    still_open,
)


@pytest.fixture
def people(database: URL) -> Closers:
    return begun()


def kept_promises() -> None:
    seal()
    with offices.transaction("dz") as session:
        assert [verdict.breaches for verdict in verify(session)] == [()] * 9


def statement(session: Session, closing_minor: int | None, provider: str = "post_office") -> None:
    """A statement that reaches the month's last day."""
    session.add(
        StatementFile(
            provider=provider, file_digest=uuid4().bytes, filename="month.csv", currency="DZD", opening_minor=None,
            closing_minor=closing_minor, first_day=FIRST, last_day=closed.last_day(FIRST), line_count=0, new_lines=0,
            total_minor=0, imported_at=clock.now(),
        )
    )  # fmt: skip


def test_two_people_close_a_month_and_what_the_books_held_is_kept(people: Closers) -> None:
    made = close(people)
    assert (made.month, made.number, closing.state(made)) == (FIRST, 1, "closed")
    balances = {line["code"]: (line["debits"], line["credits"]) for line in made.facts["balances"]}
    assert balances["1100"] == (100_000_000, 0)
    assert balances["2000"] == (100_000_000, 200_000_000)
    (fund,) = made.facts["funds"]
    assert (fund["code"], fund["received"], fund["available"]) == ("echo-26", 200_000_000, 100_000_000)  # fmt: skip
    (was_open,) = made.facts["open"]
    assert (was_open["check"], was_open["reason"]) == ("statements", REASONS["statements"])
    kept_promises()


def test_nothing_is_booked_into_a_closed_month_by_a_clock_set_back(people: Closers) -> None:
    close(people)
    for back in (START, START.replace(year=START.year - 1)):
        with clock.frozen(back), pytest.raises(MonthClosed, match="are closed"):
            receive("BANK-LATE")
    with later():
        receive("BANK-2")
    with offices.transaction("dz") as session:
        days = session.scalars(
            select(Transfer.effective_on).order_by(Transfer.id.desc()).limit(1)
        ).one()
    assert days == NEXT
    kept_promises()


def test_a_month_that_is_only_proposed_can_be_booked_into(people: Closers) -> None:
    proposed(people.treasurer)
    with clock.frozen(START + timedelta(minutes=5)):
        receive("BANK-2")
    seal()
    with pytest.raises(closing.BooksMoved):
        confirmed(people.finance)
    assert proposed(people.treasurer).number == 2
    assert confirmed(people.finance).number == 2
    kept_promises()


def test_what_is_open_takes_a_reason(people: Closers) -> None:
    assert set(still_open()) == {"statements"}
    with pytest.raises(closing.NotReady, match="post_office") as refused:
        proposed(people.treasurer, {})
    assert "statements" in refused.value.next_step
    with pytest.raises(closing.UnusableReasons):
        proposed(people.treasurer, REASONS | {"floats": "There are none."})
    with pytest.raises(closing.UnusableReasons):
        proposed(people.treasurer, {"statement": "Misspelt."})


def test_what_is_open_only_since_the_proposal_needs_another(people: Closers) -> None:
    proposed(people.treasurer)
    with clock.frozen(START - timedelta(days=40)), offices.transaction("dz") as session:
        open_discrepancy(session, "amount_differs", "line:1", provider="post_office")
    with pytest.raises(closing.BooksMoved, match="1 discrepancy is older than 30 days"):
        confirmed(people.finance)
    proposed(
        people.treasurer, REASONS | {"discrepancies": "The post office looks for the receipt."}
    )
    assert closing.state(confirmed(people.finance)) == "closed"


def test_a_month_is_closed_when_it_is_over_and_everything_is_sealed(people: Closers) -> None:
    with (
        clock.frozen(START + timedelta(hours=1)),
        offices.transaction("dz") as session,
        pytest.raises(closing.NotReady, match="ends on"),
    ):
        closing.propose(session, people.treasurer.actor, MONTH, REASONS)
    with clock.frozen(START + timedelta(hours=1)):
        receive("BANK-2")
    assert still_open()["audit_chain"].must
    with pytest.raises(closing.NotReady, match="not sealed"):
        proposed(people.treasurer)
    seal()
    assert "audit_chain" not in still_open()


def test_months_are_closed_and_opened_in_order(people: Closers) -> None:
    following, before = f"{NEXT:%Y-%m}", f"{FIRST - timedelta(days=1):%Y-%m}"
    following_open = still_open(following)["order"]
    assert following_open.next_step == f"Close it first: cbi books close {MONTH}"
    assert "begin in" in still_open(before)["order"].says
    close(people)
    assert "is closed" in still_open()["order"].says
    seal()
    with clock.frozen(OVER + timedelta(days=40)), offices.transaction("dz") as session:
        closing.propose(session, people.treasurer.actor, following, REASONS)
        code = people.finance.code()
        closing.confirm(session, people.finance.actor, following, code)
    with pytest.raises(reopening.LaterClosed, match=following):
        reopen(people)
    reopen(people, following)
    reopen(people)
    kept_promises()


def test_a_reopened_month_can_be_booked_into_and_closed_again(people: Closers) -> None:
    close(people)
    again = reopen(people)
    assert (again.number, closing.state(again)) == (1, "reopened")
    with clock.frozen(START + timedelta(hours=1)):
        receive("BANK-LATE")
    seal()
    assert close(people).number == 2
    with offices.transaction("dz") as session:
        kept = closing.closes(session, people.finance.actor, MONTH)
        assert [closing.state(each) for each in kept] == ["closed", "reopened"]
        assert kept[1].reopen_reason == "The bank sent its statement late."
    kept_promises()


def test_nobody_closes_or_opens_a_month_alone(people: Closers) -> None:
    with pytest.raises(closing.NothingProposed):
        confirmed(people.finance)
    proposed(people.treasurer)
    with pytest.raises(closing.OwnClose):
        confirmed(people.treasurer)
    with later(), offices.transaction("dz") as session, pytest.raises(WrongCode):
        closing.confirm(session, people.finance.actor, MONTH, "000000")
    confirmed(people.finance)
    with pytest.raises(closing.NothingProposed):
        confirmed(people.finance)
    with later(), offices.transaction("dz") as session, pytest.raises(reopening.NobodyAsked):
        reopening.confirm(session, people.finance.actor, MONTH, people.finance.code())
    with later(), offices.transaction("dz") as session:
        reopening.ask(session, people.finance.actor, MONTH, "A paper came late.")
        reopening.ask(session, people.treasurer.actor, MONTH, "Said again, which changes nothing.")
        with pytest.raises(reopening.OwnReopening):
            reopening.confirm(session, people.finance.actor, MONTH, people.finance.code())
    with offices.transaction("dz") as session:
        (only,) = closing.closes(session, people.finance.actor)
        assert only.reopen_reason == "A paper came late."


def test_only_who_may_close_the_books_does(people: Closers) -> None:
    with offices.transaction("dz") as session:
        reader = colleague(session, Role.CERTIFIER).actor
        assert closing.closes(session, reader) == []
        with pytest.raises(NotPermitted):
            closing.propose(session, reader, MONTH, REASONS)
        with pytest.raises(NotPermitted):
            closing.confirm(session, reader, MONTH, "123456")
        with pytest.raises(NotPermitted):
            reopening.ask(session, reader, MONTH, "I want to.")
        with pytest.raises(NotPermitted):
            reopening.confirm(session, reader, MONTH, "123456")
        with pytest.raises(UnusableMonth):
            month_of(session, "2026-Q4")


def test_a_month_has_one_close_that_stands(people: Closers) -> None:
    made = close(people)
    again = {column.name: getattr(made, column.name) for column in MonthClose.__table__.columns} | {
        "number": 2
    }
    with pytest.raises(IntegrityError, match="uq_month_closes_standing"), offices.transaction("dz") as session:  # fmt: skip
        session.execute(insert(MonthClose).values(again))


@pytest.mark.parametrize(
    ("closing_minor", "found"),
    [(None, set[str]()), (100_000_000, set[str]()), (99_999_999, {"floats"})],
)
def test_what_a_statement_says_is_left_is_compared_with_our_books(
    people: Closers, closing_minor: int | None, found: set[str]
) -> None:
    with later(), offices.transaction("dz") as session:
        statement(session, closing_minor)
    assert set(still_open()) == found


def test_a_fund_s_position_of_an_earlier_day_adds_up(people: Closers) -> None:
    with later():
        receive("BANK-2")
    with offices.transaction("dz") as session:
        (then,) = past.fund_positions(session, through=closed.last_day(FIRST))
        (now,) = past.fund_positions(session, through=NEXT)
        assert past.fund_positions(session, through=FIRST - timedelta(days=1)) == []
    assert (then.received.decimal, now.received.decimal) == ("2000000.00", "2000010.00")
    assert now.unallocated + now.available == now.received
