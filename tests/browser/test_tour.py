"""The printed tour, taken step by step at a real browser through the very process that `make demo` starts."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.acting import look
from tests.browser.house import House, Window, axe, open_window, overflow, screenshot

CODE = re.compile(r"\d{4}\.\d{4}\.\d{4}")
PATIENCE = 120
"""Seconds until the story is told and served, on a busy machine."""


@dataclass
class Served:
    """A demonstration in a process of its own, and what it printed."""

    process: "subprocess.Popen[str]"
    folder: Path
    printed: list[str] = field(default_factory=list)
    listening: threading.Thread = field(default_factory=threading.Thread)

    def stop(self) -> None:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.listening.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.printed)

    @property
    def address(self) -> str:
        """Where it says that it is served."""
        found = re.search(r"The console is served at (http://\S+)", self.text)
        assert found, self.text
        return found[1]

    def path(self, step: str) -> str:
        """The page that a step of the tour leads to."""
        found = re.search(rf"^ ?\d+\. {step} (http://\S+)", self.text, re.MULTILINE)
        assert found, self.text
        return found[1].removeprefix(self.address)

    def command(self, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """What the tour's other terminal does."""
        return subprocess.run(
            [str(self.folder / "demo" / "cbi"), *words],
            env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip


def _start(folder: Path, port: int) -> Served:
    environment = os.environ | {"CBI_DATA_DIR": str(folder), "CBI_PORT": str(port)}
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("cbi")), "demo", "--households", "40"],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    served = Served(process, folder)

    def listen() -> None:
        assert process.stdout is not None
        served.printed.extend(iter(process.stdout.readline, ""))

    served.listening = threading.Thread(target=listen, daemon=True)
    served.listening.start()
    return served


def _wait_for_the_tour(served: Served) -> None:
    until = time.monotonic() + PATIENCE
    while "10. Proof" not in served.text:
        assert served.process.poll() is None, served.text
        assert time.monotonic() < until, served.text
        time.sleep(0.2)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """`cbi demo --households 40`, told and served; its usual port is taken by somebody else."""
    # Not below pytest's own folder, which another pytest may close to the user that the database runs as.
    with tempfile.TemporaryDirectory(prefix="cbi-tour-") as folder, socket.socket() as taken:
        Path(folder).chmod(0o755)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running = _start(Path(folder), taken.getsockname()[1])
        try:
            _wait_for_the_tour(running)
            yield running
        finally:
            running.stop()


OpenWindow = Callable[..., Window]


@pytest.fixture
def window(browser: Browser, served: Served) -> Iterator[OpenWindow]:
    """A fresh browser for each person; the test fails on any trouble in one of them."""
    opened: list[Window] = []
    with ExitStack() as stack:

        def another(**options: Any) -> Window:
            context, made = open_window(browser, House(served.address, {}, {}), **options)
            stack.callback(context.close)
            opened.append(made)
            return made

        yield another
    assert [trouble for each in opened for trouble in each.troubles] == []


def _typed(people: Page, who: str, what: str) -> str:
    """What the page of people says that somebody types."""
    card = people.locator(f"#{who} dl div").filter(has_text=what).locator("code")
    return card.inner_text()


def _code(people: Page, who: str) -> str:
    """The one-time code that counts now."""
    until = time.monotonic() + 60
    while people.reload() and not people.locator(f"#{who} .once code").count():
        assert time.monotonic() < until
        time.sleep(1)
    return _typed(people, who, "One-time code")


def _sign_in(people: Page, page: Page, who: str) -> None:
    people.reload()
    page.locator("[name=username]").fill(_typed(people, who, "User name"))
    page.locator("[name=password]").fill(_typed(people, who, "Password"))
    if page.locator("[name=code]").count():
        page.locator("[name=code]").fill(_code(people, who))
    page.locator("form:has([name=password]) [type=submit]").click()


def _until(page: Page, shown: str) -> None:
    """Load a page again until it shows something that happens by itself."""
    until = time.monotonic() + 30
    while page.reload() and shown not in page.content():
        assert time.monotonic() < until, f"{shown!r} is not on {page.url}"
        time.sleep(0.5)


def _until_told(page: Page, texts: int) -> None:
    """Load a telephone again until it has so many texts from the office."""
    until = time.monotonic() + 30
    while page.locator(".theirs").count() < texts:
        assert time.monotonic() < until, f"text {texts} has not come"
        time.sleep(0.5)
        page.reload()
    expect(page.locator(".theirs")).to_have_count(texts)


