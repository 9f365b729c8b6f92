"""Waivers at a real browser: one asks on a phone, another grants at a desk, and the run sheet says so; no script."""

from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import expect

from cbi import clock, offices
from cbi.payments.runs import runs
from tests.approval_factory import first_cycle, second_cycle
from tests.browser import acting
from tests.browser.house import House, OpenWindow, axe, overflow, screenshot

TITLES = {"en": "Waivers", "ar": "الاستثناءات"}
GRANTED = {"en": "Waiver 1 is granted.", "ar": "مُنح الاستثناء 1."}


@pytest.fixture
def run_id(house: House) -> UUID:
    """A locked run in which somebody has left the registry."""
    marc, amina, karim = (house.colleagues[name] for name in ("marc", "amina", "karim"))
    with clock.frozen(clock.now() - timedelta(hours=1)), offices.transaction("dz") as session:
        first_cycle(
            session, marc.actor, (amina.actor, amina.one_time_code), (karim.actor, karim.one_time_code)
        )  # fmt: skip
        run = second_cycle(session, marc.actor)
        runs.lock(session, marc.actor, run)
    return run


@pytest.mark.parametrize(("language", "held"), [("en", "desk"), ("ar", "hand")])
def test_a_blocked_run_is_signed_once_two_others_let_it_pass(
    house: House, window: OpenWindow, run_id: UUID, language: str, held: str
) -> None:
    phone = held == "hand"
    page = window(who="amina", language=language, phone=phone).open(f"/approvals/{run_id}")
    expect(page.locator(".box.refusal")).to_have_count(1)
    page = window(who="tala", language=language, phone=phone).open("/waivers")
    expect(page.locator("h1")).to_have_text(TITLES[language])
    page.locator("main details summary").last.click()
    assert overflow(page) == 0
    form = page.locator("form[action='/waivers']")
    form.locator("[name=control]").select_option("inactive")
    form.locator("[name=run]").fill("2")
    form.locator("[name=reason]").fill("They left last week")
    form.locator("[name=evidence]").fill("visit report 7")
    form.locator("[name=owner]").select_option(label="Hana Heads finance")
    form.locator("[name=code]").fill(house.people["tala"].next_code())
    form.locator("button").click()
    expect(page.locator("[data-waiver='1']")).to_be_visible()
    page = window(who="dina", language=language).open("/waivers")
    if language == "en":
        screenshot(page, "waivers-en")
    grant = page.locator("form[action='/waivers/1/grant']")
    grant.locator("[name=code]").fill(house.people["dina"].next_code())
    grant.locator("button").click()
    expect(page.locator(".notice")).to_contain_text(GRANTED[language])
    axe(window(who="hana", language=language, inspecting=True).open("/waivers"))
    page = window(who="amina", language=language, phone=phone).open(f"/approvals/{run_id}")
    expect(page.locator("[data-waivers='1']")).to_contain_text("Hana Heads finance")
    acting.sign(page, house.people["amina"], "certifier")
    assert overflow(page) == 0


def test_the_register_can_be_read_by_everybody(house: House, window: OpenWindow) -> None:
    axe(window(who="tala", inspecting=True).open("/waivers"))
