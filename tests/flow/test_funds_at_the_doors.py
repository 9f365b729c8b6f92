"""Which fund pays what, and moving money between funds: over HTTP, on the page of a run, and in a terminal."""

import json
import sys

import pytest
from sqlalchemy import URL

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import main
from cbi.programmes import cycles
from tests.factories import EVERYTHING, PERIOD, households
from tests.flow.browsing import Browsing, enrolled
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.flow.several_funds import COMMON, LAST, SMALL, applied, budgets


@pytest.fixture
def funded(database: URL) -> str:
    """A cycle that three funds pay a part of each, and of which something waits; returns its id."""
    with offices.transaction("dz") as session:
        households(session, [1, 2, 3, 4])
        budgets(session, applied(session), small=3, common=3, reserve=1)
        return str(cycles.open_cycle(session, EVERYTHING, "winter", PERIOD).id)


def test_several_funds_over_http_and_on_the_page_of_a_run(funded: str) -> None:
    app = create_app()
    marc = Caller(app, token_for(make_user("marc", Role.PROGRAMME_MANAGER)))
    built = marc.post("/payment-runs", {"cycle_id": funded}).json()
    (other,) = built["others"]
    assert (built["fund"], built["payments"], other["fund"], other["payments"]) == (
        SMALL,
        2,
        COMMON,
        1,
    )
    sheet = marc.get(f"/payment-runs/{other['id']}").json()
    assert sheet["funding"] == {
        "fund": COMMON, "place": 2, "of": 3, "last_resort": False, "version": 1, "pays": {},
        "passed": [{"fund": SMALL, "why": "not_for_it", "payments": 1}],
    }  # fmt: skip
    waiting = marc.get(f"/programmes/winter/cycles/{PERIOD}/unfunded").json()
    (left,) = waiting["left"]
    assert (left["reason"], left["entitlements"], left["total"]["amount"]) == (
        "spent",
        1,
        "4000.00",
    )
    assert [line["amount"]["amount"] for line in waiting["entitlements"]] == ["4000.00"]
    again = marc.post("/payment-runs", {"cycle_id": funded})
    assert (again.status_code, again.json()["code"]) == (409, "payment_run.no_fund_pays")
    visitor = Browsing(app, token_for(enrolled("audi")))
    page = visitor.ask("GET", f"/approvals/{other['id']}").text
    assert "2 of 3" in page
    assert "Payments of this run that no fund before it pays" in page
    first = visitor.ask("GET", f"/approvals/{built['id']}").text
    assert "for: household size max 2" in first


def test_money_is_moved_between_funds_in_a_terminal(
    funded: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_user("marc", Role.PROGRAMME_MANAGER)
    make_user("tala", Role.TREASURER)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def cbi(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["cbi", *words])
        with pytest.raises(SystemExit) as end:
            main()
        shown = capsys.readouterr()
        assert end.value.code in (0, None), shown.err
        return shown.out

    built = cbi("run", "build", "winter", PERIOD, "--user", "marc")
    assert (
        "1 are in no run, together 4,000.00 DZD: The funds that may pay it have not enough" in built
    )
    shown = json.loads(cbi("cycle", "unfunded", "winter", PERIOD, "--user", "marc", "--json"))
    assert shown["left"][0]["reason"] == "spent"
    assert "fund 2 of 3; pays everything" in cbi("run", "show", "2")
    back = ("--reference", "MEMO-1", "--reason", "not needed", "--user", "tala")
    said = cbi("fund", "return", "winter", "1.00", "--fund", LAST, *back)
    assert "Request 1: return of 1.00 DZD, winter (reserve-26): waits for a second person" in said
    (waiting,) = json.loads(cbi("fund", "requests", "--waiting", "--user", "tala", "--json"))
    assert (waiting["from_programme"], waiting["fund"]) == ("winter", LAST)
    refused = cbi("fund", "refuse", "1", "--reason", "it is needed", "--user", "tala")
    assert "refused by" in refused
    placed = ("--currency", "DZD", "--reference", "WIRE-1", "--user", "tala")
    cbi("fund", "prefund", "post_office", "9.00", *placed)
    lost = cbi("fund", "write-off", "winter", "post_office", "9.00", "--fund", LAST, *back)
    assert "Request 2: write off of 9.00 DZD, winter (reserve-26), post_office: waits" in lost
