"""The operator's HTTP interface: GSMA Mobile Money API 1.2.0, with its credentials, pace and signed callbacks."""

import base64
import hashlib
import hmac
import json
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx

from adapters.mobile_money.settings import MobileMoneySettings
from cbi import clock
from cbi.errors import Conflict
from cbi.fsp.errors import NotSent

Json = dict[str, Any]
SIGNATURE, DATE, CORRELATION = "X-Signature", "X-Date", "X-CorrelationID"
CONNECT_SECONDS = 10
IDLE_SECONDS = 3
"""Shorter than servers keep a connection open, so that a payment is not written into one that is being closed."""
_BEFORE_THE_FIRST_BYTE = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)


class Unanswered(Conflict):
    """The operator did not answer the question, so it said nothing."""

    code = "mobile_money.unanswered"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: HTTP status, headers, and the JSON body with every number as the text that was sent."""

    status: int
    body: object = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @property
    def object(self) -> Json:
        """The body, or an empty object where it is none."""
        return self.body if isinstance(self.body, dict) else {}


class Client:
    """One operator, over connections that are kept. Safe to use from many threads; it never sends anything again.

    It remembers an access token and whether the operator was well when it was last heard; forgetting costs a question.
    """

    def __init__(self, settings: MobileMoneySettings) -> None:
        self._settings = settings
        self._doubtful = settings.heartbeat
        self._pace = _Pace(settings.requests_per_second)
        self._token = _Token(settings)
        self._http = httpx.Client(
            timeout=httpx.Timeout(settings.timeout_seconds, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=40, keepalive_expiry=IDLE_SECONDS),
            headers={"Accept": "application/json", "Accept-Charset": "utf-8", **settings.headers},
        )
        weakref.finalize(self, self._http.close)

    def secrets(self) -> tuple[str, ...]:
        """Whatever must never be shown."""
        with_ = self._settings.credentials
        kept = (with_.api_key, with_.password, with_.client_secret, self._settings.callback_secret)
        return tuple(filter(None, (*kept, self._token.current, _basic(self._settings))))

    def pay(self, correlation: str, transaction: Json, callback_url: str | None) -> Answer:
        """Ask for one disbursement, once. Raises NotSent; any other exception comes after the first byte went out."""
        if self._doubtful:
            self._listen()
        content = json.dumps(transaction, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            CORRELATION: correlation,
            "X-Content-Hash": hashlib.sha256(content).hexdigest(),
        }
        if callback_url:
            headers["X-Callback-URL"] = callback_url
        try:
            headers |= self._standard(self._http)
        except Unanswered as error:
            raise _not_sent("gave no access token") from error
        well = False
        try:
            answer = self._ask(
                "POST", "/transactions/type/disbursement", headers=headers, content=content
            )
            well = answer.status in {201, 202, 400, 404}
        except _BEFORE_THE_FIRST_BYTE as error:
            raise _not_sent("could not be reached") from error
        finally:
            self._doubtful = self._settings.heartbeat and not well
        if answer.status == 401:
            self._token.forget()
        return answer

    def get(self, *path: str, **query: str | int) -> Answer:
        """Ask a question. A 404 is an answer; raises Unanswered for anything that is neither that nor 200."""
        at = "".join(f"/{quote(part, safe='')}" for part in path)
        try:
            answer = self._ask("GET", at, headers=self._standard(self._http), params=query)
        except httpx.HTTPError as error:
            raise _unanswered(f"({type(error).__name__})") from error
        if answer.status == 401:
            self._token.forget()
        if answer.status not in {200, 404}:
            raise _unanswered(f"(HTTP {answer.status})")
        return answer

    def follow(self, link: object) -> Answer | None:
        """What a link names, if it is a transaction or a request state: asked at our own address, never at the link's.

        A link elsewhere would be shown our credentials.
        """
        if not isinstance(link, str):
            return None
        try:
            *_, kind, name = [unquote(part) for part in urlsplit(link).path.split("/") if part]
        except ValueError:
            return None
        return self.get(kind, name) if kind in {"transactions", "requeststates"} else None

    def _listen(self) -> None:
        """Send nothing to an operator that says, or seems, to be down: each payment would be one nobody knows about."""
        try:
            answer = self.get("heartbeat")
        except Unanswered as error:
            raise _not_sent("does not answer") from error
        if answer.object.get("serviceStatus") not in {"available", "degraded"}:
            raise _not_sent("says that it is not available")

    def _standard(self, http: httpx.Client) -> dict[str, str]:
        """Who we are and when: on every request."""
        with_ = self._settings.credentials
        headers = {DATE: f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"}
        if with_.api_key:
            headers["X-API-Key"] = with_.api_key
        if with_.client_id:
            headers["X-Client-Id"] = with_.client_id
        if with_.username:
            headers["Authorization"] = f"Basic {_basic(self._settings)}"
        if with_.token_url:
            headers["Authorization"] = f"Bearer {self._token.get(http)}"
        return headers

    def _ask(self, method: str, path: str, **given: Any) -> Answer:
        self._pace.wait()
        response = self._http.request(method, self._settings.base_url + path, **given)
        try:
            # No number becomes a float on its way in.
            body = json.loads(response.content, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            body = None
        return Answer(response.status_code, body, response.headers)


class _Token:
    """An OAuth 2.0 access token for client credentials (RFC 6749, section 4.4), kept until shortly before it ends."""

    def __init__(self, settings: MobileMoneySettings) -> None:
        self._with = settings.credentials
        self._lock = threading.Lock()
        self._ends = 0.0
        self.current = ""

    def get(self, http: httpx.Client) -> str:
        """The token. Raises Unanswered."""
        with self._lock:
            if not self.current or time.monotonic() > self._ends:
                form = {"grant_type": "client_credentials"}
                if self._with.scope:
                    form["scope"] = self._with.scope
                sign_in = httpx.BasicAuth(self._with.client_id, self._with.client_secret)
                try:
                    response = http.post(self._with.token_url, data=form, auth=sign_in)
                except httpx.HTTPError as error:
                    raise _unanswered("when we signed in") from error
                self.current, seconds = _token_in(response)
                self._ends = time.monotonic() + seconds - min(30, seconds // 2)
            return self.current

    def forget(self) -> None:
        """Ask for another one next time."""
        with self._lock:
            self.current = ""


def _token_in(response: httpx.Response) -> tuple[str, int]:
    """The token, and how many seconds it lasts."""
    try:
        said = json.loads(response.content)
        token, seconds = said["access_token"], int(said.get("expires_in", 300))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _unanswered("with a token when we signed in") from error
    if response.status_code != 200 or not isinstance(token, str) or not token.isascii():
        raise _unanswered("with a token when we signed in")
    return token, seconds


class _Pace:
    """At most so many requests in a second, over all threads; 0: as many as there are."""

    def __init__(self, per_second: int) -> None:
        self._gap = 1 / per_second if per_second else 0
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Wait for the next place."""
        if not self._gap:
            return
        with self._lock:
            now = time.monotonic()
            mine = max(self._next, now)
            self._next = mine + self._gap
        time.sleep(mine - now)


