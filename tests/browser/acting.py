"""What people do at the pages, step by step, as the screen asks for it."""

import re
from pathlib import Path
from uuid import UUID

from playwright.sync_api import Page, expect

from tests.browser.house import Person, Window


def become_administrator(seen: Window, token: str, who: Person) -> None:
    """Come in with the printed token, choose a password, register an authenticator."""
    page = seen.open("/first-administrator")
    typed = {
        "token": token, "full_name": "Ines Administers", "username": who.username, "password": who.password,
        "again": who.password,
    }  # fmt: skip
    for name, value in typed.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("main button").click()
    _register_authenticator(page, who)


def sign_in(seen: Window, who: Person) -> None:
    """Sign in for the first time, which begins with registering an authenticator."""
    page = seen.open("/sign-in")
    page.locator("[name=username]").fill(who.username)
    page.locator("[name=password]").fill(who.password)
    page.locator("main button").click()
    _register_authenticator(page, who)


def sign_in_again(seen: Window, who: Person) -> None:
    """Sign in with a password and a one-time code."""
    page = seen.open("/sign-in")
    typed = {"username": who.username, "password": who.password, "code": who.next_code()}
    for name, value in typed.items():
        page.locator(f"[name={name}]").fill(value)
    page.locator("main button").click()
    expect(page.locator("header .self")).to_contain_text(who.username)


def _register_authenticator(page: Page, who: Person) -> None:
    expect(page).to_have_url(re.compile("/authenticator$"))
    who.secret = page.locator(".secret").inner_text()
    page.locator("[name=code]").fill(who.next_code())
    page.locator("main button").click()
    expect(page.locator("header .self")).to_contain_text(who.username)


def open_run(seen: Window) -> Page:
    """From the menu to the run sheet that waits."""
    seen.page.locator("nav.menu a[href='/approvals']").click()
    seen.page.locator("section[aria-labelledby=mine] h3 a").click()
    return seen.page


def look(page: Page) -> None:
    """Open every list of what is unusual in the run that is open, and come back to its sheet."""
    links = page.locator("section[aria-labelledby=first] a[href*='/lists/']")
    paths = [links.nth(at).get_attribute("href") or "" for at in range(links.count())]
    for path in paths:
        page.locator(f"section[aria-labelledby=first] a[href='{path}']").click()
        expect(page).to_have_url(re.compile(f"{re.escape(path)}$"))
        page.go_back()


def sign(page: Page, who: Person, step: str) -> None:
    """Sign the run that is open as its certifier or authoriser, with a fresh one-time code, after looking at its lists."""
    look(page)
    form = page.locator(f"form[action$='/sign/{step}']")
    form.locator("[name=code]").fill(who.next_code())
    form.locator("button").click()
    expect(page.get_by_role("status")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def release(page: Page) -> None:
    """Release the run that is open."""
    page.locator("form[action$='/release'] button").click()
    expect(page.get_by_role("status")).to_contain_text("is released")


def open_counter(seen: Window, username: str, password: str) -> Page:
    """A teller signs in."""
    page = seen.open("/counter")
    page.locator("[name=username]").fill(username)
    page.locator("[name=password]").fill(password)
    page.locator("main button").click()
    expect(page.locator("form.ask [name=code]")).to_be_visible()
    return page


def redeem(page: Page, code: str, factor: str) -> tuple[str, str]:
    """From a code to the receipt: its number, and the amount that the teller is told to hand over."""
    page.locator("form.ask [name=code]").fill(code)
    page.locator("form.ask [name=factor]").fill(factor)
    page.locator("form.ask button").click()
    page.locator("form[action$='/confirm'] button").click()
    expect(page.locator(".pay")).to_contain_text("Paid")
    receipt = page.locator(".receipt-number").first.inner_text().replace(" ", "")
    amount = page.locator(".pay .amount").inner_text()
    page.get_by_role("button", name="Next person").click()
    return receipt, amount


def refused_at_the_counter(page: Page, code: str, factor: str) -> str:
    """Type a code that is not to be paid; returns the refusal's code."""
    page.locator("form.ask [name=code]").fill(code)
    page.locator("form.ask [name=factor]").fill(factor)
    page.locator("form.ask button").click()
    return page.get_by_role("alert").get_attribute("data-code") or ""


def upload_statement(seen: Window, provider: str, file: Path) -> UUID:
    """Bring a provider's statement; returns its id, from the page that says what came of it."""
    page = seen.open("/discrepancies")
    page.locator("main summary", has_text="statement").click()
    form = page.locator("form[action='/statements']")
    form.locator("[name=provider]").select_option(provider)
    form.locator("[name=file]").set_input_files(file)
    form.locator("button").click()
    expect(page.get_by_role("status")).to_contain_text("Taken in")
    return UUID(page.url.rpartition("/")[2])
