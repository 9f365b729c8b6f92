"""Places at the terminal, and that commands see no more than whoever gives them may."""

import ast
import json
from pathlib import Path

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner, Result

from cbi import cli, offices
from cbi.access import roles, users
from cbi.access.actor import Actor
from cbi.access.permissions import Permission, Role
from cbi.registry.intake import importing
from tests.factories import EVERYTHING
from tests.flow.people import ADMINISTRATOR, PASSWORD, actor_of, make_user
from tests.places import LEVELS, listed

TERMINAL = Path(cli.__file__).parent / "terminal"


@pytest.fixture
def people(database: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    """A programme manager and an administrator, who type their passwords."""
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    monkeypatch.setenv("CBI_OFFICE", "dz")
    make_user("omar", Role.PROGRAMME_MANAGER)
    make_user("root", Role.ADMINISTRATOR)
    make_user("amina")


def run(*words: str) -> Result:
    """A command, as it is typed."""
    return CliRunner().invoke(cli.app, list(words))


@pytest.mark.usefixtures("people")
def test_the_tree_is_taken_in_looked_at_and_matched(tmp_path: Path) -> None:
    places, people = tmp_path / "places.csv", tmp_path / "people.csv"
    places.write_text(LEVELS)
    people.write_bytes(listed([("A", "Es Senia"), ("B", "Mars")]).getvalue())
    with offices.transaction("dz") as session:
        importing.import_file(session, EVERYTHING, people, filename="people.csv")
    assert "9 places in places.csv: 9 would be added" in run(
        "areas", "import", str(places), "--dry-run", "--user", "omar"
    ).output.replace("\n", " ")
    assert (
        json.loads(run("areas", "import", str(places), "--user", "omar", "--json").output)["added"]
        == 9
    )
    again = run("areas", "import", str(places), "--user", "omar").output
    assert "all of it is on record" in again.replace("\n", " ")
    below = json.loads(run("areas", "list", "--below", "DZ31", "--user", "omar", "--json").output)
    assert [each["code"] for each in below] == ["DZ31", "DZ3101", "DZ3102"]
    shown = json.loads(run("areas", "show", "DZ31", "--user", "omar", "--json").output)
    assert {each["code"] for each in shown["within"]} == {"DZ3101", "DZ3102"}
    assert "Es Sénia" in run("areas", "list", "--user", "omar").output
    assert "DZ3102" in run("areas", "show", "DZ31", "--user", "omar").output
    looked = run("areas", "match", "--user", "omar").output
    assert "Nothing was changed." in looked
    assert "Mars" in looked
    done = json.loads(run("areas", "match", "--write", "--user", "omar", "--json").output)
    assert (done["written"], [each["area"] for each in done["found"]]) == (True, ["DZ3102"])


@pytest.mark.usefixtures("people")
def test_an_administrator_gives_areas_and_commands_are_held_to_them(tmp_path: Path) -> None:
    places = tmp_path / "places.csv"
    places.write_text(LEVELS)
    assert run("areas", "import", str(places), "--user", "omar").exit_code == 0
    with offices.transaction("dz") as session:
        importing.import_file(
            session, EVERYTHING, listed([("A", "DZ3101"), ("B", "DZ1601")]), filename="made.csv"
        )
    given = run(
        "user",
        "grant",
        "amina",
        "registration_officer",
        "--area",
        "DZ31",
        "--area",
        "DZ27",
        "--user",
        "root",
    )
    assert given.exit_code == 0, given.output
    assert actor_of_amina().areas == frozenset({"DZ31", "DZ27"})
    assert "registration_officer in DZ31" in run("user", "list", "--json").output
    taken = run(
        "user", "revoke", "amina", "registration_officer", "--area", "DZ27", "--user", "root"
    )
    assert taken.exit_code == 0
    assert actor_of_amina().areas == frozenset({"DZ31"})
    amina = actor_of_amina().id
    assert amina is not None
    with offices.transaction("dz") as session:
        roles.grant_role(session, ADMINISTRATOR, amina, Role.PROGRAMME_MANAGER, area="DZ31")
    need = ("registry", "need", "--user", "amina")
    assert run(*need, "A", "disability").exit_code == 0
    elsewhere, nowhere = run(*need, "B", "disability"), run(*need, "X", "disability")
    assert elsewhere.exit_code == nowhere.exit_code != 0
    assert str(elsewhere.exception).replace("'B'", "") == str(nowhere.exception).replace("'X'", "")
    with pytest.raises(Exception, match=str(Permission.AREAS_CHANGE)):
        raise run("areas", "match", "--user", "amina").exception or AssertionError


def actor_of_amina() -> Actor:
    """Amina, with what her roles allow now."""
    with offices.transaction("dz") as session:
        return actor_of(users.id_of(session, "amina"))


def test_a_command_that_acts_as_somebody_says_so_to_its_transaction() -> None:
    """Only `working` opens transactions for commands, or each says for whom; those of tellers and the engine are counted."""
    engine = {
        "office.py": 3,
        "counter.py": 4,
        "people.py": 1,
        "deployment.py": 1,
        "texts.py": 1,
        "linkage.py": 2,
    }
    for path in sorted(TERMINAL.glob("*.py")):
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"transact", "transaction"}
            and not any(keyword.arg == "seen_by" for keyword in node.keywords)
        ]
        assert len(calls) <= engine.get(path.name, 0), (
            f"{path.name}: use working(), or say seen_by="
        )
