"""A stand-in for Stripe Issuing on a loopback port: it answers in Stripe's shapes, calls back, and fails as told.

What it does like Stripe: the answer to a key is kept for a day and given again. The account behind it keeps the truth.
"""

import hashlib
import hmac
import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.peers.stripe_account import Json, Refusal, StripeAccount

WINDOW = timedelta(hours=24)
API_KEY, WEBHOOK_SECRET = "sk_test_standIn0123456789", "whsec_standIn0123456789abcdef"


class Fault(StrEnum):
    """What happens to the next change of a card."""

    NOTHING = "nothing"
    LOST_ON_THE_WAY = "lost_on_the_way"
    ANSWER_LOST = "answer_lost"  # after doing it
    ERROR_AFTER = "error_after"  # 500, after doing it
    ERROR_BEFORE = "error_before"  # 500, without doing it
    GIBBERISH_AFTER = "gibberish_after"
    TOO_MANY = "too_many"
    LOCKED = "locked"
    REFUSED = "refused"
    SPEAKS_OTHERWISE = "speaks_otherwise"  # does it, and names a status that nobody documented
    KEY_SEEN = "key_seen"


class StripeIssuing(StripeAccount):
    """The account, and what happens to requests on their way to it and back."""

    def __init__(self, shared_data: Path) -> None:
        super().__init__(shared_data)
        self.asked: Counter[str] = Counter()
        """Requests that arrived, by method and path without ids."""
        self.versions: set[str] = set()
        self.down = False
        """While true, every connection breaks before anything is read."""
        self.witness: Callable[[str, str, str], None] = lambda *_: None
        """Is shown every request: method, address, form."""
        self.faults: deque[Fault] = deque()
        self.meanwhile: deque[Callable[[], None]] = deque()
        """What somebody else does between our look at a card and the next change of it."""
        self._kept: dict[str, tuple[datetime, str, int, bytes]] = {}

    def signed(self, event: Json, secret: str = WEBHOOK_SECRET) -> tuple[dict[str, str], bytes]:
        """An event as it is posted to an endpoint."""
        body, at = json.dumps(event).encode(), int(self.moment.timestamp())
        mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        return {"Stripe-Signature": f"t={at},v1={mac}"}, body

    def answer(self, method: str, target: str, headers: Any, form: str) -> tuple[int, bytes]:
        """Status and body, or None for a connection that breaks."""
        if self.down:
            raise ConnectionAbortedError
        url = urlsplit(target)
        parts = url.path.strip("/").split("/")
        params = _nested(parse_qsl(url.query if method == "GET" else form, keep_blank_values=True))
        self.asked[f"{method} {'/'.join(parts[:3])}"] += 1
        self.witness(method, target, form)
        self.versions.add(headers.get("Stripe-Version", ""))
        try:
            if headers.get("Authorization") != f"Bearer {API_KEY}":
                raise Refusal(401, "invalid_request_error", "api_key_invalid")
            if method == "GET":
                return 200, _json(self.shown(parts, params))
            return self._once(headers.get("Idempotency-Key", ""), parts, params)
        except Refusal as refusal:
            return refusal.status, _json(refusal.body)

    def _once(self, key: str, parts: list[str], params: Json) -> tuple[int, bytes]:
        asked = json.dumps([parts, params], sort_keys=True)
        fault = None
        if parts[1:3] == ["issuing", "cards"] and len(parts) == 4:
            fault = self.faults.popleft() if self.faults else None
            if self.meanwhile:
                self.meanwhile.popleft()()
        with self._lock:
            at, before, status, body = self._kept.get(key, (None, "", 0, b""))
            if at is not None and self.moment - at < WINDOW:
                if before != asked:
                    raise Refusal(
                        400,
                        "idempotency_error",
                        "",
                        "Keys can only be used with the same parameters.",
                    )
                return status, body
            _before(fault)
            status, body = 200, _json(self.done(parts, params))
            if fault is Fault.ERROR_AFTER:
                status, body = 500, _json({"error": {"type": "api_error", "message": "Sorry."}})
            self._kept[key] = (self.moment, asked, status, body)
            if fault is Fault.ANSWER_LOST:
                raise ConnectionAbortedError
            if fault is Fault.GIBBERISH_AFTER:
                return 200, b"<html>Bad gateway</html>"
            if fault is Fault.SPEAKS_OTHERWISE:
                body = body.replace(b'"status": "active"', b'"status": "harvested"')
            return status, body


def _before(fault: Fault | None) -> None:
    if fault is Fault.LOST_ON_THE_WAY:
        raise ConnectionAbortedError
    if fault is Fault.ERROR_BEFORE:
        raise Refusal(500, "api_error", "")
    if fault is Fault.TOO_MANY:
        raise Refusal(429, "invalid_request_error", "rate_limit")
    if fault is Fault.LOCKED:
        raise Refusal(429, "invalid_request_error", "lock_timeout")
    if fault is Fault.REFUSED:
        raise Refusal(400, "invalid_request_error", "amount_too_large")
    if fault is Fault.KEY_SEEN:
        raise Refusal(
            400, "idempotency_error", "", "Keys can only be used with the same parameters."
        )


def _nested(pairs: list[tuple[str, str]]) -> Json:
    """`a[b][0][c]=1` as Stripe reads it."""
    read: Json = {}
    for name, text in pairs:
        *path, last = name.replace("]", "").split("[")
        at = read
        for step in path:
            at = at.setdefault(step, {})
        at[last] = text
    return read


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


class Running:
    """The stand-in on its port."""

    def __init__(self, peer: StripeIssuing) -> None:
        self.peer = peer

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                form = self.rfile.read(length).decode()
                try:
                    status, body = peer.answer(self.command, self.path, self.headers, form)
                except ConnectionAbortedError:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """From now on nothing can connect."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def stripe_issuing(shared_data: Path) -> Iterator[Running]:
    """A stand-in that listens within the block."""
    running = Running(StripeIssuing(shared_data))
    try:
        yield running
    finally:
        running.stop()
