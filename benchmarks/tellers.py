"""Tellers at the HTTP door: a process of its own that sends what their screens send, and costs little itself."""

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from uuid import uuid4

REDEMPTIONS = "/api/v1/redemptions"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Desk:
    """One teller: a token, and whom to pay in this order, each with a code and what the person shows."""

    token: str
    people: Sequence[tuple[str, str]]


@dataclass(slots=True)
class Paid:
    """What came of it: seconds in all and of each payout, how many were refused, and every answer that is neither."""

    seconds: float = 0.0
    each: list[float] = field(default_factory=list)
    refused: int = 0
    errors: list[str] = field(default_factory=list)

    def and_then(self, other: "Paid") -> "Paid":
        """Both, one after the other."""
        return Paid(
            self.seconds + other.seconds, self.each + other.each, self.refused + other.refused,
            self.errors + other.errors,
        )  # fmt: skip


def pay(port: int, desks: Sequence[Desk]) -> Paid:
    """All desks at once, each over a connection of its own that was opened before the clock started."""
    return asyncio.run(_pay(port, desks))


async def _pay(port: int, desks: Sequence[Desk]) -> Paid:
    lines = [_Line(*await asyncio.open_connection("127.0.0.1", port)) for _ in desks]
    paid, began = Paid(), perf_counter()
    await asyncio.gather(
        *(_serve(line, desk, paid) for line, desk in zip(lines, desks, strict=True))
    )
    paid.seconds = perf_counter() - began
    for line in lines:
        line.writer.close()
    return paid


async def _serve(line: "_Line", desk: Desk, paid: Paid) -> None:
    for code, factor in desk.people:
        began = perf_counter()
        status, held = await line.post(
            f"{REDEMPTIONS}/authorise", desk.token, {"code": code, "factor": factor}
        )
        if status == 200 and held["outcome"] == "refused":
            paid.refused += 1
            continue
        if status == 200:
            path = f"{REDEMPTIONS}/{held['authorisation_id']}/confirm"
            status, held = await line.post(path, desk.token, None)
        if status == 200:
            paid.each.append(perf_counter() - began)
        else:
            paid.errors.append(f"{status} {held.get('code')}")


@dataclass(frozen=True, slots=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def post(self, path: str, token: str, body: object) -> tuple[int, dict[str, str]]:
        """Send a POST with a key of its own; status and answer."""
        content = b"" if body is None else json.dumps(body).encode()
        self.writer.write(
            f"POST {path} HTTP/1.1\r\nHost: cbi\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {uuid4()}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
            + content
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        answer = await self.reader.readexactly(int(length[1]) if length else 0)
        return int(head[9:12]), json.loads(answer) if answer.startswith(b"{") else {}
