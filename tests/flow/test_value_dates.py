"""What moved at the bank before somebody booked it belongs to the month in which it moved, as long as that is open."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import URL, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.errors import CbiError
from cbi.ledger import closed, deals, funds, past
from cbi.ledger.closed import MonthClosed
from cbi.ledger.posting import NotCovered
from cbi.ledger.value_dates import UnusableValueDate
from cbi.money import Money
from cbi.month_end import closing
from cbi.programmes import float_losses, fund_requests
from cbi.proofs import value_dates as proofs
from tests.factories import EVERYTHING, START
from tests.flow import dealing
from tests.flow.browsing import Browsing
from tests.flow.month_end import (
    FIRST,
    OVER,
    Closers,
    begun,
    close,
    confirmed,
    later,
    proposed,
)
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.flow.tampering import intruding
from tests.flow.test_month_close import kept_promises

LAST = closed.last_day(FIRST)
"""The last day of the first month; what follows is booked in the next one."""
TEN = Money.parse("10.00", "DZD")


@pytest.fixture
def people(database: URL) -> Closers:
    return begun()


def received(reference: str, day: date | None = None) -> bool:
    """Ten dinars come from the donor, and are booked once the month is over."""
    with later(), offices.transaction("dz") as session:
        return funds.receive(session, EVERYTHING, "echo-26", TEN, reference, day)


def held(session: Session, code: str, day: date) -> int:
    """What an account held at the end of a day, in minor units."""
    return next(
        line.balance.minor for line in past.trial_balance(session, through=day) if line.code == code
    )


def test_it_is_in_the_books_of_its_day_and_known_since_it_was_written_down(people: Closers) -> None:
    with offices.transaction("dz") as session:
        bank, fund = held(session, "1000", LAST), held(session, "2000", LAST)
    assert received("BANK-LATE", LAST)
    with later(), offices.transaction("dz") as session:
        assert funds.prefund(session, EVERYTHING, "post_office", TEN, "WIRE-LATE", LAST)
        assert funds.receive(session, EVERYTHING, "echo-26", TEN, "BANK-TODAY")
    with offices.transaction("dz") as session:
        assert (held(session, "1000", LAST), held(session, "2000", LAST)) == (bank, fund + 1000)
        assert held(session, "2000", OVER.date()) == fund + 2000
        known = past.trial_balance(session, through=LAST, as_known=OVER - timedelta(days=1))
        assert [line.balance.minor for line in known if line.code == "2000"] == [fund]
    kept_promises()


def test_a_paper_is_booked_once_whatever_day_is_named_with_it(people: Closers) -> None:
    assert received("BANK-SAME", LAST)
    assert not received("BANK-SAME", LAST)
    assert not received("BANK-SAME")
    with pytest.raises(funds.ReferenceUsed, match=f"of {LAST}"):
        received("BANK-SAME", FIRST)
    close(people)
    assert not received("BANK-SAME", LAST)  # asked again when it was long done


@pytest.mark.parametrize(
    ("day", "refusal", "said"),
    [
        (LAST, MonthClosed, "are closed, and nothing takes effect on"),
        (OVER.date() + timedelta(days=1), UnusableValueDate, "is yet to come"),
        (FIRST.replace(year=FIRST.year - 1), UnusableValueDate, "more than a year ago"),
    ],
)
def test_nothing_takes_effect_in_a_closed_month_nor_tomorrow_nor_long_ago(
    people: Closers, day: date, refusal: type[CbiError], said: str
) -> None:
    close(people)
    with pytest.raises(refusal, match=said):
        received("BANK-2", day)
    assert received("BANK-2")  # nothing was kept of it, and today is open
    kept_promises()


def test_whoever_certifies_a_month_certifies_what_came_into_it_late(people: Closers) -> None:
    proposed(people.treasurer)
    received("BANK-LATE", LAST)
    with pytest.raises(closing.BooksMoved):
        confirmed(people.finance)


def test_what_came_back_is_of_the_day_that_its_paper_names_but_not_before_it_was_lost(
    people: Closers,
) -> None:
    what = ("winter", "post_office", "10.00")

    def agreed(number: int) -> None:
        with later(), offices.transaction("dz") as session:
            fund_requests.confirm(session, people.finance.actor, number, people.finance.code())

    def back(paper: str, day: date) -> int:
        with later(), offices.transaction("dz") as session:
            return float_losses.ask_recovery(
                session, people.treasurer.actor, *what, paper, "a share", to_bank=True, value_date=day
            ).number  # fmt: skip

    with clock.frozen(OVER), offices.transaction("dz") as session:
        lost = float_losses.ask_loss(session, people.treasurer.actor, *what, "COURT-1", "bankrupt")
    agreed(lost.number)
    too_early = back("BANK-8", LAST)
    with pytest.raises(NotCovered, match=f"On {LAST} the account 5300 held 0.00 DZD by the books"):
        agreed(too_early)
    agreed(back("BANK-9", OVER.date()))
    kept_promises()


def test_a_deal_takes_effect_when_the_bank_moved_the_money(session: Session) -> None:
    with clock.frozen(START - timedelta(days=40)):
        dealing.grant(session)
    people = dealing.dealers(session)
    dealing.rate(session, people, days_ago=5)
    day = START.date() - timedelta(days=2)
    of = dealing.ticket()
    said = deals.Ticket(of.reference, of.sold, of.bought, of.rate, day, day)
    dealing.dealt(session, people, said)
    session.flush()
    by_day = {
        on: {(line.code, line.balance.currency): line.balance.minor for line in past.trial_balance(session, through=on)}
        for on in (day - timedelta(days=1), day)
    }  # fmt: skip
    assert by_day[day - timedelta(days=1)]["1000", "EUR"] == 2_000_000
    assert by_day[day]["1000", "EUR"] == 1_000_000
    assert by_day[day]["1000", "DZD"] == 145_200_000
    dealing.nothing_is_broken(session)
    assert [found for check in proofs.in_one_place for found in check(session)] == []


@pytest.mark.parametrize(
    ("deed", "named"),
    [
        ("UPDATE fund_movements SET value_date = value_date - 1", "by its paper, and in the books on"),
        (
            "UPDATE transfers SET effective_on = effective_on - 9 WHERE entry = 'allocate'",
            "by its paper, and in the books on",
        ),
        (
            "UPDATE transfers SET effective_on = effective_on - 9, source_id = gen_random_uuid() WHERE entry = 'prefund'",
            "and no paper says so",
        ),
        (
            "UPDATE fund_movements SET value_date = value_date - 9; UPDATE transfers SET effective_on = effective_on - 9",
            "and the audit log says",
        ),
    ],
)  # fmt: skip
def test_days_that_were_altered_are_named(
    people: Closers, database: URL, deed: str, named: str
) -> None:
    with intruding(database) as connection:
        connection.execute(text(deed))
        connection.execute(text("SET LOCAL ROLE cbi_dz"))
        with Session(connection) as session:
            found = [breach for check in proofs.in_one_place for breach in check(session)]
    assert any(named in breach for breach in found), found


def test_the_day_is_named_over_http_in_a_terminal_and_on_the_page(people: Closers) -> None:
    app = create_app()
    assert people.treasurer.actor.id is not None
    make_user("tala", Role.TREASURER)
    with clock.frozen(OVER):
        token = token_for(people.treasurer.actor.id)
        body = {"amount": "10.00", "currency": "DZD", "reference": "API-1", "value_date": f"{LAST}"}
        assert Caller(app, token).post("/funds/echo-26/receipts", body).json() == {"booked": True}
        told = CliRunner().invoke(
            terminal,
            ["fund", "prefund", "post_office", "10.00", "--currency", "DZD", "--reference", "CLI-1", "--value-date",
             f"{LAST}", "--user", "tala"],
            env={"CBI_PASSWORD": PASSWORD},
            catch_exceptions=False,
        )  # fmt: skip
        assert "Booked." in told.stdout
        visitor = Browsing(app, token)
        visitor.get("/finance")
        paper: dict[str, Any] = {"into": "echo-26", "received": "10.00", "bank_paper": "PAGE-1"}
        visitor.send("/finance/receipts", **paper, arrived=f"{OVER.date() + timedelta(days=1)}")
        assert "is yet to come" in visitor.words
        visitor.send("/finance/receipts", **paper, arrived=f"{LAST}")
        assert "It is booked." in visitor.words
        shown = CliRunner().invoke(
            terminal, ["fund", "movements", "--json"], catch_exceptions=False
        )
    named = {each["reference"]: each["value_date"] for each in json.loads(shown.stdout)}
    assert {named[paper] for paper in ("API-1", "CLI-1", "PAGE-1")} == {f"{LAST}"}
