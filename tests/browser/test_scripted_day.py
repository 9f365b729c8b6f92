"""One day from an empty office to reconciled cash, with every part a process of its own and every person at a page."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import URL

from cbi.messaging.rendering import texts
from tests.browser import acting, recipients
from tests.browser.day import Day, begun
from tests.browser.deployment import answers, by_twos, empty_database
from tests.browser.house import House, OpenWindow
from tests.browser.recipients import CARDS, CASH, EVERYBODY, MOBILE, owed
from tests.peers import mobile_money as gsma
from tests.peers import stripe_issuing
from tests.peers.kannel import free_port
from tests.peers.mobile_money import Act

STAFF = {
    "rania": "registration_officer", "marc": "programme_manager", "amina": "certifier", "karim": "authoriser",
    "tala": "treasurer", "sami": "teller_supervisor", "salma": "complaint_handler",
}  # fmt: skip
FLOAT = 100_000
"""Dinars placed with each provider."""
DOORS = {"serve": ("serve", "--web-only"), "worker": ("worker",), "scheduler": ("scheduler",)}
OPERATORS_DAY = (Act.PAY, Act.PAY_THEN_HANG_UP, Act.PAY_LATER, Act.PAY_LATER)
NOBODYS = "9999999999"
"""A receipt that nobody gave."""
AS_STRIPE = "/api/v1/callbacks/{office}/{provider}"


@pytest.fixture
def house() -> House:
    """The pages that the browser opens; who works there is found out in the course of the day."""
    return House(f"http://127.0.0.1:{free_port()}", {}, {})


@pytest.fixture
def day(
    server: URL, house: House, window: OpenWindow, shared_data: Path, tmp_path: Path
) -> Iterator[Day]:
    """Every part started on an empty database, and nobody there yet."""
    with (
        empty_database(server) as database,
        begun(database, house, window, shared_data, tmp_path) as day,
    ):
        yield day


@pytest.mark.timeout(600)  # two minutes on a machine with nothing else to do
def test_a_day_from_an_empty_office_to_reconciled_cash(day: Day) -> None:
    make_the_office(day)
    fund_and_register(day)
    issue_cards(day)
    plan_the_operators_day(day)
    build_the_run(day)
    approve_and_release_in_the_browser(day)
    three_rails_are_sent(day)
    hear_the_operator(day)
    hear_stripe(day)
    ask_for_the_status_in_arabic(day)
    redeem_in_the_browser(day)
    report_a_problem(day)
    everybody_is_told(day)
    reconcile_three_statements(day)
    look_at_the_discrepancy(day)
    everything_is_proved(day)
    everybody_was_paid_once(day)
    nothing_personal_is_in_a_log(day)


def make_the_office(day: Day) -> None:
    """An office, its first administrator in the browser, and the staff that the administrator makes."""
    printed = day.cbi.run(
        "office", "create", "dz", "--currency", "DZD", "--timezone", "Africa/Algiers", "--languages", "ar,fr,en",
        "--hotline", "3030",
    )  # fmt: skip
    (day.token,) = re.findall(r"^cbi_dz_\S{43}$", printed, re.MULTILINE)
    for name, words in DOORS.items():
        day.cbi.start(name, *words)
    day.cbi.wait(lambda: answers(day.house.address), "the server answers", see="serve", within=30)
    acting.become_administrator(day.window(), day.token, day.somebody("ines"))

    def employ(name: str) -> None:
        new, full_name = day.somebody(name).password, f"{name.title()} Works"
        day.run("ines", "user", "create", name, full_name, "--roles", STAFF[name], new=new)

    by_twos(employ, STAFF)
    place = day.run("sami", "counter", "create-office", "101", "Alger Centre").split()[-1]
    day.run(
        "sami", "counter", "create-teller", place, "lina", "Lina Tells",
        new=day.somebody("lina").password,
    )  # fmt: skip


def fund_and_register(day: Day) -> None:
    """The list comes in, the programme is described, and money is placed with every provider."""
    (day.folder / "list.csv").write_bytes(recipients.registration_list())
    taken = day.ask("rania", "registry", "import", str(day.folder / "list.csv"))
    assert (taken["landed"], taken["rejected"]) == (len(EVERYBODY), 0), taken
    (day.folder / "winter.yaml").write_text(recipients.programme(datetime.now(UTC).year))
    day.run("marc", "programme", "apply", str(day.folder / "winter.yaml"))
    day.run("tala", "fund", "receive", "grant", "400000.00", "--reference", "BNA-1")
    day.run("tala", "fund", "allocate", "winter", "400000.00", "--reference", "MEMO-1")
    listed_as = day.issuer.top_up(FLOAT * 100, "dzd")
    references = {"post_office": "VIR-1", "mobile_money": "VIR-2", "cards": listed_as}

    def place(provider: str) -> None:
        amount = (f"{FLOAT}.00", "--currency", "DZD")
        day.run("tala", "fund", "prefund", provider, *amount, "--reference", references[provider])

    by_twos(place, references)


def issue_cards(day: Day) -> None:
    """A card for each who asked for one; the last of them is handed over later."""
    by_twos(lambda each: day.run("rania", "card", "issue", each.number), CARDS)
    by_twos(lambda each: day.run("rania", "card", "hand-over", each.number), CARDS[:-1])


def plan_the_operators_day(day: Day) -> None:
    """It pays one at once and two later, and once its answer is lost."""
    for each, act in zip(MOBILE, OPERATORS_DAY, strict=True):
        day.operator.plan(each.phone, act)


def build_the_run(day: Day) -> None:
    """The cycle is opened, its run built and locked."""
    period = f"{datetime.now(UTC):%Y-%m}"
    opened = day.ask("marc", "cycle", "open", "winter", period)
    assert (opened["eligible"], opened["ineligible"]) == (len(EVERYBODY), 0), opened
    day.run("marc", "run", "build", "winter", period)
    day.run("marc", "run", "lock", "1")


def approve_and_release_in_the_browser(day: Day) -> None:
    """Two people sign what the sheet shows them, and the second lets it go."""
    for name, step in (("amina", "certifier"), ("karim", "authoriser")):
        seen, who = day.window(phone=name == "karim"), day.people[name]
        acting.sign_in(seen, who)
        page = acting.open_run(seen)
        expect(page.get_by_role("heading", level=1)).to_contain_text(f"{owed(EVERYBODY):,}")
        shown = page.locator("main").inner_text()
        for part in (CASH, MOBILE, CARDS):
            assert f"{owed(part):,}" in shown
        assert "first run" in shown
        acting.sign(page, who, step)
    acting.release(page)


def three_rails_are_sent(day: Day) -> None:
    """Worker and scheduler do it, unasked."""
    day.cbi.wait(
        lambda: not {"ready", "sending", "none"} & set(day.states(EVERYBODY)), "every payment is handed over"
    )  # fmt: skip
    assert day.states(CASH) == ["accepted"] * len(CASH)
    assert day.states(CARDS) == ["paid"] * (len(CARDS) - 1) + ["accepted"]
    first, lost, *later = day.states(MOBILE)
    assert (first, later) == ("paid", ["accepted"] * 2)
    assert lost in {"unknown", "paid"}  # whose answer was lost may have been asked about already
    assert day.prism.violations() == []


def hear_the_operator(day: Day) -> None:
    """Its callbacks: forged, altered, too old, for somebody else; then the right ones, twice, and one of them late."""
    late, patient = MOBILE[1], MOBILE[2]
    key = day.operator.key_of(patient.phone)
    url, other = (
        day.operator.callback_url(day.operator.key_of(each.phone)) for each in (patient, late)
    )
    claim = day.operator.told(day.operator.payment(key)) | {"transactionStatus": "completed"}
    right, body = day.operator.message(key, claim)
    signed = {"X-CorrelationID": right["X-CorrelationID"]}
    old = f"{datetime.now(UTC) - timedelta(minutes=20):%Y-%m-%dT%H:%M:%SZ}"
    of_old = gsma.signature(old, right["X-CorrelationID"], body)
    assert {
        "forged": put(url, right | {"X-Signature": "0" * 64}, body),
        "unsigned": put(url, signed, body),
        "altered": put(url, right, body.replace(b"completed", b"reversed_")),
        "too old": put(url, signed | {"X-Date": old, "X-Signature": of_old}, body),
        "for somebody else": put(other, right, body),
    } == dict.fromkeys(("forged", "unsigned", "altered", "too old", "for somebody else"), 403)
    assert day.states([patient]) == ["accepted"]
    assert day.callbacks("mobile_money") == 0
    day.operator.settle()
    assert [day.operator.call_back(key) for _ in range(2)] == [204, 204]
    assert day.states([patient]) == ["paid"]
    assert day.callbacks("mobile_money") == 1
    assert day.operator.call_back(day.operator.key_of(late.phone)) == 204
    assert day.states([late]) == ["paid"]


def put(url: str, headers: dict[str, str], body: bytes) -> int:
    """Call back as somebody who is perhaps not the operator."""
    return httpx.put(url, headers=headers, content=body, timeout=30).status_code


def hear_stripe(day: Day) -> None:
    """The last card is handed over, of which Stripe tells: wrongly signed, too late, and then rightly and twice."""
    door = f"{day.house.address}/api/v1/callbacks/dz/cards"
    day.run("rania", "card", "hand-over", CARDS[-1].number)
    event = day.issuer.events()[-1]
    now = int(time.time())
    for refusals, (secret, at) in enumerate(
        [("whsec_ofSomebodyElse", now), (stripe_issuing.WEBHOOK_SECRET, now - 900)], start=1
    ):
        day.stripe.calls("ours", door, secret)
        day.stripe.tell(event | {"created": at})
        day.answered(AS_STRIPE, 403, times=refusals)
        assert day.callbacks("cards") == 0
    for taken in (1, 2):
        day.stripe.tell(event | {"created": now})
        day.answered(AS_STRIPE, 202, times=taken)
    assert day.callbacks("cards") == 1
    assert day.states(CARDS) == ["paid"] * len(CARDS)


def ask_for_the_status_in_arabic(day: Day) -> None:
    """Codes are on the telephones of those who get cash, and of nobody else; somebody asks what there is."""
    day.cbi.wait(lambda: all(map(day.codes_of, CASH)), "every code is on its telephone")
    for each in EVERYBODY:
        found = day.codes_of(each)
        assert len(found) == (each in CASH), each
        if found:
            day.codes[each.at] = found[0]
    asking = next(each for each in CASH if each.language == "ar")
    day.handset.say(asking.phone[1:], "حالة")
    ready = texts()["ar"]["STATUS_READY"].split("{ref}")[1].split("{")[0]
    day.told(asking, ready, "an answer to the question in Arabic")
    day.handset.say("213770000001", "STATUS")
    stranger = texts()["en"]["UNKNOWN"].split("{")[0]
    day.cbi.wait(
        lambda: any(stranger in words for number, words in day.handset.texts if number.endswith("213770000001")),
        "an answer to somebody whom nobody knows",
    )  # fmt: skip


def redeem_in_the_browser(day: Day) -> None:
    """A teller pays everybody who comes, and refuses who cannot show the right document."""
    page = acting.open_counter(day.window(phone=True), "lina", day.people["lina"].password)
    refusal = acting.refused_at_the_counter(page, day.codes[CASH[0].at], CASH[1].document[-4:])
    assert refusal.startswith("redemption.wrong_factor")
    for each in CASH:
        receipt, amount = acting.redeem(page, day.codes[each.at], each.document[-4:])
        assert int(re.sub(r"\D", "", amount)) == each.dinars
        day.receipts[each.at] = (receipt, each.dinars)
    assert day.states(CASH) == ["paid"] * len(CASH)


def report_a_problem(day: Day) -> None:
    """Somebody says that not everything was handed over, and a complaint handler finds it."""
    cheated = next(each for each in CASH if each.language == "fr")
    day.handset.say(cheated.phone[1:], "PROBLEME")
    noted = texts()["fr"]["PROBLEM_ACK"].split("{")[0]
    day.told(cheated, noted, "that the problem is noted")
    (complaint,) = day.ask("salma", "complaints", "list")["complaints"]
    assert (complaint["category"], complaint["urgent"]) == ("payment_problem", True)


def everybody_is_told(day: Day) -> None:
    """The last callback comes late; whoever was paid reads how much, and each text arrived."""
    assert day.operator.call_back(day.operator.key_of(MOBILE[3].phone)) == 204
    assert set(day.states(EVERYBODY)) == {"paid"}
    for each in EVERYBODY:
        day.told(each, f"{each.dinars} DZD", "what they were paid")

    def arrived() -> bool:
        found = day.cbi.ask("messages", "summary")
        return found["delivered"] == len(day.handset.texts) and not found["queued"]

    day.cbi.wait(arrived, "Kannel reports that every text arrived", see="serve")


def reconcile_three_statements(day: Day) -> None:
    """The post office's list is brought in the browser, the others are fetched; each payment is confirmed once."""
    listed = [*day.receipts.values(), (NOBODYS, 500)]
    (day.folder / "settlement.csv").write_bytes(
        recipients.settlement(datetime.now(UTC).date(), listed)
    )
    seen = day.window()
    acting.sign_in(seen, day.people["tala"])
    acting.upload_statement(seen, "post_office", day.folder / "settlement.csv")
    expect(seen.page.get_by_role("status")).to_contain_text(
        f"new lines {len(CASH) + 1}, matched {len(CASH)}, discrepancies opened 1"
    )
    first, last = (f"{datetime.now(UTC) + timedelta(days=each):%Y-%m-%d}" for each in (-1, 1))
    for provider, people in (("mobile_money", MOBILE), ("cards", CARDS)):
        day.run("tala", "statement", "fetch", first, last, "--provider", provider)
        done = day.ask("tala", "reconcile", "--provider", provider)
        assert done["reconciled"]["matched"] == len(people), done
        assert done["open"] == [], done


