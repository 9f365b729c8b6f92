"""Tariffs and fees at the terminal, over HTTP and on the page of a run."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import URL
from typer.testing import CliRunner, Result

from cbi import clock, offices
from cbi.access import totp, users
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.month_end import checklist, fees
from cbi.payments.models import PaymentRun
from cbi.terminal import output
from tests.factories import Colleague
from tests.flow.browsing import Browsing
from tests.flow.charging import DAY, TARIFF, charging, fee_lines, keys, paid_lines, sent, statement
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.flow.signing import House, later

FILE = TARIFF.format(provider="sandbox", first=DAY, fixed="10.00", settlement="gross", days=31)
MONTH = f"{DAY:%Y-%m}"


@pytest.fixture
def office(database: URL) -> House:
    with offices.transaction("dz") as session:
        return charging(session, accepted=False)


def person(name: str, role: Role) -> tuple[Colleague, str]:
    """Somebody who can sign in at every door, and a token of theirs."""
    user_id = make_user(name, role)
    with offices.transaction("dz") as session:
        secret = totp.enrol(session, user_id)
        actor = users.actor_of_user(session, user_id)
    return Colleague(actor, secret), token_for(user_id)


def run(*words: str) -> Result:
    return CliRunner().invoke(terminal, [*words], env={"CBI_PASSWORD": PASSWORD})


def charged(people: House) -> PaymentRun:
    """A run with three fees, of which one is too high."""
    with offices.transaction("dz") as session:
        done = sent(session, people)
        taken = fee_lines(keys(session, done), (20_00, 30_00, 47_50))
        statement(session, *paid_lines(session, done), *taken)
    return done


def test_a_tariff_at_the_terminal(
    office: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "console", Console(width=250))  # or words stand below each other
    treasurer, _ = person("amina", Role.TREASURER)
    finance, _ = person("karim", Role.HEAD_OF_FINANCE)
    file = tmp_path / "tariff.yaml"
    file.write_text(FILE)
    with later():
        said = run("tariff", "apply", str(file), "--user", "amina", "--code", treasurer.code())
        assert "cbi tariff accept sandbox DZD 1" in said.stdout
        said = run("tariff", "accept", "sandbox", "DZD", "1", "--user", "karim", "--code", finance.code())  # fmt: skip
        assert f"Version 1 counts from {DAY}." in said.stdout
        said = run("tariff", "cost", "sandbox", "1000.00", "DZD")
        assert "20.00" in said.stdout
        assert "rounded nearest" in said.stdout
        assert "No tariff" in run("tariff", "cost", "post_office", "1.00", "DZD").stdout
        (row,) = json.loads(run("tariff", "list", "--user", "amina", "--json").stdout)
        assert (row["version"], row["rules"]["rounding"]) == (1, "nearest")
        assert "Contract 2026/14, annex B" in run("tariff", "list", "--user", "amina").stdout
    done = charged(office)
    shown = run("run", "show", str(done.number)).stdout
    assert "140.00 DZD expected by tariff 1" in shown.replace("\u00a0", " ")
    with later():
        found = json.loads(run("tariff", "compare", MONTH, "--user", "amina", "--json").stdout)
        (line,) = found["fees"]
        assert (line["fees"], line["charged"]["minor"], line["above"]["minor"]) == (3, 97_50, 7_50)
        (left,) = found["set_aside"]
        assert (left["provider"], left["amount"]["minor"]) == ("sandbox", 50_00)
        by_file = run("tariff", "compare", MONTH, "--statements", "--user", "amina").stdout
        assert "statement.jsonl" in by_file
        assert "Set aside now for fees of sandbox" in by_file
    with clock.frozen(clock.now()), offices.transaction("dz") as session:
        of = checklist.month_of(session, MONTH)
        found_ = fees.agree(session, of.first, of.last, of.over)
        assert not found_.done
        assert "sandbox took 97.50" in found_.says.replace("\u00a0", " ")
        assert "1 difference is not explained" in found_.says


def test_a_tariff_over_http_and_what_it_costs_on_the_page(office: House) -> None:
    with later():
        treasurer, first = person("amina", Role.TREASURER)
        finance, second = person("karim", Role.HEAD_OF_FINANCE)

    def post(token: str, path: str, body: Mapping[str, object], key: str) -> tuple[int, dict[str, object]]:  # fmt: skip
        answer = Caller(create_app(), token).ask(
            "POST", f"/api/v1{path}", {"Idempotency-Key": key}, json=body
        )
        return answer.status_code, answer.json()

    with later():
        body = {"file": FILE.replace("rounding: nearest", "rounding: fair"), "one_time_code": treasurer.code()}  # fmt: skip
        status, said = post(first, "/tariffs", body, "1")
        assert (status, said["code"]) == (422, "tariff.file_errors")
        status, made = post(first, "/tariffs", body | {"file": FILE}, "2")
        assert (status, made["version"], made["accepted_at"]) == (201, 1, None)
    with later():
        at = "/tariffs/sandbox/DZD/1/acceptance"
        status, said = post(first, at, {"one_time_code": treasurer.code()}, "3")
        assert (status, said["code"]) == (403, "tariff.own")
        status, _ = post(second, at, {"one_time_code": finance.code()}, "4")
        assert status == 200
    done = charged(office)
    with later():
        caller = Caller(create_app(), first)
        (row,) = caller.get("/tariffs").json()
        assert row["accepted_at"]
        sheet = caller.get(f"/payment-runs/{done.id}").json()
        assert [each["expected"]["amount"] for each in sheet["fees"]] == ["140.00"]
        days = f"first={DAY:%Y-%m}-01&last={DAY}"
        (line,) = caller.get(f"/fees?{days}").json()
        assert (line["by_tariff"]["amount"], line["above"]["amount"]) == ("90.00", "7.50")
        (line,) = caller.get(f"/fees?{days}&by_statement=true").json()
        assert line["file"] == "statement.jsonl"
        assert ">Fees</th>" in Browsing(create_app(), first).get("/").text
        page = Browsing(create_app(), first).get(f"/approvals/{done.id}").text
        assert "What the providers will charge, by their tariffs" in page
        assert "Budget left after this run and its fees" in page
