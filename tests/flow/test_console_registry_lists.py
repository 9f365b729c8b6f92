"""Lists of households on pages: looked at, taken in, given back with reasons, left to the worker and followed."""

import io
from typing import Any

import pytest
from httpx import Response
from openpyxl import load_workbook
from sqlalchemy import URL, Engine

from cbi import clock, offices
from cbi.access import roles, totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.console import registry_lists
from cbi.protection.exporting import envelope
from cbi.protection.exporting.endpoints import XLSX
from cbi.registry.intake import waiting
from tests.flow.browsing import Browsing
from tests.flow.people import ADMINISTRATOR, Caller, make_user, token_for
from tests.flow.test_intake_rejected import BAD, GOOD
from tests.flow.test_registry_import import everyone, rows, take, without_audit
from tests.places import take_in

PATH = "/registry/lists"
OTHER = """
source: partner
columns: {source_id: Case, name: Who, phone: {required: false}, size: {constant: 4}}
"""
PARTNER = b"Case,Who\nP1,Huda Partner\n"


@pytest.fixture
def officer(database: URL) -> Browsing:
    user = make_user("officer", Role.REGISTRATION_OFFICER)
    with offices.transaction("dz") as session:
        totp.enrol(session, user)
    return Browsing(create_app(), token_for(user))


def sent(
    officer: Browsing, content: bytes, *, to: str = PATH, name: str = "spring.csv",
    files: dict[str, Any] | None = None, **typed: str,
) -> Response:  # fmt: skip
    """Fill in the form of the present page that goes there, with the list."""
    form = {"mapping": "", **officer.filled(to), **typed}
    for each in ("file", "mapping_file", "form", *(() if "later" in typed else ("later",))):
        form.pop(each, None)
    answer = officer.ask(
        "POST", to, data=form, files={"file": (name, content, "text/csv"), **(files or {})}
    )
    if answer.status_code == 303 or "html" in answer.headers["content-type"]:
        return officer._read(answer, follow=True)
    return answer


def test_a_list_is_looked_at_then_taken_in_then_given_back_with_its_reasons(
    officer: Browsing, owner: Engine
) -> None:
    officer.get("/")
    assert "Bring a list, or see all of them" in officer.words
    officer.get(PATH)
    assert "No list has been brought yet." in officer.words
    before = without_audit(owner)
    sent(officer, rows(GOOD, BAD))
    assert "What would come of it: nothing is taken in yet" in officer.words
    assert "Households in the list 2 New 1 " in officer.words
    assert "Household size" in officer.words
    assert "Amina" not in officer.words
    changed = {table for table, was in before.items() if without_audit(owner)[table] != was}
    assert changed <= {"answered_requests", "tokens"}, "a look keeps nothing"
    sent(officer, rows(GOOD, BAD), take="1")
    assert "Taken in: 1, known already: 0, not taken: 1." in officer.words
    assert "Rows that wait 1" in officer.words
    copy = sent(officer, rows(GOOD, BAD), to=f"{PATH}/copy")
    assert (copy.status_code, copy.headers["content-type"]) == (200, XLSX)
    assert copy.headers["cache-control"] == "no-store"
    _, sheet = load_workbook(io.BytesIO(copy.content)).worksheets
    told = [[str(cell or "") for cell in row] for row in sheet.iter_rows(values_only=True)]
    assert (told[0][-2:], told[1][1]) == (["Reasons", "What next"], "Amina Test")
    assert "Household size" in told[2][-2]
    officer.get(PATH)
    assert "spring.csv" in officer.words
    assert "Rows that wait 1" in officer.words
    sent(officer, rows(GOOD.replace(";4;", ";5;")))
    assert "registered with other facts 1" in officer.words
    assert (
        "No row of this file can be taken in." not in officer.words
    )  # in English as it was raised
    assert "None of the 1 households in the file can be used" in officer.words


