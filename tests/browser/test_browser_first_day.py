"""The first day of an office: nobody is there, and a printed token lets the administrator in."""

from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import expect
from sqlalchemy import URL

from cbi import clock, offices
from cbi.access import setting_up
from cbi.console import tries
from tests.browser.house import House, OpenWindow, axe, screenshot, served

PASSWORD = "seven lanterns over water"


@pytest.fixture
def house(database: URL) -> Iterator[House]:
    """An office without anybody, served."""
    tries.forget()
    with served() as address:
        yield House(address, {}, {})


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_first_administrator_comes_in_with_the_printed_token(
    house: House, window: OpenWindow, language: str
) -> None:
    token = offices.transact("dz", setting_up.issue_token)
    seen = window(language=language, phone=True)
    page = seen.open("/first-administrator")
    screenshot(page, f"first-administrator-{language}-phone")
    typed = {
        "token": token,
        "full_name": "Ines A",
        "username": "ines",
        "password": PASSWORD,
        "again": PASSWORD,
    }
    for name, value in typed.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("main button").click()
    expect(page).to_have_url(f"{house.address}/authenticator")
    secret = page.locator(".secret").inner_text()
    page.locator("[name=code]").fill(pyotp.TOTP(secret).at(clock.now()))
    page.locator("main button").click()
    expect(page.locator("header .self")).to_contain_text("ines")
    assert token not in page.url
    second = window(language=language)
    second.expected.append("403")
    page = second.open("/first-administrator")
    for name, value in (typed | {"username": "eve"}).items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("main button").click()
    expect(page.locator("[data-code='access.set_up_token_refused']")).to_be_visible()


def test_the_page_of_the_authenticator_can_be_used_by_everybody(
    house: House, window: OpenWindow
) -> None:
    token = offices.transact("dz", setting_up.issue_token)
    seen = window(inspecting=True)
    page = seen.open("/first-administrator")
    typed = {
        "token": token,
        "full_name": "Ines A",
        "username": "ines",
        "password": PASSWORD,
        "again": PASSWORD,
    }
    for name, value in typed.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("main button").click()
    expect(page).to_have_url(f"{house.address}/authenticator")
    axe(page)
