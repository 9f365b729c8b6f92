"""The exact list that is signed, as a workbook or as plain text, from which anybody can compute its digest again."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import IO
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import Cell
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock, money
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Approval, PaymentRun
from cbi.payments.runs import digest
from cbi.payments.runs.runs import programme_of, routes_of
from cbi.payments.signing import waiver_register
from cbi.programmes.models import Programme
from cbi.registry.intake.reports import text_cell

ABOUT, PAYMENTS = "About this list", "Payments"
FIRST_LINE = "First line of the signed text"
HEADINGS = (
    "No.", "Payment", "Entitlement", "Programme", "Fund", "Period", "Component", "Household", "Person", "Account",
    "Account fingerprint", "Provider", "Mechanism", "Amount in minor units", "Currency", "Amount",
)  # fmt: skip
"""What the digest covers, in its order, and at the end the amount as people write it."""
_FOLDED = (("B", "E"), ("H", "K"))
"""Identifiers: there for computing the digest, folded away for reading."""
_WIDTHS = {"A": 8, "F": 10, "G": 16, "L": 18, "M": 20, "N": 18, "O": 10, "P": 18}
_BOLD = Font(bold=True)
_MINOR = digest.CONTENT.index("amount_minor") - 1
"""Its place behind the number."""
_LETTERS = "BCDEFGHIJKLMNO"
_SHEET = "xl/worksheets/sheet2.xml"
_IN_MEMORY = 1 << 20

_WHAT = """\
This is the exact list of payments of one payment run. The sheet “Payments” has a row for each payment, with everything \
that decides who gets what and how. It holds no name and no telephone: households, people and accounts stand in it as \
identifiers, and an account also as a fingerprint that says nothing to anybody without the office's key. Columns with \
identifiers are folded; open them with the + above the sheet."""
_HOW = """\
Whether it is the approved list: run “cbi run check-list” with this file. Or by hand: write the first line below; then \
for each row of “Payments” one line with its columns A to O, as they stand there, joined by |; end every line with a \
line feed (also the last). The SHA-256 of that text is the digest that the approvers signed."""


class NotLocked(Conflict):
    """The run's content is not fixed, so there is no list to sign."""

    code = "payment_run.not_locked"


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed as what, and when."""

    part: str
    name: str
    at: datetime


def text(session: Session, actor: Actor, run: PaymentRun) -> Iterator[bytes]:
    """What is signed, byte for byte, in blocks: `sha256sum` of it is the digest. Raises NotPermitted, NotLocked."""
    _let_out(session, actor, run, "txt")
    return digest.signed_text(session, run)


def write_workbook(session: Session, actor: Actor, run: PaymentRun, target: IO[bytes]) -> None:
    """The same as an XLSX workbook, row by row, with what it is and who signed in front. Raises NotPermitted, NotLocked."""
    _let_out(session, actor, run, "xlsx")
    lines = as_lines(digest.signed_text(session, run))
    first = next(lines)
    book = Workbook()
    about = book.active
    assert isinstance(about, Worksheet)
    about.title = ABOUT
    _write_about(session, about, run, first)
    style = _prepare_payments(book.create_sheet(PAYMENTS), run)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as empty:
        book.save(empty)
        _fill(empty, target, run, _rows(lines, run, style))


def signatures(session: Session, run: PaymentRun) -> list[Signature]:
    """The signatures over the run's present content, in their order."""
    rows = session.execute(
        select(Approval.part, User.full_name, Approval.approved_at)
        .join(User, User.id == Approval.user_id)
        .where(Approval.run_id == run.id, Approval.revision == run.revision)
        .order_by(Approval.place)
    )
    return [Signature(part, name, at) for part, name, at in rows]


