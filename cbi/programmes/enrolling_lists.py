"""Reads a list (CSV or XLSX) of households that start, end, are suspended or resumed, with the day and the reason."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import BinaryIO

from cbi.errors import Invalid
from cbi.programmes.enrolling import CannotChange, Line
from cbi.registry.intake import checks, vocabulary
from cbi.registry.intake.cells import cell
from cbi.registry.intake.checks import Unusable
from cbi.registry.intake.facts import Row, place
from cbi.registry.intake.files import Table, opened
from cbi.registry.intake.listed import row_of
from cbi.registry.intake.mapping import find_column, missing_columns

MOST = 10_000
_NUMBER = (*vocabulary.TEMPLATE_COLUMNS["source_id"], "source_id")
_DAY = ("Date", "Fecha", "التاريخ", "on")
_REASON = ("Reason", "Raison", "Motif", "Motivo", "السبب")


class ListTooLong(Invalid):
    """The list names more households than are changed at once."""

    code = "programmes.list_too_long"


def read_list(content: Path | BinaryIO, *, on: date | None = None, reason: str = "") -> list[Line]:
    """The lines of a list with the columns registration number, date and reason, named in any of the four languages.

    `on` and `reason` are for lines that do not have their own. Raises UnusableFile in its kinds, CannotChange with
    every line that cannot be read, ListTooLong.
    """
    with opened(content) as file:
        table = file.table()
        lines: list[Line] = []
        problems: list[tuple[str, str]] = []
        for row, columns in _rows(table):
            try:
                number = checks.identifier(cell(row, columns[0]), "registration number")
                day = cell(row, columns[1])
                chosen = checks.calendar_date(day, None) if day else on
                why = cell(row, columns[2]) or reason
            except Unusable as unusable:
                problems.append((place(row), f"{unusable.message} {unusable.next_step}"))
                continue
            if not number or chosen is None or not why:
                lacks = (
                    "registration number" if not number else "date" if chosen is None else "reason"
                )
                problems.append((place(row), f"There is no {lacks}."))
            else:
                lines.append(Line(place(row), number, chosen, why))
    if problems:
        raise CannotChange(problems)
    if len(lines) > MOST:
        raise ListTooLong(
            f"The list names {len(lines):,} households.", next_step=f"Split it: {MOST:,} at most."
        )
    return lines


def _rows(table: Table) -> Iterator[tuple[Row, tuple[int | None, int | None, int | None]]]:
    found = [
        next((at for name in names if (at := find_column(name, table.columns)) is not None), None)
        for names in (_NUMBER, _DAY, _REASON)
    ]
    if found[0] is None:
        raise missing_columns([_NUMBER[0]], table.sheet)
    for line in table.lines:
        yield row_of(table, line), (found[0], found[1], found[2])
