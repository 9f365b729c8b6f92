"""Gives a registration list back as a workbook: each bad row with its reasons beside it, and a summary in front."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

from cbi.registry.import_models import RejectedRow
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.endings import WHICH_ROW
from cbi.registry.intake.files import SUMMARY
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping
from cbi.registry.intake.opening import opened_list
from cbi.registry.intake.rejected import OpenedRow
from cbi.registry.intake.results import ImportResult, RowNote, count_reasons
from cbi.registry.intake.tables import Line
from cbi.registry.intake.wording import copy_word, told

REASONS, NEXT = "Reasons", "What next"
_ARABIC = "ar"
LONGEST_CELL = 32_767
LAST_ROW = 1_048_576
"""The limits of an XLSX sheet."""
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
RIGHT_TO_LEFT = frozenset({"ar"})
"""Languages in which a sheet begins at the right."""
_BOLD = Font(bold=True)
_BAD = PatternFill("solid", fgColor="FFE3E0")
_DOUBTFUL = PatternFill("solid", fgColor="FFF6D6")


class Sheeted(Protocol):
    """What has sheets with rows."""

    @property
    def all_sheets(self) -> list[str | None]:
        """The names of its sheets (None: the only one)."""

    def lines(self, sheet: str | None) -> Iterator[Line]:
        """Every row of a sheet, header included."""


def write_report(
    result: ImportResult,
    content: Path | BinaryIO,
    target: Path | BinaryIO,
    *,
    mapping: ColumnMapping = TEMPLATE,
    right_to_left: bool = False,
    cover: Iterable[str] = (),
    language: str = "en",
) -> None:
    """Write a copy of the user's own file to `target` (XLSX), with reasons and advice beside the rows that have any.

    `language`: in which they are told; Arabic runs from right to left. `cover`: sentences that stand below the summary,
    such as which controls of the office are waived. Rows stand where they stood, every cell is text, and nothing in it
    can run as a formula. The copy holds what the user's file held: it is theirs, and is kept nowhere else.
    """
    with opened_list(content, mapping) as file:
        write_annotated(
            file,
            target,
            result.rows,
            headers=file.headers(),
            summary=_summary(result, language),
            right_to_left=right_to_left or language == _ARABIC,
            cover=cover,
            language=language,
        )


def write_annotated(
    file: Sheeted,
    target: Path | BinaryIO,
    rows: Sequence[RowNote],
    *,
    headers: Mapping[str | None, tuple[int, int]],
    summary: Iterable[tuple[str, ...]],
    right_to_left: bool = False,
    cover: Iterable[str] = (),
    language: str = "en",
) -> None:
    """Write a copy of an opened file, with a cover and a summary in front and the notes beside their rows.

    `headers` says, for each sheet that was read, in which row its header stands and how many columns it has.
    """
    book = Workbook(write_only=True)
    front = (*summary, *((line,) for line in cover))
    _write_summary(_sheet(book, SUMMARY), front, right_to_left=right_to_left)
    for name in file.all_sheets:
        sheet = _sheet(book, name or "List")
        sheet.sheet_view.rightToLeft = right_to_left
        notes = {note.line: note for note in rows if note.sheet == name}
        _write_rows(sheet, file, name, notes, header=headers.get(name), language=language)
    book.save(target)


def _write_rows(
    sheet: Worksheet,
    file: Sheeted,
    name: str | None,
    notes: dict[int, RowNote],
    *,
    header: tuple[int, int] | None,
    language: str,
) -> None:
    written = 0
    header_line, width = header or (0, 0)
    for line in file.lines(name):
        while written < line.number - 1 < LAST_ROW:
            sheet.append(())
            written += 1
        cells = [text_cell(sheet, text) for text in line.cells]
        if header and line.number == header_line:
            more = (copy_word("reasons", language), copy_word("next", language))
            cells = [*cells[:width], *(text_cell(sheet, text) for text in more)]
            for cell in cells:
                cell.font = _BOLD
        elif note := notes.get(line.number):
            cells += [text_cell(sheet, "") for _ in range(width - len(cells))]
            reasons = note.reasons or note.warnings
            texts = _told(reasons, language, is_warning=not note.reasons)
            cells += [text_cell(sheet, text) for text in texts]
            for cell in cells:
                cell.fill = _BAD if note.reasons else _DOUBTFUL
        sheet.append(cells)
        written += 1


def _told(reasons: Sequence[Reason], language: str, *, is_warning: bool) -> tuple[str, str]:
    said = [told(reason, language) for reason in reasons]
    sentences = [
        f"{reason.column}: {reason.message}" if reason.column else reason.message for reason in said
    ]
    both = "\n".join(sentences)
    return f"{copy_word('but_look', language)} {both}" if is_warning else both, "\n".join(
        dict.fromkeys(reason.next_step for reason in said)
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


def _summary(result: ImportResult, language: str) -> Iterator[tuple[str, ...]]:
    def word(name: str) -> str:
        return copy_word(name, language)

    yield (word("summary"), word("households"))
    yield (word("total"), str(result.total))
    yield (word("would_land" if result.dry_run else "landed"), str(result.landed))
    yield (word("unchanged"), str(result.unchanged))
    yield (word("rejected"), str(result.rejected))
    yield (word("warned"), str(result.warnings))
    yield ()
    yield (word("reason"), word("rows"), word("column"), word("next"))
    for reason, rows in count_reasons(result.rows):
        said = told(reason, language)
        yield (said.message, str(rows), said.column, said.next_step)


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


def harmless(text: str) -> str:
    """The text with a mark in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def write_rejected(
    rows: Sequence[OpenedRow],
    token_of: Callable[[RejectedRow], str],
    target: Path | BinaryIO,
    *,
    language: str = "en",
) -> None:
    """Write rejected rows as a workbook to be corrected and imported again with the same mapping file.

    It holds what people said of themselves, so it leaves encrypted (`protection/exporting/row_workbooks`).
    """
    book = Workbook(write_only=True)
    headings = (copy_word("reasons", language), copy_word("next", language))
    for name in dict.fromkeys(each.row.sheet for each in rows):
        here = [each for each in rows if each.row.sheet == name]
        columns = tuple(dict.fromkeys(column for each in here for column in each.cells))
        columns = tuple(each for each in columns if each not in {WHICH_ROW, *headings})
        sheet = _sheet(book, name or "List")
        sheet.sheet_view.rightToLeft = language == _ARABIC
        header = [text_cell(sheet, text) for text in (*columns, WHICH_ROW, *headings)]
        for cell in header:
            cell.font = _BOLD
        sheet.append(header)
        for each in here:
            reasons = [Reason.of(kept) for kept in each.row.reasons]
            which = (token_of(each.row), *_told(reasons, language, is_warning=False))
            texts = (*(each.cells.get(column, "") for column in columns), *which)
            sheet.append([text_cell(sheet, text) for text in texts])
    book.save(target)
