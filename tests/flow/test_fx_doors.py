"""Rates and deals at the terminal and over HTTP, and on the checklist of a month."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner, Result

from cbi import clock, offices
from cbi.access import totp, users
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.ledger import deals
from cbi.proofs.verify import verify
from tests.factories import START, Colleague
from tests.flow.dealing import Dealers, dealers, dealt, grant, rate, ticket
from tests.flow.month_end import (
    MONTH,
    OVER,
    confirmed,
    proposed,
    seal,
    still_open,
)
from tests.flow.month_end import later as at_month_end
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.flow.signing import later

DAY = (START - timedelta(days=1)).date()


def person(name: str, role: Role) -> Colleague:
    """Somebody who can sign in at the terminal, too."""
    user_id = make_user(name, role)
    with offices.transaction("dz") as session:
        secret = totp.enrol(session, user_id)
        actor = users.actor_of_user(session, user_id)
    return Colleague(actor, secret)


def calling(who: Colleague) -> Caller:
    """The same at the HTTP door."""
    assert who.actor.id
    return Caller(create_app(), token_for(who.actor.id))


def run(*words: str, who: str | None = None, code: str | None = None, done: bool = True) -> str:
    said = [*words, *(("--user", who) if who else ()), *(("--code", code) if code else ())]
    result: Result = CliRunner().invoke(terminal, said, env={"CBI_PASSWORD": PASSWORD})
    assert (result.exit_code == 0) is done, result.output
    return result.stdout if done else str(result.exception)


@pytest.fixture
def people(database: URL) -> Dealers:
    with later(), offices.transaction("dz") as session:
        grant(session)
        return dealers(session)


@pytest.mark.usefixtures("people")
def test_money_is_changed_at_the_terminal() -> None:
    with later():
        person("samir", Role.TREASURER)
        karim = person("karim", Role.HEAD_OF_FINANCE)
        entered = ("fx", "rate", "EUR", "DZD", "146.5", "--source", "Bank of Algeria")
        said = run(*entered, "--day", str(DAY), who="samir")
        rate_id = said.split()[-1]
        deal = (
            "fx", "deal", "eu-26", "10000.00", "--bought", "1452000.00", "--into", "DZD", "--rate", "145.2",
            "--reference", "FX-1",
        )  # fmt: skip
        assert "Nobody has confirmed an exchange rate" in run(*deal, who="samir", done=False)
        run("fx", "confirm-rate", rate_id, who="karim", code=karim.code())
    with later():
        told = run(*deal, who="samir")
        assert "13,000.00 DZD" in told
        assert "cbi fx confirm-deal FX-1" in told
        assert "somebody else" in run("fx", "confirm-deal", "FX-1", who="samir", code="000000", done=False)  # fmt: skip
        booked = run("fx", "confirm-deal", "FX-1", who="karim", code=karim.code())
        assert "Booked: 10,000.00 EUR for 1,452,000.00 DZD." in booked
        run("fund", "allocate", "relief", "1000000.00", "--reference", "M-1", who="samir")
        wrong = run("fx", "rate", "EUR", "KES", "140", "--source", "The press", who="samir")
        run(
            "fx",
            "withdraw-rate",
            wrong.split()[-1],
            "--reason",
            "It was typed wrongly.",
            who="samir",
        )
        run(*deal[:-1], "FX-2", who="samir")
        run("fx", "withdraw-deal", "FX-2", "--reason", "It was typed wrongly.", who="karim")
        (of_rates,) = (json.loads(run("fx", each, "--json")) for each in ("rates",))
        of_deals = json.loads(run("fx", "deals", "--json"))
        held = json.loads(run("fx", "positions", "--json"))
        funds = run("fund", "list")
        assert "eu-26" in funds
        assert "changed into another currency" in funds
        for shown in ("rates", "deals", "positions"):
            assert run("fx", shown)
    assert [each["state"] for each in of_rates] == ["withdrawn", "confirmed"]
    assert {each["ticket"]: each["state"] for each in of_deals} == {
        "FX-1": "confirmed", "FX-2": "withdrawn",
    }  # fmt: skip
    assert held["holdings"][1]["worth"] == {"minor": 146_500_000, "currency": "DZD"}


def test_money_is_changed_over_http(people: Dealers) -> None:
    samir, karim = people
    with later():
        treasurer, finance = calling(samir), calling(karim)
        entered = treasurer.post(
            "/fx/rates",
            {"base": "EUR", "quote": "DZD", "rate": "146.5", "source": "Bank of Algeria", "day": str(DAY)},
        )  # fmt: skip
        assert (entered.status_code, entered.json()["state"]) == (201, "proposed")
        path = f"/fx/rates/{entered.json()['id']}"
        own = treasurer.post(f"{path}/confirmation", {"one_time_code": samir.code()})
        assert (own.status_code, own.json()["code"]) == (403, "fx.own_rate")
        told = finance.post(f"{path}/confirmation", {"one_time_code": karim.code()})
        assert (told.status_code, told.json()["rate"]) == (200, "146.5")
        assert (
            finance.post(f"{path}/withdrawal", {"reason": "It was typed wrongly."}).status_code
            == 404
        )
    body = {
        "fund": "eu-26", "reference": "FX-1", "sold": {"amount": "10000.00", "currency": "EUR"},
        "bought": {"amount": "1452000.00", "currency": "DZD"}, "rate": "145.2",
    }  # fmt: skip
    with later():
        assert finance.post("/fx/deals", body).status_code == 403
        made = treasurer.post("/fx/deals", body)
        assert (made.status_code, made.json()["spread"]["amount"]) == (201, "13000.00")
        assert treasurer.post("/fx/deals", body).json()["id"] == made.json()["id"]
        float_amount = {**body, "sold": {"amount": 10000.0, "currency": "EUR"}}
        assert treasurer.post("/fx/deals", float_amount).status_code == 422
        path = f"/fx/deals/{made.json()['id']}"
        confirmed = finance.post(f"{path}/confirmation", {"one_time_code": karim.code()}, key="k-1")
        assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed")
        again = finance.post(f"{path}/confirmation", {"one_time_code": karim.code()}, key="k-1")
        assert (again.status_code, again.json()["state"]) == (200, "confirmed")
        second = treasurer.post("/fx/deals", {**body, "reference": "FX-2"}).json()["id"]
        assert finance.post(f"/fx/deals/{second}/withdrawal", {}).status_code == 422
        dropped = finance.post(f"/fx/deals/{second}/withdrawal", {"reason": "The bank says 7."})
        assert dropped.json()["state"] == "withdrawn"
        assert "The bank says 7." in [each["reason"] for each in finance.get("/refusals").json()]
        budget = {"amount": "100.00", "currency": "EUR", "reference": "M-1"}
        refused = treasurer.post("/programmes/relief/allocations", budget)
        assert (refused.status_code, refused.json()["code"]) == (409, "budget.other_currency")
        assert {each["state"] for each in finance.get("/fx/deals").json()} == {
            "withdrawn",
            "confirmed",
        }
        assert len(finance.get("/fx/rates").json()) == 1
        held = finance.get("/fx/positions").json()
        assert held["changed"][0]["average"] == "1 EUR = 145.2 DZD"
        lines = finance.get("/funds").json()
        assert [(line["code"], line["converted"]["currency"]) for line in lines] == [
            ("eu-26", "EUR"), ("eu-26", "DZD"),
        ]  # fmt: skip


def test_a_month_is_not_closed_while_a_deal_waits(people: Dealers) -> None:
    samir, karim = people
    with clock.frozen(START), offices.transaction("dz") as session:
        rate(session, people)
        with later():
            waits = deals.propose(session, samir.actor, "eu-26", ticket())
    seal()
    line = still_open()["exchange"]
    assert line.must
    assert "1 deal waits for a second person: FX-1." in line.says
    with clock.frozen(OVER), offices.transaction("dz") as session:
        deals.withdraw(session, samir.actor, waits.id, "It was typed wrongly.")
    assert "exchange" not in still_open()
    with clock.frozen(START), offices.transaction("dz") as session:
        dealt(session, people, ticket())
    seal()
    with at_month_end(), offices.transaction("dz") as session:
        said = {
            line["check"]: line["says"]
            for line in json.loads(run("books", "check", MONTH, "--json"))
        }
    assert "1950" not in said["exchange"]
    assert "10,000.00 EUR" in said["exchange"]
    assert "-1,465,000.00 DZD" in said["exchange"]
    proposed(samir, {})
    made = confirmed(karim)
    (euros, dinars) = made.facts["funds"]
    assert (euros["converted"], dinars["converted"]) == (1_000_000, -146_500_000)
    seal()
    with at_month_end(), offices.transaction("dz") as session:
        assert all(verdict.kept for verdict in verify(session))


def test_a_close_of_an_office_without_deals_keeps_nothing_about_them(people: Dealers) -> None:
    samir, karim = people
    seal()
    proposed(samir, {})
    (kept,) = confirmed(karim).facts["funds"]
    assert (
        "converted" not in kept
    )  # as in closes from before there were deals, which must go on to agree
