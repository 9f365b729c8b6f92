"""A mobile money operator of our own: a real HTTP server that speaks the GSMA API, keeps its own truth, and misbehaves.

It shares no code with the adapter: amounts are text, payments are known by their correlation id, words are its own.
"""

import base64
import hashlib
import hmac
import json
import re
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import httpx

API_KEY = "key-that-opens-nothing-at-all"
CALLBACK_SECRET = "a-secret-for-callbacks-of-an-operator"
ACCOUNT = "org-4711"
_AMOUNT = re.compile(r"([0]|([1-9][0-9]{0,17}))([.][0-9]{0,3}[1-9])?")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_OURS = "requestingOrganisationTransactionReference"


class Act(StrEnum):
    """What the operator does with the next payment message for a number."""

    PAY = "pay"
    PAY_LATER = "pay_later"
    DECLINE = "decline"
    DECLINE_LATER = "decline_later"
    HANG_UP = "hang_up"  # the message is lost
    PAY_THEN_HANG_UP = "pay_then_hang_up"  # the answer is lost
    PAY_THEN_503 = "pay_then_503"  # a gateway in between says that it is not available
    SAY_503 = "say_503"
    SAY_NONSENSE = "say_nonsense"  # it pays, and a proxy answers with a page
    PAY_SPEAKING_OTHERWISE = "pay_speaking_otherwise"
    REFUSE_DUPLICATE = "refuse_duplicate"
    SAY_ANOTHER_AMOUNT = "say_another_amount"
    SLOW_DOWN = "slow_down"  # "too many requests"


@dataclass(frozen=True)
class Error:
    """An error object, and the HTTP status it is given with."""

    status: int
    category: str
    code: str

    @property
    def json(self) -> dict[str, str]:
        return {"errorCategory": self.category, "errorCode": self.code}

    @property
    def reply(self) -> "Reply":
        return Reply(self.status, self.json)


NO_SUCH_NUMBER = Error(404, "identification", "identifierError")
NO_FLOAT = Error(400, "businessRule", "insufficientFunds")
DUPLICATE = Error(400, "businessRule", "duplicateRequest")
MALFORMED = Error(400, "validation", "formatError")
UNAUTHORISED = Error(401, "authorisation", "clientAuthorisationError")
UNAVAILABLE = Error(503, "serviceUnavailable", "genericError")
TURNED_AWAY = {
    Act.SLOW_DOWN: Error(400, "businessRule", "rateLimitError"),
    Act.SAY_503: UNAVAILABLE,
    Act.REFUSE_DUPLICATE: DUPLICATE,
}


@dataclass
class Payment:
    """One payment as the operator knows it. `status` is the truth, whatever was answered."""

    correlation: str
    asked: dict[str, Any]
    callback_url: str
    reference: str
    request: str
    created: str
    status: str = "pending"
    error: Error | None = None
    later: Act | None = None
    reversed_by: str = ""

    @property
    def key(self) -> str:
        return str(self.asked.get(_OURS, ""))

    @property
    def amount(self) -> Decimal:
        return Decimal(self.asked["amount"])


@dataclass
class Book:
    """The operator's record."""

    opening: Decimal = Decimal(1_000_000)
    payments: dict[str, Payment] = field(default_factory=dict)
    transactions: list[dict[str, Any]] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)


