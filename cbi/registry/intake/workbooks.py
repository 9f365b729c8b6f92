"""XLSX workbooks: each cell as the person who filled it sees it, after a look whether it is safe to open."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import BinaryIO

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from cbi.registry.intake.cellmarks import SheetMarks
from cbi.registry.intake.tables import DamagedFile, Line
from cbi.registry.intake.unpacking import inspect

Value = int | float | str | bool | time | date | datetime | timedelta

_EXACT_BELOW = 10**15
"""A spreadsheet keeps fifteen digits of a number; what stood behind them is lost when the file is saved."""


class Workbook:
    """An XLSX file that was found safe to open. Raises UnusableFile kinds, PasswordProtected, DamagedFile."""

    def __init__(self, stream: BinaryIO) -> None:
        self._sheet_marks = inspect(stream)
        stream.seek(0)
        try:
            self._book = CalamineWorkbook.from_filelike(stream)
        except (CalamineError, PasswordError) as error:
            raise _damaged() from error
        self.sheet_names = [
            sheet.name
            for sheet in self._book.sheets_metadata
            if sheet.typ == SheetTypeEnum.WorkSheet
        ]
        hidden = {
            s.name for s in self._book.sheets_metadata if s.visible != SheetVisibleEnum.Visible
        }
        self.filled_sheets = [
            name for name in self.sheet_names if name not in hidden and self._marks(name).is_filled
        ]
        """The visible sheets that hold anything, in the workbook's order."""

    def _marks(self, sheet: str) -> SheetMarks:
        return self._sheet_marks.get(sheet, SheetMarks())

    def lines(self, sheet: str) -> Iterator[Line]:
        """Every filled row of a sheet, with the row number that the spreadsheet shows."""
        marks = self._marks(sheet)
        try:
            table = self._book.get_sheet_by_name(sheet)
            rows = table.iter_rows()
        except CalamineError as error:
            raise _damaged() from error
        if table.start is None:
            return
        margin = ("",) * table.start[1]
        for number, row in enumerate(rows, start=1):
            faults = marks.faults.get(number, {})
            widths = marks.widths.get(number, {})
            cells = margin + tuple(map(as_seen, row))
            line = Line(number, _padded(cells, widths) if widths else cells, faults)
            if not line.is_blank:
                yield line

    def close(self) -> None:
        """Let go of the file."""
        self._book.close()


def _padded(cells: tuple[str, ...], widths: Mapping[int, int]) -> tuple[str, ...]:
    return tuple(
        cell.zfill(widths[i]) if i in widths and cell.isdecimal() else cell
        for i, cell in enumerate(cells)
    )


def as_seen(value: Value) -> str:
    """A cell's value as text: numbers without exponent or `.0`, dates as ISO 8601, TRUE and FALSE.

    A number of more than fifteen digits comes as `1.23457E+17`, for its last digits are lost in the file.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        if abs(value) >= _EXACT_BELOW:
            return f"{value:.5E}"
        if value == int(value):
            return str(int(value))
        return f"{Decimal(f'{value:.15g}'):f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ") if value.time() != time() else value.date().isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _damaged() -> DamagedFile:
    return DamagedFile(
        "The workbook is damaged and cannot be opened.",
        next_step="Open it in a spreadsheet program, save it again as XLSX, and send that file.",
    )
