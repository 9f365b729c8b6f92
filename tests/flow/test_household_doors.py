"""Changes of households over HTTP and at the terminal: one asks, another confirms, and no name comes back."""

import io
import json
import shlex

import pytest
from sqlalchemy import URL, select
from typer.testing import CliRunner

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.registry.intake import importing
from cbi.registry.intake.results import ImportResult
from cbi.registry.models import Household
from tests.factories import EVERYTHING, households
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.household_factory import family


class Story:
    """A family, and two officers."""

    def __init__(self) -> None:
        amina = make_user("amina", Role.REGISTRATION_OFFICER)
        karim = make_user("karim", Role.PROGRAMME_MANAGER)
        auditor = make_user("auditor", Role.AUDITOR)
        with offices.transaction("dz") as session:
            self.home, self.people = family(session, "Omar", "Lina 7")
            self.number = session.get_one(Household, self.home).source_id
        app = create_app()
        self.asker, self.other, self.auditor = (
            Caller(app, token_for(each)) for each in (amina, karim, auditor)
        )


@pytest.fixture
def story(database: URL) -> Story:
    return Story()


def test_changes_over_http(story: Story) -> None:
    path = f"/households/{story.home}/changes"
    born = {
        "kind": "born",
        "reason": "certificate seen",
        "personal": {"name": "Sami Hidden", "age": "0"},
    }
    assert story.auditor.post(path, born).status_code == 403
    asked = story.asker.post(path, born)
    assert asked.status_code == 202, asked.text
    number = asked.json()["request"]
    assert story.asker.post(f"/household-changes/{number}/confirmation", {}).json()["code"] == (
        "household.own_request"
    )
    (waiting,) = story.other.get("/household-changes").json()["items"]
    assert (waiting["request"], waiting["household"]) == (number, story.number)
    assert "Hidden" not in json.dumps(waiting)
    done = story.other.post(f"/household-changes/{number}/confirmation", {})
    assert done.status_code == 200, done.text
    gone = story.asker.post(
        path, {"kind": "died", "reason": "told by the family", "person": str(story.people["head"]), "version": 2}
    )  # fmt: skip
    assert gone.status_code == 201, gone.text
    late = story.asker.post(path, {"kind": "departed", "reason": "told by many", "version": 2})
    assert (late.status_code, late.json()["code"]) == (409, "household.changed_meanwhile")
    shown = story.auditor.get(f"/households/{story.home}").json()
    assert (shown["size"], shown["version"], len(shown["members"])) == (3, 3, 4)
    assert [each["kind"] for each in shown["changes"]] == ["born", "died"]
    assert "Hidden" not in json.dumps(shown)
    before = story.auditor.get(f"/households/{story.home}", params={"on": "2020-01-01"}).json()
    assert (before["size"], before["version"]) == (3, 1)
    troubles = story.asker.get("/household-troubles").json()
    assert {each["trouble"] for each in troubles} == {"no_collector", "no_head"}
    assert troubles[0]["household"] == story.number
    again = story.asker.post(path, born).json()["request"]
    refused = story.other.post(f"/household-changes/{again}/refusal", {"remark": "the same child"})
    assert refused.status_code == 204
    assert story.other.get("/household-changes").json()["items"] == []
    wrong = story.asker.post(path, {**born, "personal": {"name": "Sami", "phone": "12"}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "household.unusable_change")


def test_changes_at_the_terminal(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)

    def cbi(command: str, by: str = "amina", exits: int = 0) -> str:
        done = CliRunner().invoke(
            terminal, ["household", *shlex.split(command), "--user", by], catch_exceptions=False
        )
        assert done.exit_code == exits, done.output
        return done.stdout

    def confirmed(command: str) -> str:
        request = json.loads(cbi(f"{command} --reason 'as it is' --json"))["request"]
        change: str = json.loads(cbi(f"confirm {request} --json", by="karim"))["change"]
        return change

    with offices.transaction("dz") as session:
        other = households(session, [2])[0]
    of = {name: person.hex[-8:] for name, person in story.people.items()}
    assert "Asked for as" in cbi(f"phone {story.number} {of['head']} 0661000001 --reason 'stolen'")
    assert "phone" in cbi("waiting")
    confirmed(f"add-member {story.number} --born --name 'Sami B' --age 0")
    confirmed(f"move {story.number} Oran")
    confirmed(f"correct {story.number} {of['head']} --sex female --language fr")
    confirmed(f"role {story.number} {of['Omar']} alternate --word orange")
    confirmed(
        f"guardian {story.number} {of['Lina']} {of['Omar']} --reference TR-1 --decided-on 2026-01-05 --decided-by court"
    )
    merge = confirmed(f"merge {story.number} {other} --size 6")
    confirmed(f"unmerge {story.number} {merge}")
    confirmed(f"split {story.number} {of['Omar']} --head {of['Omar']} --collector {of['Omar']}")
    assert "Noted: left" in cbi(f"left {story.number} {of['Lina']} --reason 'with an aunt'")
    assert "Noted: died" in cbi(f"died {story.number} {of['head']} --reason 'told by many'")
    confirmed(f"returned {story.number} {of['Lina']}")
    assert "no_collector" in cbi("troubles")
    shown = json.loads(cbi(f"show {story.number} --json"))
    assert (shown["area"], shown["language"], shown["size"]) == ("Oran", "fr", 2)
    assert "Noted: departed" in cbi(f"departed {story.number} --reason 'went home'")
    assert "departed" in cbi(f"show {story.number}")
    cbi("refuse 1 --remark 'is not theirs'", by="karim", exits=0)
    done = CliRunner().invoke(
        terminal, ["household", "left", story.number, "ffffff", "--reason", "nobody", "--user", "amina"]
    )  # fmt: skip
    assert done.exit_code == 1


def test_a_list_brings_nobody_back(story: Story) -> None:
    heading = "Registration number,Name,Phone,Language,Household size"

    def take(size: int) -> ImportResult:
        line = f"B-1,Somebody Old,0550777001,ar,{size}"
        with offices.transaction("dz") as session:
            return importing.import_file(
                session, EVERYTHING, io.BytesIO(f"{heading}\n{line}".encode()), filename="again.csv"
            )  # fmt: skip

    assert take(3).landed == 1
    with offices.transaction("dz") as session:
        home = session.scalars(select(Household.id).where(Household.source_id == "B-1")).one()
    body = {"kind": "departed", "reason": "told by many"}
    assert story.asker.post(f"/households/{home}/changes", body).status_code == 201
    again = take(3)
    assert (again.unchanged, again.warnings) == (1, 1)
    assert [each.code for row in again.rows for each in row.warnings] == ["changed_since"]
    with pytest.raises(importing.NothingUsable):
        take(4)
    with offices.transaction("dz") as session:
        assert session.get_one(Household, home).status == "departed"
