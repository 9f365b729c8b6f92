"""Takes in the whole body of a request before any work begins, so that no transaction ever waits for a slow line."""

import hashlib
import hmac
from email.message import Message
from tempfile import SpooledTemporaryFile
from types import TracebackType

from fastapi import Request
from starlette.types import Message as AsgiMessage
from starlette.types import Receive

from cbi.http.refused import BodyTooLarge

USUAL_LIMIT = 1_000_000
UPLOAD_LIMIT = 250_000_000
"""Bytes a request may bring: to any route, and to one that takes a file."""

_IN_MEMORY = 1_000_000
_PIECE = 256 * 1024


class Fingerprint:
    """A keyed hash over a request: its method, address, kind of content and body. Keyed, as bodies can hold codes.

    A multipart body is hashed without its boundary, which a client makes anew at every try.
    """

    def __init__(self, key: bytes, request: Request) -> None:
        kind = Message()
        kind["content-type"] = request.headers.get("content-type", "")
        boundary = (
            str(kind.get_param("boundary") or "")
            if kind.get_content_maintype() == "multipart"
            else ""
        )
        self._marker = b"--" + boundary.encode() if boundary else b""
        self._held = b""
        self._hash = hmac.new(key, digestmod=hashlib.sha256)
        for part in (request.method, request.url.path, request.url.query, kind.get_content_type()):
            self._hash.update(f"{len(part)}:{part}".encode())

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the body."""
        if not self._marker:
            self._hash.update(data)
            return
        *whole, self._held = (self._held + data).split(self._marker)
        for piece in whole:
            self._hash.update(piece + b"--boundary")
        # The marker may be cut in two by the next piece.
        sure = max(0, len(self._held) - len(self._marker) + 1)
        self._hash.update(self._held[:sure])
        self._held = self._held[sure:]

    def digest(self) -> bytes:
        """32 bytes: equal for equal requests."""
        self._hash.update(self._held)
        self._held = b""
        return self._hash.digest()


class Body:
    """A body taken in, in memory when small and in an unnamed file when not. It can be read any number of times."""

    def __init__(self) -> None:
        self._file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._size = 0

    def __enter__(self) -> "Body":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    async def take(self, request: Request, limit: int, fingerprint: Fingerprint | None) -> None:
        """Read the request to its end. Raises BodyTooLarge as soon as it is known to be."""
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise _too_large(limit)
        async for piece in request.stream():
            self._size += len(piece)
            if self._size > limit:
                raise _too_large(limit)
            self._file.write(piece)
            if fingerprint:
                fingerprint.feed(piece)

    def again(self) -> Receive:
        """A reader from the beginning."""
        self._file.seek(0)

        async def receive() -> AsgiMessage:
            piece = self._file.read(_PIECE)
            return {
                "type": "http.request",
                "body": piece,
                "more_body": self._file.tell() < self._size,
            }

        return receive


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"This is more than {limit // 1_000_000} MB.", next_step="Send less at a time."
    )
