"""Notices and consents at the terminal, over the API and on the pages: asked, recorded, taken back, accepted by two."""

import json
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import URL, select
from typer.testing import CliRunner

from cbi import offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.programmes import applying, legal_basis
from cbi.registry.consent.models import Consent
from cbi.registry.models import Household, Person
from tests.factories import EVERYTHING, colleague, households
from tests.flow.browsing import Browsing
from tests.flow.people import PASSWORD, Caller, make_user, token_for
from tests.programme_factory import programme_file

HOME = Path(__file__).parents[2]
NOTICE = HOME / "examples" / "notice.yaml"


def test_a_notice_and_a_word_at_the_terminal(
    database: URL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    roles = {
        "nadia": Role.PROTECTION_OFFICER, "omar": Role.LEGAL_OFFICER,
        "rima": Role.REGISTRATION_OFFICER,
    }  # fmt: skip
    for name, role in roles.items():
        make_user(name, role)
    with offices.transaction("dz") as session:
        (number,) = households(session, [2])

    def run(*words: str, user: str = "rima", code: int = 0) -> str:
        done = CliRunner().invoke(terminal, [*words, "--user", user])
        assert done.exit_code == code, done.output
        return done.output

    assert "cbi notice accept registration 1" in run("notice", "propose", str(NOTICE), user="nadia")
    run("notice", "accept", "registration", "1", user="nadia", code=1)
    run("notice", "accept", "registration", "1", user="omar")
    assert "accepted" in run("notice", "list")
    assert "توقف" in run("notice", "show", "registration", "--language", "ar")
    told = ("--notice", "registration", "--language", "ar")
    assert "2 purposes" in run("consent", "record", number, "--scope", "texts", "--scope", "provider", *told)  # fmt: skip
    run("consent", "withdraw", number, "--scope", "texts", "--how", "call")
    run("consent", "record", number, "--scope", "research", *told, code=1)
    run("consent", "record", number, "--scope", "fun", *told, code=1)
    paper = tmp_path / "paper.csv"
    paper.write_text(
        f"Registration number,Purposes,Answer,Date\n{number},assistance,yes,2026-01-05\nH-no,texts,yes,\n"
    )
    ways = (
        "--how",
        "signed",
        "--notice",
        "registration/1",
        "--report",
        str(tmp_path / "checked.xlsx"),
    )
    told_of = run("consent", "file", str(paper), *ways)
    assert "Taken" in told_of
    assert "No household has the number 'H-no'" in told_of
    assert (tmp_path / "checked.xlsx").stat().st_size > 0
    rows = json.loads(run("consent", "list", number, "--json"))
    assert [(row["scope"], row["answer"], row["counts"]) for row in rows] == [
        ("texts", "withdrawn", True), ("texts", "given", False), ("provider", "given", True),
        ("assistance", "given", True),
    ]  # fmt: skip


@pytest.fixture
def app(database: URL) -> FastAPI:
    return create_app()


def test_notices_and_words_over_the_api(app: FastAPI) -> None:
    nadia, omar = (
        Caller(app, token_for(make_user(name, Role.PROTECTION_OFFICER)))
        for name in ("nadia", "omar")
    )
    with offices.transaction("dz") as session:
        households(session, [2])
        person, household = session.execute(select(Person.id, Person.household_id)).one()
    body = {"file": NOTICE.read_text(encoding="utf-8")}
    assert nadia.post("/notices", body).json()["version"] == 1
    assert nadia.post("/notices/registration/versions/1/accept", {}).status_code == 403
    assert omar.post("/notices/registration/versions/1/accept", {}).json()["decision"] == "accepted"
    word = {
        "scopes": ["texts"],
        "answer": "given",
        "how": "signed",
        "notice": "registration",
        "language": "fr",
    }
    (said,) = nadia.post(f"/persons/{person}/consents", word).json()
    assert (said["notice"], said["counts"]) == ("registration/1", True)
    word |= {"answer": "withdrawn", "notice": ""}
    assert nadia.post(f"/persons/{person}/consents", word).status_code == 201
    assert nadia.post(f"/persons/{person}/consents", word).json()["code"] == "consent.already_said"
    with offices.transaction("dz") as session:
        number = session.get_one(Household, household).source_id
    listed = f"Registration number,Purposes,Answer\n{number},research,no\n{number},fun,no\n"
    holds = {"notice": "registration", "how": "signed", "on": "2026-01-05", "dry_run": "true"}
    dry = nadia.post("/consents/imports", data=holds, files={"file": ("l.csv", listed.encode())})
    assert (dry.status_code, dry.json()["refused"]) == (
        200,
        2,
    )  # the notice does not ask for research
    listed = listed.replace("research", "assistance")
    done = nadia.post(
        "/consents/imports",
        data=holds | {"dry_run": "false"},
        files={"file": ("l.csv", listed.encode())},
    )
    assert (done.status_code, done.json()["taken"], done.json()["words"]) == (201, 1, 1)
    assert done.json()["rows"][0]["reasons"][0]["code"] == "consent_purpose"
    rows = nadia.get(f"/households/{household}/consents").json()[:2]
    assert [(row["answer"], row["counts"]) for row in rows] == [
        ("withdrawn", True),
        ("given", False),
    ]


def test_a_colleague_sees_and_records_on_a_page_what_somebody_said(app: FastAPI) -> None:
    people = [make_user(name, Role.PROTECTION_OFFICER) for name in ("nadia", "omar")]
    with offices.transaction("dz") as session:
        for each in people:
            totp.enrol(session, each)
        (number,) = households(session, [2])
        manager = colleague(session, Role.PROGRAMME_MANAGER).actor
        basis = 'legal_basis: {ground: consent, because: "Everybody is asked, face to face."}\n'
        applying.apply(session, manager, basis + programme_file(code="winter"))
    nadia, omar = (Browsing(app, token_for(each)) for each in people)
    assert "There is no notice yet" in nadia.get("/registry/notices").text
    sent = nadia.filled("/registry/notices")
    sent.pop("file")
    made = nadia.ask(
        "POST", "/registry/notices", data=sent, files={"file": ("n.yaml", NOTICE.read_bytes())}
    )
    assert made.status_code == 303
    waiting = omar.get("/waiting/notice/registration.1").text
    assert "Reply STOP" in waiting
    assert "توقف" in waiting
    omar.send("/waiting/accept/notice/registration.1")
    assert "Everybody is asked" in omar.get("/waiting/legal-basis/winter.1").text
    omar.send("/waiting/accept/legal-basis/winter.1")
    with offices.transaction("dz") as session:
        assert legal_basis.versions(session, EVERYTHING, "winter")[0].decision == "accepted"
    shown = f"/registry/consent?household={number}"
    assert "not asked" in nadia.get(shown).text

    def say(scope: str, answer: str) -> str:
        return nadia.send(
            "/registry/consent/say", scopes=scope, answer=answer, how="in_person",
            notice="registration", language="ar",
        ).text  # fmt: skip

    assert "registration/1" in say("texts", "given")
    assert "does not ask for this purpose" in say("research", "given")
    nadia.get(shown)
    assert "taken back" in say("texts", "withdrawn")
    with offices.transaction("dz") as session:
        assert len(session.scalars(select(Consent)).all()) == 2
    bring_a_list(nadia, number)


def bring_a_list(nadia: Browsing, number: str) -> None:
    """A list is checked, given back with reasons, and taken in as far as it is whole."""
    where = "/registry/consent/list"
    listed = f"Registration number,Purposes,Answer,Date\n{number},provider,yes,2026-01-05\nH-no,texts,yes,2026-01-05\n"

    def hand_in(form: str, **typed: str) -> Response:
        nadia.get(where)
        sent = nadia.filled(form, how="signed", notice="registration", language="ar", **typed)
        sent.pop("file")
        answer = nadia.ask("POST", form, data=sent, files={"file": ("paper.csv", listed.encode())})
        assert answer.status_code == 200, answer.text
        return answer

    assert "nothing is recorded yet" in hand_in(where, take="").text
    assert hand_in(f"{where}/copy").content.startswith(b"PK")
    taken = hand_in(where, take="1").text
    assert "No household has the number" in taken
    with offices.transaction("dz") as session:
        said = session.scalars(select(Consent).where(Consent.scope == "provider")).one()
        assert said.said_on.isoformat() == "2026-01-05"
