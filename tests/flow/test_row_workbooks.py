"""Rejected rows leave encrypted, for somebody to mend; whose they are can see it, and they come home as they left."""

import io
from uuid import uuid4

import pytest
from httpx import Response
from openpyxl import load_workbook
from sqlalchemy import URL

from cbi import clock, offices
from cbi.access.actor import Actor, NotPermitted
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.protection.exporting import envelope, passphrases, row_workbooks
from cbi.protection.exporting.envelope import UnusableEnvelope, WrongPassphrase
from cbi.protection.exporting.row_workbooks import NothingToMend, TooManyRows, UnknownWorkbook
from cbi.registry import viewing
from cbi.registry.intake import importing, rejected
from cbi.registry.purposes import Purpose
from cbi.settings import settings
from tests.factories import EVERYTHING, colleague
from tests.flow.people import Caller, make_user, token_for
from tests.flow.test_intake_rejected import BAD, GOOD, waiting
from tests.flow.test_registry_import import rows, take


def test_rows_leave_encrypted_come_back_so_and_their_people_see_who_took_them(
    database: URL,
) -> None:
    take(rows(GOOD, BAD))
    (row,) = waiting()
    with offices.transaction("dz") as session:
        officer, other = (colleague(session, Role.REGISTRATION_OFFICER).actor for _ in "12")
        treasurer = colleague(session, Role.TREASURER).actor
        with pytest.raises(NotPermitted):
            row_workbooks.take(session, treasurer)
    with offices.transaction("dz") as session:
        taken = row_workbooks.take(session, officer, row.import_id)
        assert (taken.rows, taken.name, b"Sara" in taken.content) == (1, "rows-1.zip", False)
        assert "Sara" not in repr(taken)
        words = row_workbooks.passphrase(session, officer, taken.number)
        assert row_workbooks.passphrase(session, officer, taken.number) == words
        for who, number in ((other, taken.number), (officer, 99)):
            with pytest.raises(UnknownWorkbook):
                row_workbooks.passphrase(session, who, number)
    _, content = envelope.opened(taken.content, words)
    book = load_workbook(io.BytesIO(content))
    sheet = book["List"]
    header = [cell.value for cell in next(sheet.iter_rows())]
    for column, value in (("Phone", "0550777777"), ("Household size", "5")):
        sheet.cell(2, header.index(column) + 1).value = value
    target = io.BytesIO()
    book.save(target)

    def handed_in(name: str, typed: str) -> int:
        file = io.BytesIO(envelope.closed(name, target.getvalue(), typed, clock.now()))
        with offices.transaction("dz") as session:
            opened = row_workbooks.unsealed(session, officer, file)
            return importing.import_file(session, officer, opened, filename="back.zip").landed

    with pytest.raises(UnusableEnvelope, match="which workbook"):
        handed_in("list.xlsx", words)
    with pytest.raises((WrongPassphrase, UnusableEnvelope)):
        handed_in("rows-2.xlsx", words)
    assert handed_in("rows-1.xlsx", words) == 1
    with offices.transaction("dz") as session:
        plain = io.BytesIO(content)
        assert row_workbooks.unsealed(session, officer, plain) is plain
        with pytest.raises(NothingToMend):
            row_workbooks.take(session, officer)
        rejected.opened(session, other, [row.id], Purpose.COMPLAINT)
        named = viewing.seen(session, EVERYTHING, "A2", names=True)
        assert [(each.purpose, each.left_house) for each in named] == [
            (Purpose.COMPLAINT, False), (Purpose.CORRECTION, True),
        ]  # fmt: skip
        assert {each.who is None for each in named} == {False}
        assert {each.roles for each in viewing.seen(session, EVERYTHING, "A2", names=False)} == {
            ("registration_officer",)
        }
        assert viewing.seen(session, EVERYTHING, "A1", names=True) == []


def test_one_person_takes_so_many_rows_within_a_day(
    database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(rows(GOOD, BAD, BAD.replace("A2", "A3").replace("Sara", "Huda")))
    monkeypatch.setenv("CBI_REJECTED_ROWS_A_DAY", "3")
    settings.cache_clear()
    with offices.transaction("dz") as session:
        officer: Actor = colleague(session, Role.REGISTRATION_OFFICER).actor
        first = row_workbooks.take(session, officer)
        assert first.rows == 2
        with pytest.raises(TooManyRows):
            row_workbooks.take(session, officer)
        keys = offices.office_of(session).keys
        assert passphrases.of_rows(keys, 1) != passphrases.of_rows(keys, 2)


def test_programs_take_rows_encrypted_and_hand_them_in_so(database: URL) -> None:
    take(rows(GOOD, BAD))
    app = create_app()
    officer, other = (
        Caller(app, token_for(make_user(name, Role.REGISTRATION_OFFICER))) for name in ("omar", "lina")
    )  # fmt: skip
    body = {"import_id": str(waiting()[0].import_id)}
    taken = officer.post("/registry/rejected/workbooks", body, key="once")
    assert (taken.headers["content-type"], b"Sara" in taken.content) == ("application/zip", False)
    assert "rows-1.zip" in taken.headers["content-disposition"]
    again = officer.post("/registry/rejected/workbooks", body, key="once")
    assert again.json()["code"] == "http.answer_not_kept", "whoever takes rows anew is noted anew"
    telling = "/registry/rejected/workbooks/1/passphrase"
    assert other.post(telling).status_code == 404
    words = officer.post(telling).json()["passphrase"]
    _, content = envelope.opened(taken.content, words)
    book = load_workbook(io.BytesIO(content))
    sheet = book["List"]
    header = [cell.value for cell in next(sheet.iter_rows())]
    for column, value in (("Phone", "0550777777"), ("Household size", "5")):
        sheet.cell(2, header.index(column) + 1).value = value
    target = io.BytesIO()
    book.save(target)

    def handed_in(path: str, typed: str, **more: str) -> Response:
        file = envelope.closed("rows-1.xlsx", target.getvalue(), typed, clock.now())
        return officer.ask(
            "POST", f"/api/v1/registry/imports{path}", {"Idempotency-Key": str(uuid4())},
            files={"file": ("back.zip", file)}, data=more,
        )  # fmt: skip

    assert handed_in("", "of another").json()["code"] == "export.wrong_passphrase"
    assert handed_in("", words, dry_run="true").json()["landed"] == 1
    assert handed_in("/waiting", words).status_code == 202
    assert handed_in("", words).json()["landed"] == 1
    assert not waiting()
