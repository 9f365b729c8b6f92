"""A list of the people who join a group, as a spreadsheet: registration number and, where it is needed, a name."""

from pathlib import Path
from typing import BinaryIO

from cbi.errors import Invalid
from cbi.programmes.work_people import Named
from cbi.registry.intake.cells import cell
from cbi.registry.intake.checks import Unusable
from cbi.registry.intake.facts import Row
from cbi.registry.intake.files import opened
from cbi.registry.intake.mapping import missing_columns
from cbi.registry.intake.vocabulary import TEMPLATE_COLUMNS
from cbi.registry.text import folded

_SHOWN = 10


class UnusableList(Invalid):
    """A row of the list names nobody."""

    code = "work.unusable_list"


def read(content: Path | BinaryIO) -> list[Named]:
    """The people of a list (XLSX or CSV) with the registry's own headings. Raises UnusableFile kinds, UnusableList."""
    with opened(content) as file:
        table = file.table()
        number = _column("source_id", table.columns)
        name = _column("name", table.columns)
        if number is None:
            raise missing_columns([TEMPLATE_COLUMNS["source_id"][0]], table.sheet)
        people: list[Named] = []
        wrong: list[int] = []
        for line in table.lines:
            row = Row(table.sheet, line)
            try:
                registration = cell(row, number)
                people.append(Named(registration, cell(row, name)))
            except Unusable:
                registration = ""
            if not registration:
                wrong.append(line.number)
    if wrong:
        shown = ", ".join(map(str, wrong[:_SHOWN])) + (", …" if len(wrong) > _SHOWN else "")
        raise UnusableList(
            f"These rows of the list have no registration number that can be read: {shown}. Nobody joined.",
            next_step="Correct them and give the whole list again.",
        )
    return people


def _column(name: str, columns: tuple[str, ...]) -> int | None:
    known = {folded(heading) for heading in (name, *TEMPLATE_COLUMNS[name])}
    return next((at for at, heading in enumerate(columns) if folded(heading) in known), None)
