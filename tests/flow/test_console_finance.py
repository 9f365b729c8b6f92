"""The pages about money: what is where, what can be proposed from a page, and for whom; nothing moves by it."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from httpx import Response
from openpyxl import load_workbook
from sqlalchemy import URL

from cbi import clock, offices
from cbi.app import create_app
from cbi.console import finance, waiting
from cbi.console.waiting_proposals import listed
from cbi.ledger.queries import fund_positions
from cbi.money import Money
from cbi.programmes import value_queries
from tests.factories import START, Colleague
from tests.flow.browsing import Browsing
from tests.flow.charging import TARIFF
from tests.flow.people import token_for
from tests.flow.proposing import STORIES, Office, told
from tests.flow.sending import PointAt
from tests.flow.signing import later

PAGES = (
    "",
    "/exchange",
    "/tariffs",
    "/values",
    "/owed",
    "/owed-back",
    "/months",
    "/months/2026-03",
)
Come = Callable[[Colleague], Browsing]


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def office(database: URL, template: str) -> Office:
    """An office in which much is proposed."""
    return STORIES[template]


@pytest.fixture
def at_browser(office: Office) -> Come:
    """Somebody signs in at a browser."""
    app = create_app()

    def come(who: Colleague) -> Browsing:
        assert who.actor.id is not None
        return Browsing(app, token_for(who.actor.id))

    return come


def waits(who: Colleague, kind: str) -> int:
    """How many of a kind wait."""
    with offices.transaction("dz") as session:
        found = listed(session, who.actor, waiting.KINDS, limit=100)
    return sum(each.kind == kind for each in found)


def hand_in(
    who: Browsing, path: str, field: str, content: bytes, name: str, **typed: str
) -> Response:
    """Send a form with a file, as a browser does, and see where it leads."""
    form = who.filled(path, **typed)
    form.pop(field)
    answer = who.ask("POST", path, data=form, files={field: (name, content, "text/plain")})
    return who.get(answer.headers["location"])


def test_every_page_stands_and_what_a_fund_got_is_the_sum_of_the_rest(
    office: Office, at_browser: Come
) -> None:
    with later():
        treasurer = at_browser(office.treasurer)
        for path in PAGES:
            assert treasurer.get(f"/finance{path}").status_code == 200, path
            assert "None" not in treasurer.words, path
        treasurer.get("/finance")
        assert "20,000.00" in treasurer.words
        treasurer.get("/finance/values")
        assert "All that wait, DZD" in treasurer.words
    with offices.transaction("dz") as session:
        (value,) = value_queries.values(session, office.treasurer.actor)
        cost = Money.parse(value.cost["until_the_end_then"], "DZD")
        total = treasurer.words.partition("All that wait, DZD")[2].partition("Rounds")[0]
        assert str(cost).partition(" ")[0] in total
        for fund in fund_positions(session):
            got, *rest = finance.stages(fund)
            assert got.minor == sum(each.minor for each in rest)


def test_whoever_may_not_move_money_sees_no_form_and_whoever_works_elsewhere_no_page(
    office: Office, at_browser: Come
) -> None:
    with later():
        finance_head = at_browser(office.finance)
        for path in ("", "/exchange", "/owed"):
            answer = finance_head.get(f"/finance{path}")
            assert not re.search(r'action="/finance/(requests|exchange|owed)/', answer.text), path
        supervisor = at_browser(office.supervisor)
        assert supervisor.get("/finance").status_code == 403
        assert supervisor.get("/finance/values").status_code == 200


def test_a_request_a_rate_and_a_deal_are_proposed_from_pages_and_wait(
    office: Office, at_browser: Come
) -> None:
    before = {
        kind: waits(office.finance, kind) for kind in ("fund-request", "exchange-rate", "deal")
    }
    with later():
        treasurer = at_browser(office.treasurer)
        treasurer.get("/finance")
        treasurer.send(
            "/finance/requests/return", programme="winter", to="", fund="", amount="2000.00", reference="LETTER-8",
            reason="Not needed either.",
        )  # fmt: skip
        assert "is noted. Somebody else confirms it." in treasurer.words
        treasurer.send(
            "/finance/requests/refund", donor_fund="echo-26", refund="a lot", letter="LETTER-9", why="Unspent money."
        )  # fmt: skip
        assert "cannot be read" in treasurer.words
        treasurer.send(
            "/finance/requests/refund", donor_fund="echo-26", refund="10.00", letter="LETTER-9", why="Unspent money."
        )  # fmt: skip
        lost: dict[str, Any] = {
            "bearer": "winter", "provider": "post_office", "of_fund": "", "lost": "10.00", "evidence": "COURT-1",
            "cause": "It is bankrupt.",
        }  # fmt: skip
        treasurer.send("/finance/requests/loss", what="write_off", **lost)
        assert "bears what is lost with a provider" in treasurer.words
        treasurer.send("/finance/requests/loss", what="bank_recovery", **lost)
        assert "0.00 DZD was given up as lost with post_office" in treasurer.words
        day = clock.now().date().isoformat()
        treasurer.get("/finance/exchange")
        treasurer.send(
            "/finance/exchange/rates",
            base="USD",
            quote="DZD",
            rate="135.5",
            source="Central bank",
            of=day,
        )
        assert "It counts once somebody else confirms it." in treasurer.words
        deal: dict[str, Any] = {
            "fund": "eu-26", "sold": "100.00", "sold_in": "eur", "bought": "14600.00", "bought_in": "dzd",
            "reference": "FX-2", "ticket_rate": "", "dealt_on": day,
        }  # fmt: skip
        treasurer.send("/finance/exchange/deals", **deal)
        assert "It is booked once somebody else confirms it." in treasurer.words
        treasurer.send("/finance/exchange/deals", **deal | {"dealt_on": "soon"})
        assert "Something in the form is missing" in treasurer.words
    after = {kind: waits(office.finance, kind) for kind in before}
    assert after == {"fund-request": before["fund-request"] + 3, "exchange-rate": 2, "deal": 2}


def test_files_are_handed_in_where_the_terminal_takes_files(
    office: Office, at_browser: Come
) -> None:
    text = TARIFF.format(
        provider="post_office", first=START.date(), fixed="25.00", settlement="gross", days=31
    )
    with later():
        treasurer = at_browser(office.treasurer)
        treasurer.get("/finance/tariffs")
        code = office.treasurer.code()
        hand_in(treasurer, "/finance/tariffs", "file", text.encode(), "tariff.yaml", code=code)
        assert "Version 1 is proposed." in treasurer.words
    with later():
        treasurer = at_browser(office.treasurer)
        treasurer.get("/finance/tariffs")
        treasurer.send("/finance/tariffs", code=office.treasurer.code())
        assert "No file was chosen." in treasurer.words
        manager = at_browser(office.manager)
        manager.get("/finance/owed")
        cycle = re.search(
            r'<option value="([0-9a-f-]{36})">winter', manager.get("/finance/owed").text
        )
        assert cycle is not None
        rows = b"Registration number,Amount,Reason\nNOBODYS,100.00,Fuel\n"
        hand_in(
            manager, "/finance/owed/top-ups", "file", rows, "more.csv", cycle=cycle[1], reason="Fuel prices",
            reference="MEMO-15",
        )  # fmt: skip
        assert "NOBODYS" in manager.words
        listed_ = b"Registration number,Date,Reason\n"
        hand_in(
            manager, "/finance/owed/enrolments", "list_of", listed_ + manager_row(office), "who.csv", whose="winter",
            act="suspend", on="", because="", was_wrong="",
        )  # fmt: skip
        assert "Noted for 1 household." in manager.words


def manager_row(office: Office) -> bytes:
    """A line of a list: a household of the programme, a day, a reason."""
    return f"{office.numbers[0]},{START.date().isoformat()},They are away\n".encode()


def test_a_round_of_prices_goes_out_as_a_sheet_and_its_values_are_proposed(
    office: Office, at_browser: Come
) -> None:
    with later():
        manager = at_browser(office.manager)
        manager.get("/finance/values")
        manager.send("/finance/values/rounds", basket="meb-oran", name="2026-04")
        assert "take its sheet to the markets" in manager.words
        answer = manager.ask("GET", "/finance/values/rounds/2/sheet.xlsx")
        assert "Prices" in load_workbook(io.BytesIO(answer.content)).sheetnames
        manager.get("/finance/values")
        manager.send("/finance/values/rounds/1/propose")
        assert "0 values are proposed." in manager.words
        assert "waits for its decision" in manager.words


def test_a_month_is_proposed_with_reasons_only_when_nothing_must_be_done_first(
    office: Office, at_browser: Come
) -> None:
    with later():
        treasurer = at_browser(office.treasurer)
        answer = treasurer.get("/finance/months/2026-03")
        assert "must be done" in treasurer.words
        assert "/propose" not in answer.text
        assert treasurer.get("/finance/months/soon").status_code == 422
        treasurer.get("/finance/months?month=2026-02")
        assert "The month 2026-02" in treasurer.words
