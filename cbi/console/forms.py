"""A form counts only when this site gave it to this very browser, and only once."""

import hashlib
import hmac
import re
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import FormData

from cbi import keys
from cbi.console import cookies
from cbi.errors import Forbidden

TOKEN, ONCE, CAME_FROM = "form_token", "form_once", "form_from"
"""Hidden fields of every form: whose it is, which one it is, and the page it stood on."""

_ONCE = re.compile(r"[A-Za-z0-9_-]{22}\Z")
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x7e]{0,1000}\Z")


class ForeignForm(Forbidden):
    """The form was not given to this browser by this site, or is too old."""

    code = "console.foreign_form"


def token_for(request: Request, office: str | None, session_token: str | None) -> str:
    """What proves that a form was given to this browser: for a sign-in, or before one to the browser's own number."""
    holder = session_token or cookies.visitor_of(request)
    key = keys.keyring(office or cookies.DOORS).derive("form")
    return hmac.new(key, holder.encode(), hashlib.sha256).hexdigest()


def check(request: Request, form: FormData, expected: str) -> None:
    """Raise ForeignForm unless the form is ours: by its token, and by what the browser says of where it comes from."""
    given = form.get(TOKEN)
    ours = isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())
    if not ours or not _from_here(request):
        raise ForeignForm(
            "This form is too old, or it did not come from this page. Nothing was done.",
            next_step="Load the page again, and fill the form in again.",
        )


def once_of(form: FormData) -> str:
    """The form's own key. Raises ForeignForm."""
    given = form.get(ONCE)
    if not isinstance(given, str) or not _ONCE.match(given):
        raise ForeignForm(
            "This form is not whole. Nothing was done.", next_step="Load the page again."
        )
    return given


def local(path: object) -> str | None:
    """The path, when it leads to a page of this site and nowhere else."""
    return path if isinstance(path, str) and _LOCAL.match(path) else None


def _from_here(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    # With a referrer policy of `no-referrer` browsers send `null` also from our own pages.
    origin = request.headers.get("origin", "null")
    return origin == "null" or urlsplit(origin).netloc == request.headers.get("host")
