"""What must be told of a Kobo server: where it is, our token, and which form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cbi.fsp.settings import AdapterSettings

MOST_ON_A_PAGE = 1_000
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_UID = re.compile(r"[A-Za-z0-9]{10,40}\Z")
_TOKEN = re.compile(r"[\x21-\x7e]{20,200}\Z")


@dataclass(frozen=True, slots=True)
class KoboSettings:
    """`asset` is the form's uid, as in its address on the server: `…/#/forms/<uid>/…`."""

    server: str
    asset: str
    token: str = field(repr=False)
    page_size: int = MOST_ON_A_PAGE
    timeout_seconds: int = 60
    tries: int = 5
    longest_wait_seconds: int = 120


def read(name: str, given: Mapping[str, str]) -> KoboSettings:
    """From the variables that docs/sources.md lists. Raises UnusableSetting."""
    settings = AdapterSettings(name, given, prefix="CBI_SOURCE_")
    found = KoboSettings(
        server=_server(settings),
        asset=_matching(
            settings, "ASSET", _UID, "must be the form's uid, such as aBcD1234efGh5678ijKl90"
        ),
        token=_matching(
            settings, "TOKEN", _TOKEN, "must be the API token of an account on the server"
        ),
        page_size=_between(settings, "PAGE_SIZE", MOST_ON_A_PAGE, 1, MOST_ON_A_PAGE),
        timeout_seconds=_between(settings, "TIMEOUT_SECONDS", 60, 1, 600),
        tries=_between(settings, "TRIES", 5, 1, 20),
        longest_wait_seconds=_between(settings, "LONGEST_WAIT_SECONDS", 120, 1, 3600),
    )
    settings.done()
    return found


def _matching(settings: AdapterSettings, key: str, form: re.Pattern[str], what: str) -> str:
    text = settings.text(key)
    if not form.match(text):
        raise settings.refuse(key, what)
    return text


def _between(settings: AdapterSettings, key: str, usual: int, least: int, most: int) -> int:
    number = settings.number(key, usual)
    if not least <= number <= most:
        raise settings.refuse(key, f"must be from {least} to {most}")
    return number


def _server(settings: AdapterSettings) -> str:
    """The address without a slash at its end. In the clear only to this machine: it carries the token and answers."""
    text = settings.text("SERVER")
    try:
        parts = urlsplit(text)
        host, odd = parts.hostname, parts.query or parts.fragment or parts.username
    except ValueError:
        host, odd = None, ""
    if not host or odd or parts.scheme not in {"http", "https"}:
        raise settings.refuse("SERVER", "must be an address such as https://eu.kobotoolbox.org")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise settings.refuse("SERVER", "must begin with https://")
    return text.rstrip("/")