class Operator:
    """The operator and its server on a free loopback port. `now` is its own clock."""

    def __init__(self, currency: str = "KES") -> None:
        self.currency = currency
        self.book = Book()
        self.otherwise = Act.PAY
        self.error = NO_SUCH_NUMBER
        self.heartbeat = "available"
        self.sloppy = False
        """Whether it writes amounts with noughts at their end."""
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.asked: Counter[str] = Counter()
        """How often each path was asked, ids left out."""
        self._planned: dict[str, deque[Act]] = {}
        self._lock = threading.RLock()
        self._numbers = count(1)
        self._server: _Server | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/v1.2/mm"

    def start(self) -> "Operator":
        """Listen; also again after `stop`, at the same port."""
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.operator = self
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse every connection, those that are open too."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
            self._server = None

    def connections(self) -> int:
        """How many connections it has taken."""
        return self._server.taken if self._server else 0

    def plan(self, number: str, *acts: Act) -> None:
        """What to do with the next messages for a number."""
        self._planned.setdefault(number, deque()).extend(acts)

    def truth(self) -> dict[str, tuple[str, str]]:
        """What it really paid out and did not take back: amount and currency by our reference."""
        with self._lock:
            done = [p for p in self.book.payments.values() if p.status == "completed"]
            paid = {p.key: (p.asked["amount"], p.asked["currency"]) for p in done}
        assert len(paid) == len(done), "one reference was paid twice"
        return paid

    # What it does

    def pay(self, correlation: str, callback_url: str, asked: dict[str, Any]) -> "Reply":
        """A payment message."""
        with self._lock:
            number = "+" + asked["creditParty"][0]["value"].lstrip("+")
            planned = self._planned.get(number)
            act = planned.popleft() if planned else self.otherwise
            self.book.heard[asked[_OURS]] += 1
            if act is Act.HANG_UP:
                raise ConnectionAbortedError
            refused = DUPLICATE if correlation in self.book.payments else TURNED_AWAY.get(act)
            if refused is not None:
                return refused.reply
            payment = Payment(
                correlation, asked, callback_url, f"MM{next(self._numbers):08d}", str(uuid4()), self._date()
            )  # fmt: skip
            self.book.payments[correlation] = payment
            if act in {Act.PAY_LATER, Act.DECLINE_LATER}:
                payment.later = act
                return Reply(202, self.state_of(payment))
            self._decide(payment, act)
            if act is Act.PAY_THEN_HANG_UP:
                raise ConnectionAbortedError
            return self._answer(payment, act)

    def _answer(self, payment: Payment, act: Act) -> "Reply":
        if act is Act.PAY_THEN_503:
            return UNAVAILABLE.reply
        if act is Act.SAY_NONSENSE:
            return Reply(200, "<html><body>Bad gateway</body></html>")
        if payment.error is not None:
            return payment.error.reply
        otherwise = {
            Act.PAY_SPEAKING_OTHERWISE: {"transactionStatus": "harvested"},
            Act.SAY_ANOTHER_AMOUNT: {"amount": "1"},
        }
        return Reply(201, self.told(payment) | otherwise.get(act, {}))

    def _decide(self, payment: Payment, act: Act) -> None:
        if act in {Act.DECLINE, Act.DECLINE_LATER}:
            payment.status, payment.error = "failed", self.error
        elif payment.amount > self.balance():
            payment.status, payment.error = "failed", NO_FLOAT
        else:
            payment.status = "completed"
            self.book.transactions.append(self.told(payment))

    def settle(self, key: str = "") -> None:
        """Do what was put off: for one payment, or for all."""
        with self._lock:
            for payment in self.book.payments.values():
                if payment.later is not None and key in {"", payment.key}:
                    act, payment.later = payment.later, None
                    self._decide(payment, act)

    def reverse(self, key: str) -> None:
        """Take a payment back."""
        payment = self.payment(key)
        payment.status = "reversed"
        self.move("reversal", payment.asked["amount"], "in", original=payment.reference)

    def move(self, type_: str, amount: str, direction: str, original: str = "") -> None:
        """Anything else that happens to the account."""
        us, them = {"key": "organisationid", "value": ACCOUNT}, {"key": "accountid", "value": "1"}
        sides = (us, them) if direction == "out" else (them, us)
        row = {
            "transactionReference": f"MM{next(self._numbers):08d}", "type": type_, "transactionStatus": "completed",
            "amount": amount, "currency": self.currency, "debitParty": [sides[0]], "creditParty": [sides[1]],
            "creationDate": self._date(),
        }  # fmt: skip
        with self._lock:
            self.book.transactions.append(
                row | ({"originalTransactionReference": original} if original else {})
            )

    def balance(self) -> Decimal:
        """The float."""
        us = {"key": "organisationid", "value": ACCOUNT}
        with self._lock:
            return self.book.opening + sum(
                Decimal(t["amount"]) * (-1 if us in t["debitParty"] else 1)
                for t in self.book.transactions
            )

    def payment(self, key: str) -> Payment:
        """The payment that has this reference of ours."""
        return next(p for p in self.book.payments.values() if p.key == key)

    def _date(self) -> str:
        return f"{self.now():%Y-%m-%dT%H:%M:%SZ}"

    # What it says

    def amount(self, text: str) -> str:
        return f"{Decimal(text):.2f}" if self.sloppy else text

    def told(self, payment: Payment) -> dict[str, Any]:
        """A payment as a transaction object."""
        asked = payment.asked
        return {
            "transactionReference": payment.reference, _OURS: payment.key, "type": "disbursement",
            "transactionStatus": payment.status, "amount": self.amount(asked["amount"]), "currency": asked["currency"],
            "creditParty": asked["creditParty"], "creationDate": payment.created,
            "debitParty": [{"key": "organisationid", "value": ACCOUNT}],
        }  # fmt: skip

    def state_of(self, payment: Payment) -> dict[str, Any]:
        """A payment as a request state."""
        state: dict[str, Any] = {
            "serverCorrelationId": payment.request,
            "notificationMethod": "callback",
        }
        if payment.status == "pending":
            return state | {"status": "pending"}
        if payment.error is not None:
            return state | {"status": "failed", "error": payment.error.json}
        return state | {"status": "completed", "objectReference": payment.reference}

    def message(self, key: str, body: dict[str, Any] | None = None) -> tuple[dict[str, str], bytes]:
        """The signed callback about a payment, as it stands or with another body: headers and body."""
        payment = self.payment(key)
        if body is None:
            body = payment.error.json if payment.error else self.told(payment)
        content, date = json.dumps(body).encode(), self._date()
        headers = {
            "Content-Type": "application/json", "X-Date": date, "X-CorrelationID": payment.correlation,
            "X-Signature": signature(date, payment.correlation, content),
        }  # fmt: skip
        return headers, content

    def call_back(self, key: str, body: dict[str, Any] | None = None) -> int:
        """Call us back at the address that came with the payment; returns the HTTP status."""
        headers, content = self.message(key, body)
        url = self.payment(key).callback_url
        return httpx.put(url, headers=headers, content=content, timeout=30).status_code

    def get(self, path: list[str], query: dict[str, str]) -> "Reply":
        """A question."""
        with self._lock:
            self.asked[path[0]] += 1
            match path:
                case ["heartbeat"]:
                    return Reply(200, {"serviceStatus": self.heartbeat})
                case ["accounts", "organisationid", account, what] if account == ACCOUNT:
                    return self._page(query) if what == "transactions" else self._balance()
                case [kind, name]:
                    for payment in self.book.payments.values():
                        told = self._found(payment, kind, name)
                        if told is not None:
                            return Reply(200, told)
        return NO_SUCH_NUMBER.reply

    def _found(self, payment: Payment, kind: str, name: str) -> dict[str, Any] | None:
        """What a question about this payment is answered with, if it is about it."""
        done = payment.status in {"completed", "reversed"}
        match kind:
            case "responses" if name == payment.correlation and done:
                return {"link": f"{self.url}/transactions/{payment.reference}"}
            case "requeststates" if name == payment.request:
                return self.state_of(payment)
            case "transactions" if name == payment.reference and done:
                return self.told(payment)
        return None

    def _balance(self) -> "Reply":
        held = self.amount(f"{self.balance().normalize():f}")
        balance = {"availableBalance": held, "currency": self.currency}
        return Reply(200, balance)

    def _page(self, query: dict[str, str]) -> "Reply":
        """The newest come first."""
        listed = [
            row
            for row in reversed(self.book.transactions)
            if query.get("fromDateTime", "") <= row["creationDate"] <= query.get("toDateTime", "~")
        ]
        at, limit = int(query.get("offset", 0)), min(int(query.get("limit", 50)), 50)
        page = listed[at : at + limit]
        counts = {"Available": len(listed), "Returned": len(page)}
        headers = {f"X-Records-{name}-Count": str(number) for name, number in counts.items()}
        return Reply(200, page, headers)