def look_at_the_discrepancy(day: Day) -> None:
    """The one line that is nobody's stands on the page, with its amount."""
    seen = day.window()
    acting.sign_in_again(seen, day.people["tala"])
    page = seen.page
    page.locator("nav.menu summary", has_text="Finance").click()
    page.locator("nav.menu a[href='/discrepancies']").click()
    line = page.locator("tr:has(a[href^='/discrepancies/'])")
    expect(line).to_have_count(1)
    expect(line).to_contain_text("500")
    line.locator("a[href^='/discrepancies/']").click()
    expect(page.locator("main")).to_contain_text(NOBODYS)


def everything_is_proved(day: Day) -> None:
    """Every promise is kept, and no money is on its way any more."""
    verdicts = day.cbi.ask("verify")
    assert [each["promise"] for each in verdicts if not each["kept"]] == []
    (fund,) = day.cbi.ask("fund", "list")
    left = {
        name: fund[name]["minor"] for name in ("committed", "in_transit", "awaiting", "delivered")
    }
    assert left == {
        "committed": 0,
        "in_transit": 0,
        "awaiting": 0,
        "delivered": owed(EVERYBODY) * 100,
    }


def everybody_was_paid_once(day: Day) -> None:
    """By the word of whoever paid: the operator, the card issuer, and the teller's receipts."""
    assert day.operator.paid() == sorted((each.phone, str(each.dinars)) for each in MOBILE)
    assert set(day.operator.heard().values()) == {1}
    assert day.issuer.loaded() == sorted((each.name, each.dinars * 100) for each in CARDS)
    assert len({receipt for receipt, _ in day.receipts.values()}) == len(CASH)
    assert day.prism.violations() == []


def nothing_personal_is_in_a_log(day: Day) -> None:
    """No code, number, name or document, and no secret, in what any process wrote; Kannel and Prism wrote no code."""
    day.cbi.stop()
    ours = day.cbi.logs()
    assert set(ours) == set(DOORS)
    assert day.leaks(ours) == []
    assert day.codes_in({"Kannel": day.kannel.logs(), "Prism": day.prism.log.read_text()}) == []
    for each in CASH:  # the search finds what there is
        planted = {"planted": f"{day.codes[each.at]} {each.phone} {day.people['lina'].password}"}
        assert {what for _, what in day.leaks(planted)} == {"a code", "a person", "a secret"}
