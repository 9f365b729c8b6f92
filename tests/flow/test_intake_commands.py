"""Intake at the terminal: a draft from a form, a list left to the worker, rejected rows seen, corrected and given up."""

import json
from pathlib import Path

import pytest
from sqlalchemy import URL
from typer.testing import CliRunner, Result

from cbi import jobs
from cbi.access.permissions import Role
from cbi.cli import app
from cbi.protection.exporting import envelope
from cbi.registry.intake.importing import NothingUsable
from tests.flow.people import PASSWORD, make_user
from tests.flow.test_intake_rejected import BAD, GOOD
from tests.flow.test_registry_import import rows
from tests.unit.registry.intake.test_submissions import PLAIN, form, submission

WORSE = "A3;Lina Test;13;ar;3;D0000003;"


@pytest.fixture
def office(database: URL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    make_user("rania", Role.REGISTRATION_OFFICER)
    for key, text in {"CBI_USER": "rania", "CBI_PASSWORD": PASSWORD, "CBI_OFFICE": "dz"}.items():
        monkeypatch.setenv(key, text)
    return tmp_path


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(app, ["registry", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def test_a_list_left_to_the_worker_is_followed_and_its_bad_rows_are_ended(office: Path) -> None:
    listed = office / "list.csv"
    listed.write_bytes(rows(GOOD, BAD, WORSE))
    import_id = json.loads(run("import", listed, "--background", "--json").stdout)["import_id"]
    assert [each["state"] for each in json.loads(run("imports", "--json").stdout)] == ["waiting"]
    jobs.imports("dz")
    (told,) = json.loads(run("imports", "--json").stdout)
    assert (told["id"], told["state"], told["landed"], told["rejected"]) == (
        import_id,
        "done",
        1,
        2,
    )
    assert "3 of 3" in run("imports").stdout
    shown = run("rejected", "--import", import_id)
    assert "Sara" not in shown.stdout
    first, second = json.loads(run("rejected", "--json").stdout)
    assert (
        json.loads(run("rejected", "--row", first["row"], "--json").stdout)["Name"] == "Sara Test"
    )
    assert "rows-passphrase 1" in run("rejected", "--copy", office / "copy.zip").stdout
    words = run("rows-passphrase", "1").stdout.strip()
    name, book = envelope.opened((office / "copy.zip").read_bytes(), words)
    assert (name, book[:2]) == ("rows-1.xlsx", b"PK")
    with pytest.raises(
        NothingUsable, match="None of the 2 households"
    ):  # nobody has mended them yet
        run("import", office / "copy.zip", "--dry-run")
    assert "Landed" in run("fix", first["row"], "phone=0550777777", "size=5").stdout
    run("drop", second["row"], "--reason", "left the camp")
    assert json.loads(run("rejected", "--json").stdout) == []


def test_a_form_becomes_a_draft_and_its_submissions_come_in_with_it(office: Path) -> None:
    (office / "form.xlsx").write_bytes(form().getvalue())
    (office / "kobo.yaml").write_text(PLAIN)
    (office / "some.json").write_text(json.dumps([submission()]))
    assert (
        "size: home/size   # Taille" in run("form", office / "form.xlsx", "--language", "fr").stdout
    )
    done = run(
        "import", office / "some.json", "--mapping", office / "kobo.yaml", "--form", office / "form.xlsx", "--json"
    )  # fmt: skip
    assert json.loads(done.stdout)["landed"] == 1
