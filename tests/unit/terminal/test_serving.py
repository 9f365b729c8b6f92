"""Behind a proxy that is named, each visitor counts by an address of their own; behind any other, nobody's word is taken."""

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cbi import app, scheduler, settings, worker
from cbi.http import request_log
from cbi.proofs import restored
from cbi.terminal import deployment

PROXY, VISITOR = "10.1.2.3", "198.51.100.7"


@pytest.mark.parametrize(("named", "counted"), [(PROXY, VISITOR), ("127.0.0.1", PROXY)])
def test_a_visitor_s_own_address_is_taken_from_a_named_proxy_alone(
    monkeypatch: pytest.MonkeyPatch, named: str, counted: str
) -> None:
    served: dict[str, Any] = {}
    monkeypatch.setenv("CBI_TRUSTED_PROXIES", named)
    settings.settings.cache_clear()
    monkeypatch.setattr(uvicorn, "run", lambda _app, **how: served.update(how))
    monkeypatch.setattr(app, "create_app", lambda: None)
    monkeypatch.setattr(request_log, "to_standard_error", lambda: None)
    monkeypatch.setattr(restored, "look_everywhere", lambda: None)
    for door in (worker, scheduler):
        monkeypatch.setattr(door, "run_in_background", lambda: None)
    deployment.serve(host=None, port=None, web_only=True)
    monkeypatch.delenv("CBI_TRUSTED_PROXIES")
    settings.settings.cache_clear()

    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.client.host if request.client else "")

    chosen = {name: served[name] for name in ("forwarded_allow_ips",)}
    config = uvicorn.Config(Starlette(routes=[Route("/", who)]), **chosen, lifespan="off")
    config.load()
    assert asyncio.run(_asked(config.loaded_app)) == counted


async def _asked(loaded: Any) -> str:
    said: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        said.append(message.get("body", b""))

    await loaded(
        {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": "/",
            "raw_path": b"/", "query_string": b"", "root_path": "", "scheme": "http", "client": (PROXY, 4711),
            "server": ("127.0.0.1", 8750), "headers": [(b"x-forwarded-for", VISITOR.encode())],
        },
        receive, send,
    )  # fmt: skip
    return b"".join(said).decode()
