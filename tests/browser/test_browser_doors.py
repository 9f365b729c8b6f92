"""Signing in at a real browser: staff and tellers, in two directions of writing, by keyboard alone, without scripts."""

import re

import pyotp
import pytest
from playwright.sync_api import Page, expect

from cbi import clock, offices
from cbi.access import users
from cbi.access.permissions import Role
from tests.browser.house import HEAVIEST, House, OpenWindow, axe, overflow, screenshot

PASSWORD = "seven lanterns over water"
REGISTERED = {"en": "Your authenticator is registered.", "ar": "تم تسجيل تطبيق المصادقة الخاص بك."}
WRONG = {
    "en": "The user name, the password or the one-time code is not right",
    "ar": "اسم المستخدم أو كلمة المرور أو الرمز غير صحيح",
}


def fill_in(page: Page, **typed: str) -> None:
    """Type into fields by their names."""
    for name, value in typed.items():
        page.locator(f"[name={name}]").fill(value)


def type_on(page: Page, *keys: str) -> None:
    """Use the keyboard alone: each text is typed where the keyboard is, and `Tab` and `Enter` are pressed."""
    for key in keys:
        page.keyboard.press(key) if key in {"Tab", "Enter"} else page.keyboard.type(key)


def hire_nadia(house: House) -> None:
    """Somebody new, without an authenticator."""
    with offices.transaction("dz") as session:
        admin = users.actor_named(session, "admin")
        users.create_user(
            session, admin, username="nadia", full_name="Nadia New", password=PASSWORD, roles=[Role.AUDITOR]
        )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ar"])
def test_somebody_new_registers_an_authenticator_at_the_first_sign_in(
    house: House, window: OpenWindow, language: str
) -> None:
    hire_nadia(house)
    seen = window(language=language, phone=True)
    page = seen.open("/")
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
    assert overflow(page) == 0
    screenshot(page, f"sign-in-{language}-phone")
    fill_in(page, username="nadia", password=PASSWORD)
    page.locator("main button").click()
    expect(page).to_have_url(f"{house.address}/authenticator")
    assert overflow(page) == 0
    expect(page.locator(".qr svg")).to_be_visible()
    secret = page.locator(".secret").inner_text()
    fill_in(page, code=pyotp.TOTP(secret).at(clock.now()))
    page.locator("main button").click()
    expect(page.get_by_text(REGISTERED[language])).to_be_visible()
    expect(page).to_have_url(f"{house.address}/")
    expect(page.locator("header .self")).to_contain_text("nadia")
    page.reload()
    expect(page.get_by_text(REGISTERED[language])).to_have_count(0)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_wrong_password_is_said_plainly(window: OpenWindow, language: str) -> None:
    seen = window(language=language, phone=True)
    seen.expected.append("401")
    page = seen.open("/sign-in")
    fill_in(page, username="amina", password="not the password", code="123456")
    page.locator("main button").click()
    expect(page.get_by_role("alert")).to_contain_text(WRONG[language])
    expect(page.locator("[name=username]")).to_have_value("amina")
    expect(page.locator("[name=password]")).to_have_value("")
    type_on(page, "again")  # the keyboard is where the next thing is to be typed
    expect(page.locator("[name=password]")).to_have_value("again")
    assert overflow(page) == 0
    screenshot(page, f"wrong-password-{language}-phone")


def test_staff_sign_in_and_out_with_the_keyboard_alone(house: House, window: OpenWindow) -> None:
    amina, seen = house.people["amina"], window()
    page = seen.open("/password")
    screenshot(page, "sign-in")
    expect(page.get_by_label("User name")).to_be_focused()
    type_on(page, "amina", "Tab", amina.password, "Tab", amina.next_code(), "Enter")
    expect(page).to_have_url(f"{house.address}/password")
    page.goto(f"{house.address}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.locator(":focus").inner_text() == "Sign out":
            break
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("You are signed out.")
    page.go_back()
    assert "amina" not in page.content()
    seen.open("/")
    assert page.url == f"{house.address}/sign-in"


def test_a_teller_signs_in_at_a_door_of_their_own(house: House, window: OpenWindow) -> None:
    tariq, seen = house.people["tariq"], window(language="fr", phone=True)
    page = seen.open("/counter/sign-in")
    expect(page.locator("[name=code]")).to_have_count(0)
    fill_in(page, username="tariq", password=tariq.password)
    page.locator("main button").click()
    expect(page.locator("header .self")).to_contain_text("tariq")
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page).to_have_url(f"{house.address}/counter/sign-in")


