"""The user's own list, given back with reasons beside the bad rows."""

import io
from typing import Any, cast

from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from cbi.registry.intake.checks import Reason
from cbi.registry.intake.facts import Outcome
from cbi.registry.intake.mapping import TEMPLATE
from cbi.registry.intake.reports import NEXT, REASONS, write_report
from cbi.registry.intake.results import ImportResult, RowNote

WRONG = Reason(
    "phone_impossible", "Phone", "No phone number has this many digits.", "Check the digits."
)
DOUBTFUL = Reason("phone_landline", "Phone", "This is a landline.", "Ask for a mobile number.")
HEADER = "Registration number;Name;Phone;Household size"


def result(*notes: RowNote) -> ImportResult:
    return ImportResult(
        import_id=None, filename="list.csv", dry_run=False, total=3, landed=1, unchanged=0, rejected=2, warnings=1,
        people=1, rows=notes,
    )  # fmt: skip


def rejected(line: int, sheet: str | None = None) -> RowNote:
    return RowNote(sheet, line, Outcome.REJECTED, (WRONG,), ())


def report(content: bytes, what: ImportResult, **options: Any) -> dict[str, Worksheet]:
    target = io.BytesIO()
    write_report(what, io.BytesIO(content), target, **options)
    book = load_workbook(io.BytesIO(target.getvalue()))
    return {sheet.title: cast(Worksheet, sheet) for sheet in book.worksheets}


def test_bad_rows_carry_their_reasons_where_they_stood() -> None:
    doubtful = RowNote(None, 5, Outcome.LANDED, (), (DOUBTFUL,))
    sheets = report(
        f"{HEADER}\nA1;Amina;0550;4\n\nA2;Sara;12;3\nA3;Lina;021631234;2\n".encode(),
        result(rejected(4), doubtful),
    )
    rows = list(sheets["List"].values)
    assert rows[0] == (*HEADER.split(";"), REASONS, NEXT)
    assert rows[1] == ("A1", "Amina", "0550", "4", None, None)
    assert rows[3] == (
        "A2",
        "Sara",
        "12",
        "3",
        "Phone: No phone number has this many digits.",
        "Check the digits.",
    )
    assert "landline" in str(rows[4][4])
    assert "but look" in str(rows[4][4])
    summary = [[cell for cell in row if cell] for row in sheets["Summary"].values]
    assert ["Not taken", "2"] in summary
    assert [WRONG.message, "1", "Phone", WRONG.next_step] in summary


def test_nothing_in_it_runs_as_a_formula_and_text_stays_text() -> None:
    nasty = [
        '=HYPERLINK("http://x")',
        "+cmd|' /C calc'!A0",
        "-1+1",
        "@SUM(A1)",
        "00213550123456",
        "1E5",
        "٤٥",
        "\x07bell",
    ]
    content = f"{HEADER}\n" + "".join(
        f'A{n};"{cell.replace(chr(34), chr(34) * 2)}";x;1\n' for n, cell in enumerate(nasty)
    )
    sheets = report(content.encode(), result(rejected(2)))
    names = [row[1] for row in sheets["List"].iter_rows(min_row=2)]
    assert [cell.value for cell in names] == [*nasty[:-1], " bell"]
    assert {cell.data_type for cell in names} == {"s"}
    assert {cell.number_format for cell in names} == {"@"}
    assert [cell.quotePrefix for cell in names[:4]] == [True] * 4


def test_a_workbook_comes_back_with_all_its_sheets_and_row_numbers() -> None:
    book = Workbook()
    sheet = cast(Worksheet, book.active)
    sheet.title = "Households"
    for column, name in enumerate(HEADER.split(";"), start=2):
        sheet.cell(3, column, name)
    for column, value in enumerate(("A1", "Amina", "12", "4"), start=2):
        sheet.cell(6, column, value)
    book.create_sheet("Hidden").sheet_state = "hidden"
    book["Hidden"].append(("note",))
    stream = io.BytesIO()
    book.save(stream)
    sheets = report(stream.getvalue(), result(rejected(6, "Households")), right_to_left=True)
    assert list(sheets) == ["Summary", "Households", "Hidden"]
    assert sheets["Households"].sheet_view.rightToLeft
    assert sheets["Households"]["F3"].value == REASONS
    assert sheets["Households"]["C6"].value == "Amina"
    assert sheets["Households"]["F6"].value == "Phone: No phone number has this many digits."


def test_a_sheet_named_like_the_summary_keeps_its_rows() -> None:
    book = Workbook()
    sheet = cast(Worksheet, book.active)
    sheet.title = "summary"
    sheet.append(HEADER.split(";"))
    sheet.append(("A1", "Amina", "12", 4))
    stream = io.BytesIO()
    book.save(stream)
    sheets = report(stream.getvalue(), result(rejected(2, "summary")), mapping=TEMPLATE)
    assert list(sheets) == ["Summary", "summary (2)"]
    assert sheets["summary (2)"]["A2"].value == "A1"
