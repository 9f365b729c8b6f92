"""Gives a registration list back as a workbook: each bad row with its reasons beside it, and a summary in front."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from cbi.registry.intake.checks import Reason
from cbi.registry.intake.files import File, opened
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping
from cbi.registry.intake.results import ImportResult, RowNote, count_reasons

REASONS, NEXT = "Reasons", "What next"
LONGEST_CELL = 32_767
LAST_ROW = 1_048_576
"""The limits of an XLSX sheet."""
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
_BOLD = Font(bold=True)
_BAD = PatternFill("solid", fgColor="FFE3E0")
_DOUBTFUL = PatternFill("solid", fgColor="FFF6D6")


def write_report(
    result: ImportResult,
    content: Path | BinaryIO,
    target: Path | BinaryIO,
    *,
    mapping: ColumnMapping = TEMPLATE,
    right_to_left: bool = False,
    cover: Iterable[str] = (),
) -> None:
    """Write a copy of the user's own file to `target` (XLSX), with reasons and advice beside the rows that have any.

    `cover`: sentences that stand below the summary, such as which controls of the office are waived. Rows stand where
    they stood, every cell is text, and nothing in it can run as a formula. The copy holds what the user's file held: it
    is theirs, and is kept nowhere else.
    """
    with opened(content, encoding=mapping.encoding, delimiter=mapping.delimiter) as file:
        write_annotated(
            file,
            target,
            result.rows,
            headers=_sheets_read(file, mapping),
            summary=_summary(result),
            right_to_left=right_to_left,
            cover=cover,
        )


def write_annotated(
    file: File,
    target: Path | BinaryIO,
    rows: Sequence[RowNote],
    *,
    headers: Mapping[str | None, tuple[int, int]],
    summary: Iterable[tuple[str, ...]],
    right_to_left: bool = False,
    cover: Iterable[str] = (),
) -> None:
    """Write a copy of an opened file, with a cover and a summary in front and the notes beside their rows.

    `headers` says, for each sheet that was read, in which row its header stands and how many columns it has.
    """
    book = Workbook(write_only=True)
    front = (*summary, *((line,) for line in cover))
    _write_summary(_sheet(book, "Summary"), front, right_to_left=right_to_left)
    for name in file.all_sheets:
        sheet = _sheet(book, name or "List")
        sheet.sheet_view.rightToLeft = right_to_left
        notes = {note.line: note for note in rows if note.sheet == name}
        _write_rows(sheet, file, name, notes, header=headers.get(name))
    book.save(target)


def _sheets_read(file: File, mapping: ColumnMapping) -> dict[str | None, tuple[int, int]]:
    """Where the header of each sheet that was read stands, and how many columns it has."""
    found = {}
    for rule in (mapping.households, mapping.people):
        if rule:
            table = file.table(rule.sheet, rule.header_row)
            found[table.sheet] = (table.header_line, len(table.columns))
    return found


def _write_rows(
    sheet: Worksheet,
    file: File,
    name: str | None,
    notes: dict[int, RowNote],
    *,
    header: tuple[int, int] | None,
) -> None:
    written = 0
    header_line, width = header or (0, 0)
    for line in file.lines(name):
        while written < line.number - 1 < LAST_ROW:
            sheet.append(())
            written += 1
        cells = [text_cell(sheet, text) for text in line.cells]
        if header and line.number == header_line:
            cells = [*cells[:width], *(text_cell(sheet, text) for text in (REASONS, NEXT))]
            for cell in cells:
                cell.font = _BOLD
        elif note := notes.get(line.number):
            cells += [text_cell(sheet, "") for _ in range(width - len(cells))]
            told = note.reasons or note.warnings
            cells += [text_cell(sheet, text) for text in _told(told, is_warning=not note.reasons)]
            for cell in cells:
                cell.fill = _BAD if note.reasons else _DOUBTFUL
        sheet.append(cells)
        written += 1


def _told(reasons: Sequence[Reason], *, is_warning: bool) -> tuple[str, str]:
    sentences = [
        f"{reason.column}: {reason.message}" if reason.column else reason.message
        for reason in reasons
    ]
    told = "\n".join(sentences)
    return f"(Taken, but look:) {told}" if is_warning else told, "\n".join(
        dict.fromkeys(reason.next_step for reason in reasons)
    )


def _write_summary(
    sheet: Worksheet, summary: Iterable[tuple[str, ...]], *, right_to_left: bool
) -> None:
    sheet.sheet_view.rightToLeft = right_to_left
    sheet.column_dimensions["A"].width = 90
    sheet.column_dimensions["B"].width = 12
    for row in summary:
        cells = [text_cell(sheet, text) for text in row]
        if len(row) > 1 and not row[1].isdecimal():
            for cell in cells:
                cell.font = _BOLD
        sheet.append(cells)


def _summary(result: ImportResult) -> Iterator[tuple[str, ...]]:
    yield ("What came of this file", "Households")
    yield ("Households in the file", str(result.total))
    yield ("Taken in" if not result.dry_run else "Would be taken in", str(result.landed))
    yield ("Known already, unchanged", str(result.unchanged))
    yield ("Not taken", str(result.rejected))
    yield ("Taken, but worth a look", str(result.warnings))
    yield ()
    yield ("Reason", "Rows", "Column", "What next")
    for reason, rows in count_reasons(result.rows):
        yield (reason.message, str(rows), reason.column, reason.next_step)


def text_cell(sheet: Worksheet, text: str) -> Cell:
    """A text cell. What looks like a formula also gets the mark that keeps it text when somebody edits it."""
    cell = WriteOnlyCell(sheet, "")
    cell.value = ILLEGAL_CHARACTERS_RE.sub(" ", text)[:LONGEST_CELL]
    cell.data_type = "s"  # the library takes a text that begins with = for a formula
    cell.number_format = "@"
    if text.startswith(FORMULA_SIGNS):
        cell.quotePrefix = True
    return cell


def _sheet(book: Workbook, wanted: str) -> Worksheet:
    taken = {title.casefold() for title in book.sheetnames}
    title, number = wanted[:31], 2
    while title.casefold() in taken:
        title, number = f"{wanted[:27]} ({number})", number + 1
    return cast(
        Worksheet, book.create_sheet(title)
    )  # a write-only sheet has all that is used of one