def test_staff_are_unknown_at_the_tellers_door_and_tellers_at_that_of_staff(
    house: House, window: OpenWindow
) -> None:
    for path, name in (("/counter/sign-in", "amina"), ("/sign-in", "tariq")):
        seen = window()
        seen.expected.append("401")
        page = seen.open(path)
        fill_in(page, username=name, password=house.people[name].password)
        page.locator("main button").click()
        expect(page.get_by_role("alert")).to_contain_text("is not right")


def test_the_language_is_changed_on_any_page_and_kept(house: House, window: OpenWindow) -> None:
    seen = window(who="amina")
    page = seen.open("/password")
    page.get_by_role("link", name="العربية").click()
    expect(page).to_have_url(f"{house.address}/password")
    expect(page.locator("html")).to_have_attribute("lang", "ar")
    seen.open("/")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")


def test_a_changed_password_ends_the_sign_in_and_is_asked_for(
    house: House, window: OpenWindow
) -> None:
    amina, seen = house.people["amina"], window(who="amina")
    page = seen.open("/password")
    fill_in(page, old=amina.password, new=PASSWORD, again="something else entirely")
    page.locator("main button").click()
    expect(page.get_by_role("alert")).to_contain_text("The two new passwords are not the same.")
    fill_in(page, old=amina.password, new=PASSWORD, again=PASSWORD)
    page.locator("main button").click()
    expect(page.locator(".notice")).to_contain_text("Your password is changed.")
    fill_in(page, username="amina", password=PASSWORD, code=amina.next_code())
    page.locator("main button").click()
    expect(page.locator("header .self")).to_contain_text("amina")


PAGES = ("/sign-in", "/counter/sign-in", "/first-administrator", "/nothing")
PAGES_OF_STAFF = ("/", "/password")
PAGES_OF_REGISTRATION = (
    "/registry/lists",
    "/registry/households",
    "/registry/consent/list",
    "/registry/assessing/forms",
)


@pytest.mark.parametrize(("language", "device"), [("en", "desk"), ("ar", "phone")])
def test_everybody_can_use_these_pages(window: OpenWindow, language: str, device: str) -> None:
    for who, paths in ((None, PAGES), ("amina", PAGES_OF_STAFF)):
        seen = window(language=language, inspecting=True, who=who, phone=device == "phone")
        seen.expected.append("404")
        for path in paths:
            page = seen.open(path)
            axe(page)
            assert overflow(page) == 0, path
    seen = window(language=language, inspecting=True, who="rania", phone=device == "phone")
    for path in PAGES_OF_REGISTRATION:
        page = seen.open(path)
        shelf = page.locator("nav.menu .shelf", has=page.locator("[aria-current=page]"))
        shelf.locator("summary[aria-current=true]").focus()
        page.keyboard.press("Enter")
        expect(shelf.locator("[aria-current=page]")).to_be_visible()
        expect(page.locator("nav.menu .shelf[open]")).to_have_count(1)
        axe(page)
        assert overflow(page) == 0, path


def test_pages_are_light(window: OpenWindow) -> None:
    seen = window(phone=True)
    seen.expected.append("404")
    for path in PAGES:
        assert 5_000 < seen.weight(path) < HEAVIEST, path


def test_a_window_notices_what_the_policy_forbids(window: OpenWindow) -> None:
    seen = window(who="amina", scripts=True)
    page = seen.open("/")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))"
    )
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.wait_for_timeout(100)
    assert any(re.search("Content Security Policy", trouble) for trouble in seen.troubles)
    seen.troubles.clear()
