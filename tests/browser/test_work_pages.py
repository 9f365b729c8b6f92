"""A work sheet at a real browser: refused and signed by a supervisor on a telephone, in Arabic, without a script."""

import io
from datetime import date

import pytest
from playwright.sync_api import expect

from cbi import offices
from cbi.programmes import work_arranging, work_entering, work_sheets
from cbi.programmes.work_arranging import Place
from cbi.programmes.work_models import Basis
from cbi.programmes.work_people import Named
from tests.browser.house import House, OpenWindow, axe, overflow, screenshot
from tests.factories import EVERYTHING, households
from tests.work_factory import CODE, days, filled_csv, programme


@pytest.fixture
def sheet(house: House) -> str:
    """A sheet that the registration officer has handed in."""
    clerk = house.colleagues["rania"].actor
    with offices.transaction("dz") as session:
        programme(session)
        place = Place("The well", "Harbour", Basis.DAYS, date(2026, 1, 5), date(2026, 12, 31))
        work_arranging.add_activity(session, EVERYTHING, CODE, "well", place, "omar")
        group = work_arranging.add_group(session, EVERYTHING, CODE, "well", "group-a", "Morning")
        numbers = households(session, [4, 4])
        people = [Named(number) for number in numbers]
        work_arranging.join(session, EVERYTHING, group, people, date(2026, 1, 5))
        made = work_sheets.make(session, clerk, CODE, "well", "group-a", "2026-01")
        target = io.BytesIO()
        work_sheets.export(session, clerk, made, target, form="csv", language="en")
        content = filled_csv(target.getvalue(), {numbers[0]: days(5)})
        work_entering.take_in(session, clerk, io.BytesIO(content))
        return f"/cash-for-work/sheets/{made.id}"


def test_a_supervisor_signs_a_sheet_on_a_telephone(
    house: House, window: OpenWindow, sheet: str
) -> None:
    page = window(who="omar", language="ar", phone=True).open("/cash-for-work")
    assert overflow(page) == 0
    page = window(who="omar", language="ar", phone=True).open(sheet)
    assert overflow(page) == 0
    screenshot(page, "work-sheet-ar-phone")
    form = page.locator(f"form[action='{sheet}/sign']")
    form.locator("[name=code]").fill(house.people["omar"].next_code())
    form.locator("button").click()
    expect(page.locator(".notice")).to_be_visible()
    seen = window(who="rania", inspecting=True)
    axe(seen.open(sheet))
    axe(seen.open("/cash-for-work"))
