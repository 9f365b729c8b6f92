"""Writes a list of people as a workbook that says on every sheet, and in every row, whose it is and what for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from uuid import UUID

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from cbi.protection.exporting.marks import Marker
from cbi.registry.disclosing.models import Column
from cbi.registry.intake.reports import text_cell

ABOUT, PEOPLE = "About this list", "People"
MARK, EXPORT = "Mark", "Export"
HEADINGS: Mapping[Column, str] = {
    Column.NUMBER: "Registration number",
    Column.ROLE: "Role",
    Column.AREA: "Area",
    Column.SIZE: "Household size",
    Column.SEX: "Sex",
    Column.BORN_YEAR: "Year of birth",
    Column.NAME: "Name",
    Column.PHONE: "Telephone",
    Column.DOCUMENT: "Document",
    Column.BORN_ON: "Date of birth",
}
_BOLD = Font(bold=True)
_KEEP = (
    "This file holds what people told us so that they could be helped. Use it for what is said here and for nothing else,"
    " pass it on to nobody, and delete it when that is done. Every row has a mark that tells which list it came from."
)


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One person as they stand in the list."""

    person_id: UUID
    household: str
    cells: Mapping[Column, str]


@dataclass(frozen=True, slots=True)
class Heading:
    """What a list says of itself: `banner` in one line on every sheet, `short` in every row, `facts` in front."""

    number: int
    banner: str
    short: str
    facts: Sequence[tuple[str, str]]


def written(
    heading: Heading, columns: Sequence[Column], rows: Sequence[Row], marker: Marker
) -> bytes:
    """The workbook (XLSX). Its rows stand in an order of this list's own, a household's people together."""
    book = Workbook(write_only=True)
    about = _sheet(book, ABOUT, heading)
    about.column_dimensions["A"].width, about.column_dimensions["B"].width = 24, 90
    for name, fact in (*heading.facts, ("Keep it safe", _KEEP)):
        told = text_cell(about, fact)
        told.alignment = Alignment(wrap_text=True, vertical="top")
        first = text_cell(about, name)
        first.font = _BOLD
        about.append([first, told])
    people = _sheet(book, PEOPLE, heading)
    people.freeze_panes = "A3"
    people.print_title_rows = "1:2"
    for line in _lines(heading, columns, rows, marker):
        people.append([text_cell(people, text) for text in line])
    target = BytesIO()
    book.save(target)
    return target.getvalue()


def _lines(
    heading: Heading, columns: Sequence[Column], rows: Sequence[Row], marker: Marker
) -> Iterator[Sequence[str]]:
    yield (heading.banner,)
    yield (*(HEADINGS[each] for each in columns), EXPORT, MARK)
    ordered = sorted(
        rows, key=lambda row: (marker.place(heading.number, row.household), row.person_id)
    )
    for row in ordered:
        cells = (row.cells.get(each, "") for each in columns)
        yield (*cells, heading.short, marker.mark(heading.number, row.person_id))


def _sheet(book: Workbook, title: str, heading: Heading) -> Worksheet:
    sheet: Worksheet = book.create_sheet(title)
    # In a printed heading & begins an instruction.
    said = heading.banner[:120].replace("&", "&&")
    for place in (sheet.oddHeader, sheet.oddFooter):
        assert place is not None
        place.center.text = said
    sheet.page_setup.orientation = "landscape"
    return sheet