def as_lines(blocks: Iterator[bytes]) -> Iterator[str]:
    """The lines of a text that comes in blocks, without their line feeds."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")


def _let_out(session: Session, actor: Actor, run: PaymentRun, form: str) -> None:
    actor.require(Permission.PAYMENT_READ, programme_of(session, run).code)
    if run.digest is None:
        raise NotLocked(
            f"Run {run.number} is not locked: its list can still change.",
            next_step="Lock it first; then there is a list to sign.",
            number=run.number,
        )
    record(
        session, actor, "payment_run.list_taken_out", "payment_run", run.id, form=form, digest=run.digest.hex(),
        payments=run.payment_count,
    )  # fmt: skip


def _write_about(session: Session, sheet: Worksheet, run: PaymentRun, first: str) -> None:
    assert run.digest is not None
    programme = session.get_one(Programme, run.programme_id)
    zone = office_of(session).timezone
    used = [each.sentence for each in waiver_register.of_run(session, run)]
    open_now = waiver_register.cover(session, programme=programme.code)
    sheet.column_dimensions["A"].width = 34
    sheet.column_dimensions["B"].width = 90
    for paragraph in (_WHAT, _HOW):
        cell = text_cell(sheet, paragraph)
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.append([text_cell(sheet, ""), cell])
    facts = [
        ("Payment run", str(run.number)), ("Programme", f"{programme.code}: {programme.name}"),
        ("Period", run.period), ("State", run.state.value), ("Digest (SHA-256)", run.digest.hex()),
        (FIRST_LINE, first),
        *(
            (each.part.capitalize(), f"{each.name}, {each.at.astimezone(zone):%Y-%m-%d %H:%M %Z}")
            for each in signatures(session, run)
        ),
        *(("Waived control", each) for each in dict.fromkeys((*used, *open_now))),
        ("Taken out", f"{clock.now().astimezone(zone):%Y-%m-%d %H:%M %Z}"),
    ]  # fmt: skip
    for name, value in facts:
        sheet.append([_bold(sheet, name), text_cell(sheet, value)])
    sheet.append([])
    sheet.append([_bold(sheet, heading) for heading in ("Provider", "Payments", "Total")])
    for route in routes_of(session, run.id):
        sheet.append(
            [text_cell(sheet, route.provider), route.payment_count, _amount(sheet, route.total_minor, run.currency)]
        )  # fmt: skip
    total = [
        _bold(sheet, "Total"),
        run.payment_count,
        _amount(sheet, run.total_minor, run.currency),
    ]
    sheet.append(total)


def _prepare_payments(sheet: Worksheet, run: PaymentRun) -> int:
    """The sheet without its rows; returns the style of an amount in it."""
    for letter, width in _WIDTHS.items():
        sheet.column_dimensions[letter].width = width
    for first, last in _FOLDED:
        sheet.column_dimensions.group(first, last, hidden=True)
    sheet.freeze_panes = "B2"
    sheet.auto_filter.ref = f"A1:P{run.payment_count + 1}"
    sheet.append([_bold(sheet, heading) for heading in HEADINGS])
    style: int = _amount(sheet, 0, run.currency).style_id
    return style


def _fill(empty: IO[bytes], target: IO[bytes], run: PaymentRun, rows: Iterator[bytes]) -> None:
    """Copy a workbook and put rows into its sheet of payments as they come.

    The library keeps an object for each cell, which takes ten times as long as the rest of the work together.
    """
    with ZipFile(empty) as made, ZipFile(target, "w", ZIP_DEFLATED) as filled:
        for part in made.namelist():
            if part != _SHEET:
                filled.writestr(part, made.read(part))
                continue
            before, end, after = made.read(part).partition(b"</sheetData>")
            whole = f'<dimension ref="A1:P{run.payment_count + 1}"'.encode()
            with filled.open(part, "w", force_zip64=True) as sheet:
                sheet.write(before.replace(b'<dimension ref="A1:P1"', whole))
                sheet.writelines(rows)
                sheet.write(end + after)


def _rows(lines: Iterator[str], run: PaymentRun, style: int) -> Iterator[bytes]:
    """A number, texts (which a spreadsheet never takes for formulas, whatever they begin with), and an amount."""
    for at, line in enumerate(lines, start=2):
        number, *texts = line.split("|")
        cells = "".join(
            f'<c r="{letter}{at}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'
            for letter, text in zip(_LETTERS, texts, strict=True)
        )
        amount = Money(int(texts[_MINOR]), run.currency).decimal
        yield (
            f'<row r="{at}"><c r="A{at}"><v>{int(number)}</v></c>{cells}'
            f'<c r="P{at}" s="{style}"><v>{amount}</v></c></row>'
        ).encode()


def _amount(sheet: Worksheet, minor: int, currency: str) -> Cell:
    places = money.exponent(currency)
    cell: Cell = WriteOnlyCell(sheet)
    cell.value = Decimal(minor).scaleb(-places)
    cell.number_format = "#,##0" + ("." + "0" * places if places else "")
    return cell


def _bold(sheet: Worksheet, text: str) -> Cell:
    cell = text_cell(sheet, text)
    cell.font = _BOLD
    return cell
