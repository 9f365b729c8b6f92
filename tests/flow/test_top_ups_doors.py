"""Top-ups at the terminal and over HTTP, from a list in the field to a run of its own."""

import json
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner

from cbi import clock, offices
from cbi.access.actor import Actor
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.payments.runs import runs
from cbi.programmes import cycles, top_up_queries, top_ups
from tests.factories import (
    EVERYTHING,
    PERIOD,
    START,
    Colleague,
    colleague,
    funded_programme,
    households,
)
from tests.flow.people import PASSWORD, Caller, make_user, token_for


class Story:
    """Two households whose cycle is open and in a run; one who proposes, one who accepts."""

    def __init__(self) -> None:
        manager = make_user("manager", Role.PROGRAMME_MANAGER)
        with clock.frozen(START), offices.transaction("dz") as session:
            self.accepter: Colleague = colleague(session, Role.AUTHORISER)
            self.programme = funded_programme(session)
            self.numbers = households(session, [2, 3])
            opened = cycles.open_cycle(session, EVERYTHING, self.programme, PERIOD)
            runs.build(session, Actor("system", None, "test", EVERYTHING.grants), opened.id)
            self.cycle = opened.id
        self.manager = Caller(create_app(), token_for(manager))
        assert self.accepter.actor.id is not None
        self.authoriser = Caller(create_app(), token_for(self.accepter.actor.id))


@pytest.fixture
def story(database: URL) -> Story:
    return Story()


def test_a_top_up_over_http(story: Story) -> None:
    path = f"/cycles/{story.cycle}/top-ups"
    row = {"household": story.numbers[0], "amount": "150.00"}
    body = {"rows": [row], "reason": "Fuel costs more", "reference": "MEMO-14"}
    assert story.authoriser.post(path, body).status_code == 403
    made = story.manager.post(path, body)
    assert made.status_code == 201, made.text
    top_up = made.json()
    assert (top_up["number"], top_up["decision"], top_up["households"]) == (1, None, 1)
    assert story.manager.post(path, body).json()["code"] == "top_up.proposed_before"
    wrong = story.manager.post(path, {**body, "rows": [{**row, "amount": "1,50"}]})
    assert wrong.status_code == 422
    accept = f"/top-ups/{top_up['id']}/accept"
    assert story.manager.post(accept, {"one_time_code": "123456"}).status_code == 403
    build = {"cycle_id": str(story.cycle), "top_up_id": top_up["id"]}
    early = story.manager.post("/payment-runs", build)
    assert early.json()["code"] == "payment_run.top_up_not_accepted"
    done = story.authoriser.post(accept, {"one_time_code": story.accepter.code()})
    assert (done.status_code, done.json()["decision"]) == (200, "accepted")
    (found,) = story.manager.get(f"{path}/1/rows").json()
    assert (found["before"]["amount"], found["amount"]["amount"]) == ("2000.00", "150.00")
    run = story.manager.post("/payment-runs", build)
    assert run.status_code == 201, run.text
    sheet = story.manager.get(f"/payment-runs/{run.json()['id']}").json()
    assert (sheet["on_top"]["number"], sheet["on_top"]["runs"]) == (1, [1])
    assert sheet["total"] == {"amount": "150.00", "currency": "DZD"}


def test_a_top_up_at_the_terminal(
    story: Story, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def cbi(command: str, by: str = "manager", exits: int = 0) -> str:
        done = CliRunner().invoke(
            terminal, [*shlex.split(command), "--user", by], catch_exceptions=False
        )
        assert done.exit_code == exits, done.output
        return done.stdout

    cycle = f"{story.programme} {PERIOD}"
    listed = tmp_path / "more.csv"
    listed.write_text(f"Registration number,Amount,Reason\n{story.numbers[1]},100.00,cold\n")
    why = '--reason "Fuel costs more" --reference MEMO-14'
    cbi(f"cycle top-up propose {cycle} {why}", exits=2)
    (made,) = json.loads(cbi(f"cycle top-up propose {cycle} --list {listed} {why} --json"))
    assert made["number"] == 1
    assert "waits" in cbi(f"cycle top-up list {cycle}")
    assert "100.00" in cbi(f"cycle top-up show {cycle} 1")
    assert "refused" in cbi(f"cycle top-up withdraw {cycle} 1 --reason 'a slip'")
    cbi(f"cycle top-up propose {cycle} --list {listed} {why}")
    with offices.transaction("dz") as session:
        second = top_up_queries.numbered(session, EVERYTHING, story.cycle, 2)
        with clock.frozen(START + timedelta(minutes=5)):
            top_ups.accept(session, story.accepter.actor, second, story.accepter.code())
    assert "100.00" in cbi(f"run build {cycle} --top-up 2")
    sheet = CliRunner().invoke(terminal, ["run", "show", "2"], catch_exceptions=False)
    assert "Top-up 2" in sheet.stdout
    assert "MEMO-14" in sheet.stdout
