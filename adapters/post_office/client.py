"""The settlement file: bytes to rows of text, or the line that cannot be read. See docs/adapters.md."""

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from operator import itemgetter
from typing import BinaryIO, NamedTuple

from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.statement_files import from_the_start

_PIECE = 1 << 20
_DELIMITERS = (";", ",", "\t")
_FORMULA = frozenset("=@+")
_INVISIBLE = dict.fromkeys(
    map(ord, "\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Row(NamedTuple):
    """One row as written, cleaned of marks that cannot be seen; `line` as a text editor counts."""

    line: int
    date: str
    office: str
    receipt: str
    amount: str
    currency: str
    fee: str = ""


def encoding_of(file: BinaryIO, encoding: str = "") -> str:
    """How the file is written. Without `encoding`: UTF-16 or UTF-8 if it is one, else Windows Arabic.

    cp1256 has the Arabic letters and, where Latin-1 has them, the French ones; digits, signs and
    delimiters are the same in all three, so no amount depends on the guess.
    Raises UnreadableStatement for what is no text, damaged or empty.
    """
    with from_the_start(file) as content:
        head = content.read(4)
    if head.startswith(b"PK\x03\x04"):
        raise UnreadableStatement(
            1,
            "it is an Excel workbook, not a settlement file.",
            next_step="Ask for the CSV that the post office's system wrote, or save it as CSV.",
        )
    for encoding_ in [encoding] if encoding else _likely(head):
        try:
            _check_text(file, encoding_)
        except _NotText as error:
            line = error.line
        else:
            return encoding_
    raise UnreadableStatement(
        line,
        f"there are bytes that are not {encoding_} text.",
        next_step="Ask for the file as UTF-8, or set the encoding that the post office uses.",
    )


class _NotText(Exception):
    """The file is not written in that encoding, as its line says."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


def _check_text(file: BinaryIO, encoding: str) -> None:
    """Read the file to its end. Raises _NotText, UnreadableStatement."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, damaged, blank, more = 1, 0, True, True
    with from_the_start(file) as content:
        while more:
            more = bool(piece := content.read(_PIECE))
            try:
                text = decoder.decode(piece, final=not more)
            except UnicodeError as error:
                before = (
                    error.object[: error.start] if isinstance(error, UnicodeDecodeError) else b""
                )
                raise _NotText(line + before.count(b"\n")) from error
            if not damaged and "\0" in text:
                damaged = line + text.count("\n", 0, text.index("\0"))
            blank = blank and (not text or text.isspace())
            line += text.count("\n")
    if damaged:
        raise UnreadableStatement(
            damaged,
            "there is a NUL byte: the file was damaged on its way.",
            next_step="Fetch it again from the post office.",
        )
    if blank:
        raise UnreadableStatement(1, "the file is empty.", next_step="Fetch it again.")


def _likely(head: bytes) -> list[str]:
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return [encoding]
    if head[1:2] == b"\0":
        return ["utf-16-le"]
    if head[:1] == b"\0":
        return ["utf-16-be"]
    return ["utf-8", "cp1256"]


def rows(file: BinaryIO, encoding: str, columns: Mapping[str, str]) -> Iterator[Row]:
    """The rows under the heading, trailer included. Raises UnreadableStatement at the first bad one.

    `columns` gives the heading of each column of Row, `fee` only where the file has it. Others are not looked at.
    """
    with from_the_start(file) as content, io.TextIOWrapper(content, encoding, newline="") as text:
        records = _records(text)
        line, heading = next(records, (1, []))
        if not heading:
            raise UnreadableStatement(
                1, "no row of it has anything in it.", next_step="Fetch it again."
            )
        places = _places(line, heading, columns)
        yield from _checked(records, len(heading), places)


def _records(text: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the line it begins on."""
    lines = iter(text)
    blank, heading = next(
        ((number, line) for number, line in enumerate(lines) if line.strip()), (0, "")
    )
    reader = csv.reader(chain([heading], lines), delimiter=_delimiter(heading), strict=True)
    begins = blank + 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield begins, cells
            begins = blank + reader.line_num + 1
    except csv.Error as error:
        raise UnreadableStatement(
            begins, "its quotation marks do not pair up, or a cell is far too long."
        ) from error


def _delimiter(heading: str) -> str:
    """Whichever the heading has most of."""
    return max(_DELIMITERS, key=heading.lstrip().count)


def _places(line: int, heading: list[str], columns: Mapping[str, str]) -> list[int]:
    """Where each column stands."""
    found = [clean(cell).casefold() for cell in heading]
    places = []
    for name in columns.values():
        times = found.count(clean(name).casefold())
        if times != 1:
            raise UnreadableStatement(
                line,
                f"the heading has the column {name} {times} times, and must have it once.",
                next_step="Fetch the file again; if the columns have new names, change the settings.",
            )
        places.append(found.index(clean(name).casefold()))
    return places


def _checked(
    records: Iterator[tuple[int, list[str]]], width: int, places: list[int]
) -> Iterator[Row]:
    chosen = itemgetter(*places)
    for line, cells in records:
        if len(cells) != width and (len(cells) < width or any(map(str.strip, cells[width:]))):
            raise UnreadableStatement(
                line,
                f"it has {len(cells)} cells under {width} headings: "
                "cut short, or an amount with a comma in a file delimited by commas.",
            )
        row = Row(line, *map(clean, chosen(cells)))
        if not _FORMULA.isdisjoint([cell[:1] for cell in row[1:]]):
            raise UnreadableStatement(
                line,
                "a cell holds a formula: the file went through a spreadsheet.",
                next_step="Ask for the file as the post office's own system wrote it.",
            )
        yield row


def clean(text: str) -> str:
    """Without surrounding space and marks of direction, and with the digits 0 to 9."""
    if text.isascii():
        return text.strip()
    text = unicodedata.normalize("NFKC", text).translate(_INVISIBLE).strip()
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
