"""A served office for browser tests: the real application, its people, and a browser that reports every trouble."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pyotp
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Response

from cbi import clock, offices
from cbi.access import tokens, totp
from cbi.app import create_app
from cbi.demo import staff
from cbi.demo.staff import Colleague
from cbi.redemption import counters

PHONE = {"width": 360, "height": 640}
DESK = {"width": 1280, "height": 800}
SCREENSHOTS = Path(__file__).parents[2] / "docs" / "screenshots"
HEAVIEST = 50_000
"""Bytes that a page may bring over the line at a first visit, styles included."""
SLOWEST = 20
"""Seconds that a slow machine may take from a code that is thought of to its use."""


@dataclass
class Person:
    """Somebody who works here: a member of staff, or a teller (who has no one-time codes)."""

    username: str
    password: str
    id: UUID
    kind: str = "user"
    secret: str = ""
    _step: int = 0

    def next_code(self) -> str:
        """A one-time code that has not been used: up to three can be had at once, as a telephone's clock may be off.

        Not the earliest when it is about to grow too old: a slow machine would be on its way to using it.
        """
        now, past = divmod(int(clock.now().timestamp()), totp.STEP_SECONDS)
        while self._step > now:
            time.sleep(0.5)
            now, past = divmod(int(clock.now().timestamp()), totp.STEP_SECONDS)
        first = now - 1 if past < totp.STEP_SECONDS - SLOWEST else now
        self._step = max(self._step + 1, first)
        return pyotp.HOTP(self.secret).at(self._step)


@dataclass
class House:
    """The office `dz`, served at `address`, and its people by user name (see cbi/demo/staff.py)."""

    address: str
    people: dict[str, Person]
    colleagues: dict[str, Colleague]

    def token_for(self, username: str) -> str:
        """A sign-in of this person, as the sign-in page would open it."""
        person = self.people[username]
        with offices.transaction("dz") as session:
            return tokens.open_sign_in(session, person.kind, person.id)


@contextmanager
def served() -> Iterator[str]:
    """The application of this process's settings at a free port of this machine; yields its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(create_app(), log_level="warning", access_log=False, lifespan="off")
        )
        running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        running.start()
        until = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            running.join(20)


def hire() -> tuple[dict[str, Person], dict[str, Colleague]]:
    """The staff of the office, a counter, and its teller `tariq`."""
    with offices.transaction("dz") as session:
        colleagues = staff.hire(session)
    people = {
        name: Person(name, each.password, _id(each), secret=each.secret)
        for name, each in colleagues.items()
    }
    with offices.transaction("dz") as session:
        supervisor = colleagues["sami"].actor
        office = counters.create_office(
            session, supervisor, provider="post_office", code="A1", name="Main post office"
        )
        password = staff.new_password()
        teller = counters.create_teller(
            session,
            supervisor,
            office_id=office.id,
            username="tariq",
            full_name="Tariq Tells",
            password=password,
        )
        people["tariq"] = Person("tariq", password, teller.id, "teller")
    return people, colleagues


def _id(colleague: Colleague) -> UUID:
    assert colleague.actor.id is not None
    return colleague.actor.id


@dataclass
class Window:
    """One browser window with what went wrong in it. `window.page` is Playwright's page."""

    page: Page
    house: House
    troubles: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of messages that this test provokes on purpose."""

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self._note(said.type, said.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.page.on("response", self._look)

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not any(part in text for part in self.expected):
            self.troubles.append(text)

    def _look(self, response: Response) -> None:
        kind = response.headers.get("content-type", "")
        if kind.startswith("text/html") and not response.headers.get("content-security-policy"):
            self.troubles.append(f"{response.url} came without a content security policy")

    def open(self, path: str) -> Page:
        """Go to a page of the house."""
        self.page.goto(self.house.address + path)
        return self.page

    def weight(self, path: str) -> int:
        """Bytes that a page and all it needs bring over the line at a first visit."""
        page = self.open(path)
        parts: list[str] = page.eval_on_selector_all(
            "link[href], img[src], script[src]", "all => all.map(each => each.href || each.src)"
        )
        compressed = {"Accept-Encoding": "gzip"}
        return len(page.content().encode()) + sum(
            int(httpx.get(part, headers=compressed).headers["content-length"])
            for part in set(parts)
        )

    def said(self, selector: str = ".box") -> str:
        """What the page tells in its boxes."""
        return " ".join(self.page.locator(selector).all_inner_texts())


def axe(page: Page) -> None:
    """Fail on any accessibility violation that axe-core finds. The window must be opened with `inspecting=True`."""
    found = Axe().run(page)
    told = [
        f"{each['id']}: {each['help']} at {[node['target'] for node in each['nodes']]}"
        for each in found.response["violations"]
    ]
    assert not told, f"{page.url}\n" + "\n".join(told)


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window: what would have to be pushed sideways."""
    # A page that is just being read in has no root element yet.
    page.wait_for_load_state()
    wide: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wide


def screenshot(page: Page, name: str) -> None:
    """Keep a picture in docs/screenshots, when CBI_SCREENSHOTS=1 asks for that."""
    if os.environ.get("CBI_SCREENSHOTS") == "1":
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


OpenWindow = Callable[..., Window]


def open_window(
    browser: Browser,
    house: House,
    *,
    who: str | None = None,
    language: str = "en",
    phone: bool = False,
    inspecting: bool = False,
    scripts: bool | None = None,
) -> tuple[BrowserContext, Window]:
    """A fresh browser profile with one window; `who` is signed in already.

    Scripts are off unless axe-core must be injected (`inspecting`), because no page needs one.
    """
    options: dict[str, Any] = {
        "viewport": PHONE if phone else DESK,
        "locale": language,
        "java_script_enabled": inspecting if scripts is None else scripts,
        "bypass_csp": inspecting,
        "reduced_motion": "reduce",
    }
    context = browser.new_context(**options)
    context.set_default_timeout(10_000)
    if who:
        cookie = {"name": "cbi-session", "value": house.token_for(who), "url": house.address}
        context.add_cookies([cookie])  # type: ignore[list-item]
    return context, Window(context.new_page(), house)
