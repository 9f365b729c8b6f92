"""Lists of people over HTTP and at the terminal: the passphrase and the file come by two doors, and neither is kept."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openpyxl
import pyotp
import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from cbi import clock, offices
from cbi.access import roles, totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.protection.exporting import asking, envelope, fetching
from cbi.protection.exporting.choosing import Whom
from cbi.protection.exporting.models import ExportFetch
from cbi.registry.intake import importing
from cbi.settings import settings
from tests.factories import EVERYTHING
from tests.flow.people import ADMINISTRATOR, PASSWORD, Caller, actor_of, make_user, token_for
from tests.places import listed, take_in

ASKED = {
    "area": "DZ31",
    "columns": ["number", "name"],
    "purpose": "delivery",
    "reason": "Call them.",
}


@pytest.fixture
def office(database: object) -> None:
    """Two households in Oran and one in Algiers."""
    with offices.transaction("dz") as session:
        take_in(session)
        rows = [("A", "DZ3101"), ("B", "DZ3102"), ("C", "DZ1601")]
        importing.import_file(session, EVERYTHING, listed(rows), filename="made.csv")


def caller(name: str, *held: Role) -> tuple[Caller, str]:
    user_id = make_user(name, *held)
    with offices.transaction("dz") as session:
        secret = totp.enrol(session, user_id)
    return Caller(create_app(), token_for(user_id)), secret


def test_a_list_over_http_from_the_asking_to_the_opened_file(
    office: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_EXPORT_ROWS", "1")
    settings.cache_clear()
    officer, _ = caller("omar", Role.REGISTRATION_OFFICER)
    second, secret = caller("nadia", Role.PROTECTION_OFFICER)
    asked = officer.post("/exports", ASKED, key="once").json()
    assert (asked["people"], asked["needs_approval"], asked["number"]) == (2, True, 1)
    assert officer.post("/exports", ASKED, key="once").json() == asked
    refused = officer.post("/exports/1/file")
    assert (refused.status_code, refused.json()["code"]) == (409, "export.not_to_be_fetched")
    code = pyotp.TOTP(secret).at(clock.now())
    assert (
        second.post("/exports/1/approval", {"one_time_code": code}).json()["decision"] == "approved"
    )
    words = second.post("/exports/1/passphrase", key="words")
    again = second.post("/exports/1/passphrase", key="words")
    assert again.json()["code"] == "http.answer_not_kept"
    fetched = officer.post("/exports/1/file", key="file")
    assert fetched.headers["content-type"] == "application/zip"
    assert officer.post("/exports/1/file", key="file").json()["code"] == "http.answer_not_kept"
    _, book = envelope.opened(fetched.content, words.json()["passphrase"])
    sheet = openpyxl.load_workbook(io.BytesIO(book))["People"]
    assert {row[0] for row in sheet.iter_rows(min_row=3, values_only=True)} == {"A", "B"}
    traced = second.ask(
        "POST", "/api/v1/exports/trace", {"Idempotency-Key": "trace"}, files={"file": ("found.xlsx", book)}
    )  # fmt: skip
    assert traced.json() == [{"number": 1, "by": "mark", "rows": 2}]
    assert officer.get("/exports").json()[0]["fetches"] == 1
    seen = officer.get("/people/views", params={"household": "A"}).json()
    assert [(each["left_house"], each["told_to"]) for each in seen] == [(True, None)]
    with offices.transaction("dz") as session:
        kept = session.execute(
            text(
                "SELECT count(*) FROM answered_requests WHERE key IN ('words', 'file') AND answer IS NOT NULL"
            )
        ).scalar_one()
    assert kept == 0


def test_of_two_who_fetch_the_last_time_at_once_one_gets_the_file(office: None) -> None:
    officer = actor_of(make_user("omar", Role.REGISTRATION_OFFICER))
    wish = asking.Wish(Whom(area="DZ31"), ("number",), "delivery", "Call them.")
    made = offices.transact("dz", lambda session: asking.ask(session, officer, wish).number)

    def fetch(_: int) -> bool:
        try:
            offices.transact("dz", lambda session: fetching.fetch(session, officer, made))
        except fetching.NotToBeFetched:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(fetch, range(4))) == [False, False, False, True]
    with offices.transaction("dz") as session:
        assert len(session.scalars(select(ExportFetch)).all()) == 1


def test_an_officer_of_an_area_takes_out_nobody_else(office: None) -> None:
    officer = make_user("omar")
    with offices.transaction("dz") as session:
        roles.grant_role(session, ADMINISTRATOR, officer, Role.REGISTRATION_OFFICER, area="DZ3101")
    actor = actor_of(officer)
    wide = actor_of(make_user("rania", Role.REGISTRATION_OFFICER))
    wish = asking.Wish(Whom(area="DZ3101"), ("number",), "delivery", "Call them.")

    def ask(session: Session) -> int:
        with pytest.raises(Exception, match="outside the areas"):
            asking.ask(
                session, actor, asking.Wish(Whom(area="DZ1601"), wish.columns, "delivery", "Call.")
            )
        return asking.ask(session, actor, wish).people

    assert offices.transact("dz", ask, seen_by=actor) == 1
    # Whom a colleague of the whole office asked for is no more than the fetcher sees.
    theirs = asking.Wish(Whom(area="DZ31"), ("number",), "delivery", "Call.", recipient=officer)
    number = offices.transact("dz", lambda session: asking.ask(session, wide, theirs).number)
    fetched = offices.transact(
        "dz", lambda session: fetching.fetch(session, actor, number), seen_by=actor
    )
    assert fetched.people == 1


def test_the_whole_way_at_the_terminal(
    office: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    make_user("omar", Role.REGISTRATION_OFFICER)
    make_user("nadia", Role.PROTECTION_OFFICER)
    file, book = tmp_path / "list.zip", tmp_path / "list.xlsx"

    def run(*words: str, typed: str = "") -> str:
        done = CliRunner().invoke(terminal, ["export", *words], input=typed)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output

    run(
        "ask", "--area", "DZ31", "--column", "number", "--column", "name", "--purpose", "delivery", "--reason",
        "Call them", "--user", "omar",
    )  # fmt: skip
    assert "2 people" in run("fetch", "1", str(file), "--user", "omar")
    assert file.stat().st_mode & 0o777 == 0o600
    words = run("passphrase", "1", "--user", "nadia").strip().splitlines()[-1]
    run("open", str(file), str(book), typed=f"{words}\n")
    rows = openpyxl.load_workbook(book)["People"].iter_rows(min_row=3, values_only=True)
    assert {row[0] for row in rows} == {"A", "B"}
    assert '"by": "file"' in run("trace", str(file), "--user", "nadia", "--json")
    assert '"by": "mark"' in run("trace", str(book), "--user", "nadia", "--json")
    assert '"fetches": 1' in run("show", "1", "--user", "omar")
    again = CliRunner().invoke(terminal, ["export", "fetch", "1", str(file), "--user", "omar"])
    assert (again.exit_code, file.stat().st_size > 0) == (1, True)
