"""A simulated telephone can be read over HTTP in a demonstration, and does not exist anywhere else."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest
from fastapi import FastAPI

from cbi.errors import CbiError
from cbi.http import problems
from cbi.http.requests import Entrance
from cbi.messaging.phones import phones
from cbi.messaging.telephones import router
from cbi.settings import settings

NUMBER = "+213551234567"


class Client:
    """Asks the application without a network in between."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            way = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=way, base_url="http://cbi") as client:
                return await client.get(path)

        return anyio.run(ask)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("CBI_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CBI_DEMO", "true")
    settings.cache_clear()
    phones(settings()).send(NUMBER, "مبلغك جاهز", sender="CBI")
    app = FastAPI(exception_handlers={CbiError: problems.handle})
    app.state.entrance = Entrance(lambda session, token: None)
    app.include_router(router)
    yield Client(app)
    settings.cache_clear()


def test_its_holder_reads_it_without_signing_in(client: Client) -> None:
    answer = client.get(f"/api/v1/phones/{NUMBER}/messages")
    assert answer.status_code == 200
    (text,) = answer.json()["messages"]
    assert (text["sender"], text["body"]) == ("CBI", "مبلغك جاهز")
    assert client.get("/api/v1/phones/+213551234568/messages").json() == {"messages": []}


def test_what_is_no_number_is_refused_without_being_quoted(client: Client) -> None:
    answer = client.get("/api/v1/phones/0551234567/messages")
    assert answer.status_code == 422
    assert answer.json()["code"] == "messaging.unusable_number"
    assert "551234567" not in answer.text


def test_nobodys_telephone_is_shown_outside_a_demonstration(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_DEMO", "false")
    settings.cache_clear()
    answer = client.get(f"/api/v1/phones/{NUMBER}/messages")
    assert answer.status_code == 404
    assert "CBI" not in answer.text
