"""Writes a work sheet for the field: a workbook in which only what is to be filled in can be typed, or a CSV file."""

import csv
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import IO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill, Protection
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from cbi.keys import Keyring
from cbi.programmes.work_layout import (
    DAY,
    DAYS_WORKED,
    NAME,
    NUMBER,
    REGISTRATION,
    TOKEN,
    Column,
    Paper,
    Worker,
    columns,
)
from cbi.programmes.work_models import Basis
from cbi.programmes.work_terms import MOST_PIECES
from cbi.registry import row_tokens
from cbi.registry.intake.reports import RIGHT_TO_LEFT, harmless, text_cell

ABOUT, SHEET = "About", "Sheet"
_ABOUT = {
    "en": (
        "How to fill this in", "Sheet", "Work", "From – to", "Pays",
        "Write 1 for a whole day, 0.5 for half a day; leave the other days empty. Change nothing else.",
        "Write how many pieces were made, and the days worked if they are known. Change nothing else.",
    ),
    "fr": (
        "Comment remplir", "Feuille", "Travail", "Du – au", "Paie",
        "Écrivez 1 pour un jour entier, 0,5 pour un demi-jour ; laissez les autres jours vides. Ne changez rien d'autre.",
        "Écrivez le nombre de pièces, et les jours travaillés s'ils sont connus. Ne changez rien d'autre.",
    ),
    "ar": (
        "طريقة التعبئة", "الورقة", "العمل", "من – إلى", "الأجر",
        "اكتب 1 ليوم كامل و0.5 لنصف يوم، واترك الأيام الأخرى فارغة. لا تغيّر شيئا آخر.",
        "اكتب عدد القطع، وأيام العمل إن كانت معروفة. لا تغيّر شيئا آخر.",
    ),
    "es": (
        "Cómo rellenar", "Hoja", "Trabajo", "Del – al", "Paga",
        "Escriba 1 por un día entero, 0,5 por medio día; deje los demás días vacíos. No cambie nada más.",
        "Escriba cuántas piezas se hicieron, y los días trabajados si se conocen. No cambie nada más.",
    ),
}  # fmt: skip
_BOLD = Font(bold=True)
_CLOSED = PatternFill("solid", fgColor="E3E3E3")
_OPEN = Protection(locked=False)
_MARKS = {"0": "", "1": "0.5", "2": "1"}


def write_workbook(
    paper: Paper, keys: Keyring, target: IO[bytes], *, language: str, title: str
) -> None:
    """Write the sheet as XLSX. `title` says which work it is. The lock keeps slips out; the tokens keep changes out."""
    book = Workbook()
    about = book.active
    assert isinstance(about, Worksheet)
    about.title = ABOUT
    sheet = book.create_sheet(SHEET)
    _write_about(about, paper, language, title)
    made = columns(paper, language)
    sheet.append([_bold(sheet, column.heading) for column in made])
    for worker in paper.workers:
        sheet.append([_cell(sheet, column, paper, keys, worker) for column in made])
    _prepare(sheet, paper, made)
    for each in (about, sheet):
        each.sheet_view.rightToLeft = language in RIGHT_TO_LEFT
        each.protection.sheet = True
        each.protection.formatColumns = False
    book.active = 1
    book.save(target)


def write_csv(paper: Paper, keys: Keyring, target: IO[bytes], *, language: str) -> None:
    """Write the sheet as CSV (UTF-8 with its mark, so that spreadsheets read the letters right)."""
    made = columns(paper, language)
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow([column.heading for column in made])
    for worker in paper.workers:
        rows.writerow([harmless(_value(column, paper, keys, worker)) for column in made])
    target.write(text.getvalue().encode("utf-8-sig"))


def _value(column: Column, paper: Paper, keys: Keyring, worker: Worker) -> str:
    """What stands in a cell, as text."""
    filled = paper.filled.get(worker.person_id)
    fixed = {NUMBER: str(worker.number), REGISTRATION: worker.registration, NAME: worker.name}
    if column.holds in fixed:
        return fixed[column.holds]
    if column.holds == TOKEN:
        return row_tokens.token(
            keys, paper.sheet, paper.version, worker.number, len(paper.workers), worker.person_id
        )
    if filled is None:
        return ""
    if column.day is not None:
        return _MARKS[filled.attendance[paper.days.index(column.day)]]
    if column.piece is not None:
        return str(filled.done.pieces.get(column.piece, ""))
    whole, half = divmod(filled.done.half_days, 2)
    return f"{whole}{'.5' if half else ''}" if filled.done.half_days else ""


def _cell(sheet: Worksheet, column: Column, paper: Paper, keys: Keyring, worker: Worker) -> Cell:
    text = _value(column, paper, keys, worker)
    if column.holds in {NUMBER, REGISTRATION, NAME, TOKEN}:
        return text_cell(sheet, text)
    cell: Cell = WriteOnlyCell(sheet)
    cell.value = Decimal(text) if text else None
    day = column.day
    if day is not None and not (paper.is_open(day) and worker.is_in_group(day)):
        cell.fill = _CLOSED
    else:
        cell.protection = _OPEN
    return cell


def _prepare(sheet: Worksheet, paper: Paper, made: Sequence[Column]) -> None:
    """Widths, what may be typed where, and how it prints."""
    last = len(paper.workers) + 1
    rules = {
        "day": DataValidation("decimal", operator="between", formula1="0", formula2="1"),
        "piece": DataValidation(
            "whole", operator="between", formula1="0", formula2=str(MOST_PIECES)
        ),
        DAYS_WORKED: DataValidation(
            "decimal", operator="between", formula1="0", formula2=str(paper.terms.max_days)
        ),
    }
    widths = {NUMBER: 6, REGISTRATION: 20, NAME: 28, TOKEN: 26, DAY: 8}
    for at, column in enumerate(made, start=1):
        letter = get_column_letter(at)
        sheet.column_dimensions[letter].width = widths.get(column.holds, 16)
        if column.holds in rules:
            rules[column.holds].add(f"{letter}2:{letter}{last}")
    for rule in rules.values():
        if rule.sqref:
            sheet.add_data_validation(rule)
    sheet.freeze_panes = "D2"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = "1:1"


def _write_about(sheet: Worksheet, paper: Paper, language: str, title: str) -> None:
    how, number, work, dates, pays, days, pieces = _ABOUT.get(language, _ABOUT["en"])
    by_day = paper.basis is Basis.DAYS
    facts = [
        (number, f"{paper.sheet} ({paper.version})"), (work, title),
        (dates, f"{paper.starts_on} – {paper.ends_on}"), (pays, "; ".join(_rates(paper))),
        (how, days if by_day else pieces),
    ]  # fmt: skip
    sheet.column_dimensions["A"].width = 22
    sheet.column_dimensions["B"].width = 90
    for name, fact in facts:
        told = text_cell(sheet, fact)
        told.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.append([_bold(sheet, name), told])


def _rates(paper: Paper) -> Iterator[str]:
    if paper.basis is Basis.DAYS and paper.terms.day_rate is not None:
        hours = f" ({paper.terms.hours_per_day} h)" if paper.terms.hours_per_day else ""
        yield f"{paper.terms.day_rate}{hours}"
    if paper.basis is Basis.PIECES:
        for piece in paper.terms.pieces or ():
            yield f"{piece.name}: {piece.rate} / {piece.unit}"


def _bold(sheet: Worksheet, text: str) -> Cell:
    cell = text_cell(sheet, text)
    cell.font = _BOLD
    return cell
