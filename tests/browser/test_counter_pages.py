"""A whole payout at a real browser: an old telephone, the keyboard alone, without scripts, in two directions of writing."""

import re
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import URL, Engine, create_engine, func, select

from cbi import clock, offices
from cbi.redemption import shortages
from cbi.redemption.models import CashShortage, CounterOffice, Payout, Teller
from tests.browser.house import HEAVIEST, House, OpenWindow, Window, axe, overflow, screenshot
from tests.collecting_factory import THEIRS, a_ward, an_alternate
from tests.redemption_factory import WORD, code_of, confirm, hold, issued, minutes, teller

ARABIC = {ord("0") + at: chr(0x660 + at) for at in range(10)}
SAID = {
    "en": ("Who is next?", "Pay", "4,000 Algerian dinars", "Paid. Hand over", "Next person"),
    "ar": ("من التالي؟", "ادفع", "4,000 دينار جزائري", "دُفع. سلّم", "الشخص التالي"),
}

COLLECTED = {
    "en": ("the alternate whom the household named", "the guardian appointed for the child"),
    "ar": ("البديل الذي سمّته الأسرة", "الوصي المعيَّن على الطفل"),
}


@pytest.fixture
def owner(database: URL) -> Iterator[Engine]:
    """The database as its owner, who knows everybody's word."""
    engine = create_engine(database, connect_args={"options": "-c search_path=dz"})
    yield engine
    engine.dispose()


@pytest.fixture
def payments(house: House, owner: Engine) -> Sequence[UUID]:
    """Four codes of 4,000 dinars each."""
    return issued(owner, (4, 4, 4, 4)).payments


def type_in(page: Page, *keys: str) -> None:
    """Use the keyboard alone: each text is typed where the keyboard is."""
    for key in keys:
        page.keyboard.press(key) if key in {"Tab", "Enter"} else page.keyboard.type(key)


def ask_for(page: Page, code: str, word: str = WORD) -> None:
    """Type a code and what the person said, once the keyboard is there."""
    expect(page.locator("[name=code]")).to_be_focused()
    type_in(page, code, "Enter")  # the browser asks for the second box, and sends nothing
    expect(page.locator("[name=factor]")).to_be_focused()
    type_in(page, word, "Enter")


