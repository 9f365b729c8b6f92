"""The files that people register households with: opened, looked over, and read row by row."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from cbi.registry.intake import delimited
from cbi.registry.intake.tables import (
    MAX_FILE_BYTES,
    FileTooLarge,
    Line,
    UnusableFile,
    column_letter,
    size_of,
)
from cbi.registry.intake.unpacking import UnknownFileType, refuse_old_workbook
from cbi.registry.intake.wording import SUMMARY_TITLES
from cbi.registry.intake.workbooks import Workbook
from cbi.registry.text import clean, folded

SUMMARY = "Summary"
"""The name of the sheet that stands in front of an annotated copy."""
_BLOCK = 1 << 20
_KEPT_IN_MEMORY = 8 * 1024 * 1024
_ZIP = b"PK\x03\x04"
_KNOWN_OTHERS = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"{": "JSON",
    b"<": "XML or HTML",
}


class EmptyFile(UnusableFile):
    """There is nothing in the file."""

    code = "registry.empty_file"


class HeaderOnly(UnusableFile):
    """The file has column names and no rows."""

    code = "registry.header_only"


class UnusableHeader(UnusableFile):
    """A column has no name, or two have the same."""

    code = "registry.unusable_header"


class UnknownSheet(UnusableFile):
    """The workbook has no such sheet, or several that could be meant."""

    code = "registry.unknown_sheet"


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet: the names of its columns, where the header stands, and the rows below it (read once, as they come)."""

    sheet: str | None
    header_line: int
    columns: tuple[str, ...]
    lines: Iterator[Line]


class File:
    """A user's file, opened. `sheets` names the visible sheets with content; a CSV file has one without a name."""

    def __init__(
        self, stream: BinaryIO, *, encoding: str | None = None, delimiter: str | None = None
    ) -> None:
        self._stream = stream
        self._workbook: Workbook | None = None
        self.size = size_of(stream)
        if self.size == 0:
            raise EmptyFile(
                "The file is empty.",
                next_step="Export the list again, and look at the file's size.",
            )
        if self.size > MAX_FILE_BYTES:
            raise FileTooLarge(
                f"The file is larger than {MAX_FILE_BYTES // 2**20} MB.",
                next_step="Split it into several files, and leave out pictures and columns that are not needed.",
            )
        start = stream.read(8)
        refuse_old_workbook(stream)
        if start.startswith(_ZIP):
            self._workbook = Workbook(stream)
            self.sheets: list[str | None] = list(self._workbook.filled_sheets)
        else:
            _refuse_others(start)
            self.encoding = delimited.encoding_of(stream, encoding)
            self.delimiter = delimiter or delimited.delimiter_of(stream, self.encoding)
            self.sheets = [None]

    @property
    def all_sheets(self) -> list[str | None]:
        """Every sheet, hidden and empty ones too."""
        return list(self._workbook.sheet_names) if self._workbook else [None]

    def digest(self) -> bytes:
        """SHA-256 of the file as it came: the same file again is recognised by it."""
        self._stream.seek(0)
        whole = hashlib.sha256()
        while block := self._stream.read(_BLOCK):
            whole.update(block)
        return whole.digest()

    def lines(self, sheet: str | None) -> Iterator[Line]:
        """Every filled row of a sheet, header included."""
        if self._workbook and sheet:
            return self._workbook.lines(sheet)
        return delimited.lines(self._stream, self.encoding, self.delimiter)

    def table(self, sheet: str | None = None, header_line: int | None = None) -> Table:
        """A sheet as a header and rows. Without a name, the only visible sheet that holds anything.

        The header is the first filled row, or the one with the given number. Raises UnknownSheet, EmptyFile,
        HeaderOnly, UnusableHeader.
        """
        name = self._find(sheet)
        lines = self.lines(name)
        header = next(
            (line for line in lines if header_line is None or line.number >= header_line), None
        )
        if header is None:
            raise EmptyFile(
                "There is nothing in the file." if name is None else f"The sheet {name!r} is empty."
            )
        columns = _columns(header, name)
        first = next(lines, None)
        if first is None:
            raise HeaderOnly(
                "The file has a header and no rows."
                if name is None
                else f"The sheet {name!r} has a header and no rows.",
                next_step="Export the list again: a filter may have hidden every row.",
            )
        return Table(name, header.number, columns, _then(first, lines))

    def _find(self, wanted: str | None) -> str | None:
        if not self._workbook:
            return None
        if wanted is not None:
            same = [name for name in self._workbook.sheet_names if folded(name) == folded(wanted)]
            if wanted in self._workbook.sheet_names or same:
                return wanted if wanted in self._workbook.sheet_names else same[0]
            raise UnknownSheet(
                f"The workbook has no sheet {wanted!r}.",
                next_step=f"It has: {', '.join(self._workbook.sheet_names)}.",
            )
        sheets = [name for name in self.sheets if not self._is_our_summary(name)]
        if len(sheets) > 1:
            raise UnknownSheet(
                f"The workbook has {len(sheets)} sheets with content: {', '.join(map(str, sheets))}.",
                next_step="Say in the mapping file which one holds the households (`sheet:`).",
            )
        if not sheets:
            raise EmptyFile("There is nothing in the workbook's visible sheets.")
        return sheets[0]

    def _is_our_summary(self, name: str | None) -> bool:
        """Whether it is the sheet that we put in front of a copy, which comes back when the copy is corrected."""
        if name != SUMMARY:
            return False
        first = next(self.lines(name), None)
        return first is not None and first.cells[0] in SUMMARY_TITLES

    def close(self) -> None:
        """Let go of what was opened; the user's stream stays open."""
        if self._workbook:
            self._workbook.close()


