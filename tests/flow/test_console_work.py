"""Work sheets on pages: out to the field and back with reasons row by row, signed by somebody else, corrected, late."""

import io
import re
from functools import partial

import pytest
from fastapi import FastAPI
from httpx import Response
from openpyxl import load_workbook
from sqlalchemy import URL

from cbi import clock, offices
from cbi.app import create_app
from cbi.programmes import cycles
from tests.factories import EVERYTHING, Colleague
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.work_factory import CODE, NOW, Site, days, filled, programme, site

ACTIVITY = f"/cash-for-work/{CODE}/well"


@pytest.fixture
def at(database: URL) -> Site:
    with clock.frozen(NOW), offices.transaction("dz") as session:
        programme(session)
        return site(session)


def at_door(app: FastAPI, who: Colleague, language: str = "en") -> Browsing:
    assert who.actor.id is not None
    return Browsing(app, token_for(who.actor.id), cookies={"cbi-language": language})


def hand_in(who: Browsing, content: bytes, *, check: bool = False, reason: str = "") -> Response:
    """Send the form with the file, and see where it leads."""
    form = who.filled("/cash-for-work/entered", reason=reason, only_check="yes" if check else "")
    form.pop("file")
    answer = who.ask(
        "POST", "/cash-for-work/entered", data=form, files={"file": ("january.xlsx", content, "application/x")}
    )  # fmt: skip
    return who.get(answer.headers["location"]) if answer.status_code == 303 else answer


def test_a_sheet_goes_out_comes_back_and_is_signed_corrected_and_late_from_pages(at: Site) -> None:
    visit = partial(at_door, create_app())
    with clock.frozen(NOW):
        clerk, signer = visit(at.clerk), visit(at.supervisor)
        clerk.get("/cash-for-work")
        assert "The well" in clerk.words
        clerk.get(ACTIVITY)
        made = clerk.send(ACTIVITY, group="group-a", period="2026-01")
        number = re.search(r"/cash-for-work/sheets/(\d+)/sheet.xlsx", made.text)
        assert number
        sheet = f"/cash-for-work/sheets/{number[1]}"
        out = clerk.get(f"{sheet}/sheet.xlsx").content

        # What cannot be taken is told row by row, and in a copy of the workbook.
        clerk.get(sheet)
        wrong = filled(out, {at.numbers[0]: {"Day 5": 3}, at.numbers[1]: {"Day 6": 1}})
        answer = hand_in(clerk, wrong)
        assert answer.status_code == 422
        assert "A day is 1, half a day 0.5; nothing else can stand here." in answer.text
        clerk._read(answer, follow=False)
        form = clerk.filled("/cash-for-work/copy")
        form.pop("file")
        copy = clerk.ask(
            "POST",
            "/cash-for-work/copy",
            data=form,
            files={"file": ("january.xlsx", wrong, "application/x")},
        )
        book = load_workbook(io.BytesIO(copy.content))
        assert any("half a day" in str(cell.value) for row in book["Sheet"] for cell in row)
        french = visit(at.clerk, "fr")
        french.get(sheet)
        assert "une demi-journée" in hand_in(french, wrong).text

        clerk.get(sheet)
        right = filled(out, {at.numbers[0]: days(5), at.numbers[1]: days(2)})
        assert "can be taken in; nothing was changed" in hand_in(clerk, right, check=True).text
        clerk.get(sheet)
        hand_in(clerk, right)
        assert "Version 1 is in, with 3 rows" in clerk.words
        assert "You entered this sheet, so somebody else signs it." in clerk.words

        # Refused with a reason, put right, signed by whoever is not on it.
        signer.get(sheet)
        signer.send(f"{sheet}/refuse", reason_no="Day 9 was a holiday.")
        assert "refused: it is to be put right" in signer.words
        clerk.get("/waiting/refused")
        assert "Day 9 was a holiday." in clerk.words
        clerk.get(sheet)
        again = filled(clerk.get(f"{sheet}/sheet.xlsx").content, {at.numbers[0]: {"Day 9": 0}})
        clerk.get(sheet)
        hand_in(clerk, again)
        assert "Version 2 is in" in clerk.words
        with offices.transaction("dz") as session:
            cycles.open_cycle(session, EVERYTHING, CODE, "2026-01")
        signer.get(sheet)
        signer.send(f"{sheet}/sign", code=at.supervisor.code())
        assert "The sheet is signed" in signer.words
        assert "signed late: the next cycle pays it" in signer.words
        signer.get("/cash-for-work")
        assert "2 people" in signer.words.replace("\u00a0", " ")

        # A correction has a reason, shows what differs, and another person signs it.
        clerk.get(sheet)
        more = filled(clerk.get(f"{sheet}/sheet.xlsx").content, {at.numbers[2]: days(1)})
        clerk.get(sheet)
        hand_in(clerk, more)
        assert "what is changed in it now is a correction" in clerk.words
        hand_in(clerk, more, reason="One was left out.")
        assert "This corrects version 2" in clerk.words
    with clock.frozen(NOW.replace(minute=5)):
        signer.get(sheet)
        signer.send(f"{sheet}/sign", code=at.supervisor.code())
        assert "You signed what this corrects" in signer.words
        other = visit(at.other)
        other.get(sheet)
        other.send(f"{sheet}/sign", code=at.other.code())
        assert "The sheet is signed" in other.words
