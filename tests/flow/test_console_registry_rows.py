"""Rejected rows on pages: seen with their reasons, mended one by one, given up, taken back as a workbook and handed in."""

import io
import re

import pytest
from openpyxl import load_workbook
from sqlalchemy import URL, select

from cbi import clock, offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.audit.models import AuditEntry
from cbi.protection.exporting import envelope
from cbi.registry.models import Household
from tests.flow.browsing import Browsing
from tests.flow.people import make_user, token_for
from tests.flow.test_intake_rejected import BAD, GOOD, waiting
from tests.flow.test_registry_import import rows, take

WORSE = "A3;Huda Test;0550123499;ar;many;D0000003;"
PATH = "/registry/rows"


@pytest.fixture
def officer(database: URL) -> Browsing:
    user = make_user("officer", Role.REGISTRATION_OFFICER)
    with offices.transaction("dz") as session:
        totp.enrol(session, user)
    take(rows(GOOD, BAD, WORSE))
    return Browsing(create_app(), token_for(user))


def test_a_row_is_mended_where_it_stands_and_another_comes_back_in_a_workbook(
    officer: Browsing,
) -> None:
    first, second = waiting()
    officer.get(PATH)
    assert "Rows that wait" in officer.words
    assert "Sara" not in officer.words  # what stands in a row is opened one by one, and noted
    officer.get(f"{PATH}/{first.id}")
    form = officer.filled(f"{PATH}/{first.id}")

    def sent(**typed: str) -> str:
        columns, values = ["Phone", "Household size"], [typed["phone"], typed["size"]]
        answer = officer.ask(
            "POST", f"{PATH}/{first.id}", data={**form, "column": columns, "value": values}
        )  # fmt: skip
        if answer.status_code == 303:
            officer.get(answer.headers["location"])
        else:
            officer.get(f"{PATH}/{first.id}")
            form.update(officer.filled(f"{PATH}/{first.id}"))
        return answer.text

    still = sent(phone="0550777777", size="99")
    assert 'data-code="registry.still_wrong"' in still
    assert 'value="0550777777"' in still
    sent(phone="0550777777", size="5")
    assert "The household is registered" in officer.words
    with offices.transaction("dz") as session:
        landed = session.scalars(select(Household).where(Household.source_id == "A2")).one()
        assert landed.size == 5
        said = select(AuditEntry).where(AuditEntry.act == "registry.row_corrected")
        assert session.scalars(said).one().details["fields"] == ["Household size", "Phone"]

    where = f"{PATH}/of/{second.import_id}"
    officer.get(f"{PATH}?import_id={second.import_id}")
    file = officer.ask("POST", f"{where}/rows.zip", data=officer.filled(f"{where}/rows.zip"))
    assert b"Huda" not in file.content
    officer.get(f"{PATH}?import_id={second.import_id}")
    telling = f"{PATH}/workbooks/1/passphrase"
    page = officer.ask("POST", telling, data=officer.filled(telling))
    (words,) = re.findall(r"data-words>([\d.]+)<", page.text)
    name, content = envelope.opened(file.content, words)
    assert name == "rows-1.xlsx"
    book = load_workbook(io.BytesIO(content))
    sheet = book.worksheets[0]
    headings = {str(cell.value): cell.column or 0 for cell in sheet[1]}
    sheet.cell(2, headings["Household size"]).value = "4"
    target = io.BytesIO()
    book.save(target)
    officer.get(f"{PATH}?import_id={second.import_id}")
    form = officer.filled(where)
    form.pop("file")
    sealed = envelope.closed(name, target.getvalue(), words, clock.now())
    files = {"file": ("back.zip", sealed, "application/x")}
    answer = officer.ask("POST", where, data=form, files=files)
    officer.get(answer.headers["location"])
    assert "Taken in: 1" in officer.words
    assert waiting() == []


def test_a_row_is_given_up_with_a_reason(officer: Browsing) -> None:
    first, second = waiting()
    officer.get(f"{PATH}/{second.id}")
    officer.send(f"{PATH}/{second.id}/give-up", reason="They have moved away.")
    assert "1 row is given up." in officer.words
    assert [row.id for row in waiting()] == [first.id]
    assert officer.get(f"{PATH}/{second.id}").status_code == 409
