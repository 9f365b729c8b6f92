"""Lists of people and disclosures on pages: asked for, approved, fetched, read out, and never two of these by one person."""

import io
import re

import openpyxl
import pyotp
import pytest
from httpx import Response
from sqlalchemy import text

from cbi import clock, offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.protection.exporting import envelope
from cbi.registry.intake import importing
from cbi.settings import settings
from tests.factories import EVERYTHING
from tests.flow.browsing import Browsing
from tests.flow.people import make_user, token_for
from tests.places import listed, take_in

LIST = {
    "area": "DZ31",
    "who": "collect",
    "purpose": "audit",
    "reason": "A sample on the spot.",
    "fetches": "1",
}
ASKED_OF_US = {
    "requester_kind": "auditor", "requester": "National audit office", "legal_ground": "Grant, article 11",
    "wanted_for": "A sample on the spot", "necessity": "They visit people", "risk": "It could be passed on",
    "form": "file", "area": "DZ31", "most_people": "5",
}  # fmt: skip


@pytest.fixture
def office(database: object) -> None:
    with offices.transaction("dz") as session:
        take_in(session)
        rows = [("A", "DZ3101"), ("B", "DZ3102")]
        importing.import_file(session, EVERYTHING, listed(rows), filename="made.csv")


def visitor(name: str, *held: Role, language: str = "en") -> tuple[Browsing, str]:
    user_id = make_user(name, *held)
    with offices.transaction("dz") as session:
        secret = totp.enrol(session, user_id)
    return Browsing(create_app(), token_for(user_id), headers={"Accept-Language": language}), secret


def post(page: Browsing, path: str, at: str, **typed: object) -> Response:
    """Fill in and send a form as it stands on a page, no box ticked but those typed."""
    page.get(at)
    given = {**page.filled(path), "column": [], **typed}
    return page.ask("POST", path, data=given)


def test_a_list_goes_outside_by_the_hands_of_three(office: None) -> None:
    nadia, _ = visitor("nadia", Role.PROTECTION_OFFICER)
    leila, secret = visitor("leila", Role.LEGAL_OFFICER)
    proposed = post(nadia, "/disclosures", "/disclosures", column=["number", "name"], **ASKED_OF_US)
    assert proposed.headers["location"] == "/disclosures/1"
    assert "Approve it" not in nadia.ask("GET", "/disclosures/1").text
    code = pyotp.TOTP(secret).at(clock.now())
    post(leila, "/disclosures/1/approve", "/disclosures/1", reason="As agreed.", code=code)
    assert "approved by the legal officer" in nadia.ask("GET", "/disclosures").text
    asked = post(nadia, "/exports", "/exports", column=["number", "name"], disclosure="1", **LIST)
    assert asked.headers["location"] == "/exports/1"
    page = nadia.ask("GET", "/exports/1").text
    assert "It goes outside, to" in page
    assert "passphrase" not in re.sub(r"reads its passphrase out", "", page), (
        "not where the file is"
    )
    fetched = post(nadia, "/exports/1/file", "/exports/1")
    assert (fetched.status_code, fetched.headers["content-type"]) == (200, "application/zip")
    shown = post(leila, "/exports/1/passphrase", "/exports/1/passphrase")
    assert shown.headers["cache-control"] == "no-store"
    words = re.search(r"(\d{4}\.){6}\d{4}", shown.text)
    assert words is not None
    _, book = envelope.opened(fetched.content, words[0])
    rows = openpyxl.load_workbook(io.BytesIO(book))["People"].iter_rows(min_row=3, values_only=True)
    assert {row[0] for row in rows} == {"A", "B"}
    assert "Fetch the encrypted file" not in nadia.ask("GET", "/exports/1").text
    with offices.transaction("dz") as session:
        kept = session.execute(
            text("SELECT string_agg(encode(answer, 'escape'), '') FROM answered_requests")
        )
        assert words[0] not in (kept.scalar_one() or "")


def test_what_is_wrong_in_the_form_is_said_in_the_visitors_language(office: None) -> None:
    nadia, _ = visitor("nadia", Role.PROTECTION_OFFICER, language="ar")
    post(nadia, "/exports", "/exports", **LIST)
    assert "لا يمكن طلب قائمة هكذا." in nadia.ask("GET", "/exports").text
    post(nadia, "/disclosures", "/disclosures", **{**ASKED_OF_US, "most_people": "many"})
    assert "لا يمكن اقتراح إفصاح هكذا." in nadia.ask("GET", "/disclosures").text


def test_whoever_may_not_ask_is_not_offered_to(office: None) -> None:
    auditor, _ = visitor("amal", Role.AUDITOR)
    assert "Ask for a list" not in auditor.ask("GET", "/exports").text
    assert "Propose" not in auditor.ask("GET", "/disclosures").text
    assert auditor.ask("GET", "/exports/77").status_code == 404
    assert auditor.ask("GET", "/disclosures/77").status_code == 404


def test_what_waits_for_the_legal_officer_is_among_what_waits_for_a_second_person(
    office: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_EXPORT_ROWS", "1")
    settings.cache_clear()
    nadia, _ = visitor("nadia", Role.PROTECTION_OFFICER)
    leila, secret = visitor("leila", Role.LEGAL_OFFICER)
    post(nadia, "/disclosures", "/disclosures", column=["number", "name"], **ASKED_OF_US)
    post(nadia, "/exports", "/exports", column=["number"], **LIST)
    listed_ = re.sub(r"<[^>]+>", "", leila.get("/waiting").text)
    assert "Disclosure 1: National audit office asks" in listed_
    assert "List 1 of 2 people, for: an audit" in listed_
    code = pyotp.TOTP(secret).at(clock.now())
    leila.get("/waiting/disclosure/1")
    leila.send("/waiting/accept/disclosure/1", code=code, again="As agreed.")
    leila.get("/waiting/export/1")
    leila.send("/waiting/refuse/export/1", reason="Ask under the disclosure.")
    assert "approved by the legal officer" in nadia.ask("GET", "/disclosures/1").text
    assert "Ask under the disclosure." in nadia.ask("GET", "/exports/1").text
