"""Stripe's webhooks at our door: somebody else's signer is believed, whoever tampers is not, by a real request each."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from sqlalchemy import URL, select

from cbi import offices
from cbi.app import create_app
from cbi.payments.models import InboundCallback
from cbi.payments.sending import providers
from tests.adapters.cards_bench import SETTINGS
from tests.flow.carding import use_cards
from tests.peers.kannel import until
from tests.peers.localstripe import localstripe
from tests.peers.serving import served

Posted = tuple[dict[str, str], bytes]


class Ear:
    """An address that keeps whatever is posted to it."""

    def __init__(self) -> None:
        self.heard: list[Posted] = []
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ear.heard.append((dict(self.headers.items()), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear = Ear()
    yield ear
    ear.server.shutdown()
    ear.server.server_close()


@pytest.fixture
def door(database: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the office's provider `cards` calls back, served."""
    use_cards(monkeypatch, "http://127.0.0.1:9")
    with served(create_app()) as address:
        yield f"{address}/api/v1/callbacks/dz/cards"
    providers.adapter.cache_clear()


def kept() -> list[tuple[bool, object]]:
    """The callbacks in the inbox: whether they were read, and what came of them."""
    with offices.transaction("dz") as session:
        rows = session.scalars(select(InboundCallback).order_by(InboundCallback.received_at)).all()
        return [(row.handled_at is not None, row.outcome) for row in rows]


def test_what_localstripe_signs_is_believed_once_and_what_is_altered_never(
    door: str, ear: Ear, tmp_path: Path
) -> None:
    secret = SETTINGS["WEBHOOK_SECRET"]
    with localstripe(tmp_path) as stripe:
        stripe.calls("ours", door, secret)
        stripe.calls("overheard", ear.url, secret)
        stripe.customer("amina@example.org")
        until(lambda: ear.heard and kept(), "localstripe tells both")
    assert kept() == [(True, {"results": []})], "genuine, and about nothing of ours"

    headers, body = ear.heard[0]
    signature = headers["Stripe-Signature"]
    moment, mac = signature.split(",")

    def post(content: bytes = body, signed: str | None = signature) -> int:
        sent = {} if signed is None else {"Stripe-Signature": signed}
        return httpx.post(door, content=content, headers=sent).status_code

    assert httpx.post(door, content=body, headers={"Stripe-Signature": signature}).json() == {
        "new": False
    }
    later = f"t={int(time.time()) + 1}"
    assert {
        "altered": post(body.replace(b"amina", b"emina")),
        "unsigned": post(signed=None),
        "empty": post(signed=""),
        "of another moment": post(signed=f"{later},{mac}"),
        "of another scheme": post(signed=f"{moment},v0={mac[3:]}"),
        "wrongly signed": post(signed=f"{moment},v1={mac[:2:-1]}"),
    } == dict.fromkeys(
        [
            "altered",
            "unsigned",
            "empty",
            "of another moment",
            "of another scheme",
            "wrongly signed",
        ],
        403,
    )
    assert len(kept()) == 1
