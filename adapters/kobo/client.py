"""Questions to a Kobo server, asked again when it is busy or silent, at the pace it asks for."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from adapters.kobo.settings import KoboSettings
from cbi import clock
from cbi.sources.source import SourceUnavailable

LARGEST_ANSWER = 256 * 1024 * 1024
_BUSY = frozenset({429, 500, 502, 503, 504})
_FIRST_WAIT = 1


class Client:
    """One form on one server. It only ever asks (GET), so asking again does no harm; it follows no link elsewhere."""

    def __init__(
        self,
        settings: KoboSettings,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[int], None] = time.sleep,
    ) -> None:
        self._settings, self._sleep, self._transport = settings, sleep, transport

    def data(self, query: Mapping[str, object], limit: int) -> Mapping[str, Any]:
        """One page of submissions in the order of their numbers: `/api/v2/assets/<uid>/data/`. Raises SourceUnavailable."""
        asked = {
            "format": "json",
            "query": json.dumps(query, separators=(",", ":")),
            "sort": '{"_id":1}',
            "limit": str(limit),
        }
        with httpx.Client(
            base_url=self._settings.server,
            headers={
                "Authorization": f"Token {self._settings.token}",
                "Accept": "application/json",
            },
            timeout=httpx.Timeout(self._settings.timeout_seconds, connect=10),
            follow_redirects=False,
            transport=self._transport,
        ) as http:
            for tried in range(1, self._settings.tries + 1):
                wait = _FIRST_WAIT * 2 ** (tried - 1)
                try:
                    status, headers, body = _get(
                        http, f"/api/v2/assets/{self._settings.asset}/data/", asked
                    )
                except httpx.TransportError as error:
                    why = f"it could not be reached ({type(error).__name__})"
                else:
                    if status not in _BUSY:
                        return _read(status, body)
                    why = f"it is busy or in trouble (HTTP {status})"
                    wait = _retry_after(headers) or wait
                if tried < self._settings.tries:
                    self._sleep(min(wait, self._settings.longest_wait_seconds))
        raise SourceUnavailable(
            f"The Kobo server did not give its submissions: {why}, {self._settings.tries} times.",
            next_step="Try again later. What was fetched so far is kept, and is not fetched again.",
        )


def _get(
    http: httpx.Client, path: str, asked: Mapping[str, str]
) -> tuple[int, httpx.Headers, bytes]:
    """The status, the headers and the body, which is bounded: it comes from somebody else."""
    with http.stream("GET", path, params=asked) as response:
        body = bytearray()
        for block in response.iter_bytes():
            body += block
            if len(body) > LARGEST_ANSWER:
                raise SourceUnavailable(
                    f"The Kobo server answered with more than {LARGEST_ANSWER // 2**20} MB.",
                    next_step="Make the pages smaller (PAGE_SIZE).",
                )
        return response.status_code, response.headers, bytes(body)


def _read(status: int, body: bytes) -> Mapping[str, Any]:
    if status in {401, 403}:
        raise SourceUnavailable(
            "The Kobo server does not let us see this form: the token is wrong, or its account may not see submissions.",
            next_step="Check TOKEN, and share the project with that account (view submissions).",
        )
    if status == 404:
        raise SourceUnavailable(
            "The Kobo server has no such form, or does not show it to this account.",
            next_step="Check ASSET and SERVER: the form's address has both.",
        )
    try:
        # Numbers stay the text that was sent: a long one would lose its last digits.
        answer = json.loads(body, parse_float=str) if status == 200 else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
        raise SourceUnavailable(
            f"The Kobo server gave an answer that is none (HTTP {status}).",
            next_step="Check SERVER: it is the address at which you sign in to Kobo.",
        )
    return answer


def _retry_after(headers: httpx.Headers) -> int | None:
    """`Retry-After` (RFC 9110, section 10.2.3): seconds, or a date."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text), 86_400)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(1, int((at - clock.now()).total_seconds()) + 1)


def instant(text: object) -> datetime | None:
    """`_submission_time`, which Kobo gives in UTC with or without saying so."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
