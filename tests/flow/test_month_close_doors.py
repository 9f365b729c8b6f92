"""Closing a month at the terminal and over HTTP."""

import json

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner, Result

from cbi import clock, offices
from cbi.access import totp, users
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.ledger.closed import MonthClosed
from tests.factories import START, Colleague
from tests.flow.month_end import MONTH, NEXT, REASONS, begun, later, receive, seal
from tests.flow.people import PASSWORD, Caller, make_user, token_for


@pytest.fixture
def office(database: URL) -> None:
    begun()


def person(name: str, role: Role) -> tuple[Colleague, Caller]:
    """Somebody who can sign in at every door."""
    user_id = make_user(name, role)
    with offices.transaction("dz") as session:
        secret = totp.enrol(session, user_id)

        actor = users.actor_of_user(session, user_id)
    return Colleague(actor, secret), Caller(create_app(), token_for(user_id))


def run(*words: str) -> Result:
    return CliRunner().invoke(terminal, ["books", *words], env={"CBI_PASSWORD": PASSWORD})


@pytest.mark.usefixtures("office")
def test_a_month_is_closed_and_opened_again_at_the_terminal() -> None:
    treasurer, _ = person("amina", Role.TREASURER)
    finance, _ = person("karim", Role.HEAD_OF_FINANCE)
    seal()
    with later():
        lines = {line["check"]: line for line in json.loads(run("check", MONTH, "--json").stdout)}
        assert [name for name, line in lines.items() if not line["done"]] == ["statements"]
        assert "Take it in and reconcile it" in run("check", MONTH).stdout
        assert run("close", MONTH, "--user", "amina").exit_code == 1
        assert run("close", MONTH, "--user", "amina", "--reason", "statements").exit_code == 2
        made = run("close", MONTH, "--user", "amina", "--reason", f"statements={REASONS['statements']}")  # fmt: skip
        assert f"cbi books confirm-close {MONTH}" in made.stdout
        done = run("confirm-close", MONTH, "--user", "karim", "--code", finance.code())
        assert "nothing is booked into it any more" in done.stdout
    (close,) = json.loads(run("closes", "--json").stdout)
    assert (close["month"], close["state"], close["number"]) == (MONTH, "closed", 1)
    assert "closed" in run("closes", MONTH).stdout
    with clock.frozen(START), pytest.raises(MonthClosed):
        receive("BANK-LATE")
    with later():
        asked = run("reopen", MONTH, "--user", "karim", "--reason", "A paper came late.")
        assert f"cbi books confirm-reopen {MONTH}" in asked.stdout
        opened = run("confirm-reopen", MONTH, "--user", "amina", "--code", treasurer.code())
        assert "open again" in opened.stdout
    with clock.frozen(START):
        receive("BANK-LATE")


@pytest.mark.usefixtures("office")
def test_a_month_is_closed_and_opened_again_over_http() -> None:
    with later():
        treasurer, first = person("amina", Role.TREASURER)
        finance, second = person("karim", Role.HEAD_OF_FINANCE)
    seal()
    at = f"/api/v1/months/{MONTH}"

    def post(who: Caller, path: str, body: dict[str, object], key: str) -> tuple[int, dict[str, object]]:  # fmt: skip
        answer = who.ask("POST", at + path, {"Idempotency-Key": key}, json=body)
        return answer.status_code, answer.json()

    with later():
        lines = second.ask("GET", f"{at}/checklist").json()
        assert [line["check"] for line in lines if not line["done"]] == ["statements"]
        status, refused = post(first, "/close", {}, "1")
        assert (status, refused["code"]) == (409, "month_close.not_ready")
        assert post(first, "/close", {"reasons": {"nothing": "Nothing."}}, "2")[0] == 422
        status, made = post(first, "/close", {"reasons": REASONS}, "3")
        assert (status, made["state"]) == (201, "proposed")
        status, own = post(first, "/close/confirmation", {"one_time_code": treasurer.code()}, "4")
        assert (status, own["code"]) == (403, "month_close.own")
        status, done = post(second, "/close/confirmation", {"one_time_code": finance.code()}, "5")
        assert (status, done["state"], done["number"]) == (200, "closed", 1)
        (kept,) = second.ask("GET", "/api/v1/month-closes").json()
        assert kept == done
        assert kept["funds"][0]["received"] == "2000000.00"
        assert {"code": "1100", "debits": {"amount": "1000000.00", "currency": "DZD"},
                "credits": {"amount": "0.00", "currency": "DZD"}} in kept["balances"]  # fmt: skip
    with clock.frozen(START):
        assert treasurer.actor.id
        early = Caller(create_app(), token_for(treasurer.actor.id))
        money = {"amount": "10.00", "currency": "DZD", "reference": "BANK-LATE"}
        answer = early.ask("POST", "/api/v1/funds/echo-26/receipts", {"Idempotency-Key": "6"}, json=money)  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (409, "ledger.month_closed")
    with later():
        assert post(second, "/reopening", {"reason": "A paper came late."}, "7")[0] == 200
        confirmed: dict[str, object] = {"one_time_code": treasurer.code()}
        status, opened = post(first, "/reopening/confirmation", confirmed, "8")
        assert (status, opened["state"]) == (200, "reopened")
        assert first.ask("GET", f"/api/v1/months/{NEXT:%Y}-Q1/checklist").status_code == 422
