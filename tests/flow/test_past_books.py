"""The trial balance of an earlier day, added up from the transfers."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import URL
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.ledger import past, queries
from tests.factories import START, Team, approved_run, funded_programme, households, team
from tests.flow.people import Caller, make_user, token_for

DAY = timedelta(days=1)
FIRST = START.astimezone(ZoneInfo("Africa/Algiers")).date()
"""The day on the office's calendar on which the story begins."""


@pytest.fixture
def people(session: Session) -> Team:
    return team(session)


def balances(lines: list[queries.Balance]) -> dict[str, str]:
    return {line.code: line.balance.decimal for line in lines}


def test_each_day_s_books_stay_as_they_were(session: Session, people: Team) -> None:
    with clock.frozen(START):
        households(session, [1, 2])
        code = funded_programme(session)
    with clock.frozen(START + DAY):
        approved_run(session, people, code, f"{START:%Y-%m}")
    session.flush()
    first = FIRST
    on_the_first = past.trial_balance(session, through=first)
    assert balances(on_the_first) == {
        "1000": "1000000.00", "1100": "1000000.00", "2000": "1000000.00", "2100": "1000000.00",
    }  # fmt: skip
    later = past.trial_balance(session, through=first + DAY)
    assert balances(later)["2200"] == "3000.00"
    assert balances(past.trial_balance(session, as_known=START)) == balances(on_the_first)
    assert past.trial_balance(session, through=first - DAY) == []


def test_without_a_day_it_is_what_the_running_totals_say(session: Session, people: Team) -> None:
    with clock.frozen(START):
        households(session, [1, 2])
        approved_run(session, people, funded_programme(session))
    session.flush()
    now = [
        line for line in queries.trial_balance(session) if line.debits.minor or line.credits.minor
    ]
    assert past.trial_balance(session) == now
    for line in now:
        assert line.debits.minor >= 0
    assert sum(line.debits.minor for line in now) == sum(line.credits.minor for line in now)


def test_the_doors_show_it_with_totals(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        funded_programme(session)
    command = ["books", "trial-balance", "--through", FIRST.isoformat()]
    shown = CliRunner().invoke(terminal, command, catch_exceptions=False)
    assert "Total" in shown.stdout
    early = CliRunner().invoke(
        terminal, ["books", "trial-balance", "--through", "2001-01-01"], catch_exceptions=False
    )
    assert "Nothing had been booked" in early.stdout
    auditor = Caller(create_app(), token_for(make_user("ada", Role.AUDITOR)))
    lines = auditor.get("/trial-balance", params={"through": FIRST.isoformat()}).json()
    assert {line["code"]: line["balance"]["amount"] for line in lines}["2100"] == "1000000.00"
    assert auditor.get("/trial-balance", params={"through": "2001-01-01"}).json() == []