def _unanswered(what: str) -> Unanswered:
    return Unanswered(
        f"The mobile money operator did not answer {what}.",
        next_step="Try again later; if it stays so, check its settings and ask the operator.",
    )


def _not_sent(what: str) -> NotSent:
    return NotSent(f"The mobile money operator {what}.", next_step="It is tried again later.")


def _basic(settings: MobileMoneySettings) -> str:
    with_ = settings.credentials
    if not with_.username:
        return ""
    return base64.b64encode(f"{with_.username}:{with_.password}".encode()).decode()


def read_object(content: bytes) -> Json:
    """A JSON object, every number in it as the text that was sent. Raises ValueError."""
    try:
        said = json.loads(content, parse_float=str, parse_int=str)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(said, dict):
        raise ValueError("not an object")
    return said


def sign(secret: str, date: str, correlation: str, body: bytes) -> str:
    """HMAC-SHA256, in hex, over date, correlation id and body, each but the last ended by a line feed.

    The specification signs nothing: its `X-Content-Hash` needs no secret, so anybody could make it, and the operators'
    JWS profiles differ. A shared secret over all that the engine believes is what every gateway can do.
    """
    message = f"{date}\n{correlation}\n".encode() + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def is_genuine(
    secret: str,
    date: str,
    correlation: str,
    body: bytes,
    signature: str,
    received_at: datetime,
    window: timedelta,
) -> bool:
    """Whether the signature is right (compared in constant time), and was fresh when it was received."""
    right = bool(secret) and hmac.compare_digest(
        sign(secret, date, correlation, body).encode(), signature.encode()
    )
    at = _instant(date)
    return right and at is not None and abs(received_at - at) <= window


def _instant(date: str) -> datetime | None:
    """`X-Date`, which the OpenAPI document writes as ISO 8601 and the guide as RFC 7231."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = read(date)
        except ValueError:
            continue
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None
