"""Writes a price sheet for the enumerators: a workbook in which only prices can be typed, or a CSV file."""

import csv
import io
from decimal import Decimal
from typing import IO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font, Protection
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from cbi.keys import Keyring
from cbi.money import Money
from cbi.programmes.price_layout import (
    AREA,
    DAY,
    FILLED_IN,
    HEADINGS,
    ITEM,
    MARKET,
    NUMBER,
    PRICE,
    QUOTES,
    SOURCE,
    TOKEN,
    UNIT,
    Asked,
    PriceSheet,
    headings,
)
from cbi.registry import row_tokens
from cbi.registry.intake.reports import RIGHT_TO_LEFT, harmless, text_cell

ABOUT, SHEET = "About", "Prices"
_ABOUT = {
    "en": (
        "How to fill this in", "Round", "Basket", "Currency",
        ("Write what ONE unit costs, the day you asked, where the price comes from (the survey, the team), and how many"
        " sellers were asked. Leave the row empty where the item is not to be had. Change nothing else."),
    ),
    "fr": (
        "Comment remplir", "Relevé", "Panier", "Devise",
        ("Écrivez le prix d'UNE unité, le jour du relevé, la source (l'enquête, l'équipe) et le nombre de vendeurs"
        " interrogés. Laissez la ligne vide si l'article est introuvable. Ne changez rien d'autre."),
    ),
    "ar": (
        "طريقة التعبئة", "الجولة", "السلة", "العملة",
        ("اكتب سعر وحدة واحدة، ويوم السؤال، ومصدر السعر (المسح أو الفريق)، وعدد الباعة الذين سُئلوا. اترك السطر فارغا إذا لم"
        " تتوفر السلعة. لا تغيّر شيئا آخر."),
    ),
    "es": (
        "Cómo rellenar", "Ronda", "Canasta", "Moneda",
        ("Escriba cuánto cuesta UNA unidad, el día en que preguntó, la fuente (la encuesta, el equipo) y a cuántos"
        " vendedores preguntó. Deje la fila vacía si no hay el artículo. No cambie nada más."),
    ),
}  # fmt: skip
_WIDTHS = {NUMBER: 6, ITEM: 28, MARKET: 24, AREA: 18, SOURCE: 28, TOKEN: 26}
_BOLD = Font(bold=True)
_OPEN = Protection(locked=False)


def write_workbook(sheet: PriceSheet, keys: Keyring, target: IO[bytes], *, language: str) -> None:
    """Write the sheet as XLSX. The lock keeps slips out; the tokens keep changes out."""
    book = Workbook()
    about = book.active
    assert isinstance(about, Worksheet)
    about.title = ABOUT
    _write_about(about, sheet, language)
    page = book.create_sheet(SHEET)
    page.append([_bold(page, heading) for heading in headings(language)])
    for asked in sheet.rows:
        page.append(
            [_cell(page, name, value) for name, value in _values(sheet, keys, asked).items()]
        )
    _prepare(page, len(sheet.rows) + 1)
    for each in (about, page):
        each.sheet_view.rightToLeft = language in RIGHT_TO_LEFT
        each.protection.sheet = True
        each.protection.formatColumns = False
    book.active = 1
    book.save(target)


def write_csv(sheet: PriceSheet, keys: Keyring, target: IO[bytes], *, language: str) -> None:
    """Write the sheet as CSV (UTF-8 with its mark, so that spreadsheets read the letters right)."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(headings(language))
    for asked in sheet.rows:
        rows.writerow(map(harmless, _values(sheet, keys, asked).values()))
    target.write(text.getvalue().encode("utf-8-sig"))


def _values(sheet: PriceSheet, keys: Keyring, asked: Asked) -> dict[str, str]:
    """What stands in a row, as text, in the order of the columns."""
    answer = sheet.filled.get(asked.key)
    known = dict.fromkeys(FILLED_IN, "")
    if answer is not None:
        price = Money(answer.price, sheet.basket.currency).decimal
        known = {
            PRICE: price, DAY: f"{answer.day}", SOURCE: answer.source, QUOTES: str(answer.quotes)
        }  # fmt: skip
    told = {
        NUMBER: str(asked.number), ITEM: asked.line.name, UNIT: asked.line.unit,
        MARKET: asked.market.name, AREA: asked.market.area, **known,
        TOKEN: row_tokens.token(
            keys, sheet.round_id, sheet.version, asked.number, len(sheet.rows), asked.whose,
            kind=row_tokens.PRICES,
        ),
    }  # fmt: skip
    return {name: told[name] for name in HEADINGS}


def _cell(page: Worksheet, name: str, text: str) -> Cell:
    if name not in FILLED_IN:
        return text_cell(page, text)
    if name in {PRICE, QUOTES}:
        cell: Cell = WriteOnlyCell(page)
        cell.value = Decimal(text) if text else None
    else:
        cell = text_cell(page, text)  # a date as text is read the same everywhere
    cell.protection = _OPEN
    return cell


def _prepare(page: Worksheet, last: int) -> None:
    """Widths, and what may be typed where."""
    rules = {
        PRICE: DataValidation("decimal", operator="greaterThan", formula1="0"),
        QUOTES: DataValidation("whole", operator="between", formula1="1", formula2="99"),
    }
    for at, name in enumerate(HEADINGS, start=1):
        letter = get_column_letter(at)
        page.column_dimensions[letter].width = _WIDTHS.get(name, 14)
        if name in rules:
            rules[name].add(f"{letter}2:{letter}{last}")
            page.add_data_validation(rules[name])
    page.freeze_panes = "C2"
    page.print_title_rows = "1:1"


def _write_about(page: Worksheet, sheet: PriceSheet, language: str) -> None:
    how, number, basket, currency, advice = _ABOUT.get(language, _ABOUT["en"])
    facts = [
        (number, f"{sheet.name} ({sheet.round_id}, {sheet.version})"),
        (basket, sheet.basket.basket.name), (currency, sheet.basket.currency), (how, advice),
    ]  # fmt: skip
    page.column_dimensions["A"].width = 22
    page.column_dimensions["B"].width = 90
    for name, fact in facts:
        told = text_cell(page, fact)
        told.alignment = Alignment(wrap_text=True, vertical="top")
        page.append([_bold(page, name), told])


def _bold(page: Worksheet, text: str) -> Cell:
    cell = text_cell(page, text)
    cell.font = _BOLD
    return cell
