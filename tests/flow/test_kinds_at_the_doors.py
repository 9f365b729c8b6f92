"""Enrolment, conditions, needs and replay at the terminal and over HTTP, and lists of households that change."""

import io
import json
import re
import shlex
from datetime import date
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import URL, select
from typer.testing import CliRunner

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.programmes.applying import apply
from cbi.programmes.cycles import open_cycle
from cbi.programmes.enrolling import CannotChange, Line
from cbi.programmes.enrolling_lists import read_list
from cbi.proofs.verify import verify
from cbi.registry.intake import importing
from cbi.registry.intake.tables import UnusableFile
from cbi.registry.models import Need
from tests.factories import colleague, households
from tests.flow.browsing import Browsing
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.kinds_factory import kind_file
from tests.programme_factory import OFFICER

GRANT = '{amount: "900", requires: [plan]}'
STIPEND = '{base: "100", prorate: days, arrears: 2, top_ups: [{name: care, amount: "5", for: {needs: [disability]}}]}'


@pytest.fixture
def numbers(database: URL) -> list[str]:
    """Two households, and a stipend and a grant that may be opened."""
    with offices.transaction("dz") as session:
        apply(session, OFFICER, kind_file(STIPEND))
        apply(session, OFFICER, kind_file(GRANT, kind="grant", code="start-up"))
        return households(session, [3, 4])


