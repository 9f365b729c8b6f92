"""Scorecards, forms and assessments at the terminal and over HTTP."""

import io
import json
import shlex
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import URL
from typer.testing import CliRunner

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from tests.factories import households
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.kinds_factory import kind_file
from tests.scorecard_factory import CARD, NEEDY, fill, in_use

ROW: dict[str, str | int | None] = {
    "Jours de faim": 5, "Loyer": "En retard", "Santé: Maladie chronique": "oui", "Enfants seuls": "non"
}  # fmt: skip


@pytest.fixture
def numbers(database: URL) -> list[str]:
    """Three households."""
    with offices.transaction("dz") as session:
        return households(session, [2, 5, 7])


def test_a_scorecard_is_used_at_the_terminal(
    numbers: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, role in (("manager", Role.PROGRAMME_MANAGER), ("second", Role.PROGRAMME_MANAGER)):
        make_user(name, role)
    make_user("officer", Role.REGISTRATION_OFFICER)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def cbi(command: str, by: str = "officer", exits: int = 0) -> str:
        asks = [] if command.startswith("scorecard check") else ["--user", by]
        done = CliRunner().invoke(terminal, [*shlex.split(command), *asks])
        if exits == 0 and done.exception:
            raise done.exception
        assert done.exit_code == exits, done.output
        return " ".join(done.stdout.split())

    file, form = tmp_path / "need.yaml", tmp_path / "form.xlsx"
    file.write_text(CARD, encoding="utf-8")
    assert "2 in the short form, 4 in the long one" in cbi(f"scorecard check {file}")
    assert "cbi scorecard accept need 1" in cbi(f"scorecard propose {file}", "manager")
    assert "Nothing changed" in cbi(f"scorecard propose {file}", "second")
    cbi("scorecard accept need 1", "manager", exits=1)
    assert "Accepted" in cbi("scorecard accept need 1", "second")
    file.write_text(CARD.replace("points: 9", "points: 8"), encoding="utf-8")
    assert json.loads(cbi(f"scorecard propose {file} --json", "manager"))["version"] == 2
    assert "Refused" in cbi('scorecard refuse need 2 --reason "not tried yet"', "second")
    assert "refused" in cbi("scorecard list", "manager")
    assert len(json.loads(cbi("scorecard list --json", "manager"))) == 2
    assert "points: 9" in cbi("scorecard show need --version 1", "manager")

    assert "for 2 households" in cbi(
        f"scorecard form need {form} --long --language fr --households {numbers[0]},{numbers[1]}"
    )
    form.write_bytes(fill(form.read_bytes(), {1: ROW, 2: ROW | {"Jours de faim": 8}}).read())
    assert "dry run" in cbi(f"assess file {form} --dry-run")
    told = cbi(f"assess file {form} --report {tmp_path / 'checked.xlsx'}")
    assert "Taken 1" in told
    assert "not a whole number from 0 to 7" in told
    assert (tmp_path / "checked.xlsx").exists()
    assert json.loads(cbi(f"assess file {form} --json"))["unchanged"] == 1
    text = f"assess one {numbers[2]} --scorecard need hunger=6 rent=late health=chronic,serious alone=no --on 2026-01-05"
    assert "19 points, band high" in cbi(text)
    assert "Refused" not in cbi(f'{text} --reason "the same again" --source "second visit"')
    cbi(f"assess one {numbers[0]} --scorecard need hunger=6", exits=1)
    cbi(f"assess one {numbers[0]} --scorecard need hunger", exits=2)
    assert json.loads(cbi(f"assess list {numbers[2]} --json"))[0]["score"] == "19"
    assert "need/1" in cbi(f"assess list {numbers[2]}")
    number = json.loads(cbi(f"assess list {numbers[0]} --json"))[0]["id"]
    assert "9 points : Jours de faim: 5" in cbi(
        f"assess show {number} --language fr --purpose protection"
    )
    assert json.loads(cbi(f"assess show {number} --json"))["answers"] == NEEDY
    assert json.loads(cbi("assess waiting --json")) == []
    assert "Waiting" in cbi("assess waiting")
    cbi(f"assess confirm {number}", exits=1)
    cbi(f'assess refuse {number} --reason "no visit"', exits=1)


def test_a_scorecard_is_used_over_http(numbers: list[str]) -> None:
    app = create_app()

    def caller(name: str, role: Role) -> Caller:
        return Caller(app, token_for(make_user(name, role)))

    manager, second = (caller(name, Role.PROGRAMME_MANAGER) for name in ("manager", "second"))
    officer, finance = (
        caller("officer", Role.REGISTRATION_OFFICER),
        caller("finance", Role.CERTIFIER),
    )
    wrong = manager.post("/scorecards", {"file": CARD.replace("kind: number", "kind: counted")})
    assert wrong.status_code == 422
    assert wrong.json()["details"]["problems"][0]["field"] == "indicators.hunger.kind"
    assert manager.post("/scorecards", {"file": CARD}).json()["version"] == 1
    own = manager.post("/scorecards/need/versions/1/accept", {})
    assert (own.status_code, own.json()["code"]) == (403, "scorecard.own")
    assert second.post("/scorecards/need/versions/1/accept", {}).json()["decision"] == "accepted"
    assert manager.post("/scorecards", {"file": CARD.replace("points: 9", "points: 8")}).json()[
        "changed"
    ]
    refused = second.post("/scorecards/need/versions/2/refuse", {"reason": "not yet"})
    assert refused.json()["reason"] == "not yet"
    assert len(officer.get("/scorecards").json()) == 2
    assert finance.get("/scorecards/need/versions/1").json()["text"] == CARD

    body = {"household": numbers[0], "scorecard": "need", "answers": NEEDY}
    landed = officer.post("/assessments", body)
    assert (landed.status_code, landed.json()["band"], landed.json()["score"]) == (
        201,
        "high",
        "15",
    )
    assert officer.post("/assessments", body).status_code == 422
    assert officer.post("/assessments", body | {"answers": {"hunger": 3.5}}).status_code == 422
    written = officer.post(f"/scorecards/need/forms?form=long&households={numbers[1]}", {})
    assert written.status_code == 200
    assert "attachment" in written.headers["content-disposition"]
    sheet = load_workbook(io.BytesIO(written.content))["Assessment"]
    assert sheet["B2"].value == numbers[1]
    row: dict[str, str | int | None] = {
        "Days hungry": 0, "Rent": "Paid", "Children alone": "no", "Health: Serious need": None
    }  # fmt: skip
    back = fill(written.content, {1: row}).read()
    taken = officer.post(
        "/assessments/imports",
        files={"file": ("f.xlsx", back)},
    )
    assert (taken.status_code, taken.json()["bands"]) == (201, {"low": 1})
    listed = officer.get(f"/assessments?household={numbers[0]}").json()
    assert "answers" not in listed[0]
    number = listed[0]["id"]
    opened = officer.post(
        f"/assessments/{number}/open", {"purpose": "assessment", "language": "fr"}
    ).json()
    assert opened["answers"] == NEEDY
    assert opened["reasons"][0] == "9 points : Jours de faim: 5"
    assert officer.post(f"/assessments/{number}/open", {"purpose": "curious"}).status_code == 422
    for visit in (
        finance.get(f"/assessments?household={numbers[0]}"),
        finance.post(f"/assessments/{number}/open", {}),
    ):
        assert visit.status_code == 403
    assert second.get("/assessments/waiting").json()["items"] == []
    assert second.post(f"/assessments/{number}/confirm", {}).status_code == 409
    assert second.post(f"/assessments/{number}/refuse", {"reason": "not so"}).status_code == 409


def test_comparisons_and_appeals_at_the_terminal(
    numbers: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with offices.transaction("dz") as session:
        in_use(session)
    for name, role in (
        ("officer", Role.REGISTRATION_OFFICER), ("manager", Role.PROGRAMME_MANAGER), ("handler", Role.COMPLAINT_HANDLER),
    ):  # fmt: skip
        make_user(name, role)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def cbi(command: str, by: str = "manager", exits: int = 0) -> str:
        done = CliRunner().invoke(terminal, [*shlex.split(command), "--user", by])
        if exits == 0 and done.exception:
            raise done.exception
        assert done.exit_code == exits, done.output
        return " ".join(done.stdout.split())

    answers = "hunger=6 rent=late health=chronic alone=no"
    for number in numbers:
        cbi(f"assess one {number} --scorecard need {answers}", "officer")
    rules, card = tmp_path / "winter.yaml", tmp_path / "need.yaml"
    card.write_text(CARD.replace("band: high, from: 6", "band: high, from: 40"), encoding="utf-8")
    rules.write_text(
        kind_file('{base: "0", top_ups: [{name: need, amount: "40", for: {bands: [high]}}]}'),
        encoding="utf-8",
    )
    cbi(f"programme apply {rules}")
    told = cbi(f"scorecard what-if {card} --programme winter-2026")
    assert "3 households scored anew" in told
    assert "hidden" in told
    assert "Nothing was changed" in told
    found = json.loads(
        cbi(f"scorecard what-if {card} --programme winter-2026 --rules {rules} --json")
    )
    assert found["moves"] == [{"before": "high", "after": "low", "households": None}]
    assert found["cost"]["cycle_then"] == "0.00"
    cbi("scorecard what-if --programme winter-2026", exits=1)
    assert "it says where to look" in cbi("scorecard clustering need")
    assert json.loads(cbi("scorecard clustering need --json")) == []
    assert "Appeal 1" in cbi(
        f'appeal lodge {numbers[0]} --says "they did not ask about rent"', "handler"
    )
    assert "assessment" in cbi("appeal list")
    cbi('appeal decide 1 changed --answer "we agree"', exits=1)
    assert "takes its place" in cbi(
        'appeal decide 1 changed --answer "visited again" --set hunger=0 --set rent=paid --set health= --set alone=no'
    )
    assert json.loads(cbi("appeal list --all --json"))[0]["outcome"] == "changed"
    assert cbi("appeal list").count("open") == 0
    cbi(
        f'appeal lodge {numbers[0]} --says "left out" --cycle winter-2026/2026-01',
        "handler",
        exits=1,
    )


def test_comparisons_and_appeals_over_http(numbers: list[str]) -> None:
    with offices.transaction("dz") as session:
        in_use(session)
    app = create_app()

    def caller(name: str, role: Role) -> Caller:
        return Caller(app, token_for(make_user(name, role)))

    officer, manager = (
        caller("officer", Role.REGISTRATION_OFFICER),
        caller("manager", Role.PROGRAMME_MANAGER),
    )
    for number in numbers:
        body = {"household": number, "scorecard": "need", "answers": NEEDY}
        assert officer.post("/assessments", body).status_code == 201
    found = manager.post("/scorecards/what-if", {"scorecard": CARD}).json()
    assert (found["assessed"], found["cost"], found["moves"][0]["households"]) == (3, None, None)
    assert officer.post("/scorecards/what-if", {"scorecard": CARD}).status_code == 403
    assert manager.post("/scorecards/what-if", {}).json()["code"] == "what_if.nothing"
    lodged = officer.post("/appeals", {"household": numbers[0], "says": "That is too high."})
    assert lodged.status_code == 201
    own = officer.post(
        f"/appeals/{lodged.json()['id']}/decide", {"outcome": "stands", "answer": "It is right."}
    )
    assert own.status_code == 403
    decided = manager.post(
        f"/appeals/{lodged.json()['id']}/decide", {"outcome": "stands", "answer": "It is right."}
    )
    assert decided.json()["outcome"] == "stands"
    assert manager.get("/appeals").json()["items"] == []
    assert len(manager.get("/appeals?open_only=false").json()["items"]) == 1
    without = officer.post("/appeals", {"household": numbers[0]})
    assert without.status_code == 422
    assert manager.get("/scorecards/need/clustering").json() == []
    missing = officer.post(
        "/programmes/winter/cycles/2026-01/appeals", {"household": numbers[0], "says": "Left out."}
    )
    assert missing.status_code == 404
