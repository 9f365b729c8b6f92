"""The front page and the discrepancies at a real browser: in two directions of writing, on a desk and on a phone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import URL, select

from cbi import offices
from cbi.console import tries
from cbi.demo.staff import Colleague as Staff
from cbi.reconciliation.models import Match, StatementLine
from tests.browser.house import (
    HEAVIEST,
    House,
    OpenWindow,
    Person,
    axe,
    hire,
    overflow,
    screenshot,
    served,
)
from tests.factories import Colleague, Team
from tests.flow.sending import PointAt, assert_every_promise_is_kept
from tests.flow.standing import STORIES, Standing, told
from tests.reconciliation_factory import Line, settlement

STUCK = {"en": "What is stuck", "ar": "ما هو عالق"}
NOTED = {"en": "Nothing has moved yet", "ar": "لم يتحرك شيء بعد"}
FAILED = {"en": "failed, not paid", "ar": "فشلت ولم تُدفع"}


STAFF: dict[str, tuple[dict[str, Person], dict[str, Staff]]] = {}
"""The people of the house, by the name of the database in which they lived through the story."""


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    """A database in which the house is in the middle of its work: told once, copied for every test."""
    hired: list[tuple[dict[str, Person], dict[str, Staff]]] = []

    def team_of_the_house() -> Team:
        hired.append(hire())
        marc, amina, karim = (
            Colleague(hired[0][1][name].actor, hired[0][1][name].secret)
            for name in ("marc", "amina", "karim")
        )
        return Team(marc, amina, karim)

    name = told(server, template, point_at, "house", team_of_the_house)
    if hired:
        STAFF[name] = hired[0]
    return name


@pytest.fixture
def house(database: URL, template: str) -> Iterator[House]:
    """That house, served."""
    tries.forget()
    people, colleagues = STAFF[template]
    with served() as address:
        yield House(address, {name: replace(each) for name, each in people.items()}, colleagues)


@pytest.fixture
def standing(house: House, template: str) -> Standing:
    """Where the house stands."""
    return STORIES[template]


def test_the_front_page_shows_a_programme_manager_how_the_office_stands(
    standing: Standing, window: OpenWindow
) -> None:
    for language in ("en", "ar"):
        seen = window(who="marc", language=language)
        page = seen.open("/")
        expect(page.get_by_role("heading", name=STUCK[language])).to_be_visible()
        expect(page.locator("[data-reason=authorise]")).to_contain_text("Karim Authorises")
        expect(page.locator("figure.chart")).to_have_count(5)
        expect(page.locator("svg.columns")).to_have_count(2)
        expect(page.locator("tfoot tr")).to_have_count(3)
        assert overflow(page) == 0
        screenshot(page, f"front-page-{language}")
        assert window(who="marc", language=language).weight("/") <= HEAVIEST
    phone = window(who="marc", language="ar", phone=True).open("/")
    assert overflow(phone) == 0
    phone.locator("main details summary").first.click()  # opens without scripts
    expect(phone.locator("details table").first).to_be_visible()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_pages_can_be_used_by_everybody(
    standing: Standing, window: OpenWindow, language: str
) -> None:
    with offices.transaction("dz") as session:
        is_matched = StatementLine.id.in_(select(Match.line_id))
        lines = [
            session.scalars(select(StatementLine.id).where(each).limit(1)).one()
            for each in (is_matched, ~is_matched)
        ]
    for phone in (False, True):
        seen = window(who="tala", language=language, phone=phone, inspecting=True)
        for path in ("/", "/discrepancies", "/statements", "/payments", f"/payments/{standing.locked}"):  # fmt: skip
            page = seen.open(path)
            axe(page)
            assert overflow(page) == 0, path
        page = seen.open("/discrepancies?kind=amount_differs")
        with page.expect_navigation():
            page.locator("section table tbody th a").first.click()
        axe(page)
        assert overflow(page) == 0
    waiting = window(who="karim", language=language, phone=True, inspecting=True)
    for who, path in (
        *((seen, f"/lines/{line}") for line in lines), (waiting, f"/runs/{standing.runs['market']}/waiting")
    ):  # fmt: skip
        page = who.open(path)
        axe(page)
        assert overflow(page) == 0, path


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_treasurer_takes_a_statement_in_and_reports_what_a_line_is(
    standing: Standing, window: OpenWindow, language: str, tmp_path: Path
) -> None:
    file = tmp_path / "november.csv"
    file.write_bytes(settlement([Line("R-STRANGE", 400)]))
    seen = window(who="tala", language=language, phone=True)
    page = seen.open("/discrepancies")
    page.locator("main details summary").first.click()
    page.locator("[name=file]").set_input_files(file)
    page.locator("form[action='/statements'] button").click()
    expect(page.locator(".notice")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("november.csv")
    page.locator(".warning a").click()
    page.locator("section table tbody th a").first.click()
    expect(page.locator("main")).to_contain_text("R-STRANGE")
    page.locator("[name=verdict]").select_option("not_ours")
    page.locator("[name=proof]").fill("Letter 55 of the post office")
    page.locator("form[action$='/line'] button").click()
    expect(page.locator(".notice")).to_contain_text(NOTED[language])
    assert overflow(page) == 0
    assert_every_promise_is_kept()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_two_people_find_at_the_browser_that_a_payment_was_not_paid(
    house: House, standing: Standing, window: OpenWindow, language: str
) -> None:
    path = f"/payments/{standing.unknown}"
    tala = window(who="tala", language=language, phone=True).open("/")
    tala.locator("[data-reason=unknown] a").click()
    tala.locator("table tbody th a").first.click()
    expect(tala).to_have_url(house.address + path)
    tala.locator("[name=proof]").fill("Letter 55 of the provider")
    tala.locator("form[action$='/unpaid'] button").click()
    expect(tala.locator(".notice")).to_be_visible()
    expect(tala.locator("form[action$='/confirm']")).to_have_count(0)
    karim = window(who="karim", language=language, phone=True).open(path)
    karim.locator("[name=code]").fill(house.people["karim"].next_code())
    karim.locator("form[action$='/confirm'] button").click()
    expect(karim.locator(".notice")).to_be_visible()
    expect(karim.locator(".state").first).to_contain_text(FAILED[language])
    assert_every_promise_is_kept()


def test_the_discrepancies_are_read_in_french(standing: Standing, window: OpenWindow) -> None:
    page = window(who="tala", language="fr").open("/discrepancies")
    expect(page.get_by_role("heading", level=1)).to_have_text("Écarts")
    screenshot(page, "discrepancies-fr")
    page.locator("form.filter [name=kind]").select_option("amount_differs")
    page.locator("form.filter button").click()
    expect(page.locator("section table tbody tr")).to_have_count(1)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_somebody_decides_at_the_browser_what_becomes_of_payments_that_failed(
    house: House, standing: Standing, window: OpenWindow, language: str
) -> None:
    page = window(who="karim", language=language, phone=True).open("/")
    with page.expect_navigation():
        page.locator("[data-reason=failed] a").first.click()
    assert overflow(page) == 0
    axe(window(who="karim", language=language, inspecting=True).open(page.url.removeprefix(house.address)))  # fmt: skip
    page.locator("table tbody tr").first.wait_for()
    page.locator("section [name=reason]").fill("The line was down for a day.")
    page.locator("form[action$='/try-again'] button").click()
    expect(page.locator(".notice")).to_be_visible()
    expect(page.locator("form[action$='/try-again']")).to_have_count(0)
    assert_every_promise_is_kept()
