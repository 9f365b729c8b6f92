"""The Kobo adapter against answers as its server gives them: pages, limits, silence, and a token that is not let in.

The answers are made up after KoboToolbox's documentation of the data endpoint (support.kobotoolbox.org, “Using the API
data endpoint”: token, query, sort, count/next/previous/results) and its notice that a page has at most 1,000 results.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.kobo import PLUGIN, settings
from adapters.kobo.client import Client
from adapters.kobo.source import KoboSource
from cbi import clock
from cbi.fsp.errors import UnusableSetting
from cbi.sources.source import Page, SourceUnavailable

GIVEN = {
    "SERVER": "https://kobo.example.org/",
    "ASSET": "aBcD1234efGh5678ijKl90",
    "TOKEN": "0123456789abcdef0123456789abcdef01234567",
    "PAGE_SIZE": "2",
}
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def submission(number: int, at: datetime | None = None) -> dict[str, Any]:
    when = at or START + timedelta(minutes=number)
    return {
        "_id": number,
        "_uuid": f"uuid-{number}",
        "_submission_time": f"{when:%Y-%m-%dT%H:%M:%S}",
        "_attachments": [
            {"download_url": "https://kobo.example.org/media/original?media_file=x.png"}
        ],
        "name": "Amina Test",
    }


class Server:
    """A form on a Kobo server. `before` may answer in its place, once each."""

    def __init__(self, *stored: dict[str, Any], before: Iterator[Any] = iter(())) -> None:
        self.stored, self.before = list(stored), before
        self.asked: list[httpx.Request] = []
        self.slept: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        instead = next(self.before, None)
        if isinstance(instead, Exception):
            raise instead
        if instead is not None:
            assert isinstance(instead, httpx.Response)
            return instead
        asked = request.url.params
        query, limit = json.loads(asked["query"]), int(asked["limit"])
        assert (asked["format"], json.loads(asked["sort"])) == ("json", {"_id": 1})
        since = query.get("_submission_time", {}).get("$gte", "")
        found = [
            each
            for each in sorted(self.stored, key=lambda one: int(one["_id"]))
            if each["_id"] > query["_id"]["$gt"] and each["_submission_time"] >= since
        ]
        more = f"{request.url}&start={limit}" if len(found) > limit else None
        page = {"count": len(found), "next": more, "previous": None, "results": found[:limit]}
        return httpx.Response(200, json=page)

    def source(self, **more: str) -> KoboSource:
        read = settings.read("kobo", GIVEN | more)
        client = Client(read, httpx.MockTransport(self), self.slept.append)
        return KoboSource(read, client)


def numbers(pages: list[Page]) -> list[int]:
    return [each["_id"] for page in pages for each in page.submissions]


def test_every_page_is_read_and_attachments_stay_where_they_are() -> None:
    server = Server(*(submission(number) for number in range(1, 6)))
    pages = list(server.source().pages(""))
    assert [len(page.submissions) for page in pages] == [2, 2, 1]
    assert numbers(pages) == [1, 2, 3, 4, 5]
    assert not [each for page in pages for each in page.submissions if "_attachments" in each]
    assert {request.url.path for request in server.asked} == {
        "/api/v2/assets/aBcD1234efGh5678ijKl90/data/"
    }
    assert {request.headers["Authorization"] for request in server.asked} == {
        f"Token {GIVEN['TOKEN']}"
    }


def test_the_next_time_only_what_is_new_is_read() -> None:
    server = Server(*(submission(number) for number in range(1, 4)))
    mark = list(server.source().pages(""))[-1].mark
    assert list(server.source().pages(mark)) == []
    server.stored += [submission(4), submission(5)]
    pages = list(server.source().pages(mark))
    assert numbers(pages) == [4, 5]
    assert "Amina" not in pages[-1].mark


def test_a_submission_that_was_stored_slowly_is_not_missed() -> None:
    server = Server(submission(1), submission(3))
    mark = list(server.source().pages(""))[-1].mark
    server.stored.append(submission(2))
    assert numbers(list(server.source().pages(mark))) == [2]


def test_after_a_stop_in_the_middle_the_rest_comes() -> None:
    server = Server(
        *(submission(number, START + timedelta(hours=number)) for number in range(1, 6))
    )
    pages = server.source().pages("")
    first = next(pages)
    rest = list(server.source().pages(first.mark))
    assert numbers([first]) == [1, 2]
    assert set(numbers(rest)) >= {3, 4, 5}


@pytest.mark.parametrize(
    ("header", "waited"),
    [("7", [7]), ("Sun, 01 Mar 2026 08:00:30 GMT", [31]), ("", [1]), ("99999", [120])],
)
def test_a_busy_server_is_asked_again_when_it_says(
    header: str, waited: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: START)
    busy = httpx.Response(429, headers={"Retry-After": header} if header else {})
    server = Server(submission(1), before=iter([busy]))
    assert numbers(list(server.source().pages(""))) == [1]
    assert server.slept == waited


def test_a_silent_server_is_given_up_after_some_tries() -> None:
    server = Server(before=iter([httpx.ReadTimeout("x")] * 9))
    with pytest.raises(SourceUnavailable, match="ReadTimeout") as refusal:
        list(server.source(TRIES="4").pages(""))
    assert (len(server.asked), server.slept) == (4, [1, 2, 4])
    assert GIVEN["TOKEN"] not in f"{refusal.value} {refusal.value.next_step}"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(401, json={"detail": "Invalid token."}), "token"),
        (httpx.Response(403), "token"),
        (httpx.Response(404, json={"detail": "Not found."}), "no such form"),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example.org/"}), "HTTP 302"),
        (httpx.Response(200, text="<html>"), "an answer that is none"),
        (httpx.Response(200, json={"results": None}), "an answer that is none"),
    ],
)
def test_what_asking_again_does_not_mend_is_told_at_once(answer: httpx.Response, told: str) -> None:
    server = Server(before=iter([answer]))
    with pytest.raises(SourceUnavailable, match=told):
        list(server.source().pages(""))
    assert len(server.asked) == 1


def test_pages_out_of_order_are_refused() -> None:
    page = {"count": 2, "next": None, "previous": None, "results": [submission(2), submission(1)]}
    with pytest.raises(SourceUnavailable, match="order"):
        list(Server(before=iter([httpx.Response(200, json=page)])).source().pages(""))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("SERVER", "http://kobo.example.org"),
        ("SERVER", "kobo.example.org"),
        ("ASSET", "../users"),
        ("TOKEN", ""),
        ("PAGE_SIZE", "5000"),
        ("PAGESIZE", "5"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_without_showing_them(
    key: str, text: str
) -> None:
    with pytest.raises(UnusableSetting) as refusal:
        PLUGIN.build("kobo", GIVEN | {key: text})
    assert f"CBI_SOURCE_KOBO_{key}" in refusal.value.message
    assert GIVEN["TOKEN"] not in refusal.value.message


def test_a_mark_of_something_else_is_refused() -> None:
    ask: Callable[[], object] = lambda: list(Server().source().pages("somewhere"))  # noqa: E731
    with pytest.raises(SourceUnavailable, match="how far"):
        ask()
