"""CSV files as offices really have them: four delimiters, and the encodings of old spreadsheets."""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

import charset_normalizer

from cbi.registry.intake.tables import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    DamagedFile,
    Line,
    UnusableFile,
    too_many_rows,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

DELIMITERS = (";", ",", "\t", "|")
_BLOCK = 1 << 20
_LONGEST_LINE = 1_000_000
_SAMPLE = 256 * 1024
_SAMPLE_ROWS = 50
_TITLE_LINES = 20  # a title and remarks may stand above the header
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OLD_ENCODINGS = ["cp1252", "cp1256", "latin_1", "cp850"]
_CONTROL = bytes(set(range(32)) - {9, 10, 13, 26})


class UnknownEncoding(UnusableFile):
    """The letters of the file cannot be made out for certain."""

    code = "registry.unknown_encoding"


class NotATable(UnusableFile):
    """The file holds something other than text in columns."""

    code = "registry.not_a_table"


def encoding_of(stream: BinaryIO, declared: str | None = None) -> str:
    """The encoding the file is written in, proved on the whole of it; the stream is left at its beginning.

    Raises UnknownEncoding when it is none of UTF-8, UTF-16, Windows-1252, Windows-1256, Latin-1 or DOS 850 (or not the
    declared one), NotATable for binary content.
    """
    stream.seek(0)
    start = stream.read(4)
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if start.startswith(mark)), None)
    if declared is None and marked:
        declared = marked
    _refuse_binary(
        stream,
        may_hold_nul=bool(marked) or (declared or "").lower().startswith(("utf-16", "utf-32")),
    )
    candidate = declared or "utf-8"
    if _decodes(stream, candidate):
        return candidate
    if declared:
        raise UnknownEncoding(
            f"The file is not written in {declared}: some of its bytes are no letters there.",
            next_step="Leave the encoding out of the mapping file, or export the file as CSV UTF-8.",
        )
    best = charset_normalizer.from_bytes(
        _telling_lines(stream), cp_isolation=_OLD_ENCODINGS, threshold=0.3
    ).best()
    stream.seek(0)
    if best is None or not _decodes(stream, best.encoding):
        raise UnknownEncoding(
            "The letters of this file cannot be made out: it is not UTF-8, nor an older encoding that is recognised.",
            next_step="Export it as “CSV UTF-8”, as XLSX, or name its `encoding:` in a mapping file.",
        )
    return best.encoding


def _refuse_binary(stream: BinaryIO, *, may_hold_nul: bool) -> None:
    stream.seek(0)
    while block := stream.read(_BLOCK):
        if may_hold_nul:
            return
        if b"\x00" in block:
            raise NotATable(
                "The file holds NUL bytes, which no text has.",
                next_step="It may be UTF-16 without its mark, or no CSV at all: export it as “CSV UTF-8” or as XLSX.",
            )
        if len(block) - len(block.translate(None, _CONTROL)) > len(block) // 100:
            raise NotATable(
                "The file holds something other than text.",
                next_step="Export the list as “CSV UTF-8” or as XLSX.",
            )


def _decodes(stream: BinaryIO, encoding: str) -> bool:
    stream.seek(0)
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        while block := stream.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except (UnicodeError, LookupError):
        return False
    finally:
        stream.seek(0)
    return True


def _telling_lines(stream: BinaryIO) -> bytes:
    """The lines with other than plain letters, which alone say what the encoding is."""
    stream.seek(0)
    found: list[bytes] = []
    size = 0
    while size < _SAMPLE and (line := stream.readline(_BLOCK)):
        if not line.isascii():
            found.append(line)
            size += len(line)
    return b"".join(found)


def delimiter_of(stream: BinaryIO, encoding: str) -> str:
    """The delimiter that splits the first rows into the most columns, the same number in nearly all of them."""
    sample = _decoded_start(stream, encoding)
    if sample[:4].lower() == "sep=" and sample[4:5] in DELIMITERS:
        return sample[4]
    for _ in range(_TITLE_LINES):
        best, most = max(
            ((each, _fit(sample, each)) for each in DELIMITERS), key=lambda pair: pair[1]
        )
        if most > 0:
            return best
        sample = sample.partition("\n")[2]
    return ","


def _fit(sample: str, delimiter: str) -> float:
    """Into how many columns the first row falls, times the share of rows that fall into as many; 0 for one column."""
    try:
        reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        rows = list(islice(filter(any, reader), _SAMPLE_ROWS))
    except csv.Error:
        return 0.0
    width = len(rows[0]) if rows else 0
    return width * sum(len(row) == width for row in rows) / len(rows) if width > 1 else 0.0


def _decoded_start(stream: BinaryIO, encoding: str) -> str:
    stream.seek(0)
    text = codecs.getincrementaldecoder(encoding)("strict").decode(stream.read(_SAMPLE))
    stream.seek(0)
    return text[: text.rfind("\n") + 1] or text  # the last line may be half a row


def lines(stream: BinaryIO, encoding: str, delimiter: str) -> Iterator[Line]:
    """Every filled row with the line its first character stands on. Raises DamagedFile, FileTooLarge."""
    stream.seek(0)
    text = io.TextIOWrapper(io.BufferedReader(_Unclosed(stream)), encoding=encoding, newline="")
    reader = csv.reader(_whole_lines(text), delimiter=delimiter)
    before = rows = cells = 0
    try:
        for row in reader:
            number, before = before + 1, reader.line_num
            if number == 1 and row and row[0][:4].lower() == "sep=":
                continue
            line = Line(number, tuple(row))
            if line.is_blank:
                continue
            rows, cells = rows + 1, cells + len(row)
            if rows > MAX_ROWS + 1 or len(row) > MAX_COLUMNS or cells > 10 * MAX_CELLS:
                raise too_many_rows()
            yield line
    except csv.Error:
        raise DamagedFile(
            f"From line {before + 1} on the columns cannot be told apart.",
            next_step="A quotation mark there is probably never closed: correct it, or export the file again.",
        ) from None
    finally:
        text.detach()


def _whole_lines(text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            raise DamagedFile(
                f"Line {number} is longer than a million characters.",
                next_step="Export the list again: the ends of its lines were lost.",
            )
        yield line


class _Unclosed(io.RawIOBase):
    """The user's stream, for a wrapper that would otherwise close it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        room = memoryview(buffer)
        data = self._stream.read(len(room))
        room[: len(data)] = data
        return len(data)