def _then(first: Line, rest: Iterator[Line]) -> Iterator[Line]:
    yield first
    yield from rest


def _refuse_others(start: bytes) -> None:
    kind = next(
        (what for mark, what in _KNOWN_OTHERS.items() if start.lstrip().startswith(mark)), None
    )
    if kind:
        raise UnknownFileType(
            f"This is {kind}, not a list in rows and columns.",
            next_step="Send an XLSX workbook or a CSV file.",
        )


def _columns(header: Line, sheet: str | None) -> tuple[str, ...]:
    names = [clean(cell).replace("\n", " ") for cell in header.cells]
    while names and not names[-1]:
        names.pop()
    where = (
        f"line {header.number}" if sheet is None else f"row {header.number} of the sheet {sheet!r}"
    )
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        if not name and not seen:
            continue  # the list begins further to the right
        if not name:
            raise UnusableHeader(
                f"Column {column_letter(index)} has no name in {where}, where the names of the columns should be.",
                next_step="Name the column or delete it. If the names stand in another row, say so in a mapping file"
                " (`header_row:`).",
            )
        key = name.casefold()  # not folded: “children <5” and “children >5” are two columns
        if key in seen:
            raise UnusableHeader(
                f"Columns {column_letter(seen[key])} and {column_letter(index)} have the same name in {where}.",
                next_step="Rename one of them: nobody can tell which of the two is meant.",
            )
        seen[key] = index
    return tuple(names)


@contextmanager
def opened(
    content: Path | BinaryIO, *, encoding: str | None = None, delimiter: str | None = None
) -> Iterator[File]:
    """Open a file from disk or from a stream, and look it over. Raises UnusableFile in its kinds, FileNotFoundError."""
    with seekable(content) as stream:
        file = File(stream, encoding=encoding, delimiter=delimiter)
        try:
            yield file
        finally:
            file.close()


@contextmanager
def seekable(content: Path | BinaryIO) -> Iterator[BinaryIO]:
    """A stream of what was sent that can be read more than once. Raises FileNotFoundError."""
    if isinstance(content, Path):
        with content.open("rb") as stream:
            yield stream
    elif content.seekable():
        yield content
    else:
        with SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY) as copy:
            size = 0
            while (block := content.read(_BLOCK)) and size <= MAX_FILE_BYTES:
                size += copy.write(block)
            yield cast(BinaryIO, copy)