def test_the_tour(served: Served, window: OpenWindow) -> None:
    people = window().open(served.path("Who is who"))
    waiting = window(phone=True).open(served.path("Telephone"))
    expect(waiting.locator(".thread li")).to_have_class("none")

    amina = window().open(served.path("Certify"))
    _sign_in(people, amina, "amina")
    expect(amina).to_have_url(f"{served.address}/approvals")
    screenshot(amina, "tour-2-inbox")
    amina.locator("main a[href^='/approvals/']").first.click()
    run = amina.url
    expect(amina.locator("#changed + p")).to_contain_text("Against the cycle")
    screenshot(amina, "tour-2-sheet")
    look(amina)
    amina.locator("[name=code]").fill(_code(people, "amina"))
    amina.get_by_role("button", name="Certify").click()
    expect(amina.locator(".notice")).to_contain_text("You certified run 2")

    karim = window().open(served.path("Authorise"))
    _sign_in(people, karim, "karim")
    karim.goto(run)
    look(karim)
    karim.locator("[name=code]").fill(_code(people, "karim"))
    karim.get_by_role("button", name="Authorise").click()
    expect(karim.locator(".notice")).to_contain_text("You authorised run 2")
    karim.get_by_role("button", name="Release").click()
    expect(karim.locator(".notice")).to_contain_text("Run 2 is released")
    screenshot(karim, "tour-3-released")

    _until(waiting, "theirs")
    assert CODE.search(waiting.locator(".thread").inner_text())
    screenshot(waiting, "tour-4-first-code")

    _at_the_counter(served, window, people)
    _questions(served, window)
    _the_office(served, window, people)

    proof = served.command("verify")
    assert proof.returncode == 0, proof.stdout + proof.stderr
    assert proof.stdout.count(": kept") == 9


def _at_the_counter(served: Served, window: OpenWindow, people: Page) -> None:
    """On a small telephone, in Arabic, without scripts."""
    path = served.path("Questions")
    phone = window(phone=True).open(path)
    _until(phone, "theirs")
    found = CODE.findall(phone.locator(".thread .theirs").first.inner_text())
    document = phone.locator(".facts code strong").first.inner_text()
    counter = window(language="ar", phone=True).open(served.path("Counter"))
    _sign_in(people, counter, "teller-101")
    expect(counter.locator("html")).to_have_attribute("dir", "rtl")
    screenshot(counter, "tour-5-counter")
    counter.locator("[name=code]").fill(found[0])
    counter.locator("[name=factor]").fill(document)
    counter.locator("form.ask [type=submit]").click()
    expect(counter.locator("h1.pay")).to_be_visible()
    screenshot(counter, "tour-5-pay")
    assert overflow(counter) == 0
    counter.locator("form [type=submit]").filter(has_text="DZD").or_(
        counter.locator("form[action$='/confirm'] [type=submit]")
    ).first.click()
    expect(counter.locator("article.receipt").first).to_be_visible()
    screenshot(counter, "tour-5-receipt")


def _questions(served: Served, window: OpenWindow) -> None:
    page = window(phone=True).open(served.path("Questions"))
    _until(page, "3030")  # what was paid, and whom to call when it was less
    for words in ("STATUS", "PROBLEM the teller kept a part"):
        before = page.locator(".theirs").count()
        page.locator("[name=words]").fill(words)
        page.get_by_role("button", name="Send").click()
        _until_told(page, before + 1)
        expect(page.locator(".mine").last).to_contain_text(words)
    assert page.locator(".thread").get_attribute("dir") == "rtl"
    assert overflow(page) == 0
    screenshot(page, "tour-6-phone")


def _the_office(served: Served, window: OpenWindow, people: Page) -> None:
    people.reload()
    listed = served.command(
        "complaints", "list", "--user", "salma", CBI_PASSWORD=_typed(people, "salma", "Password")
    )
    assert listed.stdout.count("payment_problem") == 2, listed.stdout + listed.stderr

    tala = window().open(served.path("Discrepancy"))
    _sign_in(people, tala, "tala")
    screenshot(tala, "tour-8-discrepancies")
    tala.goto(f"{served.address}/discrepancies?kind=amount_differs")
    tala.locator("main a[href^='/discrepancies/']").first.click()
    screenshot(tala, "tour-8-discrepancy")
    tala.locator("[name=verdict]").select_option("not_ours")
    tala.locator("[name=proof]").fill("Letter 55 of the post office: the line was a mistake.")
    tala.locator("form[action$='/line'] [type=submit]").click()
    expect(tala.locator(".notice")).to_contain_text("Nothing has moved yet")

    marc = window().open("/sign-in")
    _sign_in(people, marc, "marc")
    expect(marc).to_have_url(f"{served.address}/")
    expect(marc.locator("h1")).to_be_visible()
    screenshot(marc, "tour-9-front-page")


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("phone", [False, True])
def test_people_and_telephones_are_for_everybody(
    served: Served, window: OpenWindow, language: str, *, phone: bool
) -> None:
    inspected = window(language=language, phone=phone, inspecting=True)
    for path in ("/demo", served.path("Questions"), served.path("Telephone")):
        page = inspected.open(path)
        assert overflow(page) == 0
        axe(page)


def test_the_banner_of_every_page_leads_to_them(served: Served, window: OpenWindow) -> None:
    page = window().open("/sign-in")
    page.locator(".demo a").click()
    expect(page).to_have_url(f"{served.address}/demo")


def test_the_usual_port_was_taken_and_that_is_said(served: Served) -> None:
    assert re.search(r"The port \d+ is taken by another program", served.text)
    assert "Traceback" not in served.text