@dataclass(frozen=True)
class Reply:
    """What goes back."""

    status: int
    body: object
    headers: dict[str, str] = field(default_factory=dict)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    operator: Operator

    def __init__(self, *given: Any) -> None:
        self._open: set[socket.socket] = set()
        self.taken = 0
        super().__init__(*given)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        self.taken += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for each in list(self._open):
            _shut(each)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it was closed already
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/token"):
            self._answer(self._token(parse_qs(content.decode())))
        else:
            self._reply(lambda path, _: self._paying(path, content))

    def do_GET(self) -> None:
        self._reply(self.server.operator.get)

    def _paying(self, path: list[str], content: bytes) -> Reply:
        asked = json.loads(content)
        sound = (
            path == ["transactions", "type", "disbursement"]
            and _UUID.fullmatch(self.headers.get("X-CorrelationID", ""))
            and _AMOUNT.fullmatch(asked["amount"])
            and asked["currency"] == self.server.operator.currency
            and self.headers["X-Content-Hash"] == hashlib.sha256(content).hexdigest()
        )
        if not sound:
            return MALFORMED.reply
        return self.server.operator.pay(
            self.headers["X-CorrelationID"], self.headers.get("X-Callback-URL", ""), asked
        )

    def _token(self, form: dict[str, list[str]]) -> Reply:
        self.server.operator.asked["token"] += 1
        basic = f"Basic {base64.b64encode(b'cbi:a-password').decode()}"
        right = self.headers.get("Authorization") == basic
        if not right or form.get("grant_type") != ["client_credentials"]:
            return Reply(401, {"error": "invalid_client"})
        return Reply(200, {"access_token": "a-token", "expires_in": 300})

    def _reply(self, work: Callable[[list[str], dict[str, str]], Reply]) -> None:
        parts = urlsplit(self.path)
        path = [unquote(part) for part in parts.path.removeprefix("/v1.2/mm").split("/") if part]
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            reply = work(path, query) if self._known() else UNAUTHORISED.reply
        except ConnectionAbortedError:
            self.close_connection = True
            _shut(self.connection)
            return
        self._answer(reply)

    def _answer(self, reply: Reply) -> None:
        page = isinstance(reply.body, str)
        body = str(reply.body) if page else json.dumps(reply.body)
        self.send_response(reply.status)
        self.send_header("Content-Type", "text/html" if page else "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, text in reply.headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body.encode())

    def _known(self) -> bool:
        basic = base64.b64encode(b"cbi:a-password").decode()
        return self.headers.get("X-API-Key") == API_KEY or self.headers.get("Authorization") in {
            f"Basic {basic}", "Bearer a-token"
        }  # fmt: skip

    def log_message(self, format: str, *args: Any) -> None:
        pass


def signature(date: str, correlation: str, content: bytes) -> str:
    """As agreed between the operator and us."""
    signed = f"{date}\n{correlation}\n".encode() + content
    return hmac.new(CALLBACK_SECRET.encode(), signed, hashlib.sha256).hexdigest()


@contextmanager
def operating(currency: str = "KES") -> Iterator[Operator]:
    """An operator for as long as the block lasts."""
    operator = Operator(currency).start()
    try:
        yield operator
    finally:
        operator.stop()
