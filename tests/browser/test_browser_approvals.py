"""A whole approval at a real browser: locked by one, certified by another, authorised by a third, released; no script."""

from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from cbi import clock, offices
from cbi.payments.models import PaymentRun
from cbi.payments.runs import runs
from cbi.payments.states import RunState
from tests.approval_factory import first_cycle, let_pass, look, second_cycle
from tests.browser.house import HEAVIEST, House, OpenWindow, axe, overflow, screenshot

CERTIFIED = {
    "en": "You certified run 2. Now somebody else authorises it.",
    "ar": "صدّقت على الكشف 2. والآن يأذن به شخص آخر.",
}
AUTHORISED = {"en": "You authorised run 2.", "ar": "أذنت بالكشف 2."}
RELEASED = {
    "en": "Run 2 is released: its payments go out now.",
    "ar": "أُطلق الكشف 2: تخرج دفعاته الآن.",
}


@pytest.fixture
def run_id(house: House) -> UUID:
    """The second cycle's run, locked by Marc an hour ago; the first one was approved before."""
    marc, amina, karim = (house.colleagues[name] for name in ("marc", "amina", "karim"))
    with clock.frozen(clock.now() - timedelta(hours=1)), offices.transaction("dz") as session:
        first_cycle(
            session,
            marc.actor,
            (amina.actor, amina.one_time_code),
            (karim.actor, karim.one_time_code),
        )
        run = second_cycle(session, marc.actor)
        runs.lock(session, marc.actor, run)
        tala, hana = (house.colleagues[name] for name in ("tala", "hana"))
        asker, granter = ((each.actor, each.one_time_code) for each in (tala, hana))
        let_pass(session, run, "inactive", asker, granter)
        for each in (amina, karim):
            look(session, each.actor, run)
    return run


def state_of(run_id: UUID) -> RunState:
    with offices.transaction("dz") as session:
        return session.get_one(PaymentRun, run_id).state


def pass_the_recall_window(run_id: UUID) -> None:
    with offices.transaction("dz") as session:
        session.get_one(PaymentRun, run_id).release_after = clock.now()


def sign(page: Page, act: str, code: str) -> None:
    """Type the code into the form of that step, and send it."""
    form = page.locator(f"form[action$='/sign/{act}']")
    form.locator("[name=code]").fill(code)
    form.locator("button").click()


@pytest.mark.parametrize(("language", "held"), [("en", "desk"), ("ar", "hand")])
def test_a_whole_approval(
    house: House, window: OpenWindow, run_id: UUID, language: str, held: str
) -> None:
    phone = held == "hand"
    page = window(who="amina", language=language, phone=phone).open("/approvals")
    assert overflow(page) == 0
    if language == "en":
        screenshot(page, "approvals-en")
    page.locator("#mine ~ .runs a").click()
    expect(page).to_have_url(f"{house.address}/approvals/{run_id}")
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
    assert overflow(page) == 0
    screenshot(page, "run-sheet-ar-phone" if phone else "run-sheet-en")
    expect(page.locator("h1")).to_contain_text("40,000.00")
    expect(page.locator(".box.warning:not([data-waivers])")).to_have_count(4)
    sign(page, "certifier", house.people["amina"].next_code())
    expect(page.locator(".notice")).to_contain_text(CERTIFIED[language])
    assert state_of(run_id) is RunState.CERTIFIED

    page = window(who="karim", language=language, phone=phone).open(f"/approvals/{run_id}")
    expect(page.locator(".waits")).to_contain_text("Amina Certifies")
    sign(page, "authoriser", house.people["karim"].next_code())
    expect(page.locator(".notice")).to_contain_text(AUTHORISED[language])
    expect(page.locator("form[action$='/release']")).to_have_count(0)
    expect(page.locator(".decide .state.wait")).to_contain_text("15")
    pass_the_recall_window(run_id)
    page.reload()
    page.locator("form[action$='/release'] button").click()
    expect(page.locator(".notice")).to_contain_text(RELEASED[language])
    assert state_of(run_id) is RunState.RELEASING


def test_an_approver_needs_nothing_but_the_keyboard(
    house: House, window: OpenWindow, run_id: UUID
) -> None:
    page = window(who="amina").open("/approvals")
    go_to(page, f"a[href='/approvals/{run_id}']")
    page.keyboard.press("Enter")
    go_to(page, "a[href='#decide']")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type(house.people["amina"].next_code())
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text(CERTIFIED["en"])


def go_to(page: Page, selector: str) -> None:
    """Press Tab until the keyboard is there."""
    wanted = page.locator(f"{selector}:focus")
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.count():
            return
    raise AssertionError(f"{selector} cannot be reached by the keyboard")


def test_a_wrong_code_is_told_on_the_page_and_the_right_one_still_counts(
    house: House, window: OpenWindow, run_id: UUID
) -> None:
    page = window(who="amina", language="ar", phone=True).open(f"/approvals/{run_id}")
    sign(page, "certifier", "000000")
    expect(page.locator("[data-code='access.wrong_code']")).to_be_visible()
    assert overflow(page) == 0
    sign(page, "certifier", house.people["amina"].next_code())
    expect(page.locator(".notice")).to_contain_text(CERTIFIED["ar"])


def test_a_run_is_returned_with_a_reason_and_locked_again(
    house: House, window: OpenWindow, run_id: UUID
) -> None:
    page = window(who="amina").open(f"/approvals/{run_id}")
    page.locator("main summary").first.click()
    page.locator("form[action$='/return'] [name=reason]").fill("W-0002 has left")
    page.locator("form[action$='/return'] button").click()
    expect(page.locator(".notice")).to_contain_text("went back to its maker")
    page = window(who="marc").open("/approvals")
    expect(page.locator("main")).to_contain_text("W-0002 has left")
    page.locator("form[action$='/lock'] button").click()
    expect(page.locator(".notice")).to_contain_text("is locked. Now others sign it.")
    assert state_of(run_id) is RunState.LOCKED


@pytest.mark.parametrize(("language", "held"), [("en", "desk"), ("ar", "hand"), ("fr", "hand")])
def test_everybody_can_use_the_pages_and_none_is_heavy(
    house: House, window: OpenWindow, run_id: UUID, language: str, held: str
) -> None:
    paths = ("", f"/{run_id}", f"/{run_id}/lists/amount", f"/{run_id}/lists/shared_account")
    seen = window(who="amina", language=language, phone=held == "hand", inspecting=True)
    for path in paths:
        page = seen.open(f"/approvals{path}")
        axe(page)
        assert overflow(page) == 0, path
        assert seen.weight(f"/approvals{path}") < HEAVIEST


def test_the_list_is_taken_out_as_a_file(house: House, window: OpenWindow, run_id: UUID) -> None:
    page = window(who="amina").open(f"/approvals/{run_id}")
    for ending in ("xlsx", "txt"):
        with page.expect_download() as download:
            page.locator(f"a[href$='/list.{ending}']").click()
        assert download.value.suggested_filename.startswith("run-2-winter-")
        assert download.value.suggested_filename.endswith(ending)
    page.locator("a[href$='/check']").click()
    expect(page.locator(".notice")).to_contain_text("exactly what was locked")
