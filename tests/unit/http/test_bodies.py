"""Bodies are taken in whole or refused early, and the same request has the same fingerprint."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import anyio
import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as some
from starlette.types import Message

from cbi.http.bodies import Body, Fingerprint
from cbi.http.refused import BodyTooLarge

FORM = "multipart/form-data; boundary="


def request(
    pieces: Sequence[bytes] = (),
    *,
    path: str = "/a",
    query: str = "",
    method: str = "POST",
    **headers: str,
) -> Request:
    left = list(pieces)

    async def receive() -> Message:
        piece = left.pop(0) if left else b""
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": named,
        "server": ("cbi", 80), "scheme": "http",
    }  # fmt: skip
    return Request(scope, receive)


def fingerprint(pieces: Sequence[bytes], *, key: bytes = b"k", **given: str) -> bytes:
    made = Fingerprint(key, request(**given))  # type: ignore[arg-type]
    for piece in pieces:
        made.feed(piece)
    return made.digest()


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


def form(boundary: str, content: bytes) -> bytes:
    mark = b"--" + boundary.encode()
    return (
        mark + b"\r\nContent-Disposition: form-data\r\n\r\n" + content + b"\r\n" + mark + b"--\r\n"
    )


@given(content=some.binary(max_size=60), places=some.lists(some.integers(0, 300), max_size=5))
def test_a_form_has_one_fingerprint_whatever_its_boundary_and_however_it_arrives(
    content: bytes, places: list[int]
) -> None:
    one = fingerprint([form("boundary1", content)], content_type=FORM + "boundary1")
    other = fingerprint(cut(form("B-_.99", content), places), content_type=FORM + '"B-_.99"')
    assert one == other


@given(one=some.binary(max_size=40), other=some.binary(max_size=40))
def test_two_different_forms_have_two_fingerprints(one: bytes, other: bytes) -> None:
    prints = [
        fingerprint([form("b" * 20, each)], content_type=FORM + "b" * 20) for each in (one, other)
    ]
    assert (prints[0] == prints[1]) == (one == other)


def test_method_address_kind_body_and_key_all_matter() -> None:
    prints = {
        fingerprint([b"{}"]),
        fingerprint([b"{} "]),
        fingerprint([b"{}"], path="/b"),
        fingerprint([b"{}"], query="x=1"),
        fingerprint([b"{}"], method="PUT"),
        fingerprint([b"{}"], content_type="application/json"),
        fingerprint([b"{}"], key=b"other"),
    }
    assert len(prints) == 7
    assert hashlib.sha256(b"{}").digest() not in prints


def test_a_body_can_be_read_again_and_again() -> None:
    data = bytes(range(256)) * 8_000  # more than is held in memory

    async def taken() -> list[bytes]:
        with Body() as body:
            await body.take(request(cut(data, range(0, len(data), 65_536))), len(data), None)
            return [
                await Request({"type": "http", "headers": []}, body.again()).body()
                for _ in range(3)
            ]

    assert anyio.run(taken) == [data] * 3


@pytest.mark.parametrize("headers", [{}, {"content_length": "11"}])
def test_a_body_over_the_limit_is_refused(headers: dict[str, str]) -> None:
    async def take() -> None:
        with Body() as body:
            await body.take(request([b"12345", b"67890", b"1"], **headers), 10, None)

    with pytest.raises(BodyTooLarge):
        anyio.run(take)


def test_a_declared_length_over_the_limit_is_refused_before_anything_is_read() -> None:
    async def never() -> Message:
        raise AssertionError("read")

    async def take() -> None:
        huge = request(content_length="300000000")
        with Body() as body:
            await body.take(Request(huge.scope, never), 10, None)

    with pytest.raises(BodyTooLarge):
        anyio.run(take)
