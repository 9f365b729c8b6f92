"""The settlement file: bytes to rows of text, or the line that cannot be read. See docs/adapters.md."""

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cbi.fsp.errors import UnreadableStatement

_DELIMITERS = (";", ",", "\t")
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


def decode(content: bytes, encoding: str = "") -> str:
    """The text of the file. Without `encoding`: UTF-16 or UTF-8 if it is one, else Windows Arabic.

    cp1256 has the Arabic letters and, where Latin-1 has them, the French ones; digits, signs and
    delimiters are the same in all three, so no amount depends on the guess.
    """
    if content.startswith(b"PK\x03\x04"):
        raise UnreadableStatement(
            1,
            "it is an Excel workbook, not a settlement file.",
            next_step="Ask for the CSV that the post office's system wrote, or save it as CSV.",
        )
    for encoding_ in [encoding] if encoding else _likely(content):
        try:
            return content.decode(encoding_)
        except UnicodeError as error:
            failed = error
    raise UnreadableStatement(
        content.count(b"\n", 0, getattr(failed, "start", 0)) + 1,
        f"there are bytes that are not {encoding_} text.",
        next_step="Ask for the file as UTF-8, or set the encoding that the post office uses.",
    )


def _likely(content: bytes) -> list[str]:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return [encoding]
    if content[1:2] == b"\0":
        return ["utf-16-le"]
    if content[:1] == b"\0":
        return ["utf-16-be"]
    return ["utf-8", "cp1256"]


def rows(text: str, columns: Mapping[str, str]) -> Iterator[Row]:
    """The rows under the heading, trailer included. Raises UnreadableStatement at the first bad one.

    `columns` gives the heading of each column of Row, `fee` only where the file has it. Others are not looked at.
    """
    nul = text.find("\0")
    if nul >= 0:
        raise UnreadableStatement(
            text.count("\n", 0, nul) + 1,
            "there is a NUL byte: the file was damaged on its way.",
            next_step="Fetch it again from the post office.",
        )
    if not text.strip():
        raise UnreadableStatement(1, "the file is empty.", next_step="Fetch it again.")
    records = _records(text, _delimiter(text))
    line, heading = next(records, (1, []))
    if not heading:
        raise UnreadableStatement(
            1, "no row of it has anything in it.", next_step="Fetch it again."
        )
    places = _places(line, heading, columns)
    return _checked(records, len(heading), places)


def _delimiter(text: str) -> str:
    """Whichever the heading has most of."""
    heading = text.lstrip().splitlines()[0]
    return max(_DELIMITERS, key=heading.count)


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableStatement(
            begins, "its quotation marks do not pair up, or a cell is far too long."
        ) from error


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
    for line, cells in records:
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            raise UnreadableStatement(
                line,
                f"it has {len(cells)} cells under {width} headings: "
                "cut short, or an amount with a comma in a file delimited by commas.",
            )
        row = Row(line, *(clean(cells[place]) for place in places))
        if any(cell.startswith(("=", "@", "+")) for cell in row[1:]):
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
