"""Statements of any length: lines that are read from the file as they are asked for, and never all held at once."""

import io
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import BinaryIO, overload

from cbi.fsp.messages import StatementLine

_PIECE = 1 << 16


class Lines(Sequence[StatementLine]):
    """The lines of a statement, read anew on each pass; `read` begins one, and may raise UnreadableStatement in it.

    The number of lines, a slice, a single line and comparing each cost a pass: what takes lines in asks for none of them.
    """

    def __init__(self, read: Callable[[], Iterator[StatementLine]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[StatementLine]:
        return self._read()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @overload
    def __getitem__(self, place: int) -> StatementLine: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[StatementLine, ...]: ...
    def __getitem__(self, place: int | slice) -> StatementLine | tuple[StatementLine, ...]:
        if isinstance(place, int) and place >= 0:
            for line in islice(self, place, None):
                return line
            raise IndexError(place)
        return tuple(self)[place]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return all(here == there for here, there in zip_longest(self, other))

    __hash__ = None  # type: ignore[assignment]


def from_the_start(file: BinaryIO) -> BinaryIO:
    """The file's bytes from its beginning, whatever else reads it meanwhile; closing this leaves the file open."""
    return io.BufferedReader(_Pass(file), _PIECE)


def rows(file: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """Each row of the file, with its number from 1 on and its end, and whether it is the last."""
    with from_the_start(file) as content:
        number, row = 1, content.readline()
        for following in content:
            yield number, row, False
            number, row = number + 1, following
        if row:
            yield number, row, True


class _Pass(io.RawIOBase):
    """One pass through a file that others may be passing through, too: it keeps its own place."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._place = 0

    def readable(self) -> bool:
        return True

    def readinto(self, room: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._place)
        piece = self._file.read(len(room))
        room[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)
