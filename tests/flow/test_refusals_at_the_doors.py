"""What a colleague proposed is refused over HTTP and at the terminal, by the same way whatever it is about."""

import shlex
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest
from sqlalchemy import URL
from typer.testing import CliRunner

from cbi import clock, offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from tests.flow.people import PASSWORD, Caller, make_user, token_for

EXAMPLE = Path(__file__).parents[2] / "examples" / "approval-policy.yaml"


def test_a_policy_is_refused_at_each_door_and_whoever_proposed_it_reads_why(
    database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app()
    people = {}
    for name, role in (
        ("samir", Role.TREASURER), ("huda", Role.HEAD_OF_FINANCE), ("clerk", Role.REGISTRATION_OFFICER)
    ):  # fmt: skip
        user = make_user(name, role)
        with offices.transaction("dz") as session:
            people[name] = (Caller(app, token_for(user)), totp.enrol(session, user), user)

    def propose(steps: int) -> int:
        code = pyotp.TOTP(people["samir"][1]).at(clock.now() + timedelta(seconds=30 * steps))
        body = {"file": EXAMPLE.read_text(), "one_time_code": code}
        made = people["samir"][0].post("/approval-policies", body)
        assert made.status_code == 201, made.text
        return int(made.json()["version"])

    body = {"kind": "approval-policy", "key": str(propose(0)), "reason": "Too few signatures."}
    assert people["clerk"][0].post("/refusals", body).json()["code"] == "access.not_permitted"
    assert people["huda"][0].post("/refusals", body | {"kind": "wish"}).status_code == 422
    refused = people["huda"][0].post("/refusals", body)
    assert (refused.status_code, refused.json()["reason"]) == (201, "Too few signatures.")
    assert people["huda"][0].post("/refusals", body).json()["code"] == "refusal.nothing_waits"
    (told,) = people["samir"][0].get("/refusals").json()
    assert (told["kind"], told["key"]) == ("approval-policy", "1")
    (version,) = people["samir"][0].get("/approval-policies").json()
    assert version["refusal_id"] == told["id"]
    assert people["clerk"][0].get("/refusals").json() == []

    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def cbi(command: str) -> str:
        done = CliRunner().invoke(terminal, shlex.split(command))
        assert done.exit_code == 0, (done.output, done.exception)
        return done.stdout

    number = propose(1)
    cbi(f'refuse approval-policy {number} --reason "It was a draft." --user samir')
    listed = cbi("refusals --user samir")
    assert "It was a draft." in listed
    assert "Too few signatures." in listed
    assert "approval-policy" in cbi("refusals --user samir --json")
