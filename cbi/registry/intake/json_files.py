"""A JSON file of many objects, read one after the other without holding them all."""

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from cbi.registry.intake.tables import DamagedFile, FileTooLarge

_BLOCK = 1 << 20
_LONGEST = 16 * 1024 * 1024

Json = Mapping[str, Any]


def objects(stream: BinaryIO) -> Iterator[Json]:
    """Every object of a JSON list, of the `results` of an object, or the object itself. Raises DamagedFile."""
    reading = _Reading(stream)
    try:
        if reading.next() == "[":
            yield from _objects(reading.items())
        else:
            yield from reading.results()
        reading.end()
    except (ValueError, RecursionError) as error:
        raise DamagedFile(
            "The file is not JSON from its beginning to its end.",
            next_step="Export the submissions again as JSON: the file may have been cut off on its way.",
        ) from error


def _objects(items: Iterable[Any]) -> Iterator[Json]:
    for item in items:
        if not isinstance(item, dict):
            raise ValueError("no object")
        yield item


class _Reading:
    """JSON read value by value, without holding more than one. Numbers stay the text that was written."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self._json = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=lambda _: "")
        self._text, self._at, self._is_over = "", 0, False

    def _more(self) -> None:
        if self._is_over:
            raise ValueError("cut off")
        block = self._stream.read(max(_BLOCK, len(self._text) - self._at))
        self._is_over = not block
        self._text = self._text[self._at :] + self._decode(block, not block)
        self._at = 0
        if len(self._text) > 2 * _LONGEST:
            raise FileTooLarge(
                f"One submission in the file is larger than {_LONGEST // 2**20} MB.",
                next_step="Export the submissions without their attachments.",
            )

    def next(self) -> str:
        """The next sign that is not a space; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text) or self._is_over:
                return self._text[self._at : self._at + 1]
            self._more()

    def take(self, sign: str) -> None:
        """Go past a sign that must be here."""
        if self.next() != sign:
            raise ValueError(sign)
        self._at += 1

    def value(self) -> Any:
        """The next value, whole."""
        self.next()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
                if end < len(self._text) or self._is_over:
                    self._at = end
                    return value
            except ValueError:
                if self._is_over:
                    raise
            self._more()

    def items(self) -> Iterator[Any]:
        """The items of a list."""
        self.take("[")
        while self.next() != "]":
            yield self.value()
            if self.next() != "]":
                self.take(",")
        self.take("]")

    def results(self) -> Iterator[Json]:
        """The `results` of an object (`value` in ODK's own interface), or the object itself if it has none."""
        whole: dict[str, Any] = {}
        has_results = False
        self.take("{")
        while self.next() != "}":
            key = self.value()
            self.take(":")
            if key in {"results", "value"} and self.next() == "[":
                has_results = True
                yield from _objects(self.items())
            else:
                whole[str(key)] = self.value()
            if self.next() != "}":
                self.take(",")
        self.take("}")
        if not has_results:
            yield whole

    def end(self) -> None:
        """Nothing may follow."""
        if self.next():
            raise ValueError("more than one value")