def paid() -> int:
    """How often cash was handed over."""
    with offices.transaction("dz") as session:
        return session.scalar(select(func.count()).select_from(Payout)) or 0


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_whole_payout_on_an_old_telephone_with_the_keyboard_alone(
    house: House, window: OpenWindow, payments: Sequence[UUID], language: str
) -> None:
    tariq, seen = house.people["tariq"], window(language=language, phone=True)
    next_, pay, in_full, hand_over, following = SAID[language]
    page = seen.open("/counter")
    expect(page.locator("[name=username]")).to_be_focused()
    type_in(page, "tariq", "Tab", tariq.password, "Enter")
    expect(page).to_have_url(f"{house.address}/counter")
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
    expect(page.get_by_role("heading", level=1)).to_have_text(next_)
    expect(page.locator("[name=code]")).to_be_focused()
    screenshot(page, f"counter-{language}-phone" if language == "ar" else f"counter-{language}")
    code = code_of(payments[0])
    ask_for(page, code.translate(ARABIC) if language == "ar" else code.replace(".", " "))
    expect(page.get_by_role("heading", level=1)).to_contain_text(pay)
    expect(page.locator(".pay .amount")).to_have_text("4,000\u00a0DZD")
    expect(page.locator(".in-full")).to_have_text(in_full)
    assert overflow(page) == 0
    assert page.locator(".pay").bounding_box()["y"] < 640  # type: ignore[index]
    screenshot(page, f"counter-pay-{language}-phone")
    expect(page.locator("main form button").first).to_be_focused()
    assert paid() == 0
    type_in(page, "Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(hand_over)
    assert paid() == 1
    assert overflow(page) == 0
    screenshot(page, f"counter-receipt-{language}-phone")
    expect(page.get_by_role("button", name=following)).to_be_focused()
    type_in(page, "Enter")
    expect(page.locator("[name=code]")).to_be_focused()
    expect(page.locator("[name=code]")).to_have_value("")
    for _ in range(6):
        page.go_back()
        assert code.replace(".", "") not in re.sub(r"\D", "", page.content())
    assert paid() == 1


def test_reloading_and_going_back_pays_once_and_shows_the_same_receipt(
    window: OpenWindow, payments: Sequence[UUID]
) -> None:
    page = window(who="tariq", phone=True).open("/counter")
    ask_for(page, code_of(payments[0]))
    expect(page.locator(".pay")).to_contain_text("Pay")
    page.reload()
    expect(page.locator("main form button").first).to_be_focused()
    type_in(page, "Enter")
    expect(page.locator(".pay")).to_contain_text("Paid")
    receipt = page.locator(".receipt-number").first.inner_text()
    page.reload()
    assert page.locator(".receipt-number").first.inner_text() == receipt
    page.go_back()
    page.go_forward()
    assert page.locator(".receipt-number").first.inner_text() == receipt
    assert paid() == 1


def test_an_answer_that_was_lost_is_found_again(
    house: House, window: OpenWindow, payments: Sequence[UUID]
) -> None:
    seen = window(who="tariq", phone=True)
    seen.expected += ["ERR_", "Failed to load"]
    page = seen.open("/counter")
    page.route(re.compile("/counter/holds/"), lambda route: route.abort())
    ask_for(page, code_of(payments[0]))
    page.wait_for_timeout(1000)
    page.unroute(re.compile("/counter/holds/"))
    page = seen.open("/counter")
    screenshot(page, "counter-lost-phone")
    page.locator(".warning a").click()
    expect(page.locator("main form button").first).to_be_focused()
    type_in(page, "Enter")
    expect(page.locator(".pay")).to_contain_text("Paid")
    assert paid() == 1


def test_a_refusal_is_read_in_french_on_the_telephone(
    window: OpenWindow, payments: Sequence[UUID]
) -> None:
    code, seen = code_of(payments[0]), window(who="tariq", language="fr", phone=True)
    who = teller("Hydra")
    confirm(who, hold(who, code).authorisation_id)
    page = seen.open("/counter")
    ask_for(page, code)
    expect(page.get_by_role("alert")).to_contain_text("Déjà payé : le")
    expect(page.get_by_role("alert")).to_contain_text("Ne payez pas.")
    expect(page.locator("[name=code]")).to_be_focused()
    assert overflow(page) == 0
    screenshot(page, "counter-refused-fr")


COME_BACK = {
    "en": ("There is not enough cash here", "your money is safe"),
    "ar": ("لا يوجد هنا نقد كافٍ", "مالك محفوظ"),
}


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_person_is_turned_away_without_cash_with_the_keyboard_alone(
    window: OpenWindow, payments: Sequence[UUID], language: str
) -> None:
    no_cash, safe = COME_BACK[language]
    seen = window(who="tariq", language=language, phone=True)
    page = seen.open("/counter")
    ask_for(page, code_of(payments[0]))
    expect(page.locator("main form button").first).to_be_focused()
    type_in(page, "Tab")
    expect(page.get_by_role("button", name=no_cash)).to_be_focused()
    type_in(page, "Enter")
    expect(page.get_by_role("main")).to_contain_text(safe)
    assert overflow(page) == 0
    screenshot(page, f"counter-no-cash-{language}-phone")
    expect(page.locator("main form button")).to_be_focused()
    type_in(page, "Enter")
    expect(page.locator("[name=code]")).to_be_focused()
    page.locator("main summary").focus()
    type_in(page, "Enter", "Tab", "25000", "Enter")
    expect(page).to_have_url(re.compile("/counter/no-cash$"))
    expect(page.get_by_role("main")).to_contain_text(safe)
    assert overflow(page) == 0
    assert paid() == 0
    with offices.transaction("dz") as session:
        said = session.scalars(select(CashShortage.amount_minor).order_by(CashShortage.id)).all()
    assert said == [400_000, 2_500_000]


def test_a_payout_is_light(window: OpenWindow, payments: Sequence[UUID]) -> None:
    seen = window(who="tariq", phone=True)
    whole = Weighing(seen)
    page = seen.open("/counter")
    ask_for(page, code_of(payments[0]))
    expect(page.locator("main form button").first).to_be_focused()
    type_in(page, "Enter")
    expect(page.get_by_role("button", name="Next person")).to_be_focused()
    type_in(page, "Enter")
    expect(page.locator("[name=code]")).to_be_focused()
    assert 10_000 < whole.total() < HEAVIEST
    receipt = page.locator(".latest a").get_attribute("href")
    for path in ("/counter", receipt, "/counter/day", "/counter/no-cash", "/counter/password"):
        assert path
        assert 5_000 < window(who="tariq", phone=True).weight(path) < HEAVIEST, path


class Weighing:
    """Adds up what a window receives from a first visit on, answers to forms and redirections too."""

    def __init__(self, seen: Window) -> None:
        self._bytes: list[float] = []
        session = seen.page.context.new_cdp_session(seen.page)
        session.send("Network.enable")
        session.on(
            "Network.loadingFinished", lambda event: self._bytes.append(event["encodedDataLength"])
        )
        session.on(
            "Network.requestWillBeSent",
            lambda event: self._bytes.append(
                event.get("redirectResponse", {}).get("encodedDataLength", 0)
            ),
        )

    def total(self) -> int:
        """Bytes so far."""
        return int(sum(self._bytes))


@pytest.mark.parametrize("language", ["en", "ar"])
def test_everybody_can_use_the_counter(
    window: OpenWindow, payments: Sequence[UUID], language: str
) -> None:
    others = payments[2:]
    an_alternate(others[0])
    a_ward(others[1])
    for at, phone in enumerate((True, False)):
        seen = window(who="tariq", language=language, phone=phone, inspecting=True)
        page = seen.open("/counter")
        ask_for(page, code_of(payments[at]))
        expect(page.locator(".pay")).to_be_visible()
        axe(page)
        hold_page = page.url
        axe(seen.open("/counter"))
        assert overflow(page) == 0
        page.goto(hold_page)
        page.locator("main form button").first.click()
        expect(page.locator(".receipt").first).to_be_visible()
        axe(page)
        for path in ("/counter", "/counter/day", "/counter/no-cash", "/counter/password"):
            axe(seen.open(path))
            assert overflow(page) == 0, path
        page = seen.open("/counter")
        ask_for(page, code_of(others[at]), THEIRS)
        expect(page.locator(".pay")).to_be_visible()
        axe(page)
        assert overflow(page) == 0
        page.locator("main form button").first.click()
        expect(page.locator(".receipt").first).to_contain_text(COLLECTED[language][at])
        assert overflow(page) == 0
        page = seen.open("/counter?vouched=yes")
        page.locator("main summary").click()
        axe(page)
        assert overflow(page) == 0


@pytest.mark.parametrize("language", ["en", "ar"])
def test_everybody_can_use_the_supervisors_pages(
    window: OpenWindow, payments: Sequence[UUID], language: str
) -> None:
    who = teller("Hydra")
    confirm(who, hold(who, code_of(payments[0])).authorisation_id)
    with offices.transaction("dz") as session:
        office_id = session.scalar(select(CounterOffice.id).join(Teller).where(Teller.id == who.id))
    with clock.frozen(minutes(5)), offices.transaction("dz") as session:
        shortages.turn_away(session, who)
    here = f"/post-offices/{office_id}"
    for phone in (True, False):
        seen = window(who="sami", language=language, phone=phone, inspecting=True)
        for path in ("/post-offices", here, f"{here}/tellers/{who.id}/password", "/counter-help"):
            page = seen.open(path)
            axe(page)
            assert overflow(page) == 0, path
            if path == here and phone:
                screenshot(page, f"post-office-{language}-phone")
        treasurer = window(who="tala", language=language, phone=phone, inspecting=True)
        page = treasurer.open(f"{here}/cash")
        axe(page)
        assert overflow(page) == 0
        if phone:
            screenshot(page, f"post-office-cash-{language}-phone")


def test_both_copies_are_printed_and_nothing_else(
    window: OpenWindow, payments: Sequence[UUID]
) -> None:
    page = window(who="tariq").open("/counter")
    ask_for(page, code_of(payments[0]))
    expect(page.locator("main form button").first).to_be_focused()
    type_in(page, "Enter")
    expect(page.locator(".receipt:visible")).to_have_count(1)
    page.emulate_media(media="print")
    expect(page.locator(".receipt:visible")).to_have_count(2)
    expect(page.locator("button:visible, nav:visible, h1:visible")).to_have_count(0)
    for copy in page.locator(".receipt").all():
        expect(copy).to_contain_text("Signature or mark of the person")
    page.set_viewport_size({"width": 302, "height": 900})  # 80 mm
    assert overflow(page) == 0
    page.set_viewport_size({"width": 794, "height": 560})  # A5, lying
    screenshot(page, "receipt")
