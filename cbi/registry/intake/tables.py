"""What a file of rows is to the registry, whatever its format, and how much of one is taken."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import BinaryIO

from cbi.errors import Invalid

MAX_FILE_BYTES = 200 * 1024 * 1024
MAX_ROWS = 1_000_000
MAX_COLUMNS = 1_000
MAX_CELLS = 8_000_000
"""In one sheet, from the first filled cell to the last: a workbook's sheet is held in memory while it is read."""


class CellFault(StrEnum):
    """Why a workbook's cell has no value that can be read."""

    FORMULA = "formula"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Line:
    """One row as it stands in the user's file: `number` is what their program shows beside it; `cells` begin at A."""

    number: int
    cells: tuple[str, ...]
    faults: Mapping[int, CellFault] = field(default_factory=dict)

    @property
    def is_blank(self) -> bool:
        """Whether nobody wrote anything in it."""
        return not self.faults and not any(cell and not cell.isspace() for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The name of a sheet (None: the only one) and of its columns."""

    sheet: str | None
    columns: tuple[str, ...]


class UnusableFile(Invalid):
    """The file as a whole cannot be read. Nothing of it was kept."""

    code = "registry.unusable_file"


class FileTooLarge(UnusableFile):
    """There is more in the file than is taken at once."""

    code = "registry.file_too_large"


class DamagedFile(UnusableFile):
    """The file breaks off, or is not what its beginning says."""

    code = "registry.damaged_file"


def too_many_rows(sheet: str | None = None) -> FileTooLarge:
    """The refusal of a sheet with more rows or cells than can be taken at once."""
    where = f"The sheet {sheet!r}" if sheet else "The file"
    return FileTooLarge(
        f"{where} has more than {MAX_ROWS:,} rows, {MAX_COLUMNS:,} columns or {MAX_CELLS:,} cells.",
        next_step="Split it into several files, and delete columns that are not needed. If it looks smaller than that,"
        " a stray cell far down or far right may be filled: delete the empty rows and columns after your data.",
    )


def size_of(stream: BinaryIO) -> int:
    """Bytes in the stream, which is left at its beginning."""
    size = stream.seek(0, 2)
    stream.seek(0)
    return size


def column_letter(index: int) -> str:
    """The name a spreadsheet gives the column: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, remainder = divmod(index - 1, 26)
        letters = chr(65 + remainder) + letters
    return letters
