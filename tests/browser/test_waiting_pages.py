"""What waits for a second person at a real browser: proposed at a desk, decided on a phone, in two directions; no script."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from cbi import clock, offices
from cbi.programmes import fund_requests
from tests.browser.house import (
    HEAVIEST,
    House,
    OpenWindow,
    axe,
    overflow,
    screenshot,
)
from tests.factories import funded_programme
from tests.flow.dealing import grant

PAGES = ("", "/exchange", "/tariffs", "/values", "/owed", "/owed-back", "/months")
TITLES = {"en": "Waiting for a second person", "ar": "في انتظار شخص ثانٍ"}
ACCEPTED = {"en": "Accepted: Moving a fund's money", "ar": "قُبل: نقل مال صندوق"}
NOTED = {"en": "Request 1 is noted.", "ar": "دُوّن الطلب 1."}


@pytest.fixture
def funded(house: House) -> House:
    """A programme with money, and a fund in another currency."""
    with clock.frozen(clock.now() - timedelta(hours=1)), offices.transaction("dz") as session:
        funded_programme(session)
        grant(session)
    return house


@pytest.mark.parametrize(("language", "held"), [("en", "desk"), ("ar", "hand")])
def test_a_request_is_asked_for_and_confirmed_by_somebody_else(
    funded: House, window: OpenWindow, language: str, held: str
) -> None:
    phone = held == "hand"
    page = window(who="tala", language=language, phone=phone).open("/finance")
    page.locator("form[action='/finance/requests/return']").locator("xpath=..").locator(
        "summary"
    ).click()
    form = page.locator("form[action='/finance/requests/return']")
    form.locator("[name=programme]").select_option("winter")
    form.locator("[name=amount]").fill("1000.00")
    form.locator("[name=reference]").fill("LETTER-7")
    form.locator("[name=reason]").fill("Not needed this winter")
    form.locator("button").click()
    expect(page.locator(".notice")).to_contain_text(NOTED[language])
    assert overflow(page) == 0
    seen = window(who="hana", language=language, phone=phone)
    page = seen.open("/")
    page.locator("[data-waiting='1'] a").click()
    expect(page.locator("h1")).to_have_text(TITLES[language])
    assert overflow(page) == 0
    screenshot(page, f"waiting-{language}")
    page.locator("tr[data-kind='fund-request'] th a").click()
    expect(page.locator(".decide")).to_be_visible()
    assert overflow(page) == 0
    screenshot(page, f"waiting-one-{language}")
    form = page.locator("form[action='/waiting/accept/fund-request/1']")
    form.locator("[name=code]").focus()
    page.keyboard.type(funded.people["hana"].next_code())
    with page.expect_navigation(timeout=30_000):
        page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text(ACCEPTED[language])
    axe(window(who="hana", language=language, inspecting=True).open("/waiting"))


def test_every_page_about_money_fits_a_phone_and_can_be_read_by_everybody(
    funded: House, window: OpenWindow
) -> None:
    with offices.transaction("dz") as session:
        actor = funded.colleagues["tala"].actor
        fund_requests.ask_return(session, actor, "winter", "10.00", "LETTER-8", "Not needed.")
    narrow = window(who="tala", language="ar", phone=True)
    inspected = window(who="tala", inspecting=True)
    for path in PAGES:
        page = narrow.open(f"/finance{path}")
        assert overflow(page) == 0, path
        axe(inspected.open(f"/finance{path}"))
    axe(window(who="hana", inspecting=True).open("/waiting"))
    axe(window(who="hana", inspecting=True).open("/waiting/fund-request/1"))
    assert narrow.weight("/finance") < HEAVIEST
    assert narrow.weight("/waiting") < HEAVIEST
    month = f"{clock.now():%Y-%m}"
    assert overflow(narrow.open(f"/finance/months/{month}")) == 0
    axe(inspected.open(f"/finance/months/{month}"))
