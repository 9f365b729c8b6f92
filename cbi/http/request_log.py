"""One line of JSON for each request: what was asked and how it went, never what was in it."""

import json
import logging
import time
import traceback
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from sqlalchemy.exc import DBAPIError
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cbi import db
from cbi.http.problems import failure

_log = logging.getLogger("cbi.requests")

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


Failed = Callable[[Request, str], Response]
"""Makes the answer to a request that failed, given the id to quote."""


def to_standard_error() -> None:
    """Let the engine's own log out, a line of JSON for each entry. A door calls it when it starts."""
    log = logging.getLogger("cbi")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
    log.setLevel(logging.INFO)


class RequestLog:
    """Wraps the application: gives each request an id, logs it, and turns a failure of ours into an answer.

    A failure is logged by its kind and the places it passed. Its message is left out: it can quote a person's data.
    """

    def __init__(
        self, app: ASGIApp, failed: Failed = lambda _, error_id: failure(error_id)
    ) -> None:
        self._app = app
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = uuid4().hex
        line: dict[str, Any] = {"request": request_id, "method": scope["method"], "status": None}

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                line["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            line["failure"] = "the client went away"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged and answered
            line["failure"] = describe(error)
            if line["status"] is None:
                await self._failed(Request(scope), request_id)(scope, receive, noted)
        finally:
            principal = scope.get("state", {}).get("principal")
            line["route"] = getattr(scope.get("route"), "path", None)
            line["ms"] = round((time.perf_counter() - started) * 1000, 1)
            line["actor"] = f"{principal.kind}:{principal.id}" if principal else None
            _log.log(logging.ERROR if "failure" in line else logging.INFO, json.dumps(line))


def describe(error: BaseException) -> dict[str, Any]:
    """What may be logged of a failure: its kind, the code of the database, and the places, innermost last."""
    described: dict[str, Any] = {
        "kind": type(error).__qualname__,
        "places": [
            f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-12:]
        ],
    }
    if isinstance(error, DBAPIError):
        described |= {"sqlstate": db.sqlstate(error), "constraint": db.constraint(error)}
    if error.__cause__ and not isinstance(error, DBAPIError):
        described["cause"] = type(error.__cause__).__qualname__
    return described
