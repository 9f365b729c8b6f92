"""localstripe: somebody else's imitation of Stripe, which signs its webhooks as Stripe does."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.peers.kannel import free_port, listening, until
from tests.peers.needing import needed

PYTHON = Path(__file__).parents[2] / ".peers" / "localstripe" / "bin" / "python"
# Started by its own command it would listen on every interface; and it would keep its data in one file for everybody.
# What it is told at /_config/tell it signs and posts as it does its own events: it has none about cards.
_START = """
import socket
from types import SimpleNamespace

from aiohttp import web
from localstripe import resources, server, webhooks


async def tell(request):
    event = await request.json()
    told = SimpleNamespace(type=event["type"], created=event["created"], _export=lambda: event)
    webhooks.schedule_webhook(told)
    return web.json_response({{}})


type(resources.store).dump_to_disk = lambda self: None
server.app.router.add_post("/_config/tell", tell)
listening = socket.socket()
listening.bind(("127.0.0.1", {port}))
web.run_app(server.app, sock=listening, print=None)
"""
_KEY = {"Authorization": "Bearer sk_test_12345"}


class Localstripe:
    """One that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def calls(self, name: str, address: str, secret: str) -> None:
        """From now on, tell that address of every event."""
        asked = {"url": address, "secret": secret}
        httpx.post(f"{self.url}/_config/webhooks/{name}", data=asked).raise_for_status()

    def tell(self, event: dict[str, Any]) -> None:
        """Sign an event, at the moment that it names itself, and post it to every address a second later."""
        httpx.post(f"{self.url}/_config/tell", json=event).raise_for_status()

    def customer(self, email: str) -> str:
        """Make a customer, which is an event; returns the id."""
        made = httpx.post(f"{self.url}/v1/customers", data={"email": email}, headers=_KEY)
        return str(made.raise_for_status().json()["id"])


def localstripe_is_here() -> None:
    """Skip the test where localstripe is not installed."""
    needed(PYTHON.exists(), "localstripe", ".ci/peers")


@contextmanager
def localstripe(folder: Path) -> Iterator[Localstripe]:
    """localstripe on a free loopback port, with `folder` for what it keeps."""
    localstripe_is_here()
    port = free_port()
    running = subprocess.Popen(
        [str(PYTHON), "-c", _START.format(port=port)],
        env={"PATH": os.environ["PATH"], "TMPDIR": str(folder), "HOME": str(folder)},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: listening(port) or running.poll() is not None, "localstripe")
        assert running.poll() is None
        yield Localstripe(f"http://127.0.0.1:{port}")
    finally:
        running.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.wait(timeout=5)
        running.kill()
        running.wait()
