"""Every route that is not public, and a way to ask each as a program or a browser would."""

import re
from collections.abc import Iterator, Mapping
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts
from httpx import Response

from cbi.app import PUBLIC, guard_of
from cbi.console import cookies, forms
from cbi.http.routing import API
from tests.flow.browsing import Browsing
from tests.flow.people import Caller

Visit = tuple[str, str, str | None]


def guarded_routes(app: FastAPI) -> Iterator[Visit]:
    """Method, path and declared permission (None: anybody with a token) of every route that is not public."""
    for route in iter_route_contexts(app.routes):
        guard = guard_of(route.original_route)
        for method in sorted((route.methods or set()) - {"HEAD"}):
            if (method, route.path) not in PUBLIC:
                assert guard is not None, f"{method} {route.path} declares no permission"
                yield method, route.path or "", guard.permission


def is_page(path: str) -> bool:
    """Whether people come here with a browser; the rest is for programs."""
    return not path.startswith(API)


def visit(
    app: FastAPI,
    method: str,
    path: str,
    token: str | None,
    *,
    ids: Mapping[str, str] | None = None,
    body: Mapping[str, object] | None = None,
) -> Response:
    """Ask with ids that nothing has (or with these), and an empty body or form (or with this)."""

    def named(found: re.Match[str]) -> str:
        return (ids or {}).get(found[1], str(uuid4()))

    filled = re.sub(r"\{(\w+)(?::\w+)?\}", named, path)
    if is_page(path):
        return look_at(app, method, filled, token, body)
    options: dict[str, object] = {} if method == "GET" else {"json": body or {}}
    return Caller(app, token).ask(
        method, filled, headers={"Idempotency-Key": str(uuid4())}, **options
    )


def look_at(
    app: FastAPI,
    method: str,
    path: str,
    token: str | None,
    body: Mapping[str, object] | None = None,
) -> Response:
    """Ask as a browser does: with a cookie and, for a form, with what every form of ours holds."""
    visitor = Browsing(app, token)
    office = token.split("_")[1] if token else None
    form = {
        **(body or {}),
        forms.TOKEN: forms.token_for(
            Request({"type": "http", "headers": []}), office, token or "x"
        ),
        forms.ONCE: cookies.fresh(),
    }
    return visitor.ask(method, path, **({} if method == "GET" else {"data": form}))