def test_a_manager_does_all_of_it_at_the_terminal(
    numbers: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_user("manager", Role.PROGRAMME_MANAGER)
    make_user("officer", Role.REGISTRATION_OFFICER)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def cbi(command: str, by: str = "manager", exits: int = 0) -> str:
        done = CliRunner().invoke(
            terminal, [*shlex.split(command), "--user", by], catch_exceptions=False
        )
        assert done.exit_code == exits, done.output
        return done.stdout

    one, two = numbers
    cbi(f'registry need {one} disability --members 2 --source "visit of 3 March"', by="officer")
    assert json.loads(cbi("registry needs --json")) == [
        {"need": "disability", "households": 1, "members": 2}
    ]
    assert "disability" in cbi("registry needs")
    assert "1 household" in cbi(
        f"programme start winter-2026 {one} --on 2026-01-17 --reason enrolled"
    )
    cbi(f"programme end winter-2026 {one} --on 2026-06-30 --reason moved")
    listed = tmp_path / "suspended.csv"
    listed.write_text(f"Registration number,Date,Reason\n{two},2026-01-05,not at home\n")
    assert "1 household" in cbi(f"programme suspend winter-2026 --list {listed}")
    cbi(f"programme resume winter-2026 {two} --on 2026-01-20 --reason 'was at home' --wrongly")
    cbi("programme suspend winter-2026 --on 2026-01-05", exits=2)
    cbi(f"programme suspend winter-2026 {two}", exits=2)
    cbi("cycle open winter-2026 2026-01")
    replayed = json.loads(cbi("cycle replay winter-2026 2026-01 --json"))
    assert (replayed["decisions"], replayed["differing"], replayed["not_kept"]) == (2, 0, 0)
    assert "2 from 2 combinations" in cbi("cycle replay winter-2026 2026-01")

    cbi(f'condition note start-up {one} plan --evidence "seen on 3 March"', by="officer")
    assert "waits" in cbi("condition list start-up --waiting")
    assert "confirmed" in cbi(f"condition confirm start-up {one} plan")
    cbi(f'condition note start-up {two} plan --evidence "seen on 4 March"', by="officer")
    assert "refused" in cbi(f'condition refuse start-up {two} plan --remark "no figures in it"')
    decisions = [row["decision"] for row in json.loads(cbi("condition list start-up --json"))]
    assert decisions == ["confirmed", "refused"]
    assert "900.00 DZD" in cbi("cycle open start-up 2026-01")
    with offices.transaction("dz") as session:
        assert [verdict.breaches for verdict in verify(session)] == [()] * 9


def test_programs_do_the_same_over_http(numbers: list[str]) -> None:
    manager = Caller(create_app(), token_for(make_user("manager", Role.PROGRAMME_MANAGER)))
    officer = Caller(create_app(), token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    lines = [
        {"household": number, "on": "2026-01-05", "reason": "not at home"} for number in numbers
    ]
    path = "/programmes/winter-2026/enrolments"
    assert officer.post(path, {"act": "suspend", "households": lines}).status_code == 403
    done = manager.post(path, {"act": "suspend", "households": lines})
    assert (done.status_code, done.json()) == (201, {"households": 2, "waiting": 0, "suspended": 0})
    again = manager.post(path, {"act": "suspend", "households": lines})
    assert (again.status_code, again.json()["code"]) == (409, "programmes.cannot_change_enrolment")
    assert again.json()["details"]["problems"][0]["place"] == f"household {numbers[0]}"
    resumed = [{**line, "on": "2026-01-09"} for line in lines]
    body = {"act": "resume", "households": resumed, "was_wrong": True}
    assert manager.post(path, body).json() == {"households": 2, "waiting": 0, "suspended": 0}

    need = {
        "household": numbers[0],
        "need": "Disability",
        "members": 2,
        "source": "visit of 3 March",
    }
    assert officer.post("/registry/needs", need).json() == [
        {"need": "Disability", "households": 1, "members": 2}
    ]
    assert officer.post("/registry/needs", {**need, "members": 0}).json() == []
    assert officer.post("/registry/needs", {**need, "members": 9}).status_code == 422
    assert manager.get("/registry/needs").json() == []

    path = "/programmes/start-up/conditions"
    note = {"household": numbers[0], "condition": "plan", "evidence": "seen on 3 March"}
    assert officer.post(path, note).json()["decision"] is None
    decide = {"household": numbers[0], "condition": "plan", "decision": "confirmed"}
    assert manager.post(f"{path}/decisions", decide).json()["decision"] == "confirmed"
    manager.post(path, {**note, "household": numbers[1]})
    own = manager.post(f"{path}/decisions", {**decide, "household": numbers[1]})
    assert (own.status_code, own.json()["code"]) == (403, "programmes.own_note")
    refuse = {**decide, "household": numbers[1], "decision": "refused", "remark": "no figures"}
    other = Caller(create_app(), token_for(make_user("other", Role.PROGRAMME_MANAGER)))
    assert other.post(f"{path}/decisions", refuse).json()["remark"] == "no figures"
    listed = manager.get(path).json()
    assert [each["decision"] for each in listed] == ["confirmed", "refused"]
    assert manager.get(path, params={"waiting": True}).json() == []

    opened = manager.post("/programmes/start-up/cycles", {"period": "2026-01"}).json()
    found = manager.get(f"/cycles/{opened['id']}/replay").json()
    assert (found["decisions"], found["differing"], found["examples"]) == (2, 0, [])


def test_needs_come_in_with_the_registration_list(numbers: list[str]) -> None:
    file = (
        "Numéro d'enregistrement,Nom,Téléphone,Taille du ménage,Besoins\n"
        "N-1,Somebody,0550400001,4,Grossesse; handicap 2\n"
        "N-2,Somebody,0550400002,2,handicap 3\n"
        "N-3,Somebody,0550400003,2,\n"
    ).encode()
    with offices.transaction("dz") as session:
        result = importing.import_file(session, OFFICER, io.BytesIO(file), filename="besoins.csv")
        assert (result.landed, result.rejected) == (2, 1)
        assert [reason.code for row in result.rows for reason in row.reasons] == ["needs_members"]
        noted = session.scalars(select(Need).order_by(Need.id)).all()
        assert [(each.key, each.word, each.members, each.source, each.noted_by) for each in noted] == [
            ("grossesse", "Grossesse", 1, "template", OFFICER.id),
            ("handicap", "handicap", 2, "template", OFFICER.id),
        ]  # fmt: skip
        again = importing.import_file(session, OFFICER, io.BytesIO(file), filename="besoins.csv")
        assert (again.unchanged, again.landed) == (2, 0)
        other = file.replace(b"handicap 2", b"handicap 1")
        changed = importing.import_file(session, OFFICER, io.BytesIO(other), filename="besoins.csv")
        assert {reason.code for row in changed.rows for reason in row.reasons} >= {"changed"}


def test_a_workbook_of_households_is_read_in_any_language_and_digits() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["رقم التسجيل", "التاريخ", "السبب"])
    sheet.append(["H-1", "٢٠٢٦-٠٣-٠١", "سافر"])
    sheet.append(["H-2", None, None])
    content = io.BytesIO()
    book.save(content)
    lines = read_list(content, on=date(2026, 4, 1), reason="moved")
    assert lines == [
        Line("row 2 of the sheet 'Sheet'", "H-1", date(2026, 3, 1), "سافر"),
        Line("row 3 of the sheet 'Sheet'", "H-2", date(2026, 4, 1), "moved"),
    ]


def test_a_list_that_cannot_be_read_names_every_line() -> None:
    file = b"Registration number,Date,Reason\nH-1,03/04/2026,moved\n,2026-01-01,moved\nH-3,,moved\nH-4,2026-01-01,\n"
    with pytest.raises(CannotChange) as caught:
        read_list(io.BytesIO(file))
    said = str(caught.value).splitlines()
    assert said[0].startswith("line 2: The day and the month of this date can be told in two ways.")
    assert [line.split(":")[0] for line in said[1:4]] == ["line 3", "line 4", "line 5"]
    assert "no reason" in said[3]
    with pytest.raises(UnusableFile, match="no column 'Registration number'"):
        read_list(io.BytesIO(b"Who,Date,Reason\nH-1,2026-01-01,moved\n"))


def test_days_that_reach_back_are_confirmed_by_another_at_every_door(
    numbers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = {"manager": Role.PROGRAMME_MANAGER, "other": Role.AUTHORISER}
    people = {name: make_user(name, role) for name, role in roles.items()}
    tokens = {name: token_for(who) for name, who in people.items()}
    manager, other = (Caller(create_app(), tokens[name]) for name in people)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    with offices.transaction("dz") as session:
        open_cycle(session, OFFICER, "winter-2026", "2026-01")
    lines = [
        {"household": each, "on": "2026-01-05", "reason": "registered late"} for each in numbers
    ]
    path = "/programmes/winter-2026/enrolments"
    forward = [{**line, "on": "2026-02-20"} for line in lines]
    assert manager.post(path, {"act": "start", "households": forward}).status_code == 201
    assert manager.post(path, {"act": "start", "households": lines}).status_code == 201
    first, second = manager.get(f"{path}/waiting").json()
    assert [first["household"], first["starts_on"]] == [numbers[0], "2026-01-05"]
    own = manager.post(f"{path}/confirmations", {"number": first["number"]})
    assert own.status_code == 403
    with offices.transaction("dz") as session:
        authoriser = colleague(session, Role.AUTHORISER).actor
    assert authoriser.id is not None
    page = Browsing(create_app(), token_for(authoriser.id))
    shown = page.get(f"/waiting/days/{first['number']}").text
    assert numbers[0] in shown
    assert shown.index("20 Feb 2026") < shown.index("5 Jan 2026"), "as it was, and as it would be"
    assert "5 Jan 2026" in shown, re.findall(r"<td[^>]*>.*?</td>", shown)
    page.send(f"/waiting/accept/days/{first['number']}")
    assert page.get(f"/waiting/days/{first['number']}").status_code == 404
    command = ["programme", "confirm-days", str(second["number"]), "--user", "other"]
    listing = CliRunner().invoke(
        terminal, ["programme", "days", "winter-2026", "--user", "other", "--json"]
    )
    (row,) = json.loads(listing.stdout)
    assert (row["household"], row["made_up"]) == (numbers[1], second["made_up"]), "what it costs"
    assert CliRunner().invoke(terminal, command).exit_code == 0
    assert other.get(f"{path}/waiting").json() == []
    again = other.post(f"{path}/confirmations", {"number": second["number"]})
    assert (again.status_code, again.json()["code"]) == (404, "programmes.unknown_days")

    # The same of suspensions that end for a time for which a cycle is open.
    for act, more in (("suspend", {}), ("resume", {"was_wrong": True})):
        body = {"act": act, "households": lines, **more}
        done = manager.post(path, body).json()
        assert done == {"households": 2, "waiting": 2 if more else 0, "suspended": 0}
    ends = "/programmes/winter-2026/resumptions"
    first, second = sorted(manager.get(f"{ends}/waiting").json(), key=lambda it: it["household"])
    assert (first["was_wrong"], first["begins_on"]) == (True, "2026-01-05")
    own = manager.post(f"{ends}/confirmations", {"id": first["id"]})
    assert own.status_code == 403
    page.get(f"/waiting/resumption/{first['id']}")
    assert (
        f"{first['household']} of winter-2026 was suspended on 5 Jan 2026 without ground"
        in page.words
    )
    assert re.search(r"Made up for in|No cycle is left", page.words), "what it costs"
    page.send(f"/waiting/accept/resumption/{first['id']}")
    listing = CliRunner().invoke(
        terminal, ["programme", "resumptions", "winter-2026", "--user", "other", "--json"]
    )
    (row,) = json.loads(listing.stdout)
    assert (row["id"], row["made_up"]) == (second["id"], second["made_up"])
    command = ["programme", "confirm-resumption", second["id"], "--user", "other"]
    assert CliRunner().invoke(terminal, command).exit_code == 0
    again = other.post(f"{ends}/confirmations", {"id": second["id"]})
    assert (again.status_code, again.json()["code"]) == (404, "programmes.unknown_resumption")
