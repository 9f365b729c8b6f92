"""A browser for each file, and a served office for each test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import URL

from cbi.console import tries
from tests.browser.house import House, OpenWindow, Window, hire, open_window, served
from tests.peers.needing import needed

FLAGS = (
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip


@pytest.fixture(
    scope="module"
)  # Playwright's event loop must not outlive its tests: others in this process have theirs
def browser() -> Iterator[Browser]:
    """Chromium, started once for a file."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
    needed(bool(found), "Chromium", "apt-get install chromium (or set CHROMIUM to another one)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def house(database: URL) -> Iterator[House]:
    """The office `dz` with its people, served."""
    tries.forget()
    people, colleagues = hire()
    with served() as address:
        yield House(address, people, colleagues)


@pytest.fixture
def window(browser: Browser, house: House) -> Iterator[OpenWindow]:
    """`window(who="amina", language="ar", phone=True, inspecting=True)`; the test fails on any trouble in a window."""
    opened: list[Window] = []
    with ExitStack() as stack:

        def another(**options: Any) -> Window:
            context, made = open_window(browser, house, **options)
            stack.callback(context.close)
            opened.append(made)
            return made

        yield another
    troubles = [trouble for each in opened for trouble in each.troubles]
    assert not troubles, "\n".join(troubles)