def test_a_list_of_another_source_is_read_by_its_mapping_and_later_ones_by_the_same(
    officer: Browsing,
) -> None:
    officer.get(PATH)
    sent(officer, PARTNER, files={"mapping_file": ("m.yaml", b"source: X!\ncolumns: {}", "text/x")})
    assert "What is to be mended in the mapping file, line by line" in officer.words
    assert "There are 5 mistakes in the mapping file." in officer.words
    assert "of a moment ago" not in officer.words
    sent(officer, PARTNER)
    assert "Columns that were not found: Registration number" in officer.words
    sent(officer, PARTNER, files={"mapping_file": ("m.yaml", OTHER.encode(), "text/x")})
    assert "The mapping file of a moment ago" in officer.words
    sent(officer, PARTNER, take="1", mapping="written", text=OTHER)
    assert "Taken in: 1" in officer.words
    officer.get(PATH)
    assert "As the list spring.csv of partner" in officer.words
    mapping = officer.get(PATH).text.split(">As the list")[0].rpartition('value="')[2][:36]
    sent(officer, PARTNER.replace(b"P1,Huda", b"P2,Omar"), mapping=mapping, take="1")
    assert "Taken in: 1" in officer.words


def test_a_long_list_goes_to_the_worker_and_the_page_says_how_far_it_is(
    officer: Browsing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_lists, "AT_ONCE", 1_000)
    monkeypatch.setattr("cbi.registry.intake.parts.AT_ONCE", 20)
    officer.get(PATH)
    sent(officer, everyone(60), take="1")
    assert "The list is left to the worker." in officer.words
    assert "0 of 60 households" in officer.words
    with offices.transaction("dz") as session:
        (left,) = waiting.waiting(session)
        waiting.take_next(session, left)
    officer.get(PATH)
    assert "20 of 60 households" in officer.words
    assert "Under way 1" in officer.words
    held = make_user("held")
    with offices.transaction("dz") as session:
        take_in(session)
        roles.grant_role(session, ADMINISTRATOR, held, Role.REGISTRATION_OFFICER, area="DZ31")
        totp.enrol(session, held)
    elsewhere = Browsing(officer.app, token_for(held))
    elsewhere.get(PATH)
    assert "No list has been brought yet." in elsewhere.words, "a field office sees its own lists"
    assert elsewhere.get(f"{PATH}/{left}").status_code == 404


def test_there_is_no_copy_in_clear_of_a_list_that_came_encrypted(officer: Browsing) -> None:
    take(rows(GOOD, BAD))
    officer.get(PATH)
    sealed = envelope.closed("rows-1.xlsx", rows(GOOD), "1.2.3", clock.now())
    sent(officer, sealed, to=f"{PATH}/copy")
    assert "This list came encrypted, and the copy would not be." in officer.words


def test_a_program_that_asks_for_a_workbook_gets_its_list_back_with_the_reasons(
    database: URL,
) -> None:
    caller = Caller(create_app(), token_for(make_user("officer", Role.REGISTRATION_OFFICER)))

    def brought(content: bytes, **data: str) -> Response:
        return caller.ask(
            "POST", "/api/v1/registry/imports", files={"file": ("list.csv", content, "text/csv")}, data=data,
            headers={"Accept": XLSX, "Accept-Language": "fr", "Idempotency-Key": f"k{len(content)}{len(data)}"},
        )  # fmt: skip

    tried = brought(rows(GOOD, BAD), dry_run="true")
    done = brought(rows(GOOD, BAD))
    assert (tried.status_code, done.status_code) == (200, 201)
    assert {tried.headers["content-type"], done.headers["content-type"]} == {XLSX}
    sheet = load_workbook(io.BytesIO(done.content)).worksheets[1]
    assert [cell.value for cell in sheet[1]][-2:] == ["Motifs", "Que faire"]
    assert brought(rows(GOOD, BAD)).json()["code"] == "http.answer_not_kept"
    nothing = brought(rows(BAD))
    assert (nothing.status_code, nothing.headers["content-type"]) == (422, XLSX)
    assert caller.get("/registry/imports").json()["items"][0]["landed"] == 1
