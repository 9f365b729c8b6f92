"""Writes an assessment form: a workbook with a list of answers to choose from in each cell, or a CSV file."""

import csv
import io
from collections.abc import Sequence
from typing import IO

from openpyxl import Workbook
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font, Protection
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from cbi.keys import Keyring
from cbi.registry import row_tokens
from cbi.registry.intake.reports import RIGHT_TO_LEFT, harmless, text_cell
from cbi.registry.scorecards.definition import Kind, told
from cbi.registry.scorecards.form_layout import (
    DAY,
    NUMBER,
    QUESTION,
    REGISTRATION,
    TOKEN,
    WHY,
    Asked,
    Column,
    Paper,
    columns,
)
from cbi.registry.scorecards.telling import word

ABOUT, SHEET, LISTS = "About", "Assessment", "Lists"
_ABOUT = {
    "en": (
        "Form", "Scorecard", "How to fill this in",
        ("One row is one household. Choose each answer from its list, or write a whole number; where several answers can"
        " apply, each has a column of its own. Leave the row empty where nobody was met. Change nothing else."),
    ),
    "fr": (
        "Formulaire", "Grille", "Comment remplir",
        ("Une ligne par ménage. Choisissez chaque réponse dans sa liste, ou écrivez un nombre entier ; si plusieurs"
        " réponses sont possibles, chacune a sa colonne. Laissez la ligne vide si personne n'a été vu. Ne changez rien"
        " d'autre."),
    ),
    "ar": (
        "الاستمارة", "بطاقة التقييم", "طريقة التعبئة",
        ("كل سطر أسرة. اختر كل إجابة من قائمتها أو اكتب عددا صحيحا، وللسؤال ذي الإجابات المتعددة عمود لكل إجابة. اترك السطر"
        " فارغا إذا لم يُقابَل أحد. لا تغيّر شيئا آخر."),
    ),
    "es": (
        "Formulario", "Ficha", "Cómo rellenar",
        ("Una fila por hogar. Elija cada respuesta de su lista, o escriba un número entero; donde caben varias respuestas,"
        " cada una tiene su columna. Deje la fila vacía si no se vio a nadie. No cambie nada más."),
    ),
}  # fmt: skip
_BOLD = Font(bold=True)
_OPEN = Protection(locked=False)
_HEADING = Alignment(wrap_text=True, vertical="top")
_WIDTHS = {NUMBER: 6, REGISTRATION: 24, DAY: 14, WHY: 28, TOKEN: 28}


def write_workbook(paper: Paper, keys: Keyring, target: IO[bytes], *, language: str) -> None:
    """Write the form as XLSX. The lock keeps slips out; the tokens keep changes out. No cell can run as a formula."""
    book = Workbook()
    about = book.active
    assert isinstance(about, Worksheet)
    about.title = ABOUT
    _write_about(about, paper, language)
    sheet, lists = book.create_sheet(SHEET), book.create_sheet(LISTS)
    made = columns(paper.scorecard, paper.form, language)
    sheet.append([_heading(sheet, column.heading) for column in made])
    for asked in paper.rows:
        sheet.append([text_cell(sheet, _value(column, paper, keys, asked)) for column in made])
    _prepare(sheet, lists, made, len(paper.rows) + 1, language)
    lists.sheet_state = "hidden"
    for each in (about, sheet):
        each.sheet_view.rightToLeft = language in RIGHT_TO_LEFT
        each.protection.sheet = True
        each.protection.formatColumns = False
    book.active = 1
    book.save(target)


def write_csv(paper: Paper, keys: Keyring, target: IO[bytes], *, language: str) -> None:
    """Write the form as CSV (UTF-8 with its mark, so that spreadsheets read the letters right)."""
    text = io.StringIO()
    rows = csv.writer(text)
    made = columns(paper.scorecard, paper.form, language)
    rows.writerow([harmless(column.heading) for column in made])
    for asked in paper.rows:
        rows.writerow([harmless(_value(column, paper, keys, asked)) for column in made])
    target.write(text.getvalue().encode("utf-8-sig"))


def choices(column: Column, language: str) -> list[str]:
    """The answers that the cells of a column choose from; nothing for a number."""
    indicator = column.indicator
    if indicator is None or indicator.kind is Kind.NUMBER:
        return []
    if indicator.kind is Kind.CHOICE:
        return [told(option.say, language) for option in indicator.options]
    return [word("yes", language), word("no", language)]


def _value(column: Column, paper: Paper, keys: Keyring, asked: Asked) -> str:
    if column.holds == TOKEN:
        return row_tokens.token(
            keys, paper.form_id, paper.version, asked.number, paper.of, asked.household_id,
            kind=row_tokens.ASSESSMENTS,
        )  # fmt: skip
    return {NUMBER: str(asked.number), REGISTRATION: asked.registration}.get(column.holds, "")


def _prepare(
    sheet: Worksheet, lists: Worksheet, made: Sequence[Column], last: int, language: str
) -> None:
    """Widths, and what may be typed or chosen where."""
    places: dict[tuple[str, ...], str] = {}
    for at, column in enumerate(made, start=1):
        letter = get_column_letter(at)
        sheet.column_dimensions[letter].width = _WIDTHS.get(column.holds, 20)
        if column.holds not in {QUESTION, DAY, WHY}:
            continue
        for row in range(2, last + 1):
            sheet.cell(row, at).protection = _OPEN
        if rule := _rule(lists, places, column, language):
            rule.add(f"{letter}2:{letter}{last}")
            sheet.add_data_validation(rule)
    sheet.freeze_panes = "C2"
    sheet.print_title_rows = "1:1"


def _rule(
    lists: Worksheet, places: dict[tuple[str, ...], str], column: Column, language: str
) -> DataValidation | None:
    indicator = column.indicator
    if indicator is None:
        return None
    if indicator.kind is Kind.NUMBER:
        return DataValidation(
            "whole", operator="between", formula1=str(indicator.least), formula2=str(indicator.largest),
            showErrorMessage=True,
        )  # fmt: skip
    answers = tuple(choices(column, language))
    if answers not in places:
        # On a sheet of its own: a list written into the rule may not be longer than 255 characters, nor hold a comma.
        letter = get_column_letter(len(places) + 1)
        for row, answer in enumerate(answers, start=1):
            lists.cell(row, len(places) + 1, answer).data_type = "s"
        places[answers] = f"{LISTS}!${letter}$1:${letter}${len(answers)}"
    return DataValidation("list", formula1=places[answers], allow_blank=True, showErrorMessage=True)


def _heading(sheet: Worksheet, text: str) -> Cell:
    cell = text_cell(sheet, text)
    cell.font, cell.alignment = _BOLD, _HEADING
    return cell


def _write_about(page: Worksheet, paper: Paper, language: str) -> None:
    number, scorecard, how, advice = _ABOUT.get(language, _ABOUT["en"])
    name = f"{told(paper.scorecard.name, language)} ({paper.scorecard.code}/{paper.version}, {paper.form})"
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = 22, 90
    for title, fact in ((number, str(paper.form_id)), (scorecard, name), (how, advice)):
        heading, said = text_cell(page, title), text_cell(page, fact)
        heading.font, said.alignment = _BOLD, _HEADING
        page.append([heading, said])
