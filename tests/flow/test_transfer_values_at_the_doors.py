"""Baskets, prices, transfer values and bands at the terminal and over HTTP."""

import json
import shlex
from pathlib import Path

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner

from cbi import clock, offices
from cbi.access import totp, users
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.programmes import days_off
from tests.factories import Colleague, households
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.value_factory import BASKET, NOW, PRICES, filled, programme, programme_text


@pytest.fixture
def numbers(database: URL) -> list[str]:
    """A programme that rests on a basket, and two households more."""
    with clock.frozen(NOW), offices.transaction("dz") as session:
        programme(session)
        return households(session, [2, 5])


@pytest.fixture
def authoriser(numbers: list[str]) -> Colleague:
    """Somebody who accepts."""
    this = make_user("authoriser", Role.AUTHORISER)
    with offices.transaction("dz") as session:
        secret = totp.enrol(session, this)
        return Colleague(users.actor_of_user(session, this), secret)


def test_a_value_changes_at_the_terminal(
    numbers: list[str], authoriser: Colleague, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_user("manager", Role.PROGRAMME_MANAGER)
    make_user("officer", Role.REGISTRATION_OFFICER)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def cbi(command: str, by: str = "manager", exits: int = 0) -> str:
        words = [*shlex.split(command), "--user", by]
        done = CliRunner().invoke(terminal, words, catch_exceptions=False)
        assert done.exit_code == exits, done.output
        return " ".join(done.stdout.split())

    file, out, back = (tmp_path / name for name in ("basket.yaml", "prices.xlsx", "back.xlsx"))
    file.write_text(BASKET.replace("quantity: 3,", "quantity: 4,"), encoding="utf-8")
    with clock.frozen(NOW):
        assert "version 2 applied" in cbi(f"basket apply {file}")
        assert json.loads(cbi("basket list --json"))[0]["items"] == 5
        assert "Round 1 with 15 prices" in cbi(
            f"prices export meb-oran 2026-03 {out} --language fr", "officer"
        )
        cbi(f"prices export meb-oran 2026-03 {tmp_path / 'x.doc'}", exits=2)
        cbi(f"prices export meb-oran 2026-03 {out} --language en", "officer")
        back.write_bytes(filled(out.read_bytes(), {**PRICES, "Rice": "160"}).read())
        assert "dry run" in cbi(f"prices import {back} --dry-run", "officer")
        assert "cbi value propose 1" in cbi(
            f"prices import {back} --report {tmp_path / 'r.xlsx'}", "officer"
        )
        assert (tmp_path / "r.xlsx").exists()
        assert "meb-oran (2)" in cbi("prices list")
        assert json.loads(cbi("prices list --json"))[0]["latest"] == 1
        assert "160.00" in cbi("prices show 1")
        assert len(json.loads(cbi("prices show 1 --json"))) == 5
        told = cbi("value propose 1")
        assert "basket 11326.25 × 80 % = 9061.00 DZD, rounded down to 9000.00 DZD" in told
        assert "cbi value accept 1" in told
        cbi('value refuse 1 --reason "Not yet"')
        made = json.loads(cbi("value propose 1 --programme families-2026 --json"))
        number = made["outcomes"][0]["number"]
        assert f"{number}" in cbi("value list --waiting")
        assert json.loads(cbi(f"value show {number} --json"))["base"]["amount"] == "9000.00"
        assert "version 2 of the programme" in cbi(
            f"value accept {number} --code {authoriser.code()}", "authoriser"
        )
        assert "accepted as version 2" in cbi(f"value show {number}")
        assert [each["decision"] for each in json.loads(cbi("value list --json"))] == [
            "accepted",
            "refused",
        ]
        cbi(
            f"registry band {numbers[0]} severe --scorecard vulnerability/2 --on 2026-03-03",
            "officer",
        )
        assert json.loads(cbi("registry bands --json"))[0]["band"] == "severe"
        assert "vulnerability" in cbi("registry bands")
        assert "monday, tuesday, wednesday, thursday, sunday" in cbi(
            "office working-days", "officer"
        )
        assert json.loads(cbi("office working-days sunday,monday --json")) == ["monday", "sunday"]
        assert "works on 2026-07-05" in cbi("office day-off 2026-07-05 --works --reason Polls")
        assert "Independence Day" in cbi("office days-off 2026", "officer")
        listed = json.loads(cbi("office days-off 2026 --json"))["days"]
        monkeypatch.setattr(days_off, "is_known", lambda region: False)
        assert "holidays of DZ are not known here" in cbi("office days-off")
        (worked,) = [each for each in listed if not each["off"]]
        assert (worked["day"], worked["said_by"], worked["reason"]) == (
            "2026-07-05", "manager", "Polls",
        )  # fmt: skip


def test_a_value_changes_over_http(numbers: list[str], authoriser: Colleague) -> None:
    manager = Caller(create_app(), token_for(make_user("manager", Role.PROGRAMME_MANAGER)))
    officer = Caller(create_app(), token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    assert authoriser.actor.id
    finance = Caller(create_app(), token_for(authoriser.actor.id))
    with clock.frozen(clock.now()):
        assert manager.post("/baskets", {"file": BASKET}).json()["changed"] is False
        assert manager.post("/baskets", {"file": "- x"}).json()["code"] == "basket.file_errors"
        assert manager.get("/baskets").json()[0]["content"]["household_size"] == 5
        round_ = officer.post("/baskets/meb-oran/rounds", {"name": "2026-03"}).json()
        path = f"/price-rounds/{round_['number']}"
        content = officer.get(f"{path}/file?language=en").content
        files = {"file": ("prices.xlsx", filled(content), "application/octet-stream")}
        done = officer.post("/price-rounds/imports", files=files)
        assert (done.status_code, done.json()["taken"]) == (201, 15)
        assert manager.get(path).json()["items"][0]["median"]["amount"] == "140.00"
        assert officer.post(f"{path}/proposals").status_code == 403
        (outcome,) = manager.post(f"{path}/proposals").json()
        value = f"/transfer-values/{outcome['number']}"
        assert manager.post(f"{value}/acceptance", {"one_time_code": "123456"}).status_code == 403
        assert (
            finance.post(f"{value}/acceptance", {"one_time_code": authoriser.code()}).json()[
                "made_version"
            ]
            == 2
        )
        late = finance.post(f"{value}/refusal", {"reason": "Too late"})
        assert (late.status_code, late.json()["code"]) == (404, "transfer_value.unknown")
        assert manager.get("/transfer-values").json()[0]["decision"] == "accepted"
        assert manager.get(value).json()["trace"][-1].startswith("base: basket")
        assert manager.get("/price-rounds").json()[0]["name"] == "2026-03"
        kept = manager.post("/programmes", {"definition": programme_text()}).json()
        assert kept["code"] == "programmes.value_accepted"
    assert officer.get("/working-week").json()["days"][-1] == "sunday"
    assert officer.post("/working-week", {"days": ["friday"]}).status_code == 403
    assert manager.post("/working-week", {"days": ["friday"]}).json() == {"days": ["friday"]}
    feast = {"day": "2026-03-23", "reason": "The moon was seen late"}
    assert officer.post("/days-off", feast).status_code == 403
    assert manager.post("/days-off", feast).json()["off"] is True
    days = officer.get("/days-off?year=2026").json()["days"]
    assert ["2026-03-23", "manager"] in [[each["day"], each["said_by"]] for each in days]
    assert manager.get("/days-off?year=1999").json()["code"] == "office.unusable_day"
    band = {"household": numbers[0], "band": "Severe", "scorecard": "vulnerability/2"}
    assert manager.post("/registry/bands", band).status_code == 403
    assert officer.post("/registry/bands", band).json() == [
        {"scorecard": "vulnerability", "version": 2, "band": "Severe", "households": 1}
    ]
    assert len(officer.get("/registry/bands").json()) == 1
