"""What a browser keeps for us: its sign-in, its language, a word about what it has just done, and its own number."""

import base64
import ipaddress
import json
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from cbi import keys
from cbi.http.requests import office_in
from cbi.settings import settings

LANGUAGE = "cbi-language"
_SESSION, _VISITOR, _SAID = "cbi-session", "cbi-visitor", "cbi-said"
_SAID_SECONDS = 60
_YEAR = 365 * 24 * 3600
_ROOM = 2500
"""Bytes; sealed and in base64 they fit into the 4,096 that a browser keeps of a cookie."""
DOORS = ":doors"
"""Whose keys guard what happens before anybody knows the office: no office can be called that."""


def is_safe(request: Request) -> bool:
    """Whether nobody can listen: https, or a browser on this very machine, or nothing but made-up people."""
    if request.url.scheme == "https" or settings().demo:
        return True
    host = request.url.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def session_of(request: Request) -> tuple[str, str] | None:
    """The office and the token of whoever is signed in at this browser, as the browser says."""
    token = request.cookies.get(_name(request, _SESSION), "")
    office = office_in(token)
    return (office, token) if office else None


def open_session(request: Request, response: Response, token: str) -> None:
    """Let the browser show this token with each request, until it is closed."""
    _set(request, response, _SESSION, token)


def close_session(request: Request, response: Response) -> None:
    """Let the browser forget its token."""
    response.delete_cookie(
        _name(request, _SESSION), secure=_is_https(request), httponly=True, samesite="strict"
    )


def visitor_of(request: Request) -> str:
    """The browser's own random number, which binds the forms it is given before anybody has signed in."""
    known = request.cookies.get(_name(request, _VISITOR), "")
    if len(known) == len(fresh()) and known.isascii():
        return known
    made: str = request.scope.setdefault("state", {}).setdefault("visitor", fresh())
    return made


def keep_visitor(request: Request, response: Response) -> None:
    """Let the browser keep its number."""
    number = visitor_of(request)
    if request.cookies.get(_name(request, _VISITOR)) != number:
        _set(request, response, _VISITOR, number)


def fresh() -> str:
    """A random word of 22 characters (128 bits)."""
    return secrets.token_urlsafe(16)


def sealed(said: Mapping[str, Any]) -> str:
    """Something to say on the next page, readable by us alone. What is too long for a cookie loses its details."""
    whole = json.dumps(said, default=str, ensure_ascii=False).encode()
    if len(whole) > _ROOM:
        shorter = {name: _shorter(value) for name, value in said.items()}
        whole = json.dumps(shorter, default=str, ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(keys.seal(_said_key(), whole, _SAID)).decode().rstrip("=")


def say(request: Request, response: Response, said: str) -> None:
    """Let the browser bring `said` (made by `sealed`) to the next page."""
    _set(request, response, _SAID, said, seconds=_SAID_SECONDS)


def said_to(request: Request) -> Mapping[str, Any]:
    """What the page before wanted to be said on this one; empty when there is nothing."""
    try:
        text = request.cookies.get(_name(request, _SAID), "")
        sealed_text = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found: Mapping[str, Any] = json.loads(keys.unseal(_said_key(), sealed_text, _SAID))
    except (ValueError, keys.Unreadable):
        return {}
    return found


def unsay(request: Request, response: Response) -> None:
    """It has been said."""
    if request.cookies.get(_name(request, _SAID)):
        response.delete_cookie(
            _name(request, _SAID), secure=_is_https(request), httponly=True, samesite="strict"
        )


def keep_language(request: Request, response: Response, language: str) -> None:
    """Let the browser remember a language for a year. It is no secret."""
    _set(request, response, LANGUAGE, language, seconds=_YEAR)


def language_of(request: Request) -> str | None:
    """The language that was chosen at this browser."""
    return request.cookies.get(_name(request, LANGUAGE))


def _shorter(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if name not in {"details", "errors"}}
        return {name: _shorter(part) for name, part in kept.items()}
    return value[:400] if isinstance(value, str) else value


def _said_key() -> bytes:
    return keys.keyring(DOORS).derive("said")


def _is_https(request: Request) -> bool:
    return request.url.scheme == "https"


def _name(request: Request, name: str) -> str:
    # A browser takes a __Host- cookie from this very host over https only, so no neighbour can plant one.
    return f"__Host-{name}" if _is_https(request) else name


def _set(
    request: Request, response: Response, name: str, value: str, *, seconds: int | None = None
) -> None:
    response.set_cookie(
        _name(request, name), value, max_age=seconds, path="/", httponly=True, samesite="strict",
        secure=_is_https(request) or not is_safe(request),
    )  # fmt: skip
