"""A sheet that comes back: what a cell may hold, and why a row cannot be taken."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from cbi.keys import Keyring
from cbi.programmes.fields import Reading
from cbi.programmes.work_files import SHEET, write_csv, write_workbook
from cbi.programmes.work_layout import Filled, Paper, Worker, find_columns
from cbi.programmes.work_models import Basis
from cbi.programmes.work_pay import Done
from cbi.programmes.work_reading import (
    Context,
    Elsewhere,
    Reader,
    days_worked,
    half_day,
    pieces,
)
from cbi.programmes.work_terms import WorkTerms
from cbi.registry import row_tokens
from cbi.registry.intake.checks import Unusable
from cbi.registry.intake.files import opened
from tests.work_factory import Fill, days, filled, filled_csv

KEYS = Keyring(b"k" * 32, "dz")
TERMS = WorkTerms.model_validate(
    {
        "day_rate": "1200.00",
        "max_days": 20,
        "minimum_wage": "900.00",
        "pieces": [{"code": "mask", "name": "Mask", "unit": "piece", "rate": "15.00"}],
    },
    context=Reading.of("DZD", providers=None),
)
PEOPLE = [UUID(int=number) for number in range(1, 4)]


def worker(number: int, **changes: Any) -> Worker:
    """The worker of that number: H-1, H-2, …"""
    one = Worker(
        number, PEOPLE[number - 1], uuid4(), f"H-{number}", f"Worker {'ABC'[number - 1]}",
        ((date(2026, 1, 1), None),),
    )  # fmt: skip
    return replace(one, **changes)


def paper(*workers: Worker, **changes: Any) -> Paper:
    """January's sheet 7, which has not come back yet."""
    one = Paper(
        sheet=7, version=1, starts_on=date(2026, 1, 1), ends_on=date(2026, 1, 31),
        work_starts_on=date(2026, 1, 5), work_ends_on=date(2026, 1, 30), basis=Basis.DAYS,
        terms=TERMS, currency="DZD", workers=workers or (worker(1), worker(2), worker(3)),
    )  # fmt: skip
    return replace(one, **changes)


def out(sheet: Paper, language: str = "en") -> bytes:
    """The sheet as a workbook."""
    target = io.BytesIO()
    write_workbook(sheet, KEYS, target, language=language, title="The well")
    return target.getvalue()


def back(
    content: bytes,
    sheet: Paper,
    *,
    elsewhere: dict[UUID, Elsewhere] | None = None,
    today: date = date(2026, 2, 10),
) -> Reader:
    """What a reader makes of a file."""
    with opened(io.BytesIO(content)) as file:
        table = file.table(SHEET if SHEET in file.sheets else None)
        columns, missing = find_columns(sheet, table.columns)
        assert missing == []
        reader = Reader(Context(sheet, KEYS, columns, elsewhere or {}, today), table.sheet)
        for line in table.lines:
            reader.take(line)
    return reader


def codes(reader: Reader) -> list[tuple[int, str, str]]:
    """Row, column and code of every reason."""
    return [(row.line.number, r.column, r.code) for row in reader.rows for r in row.reasons]


def test_a_filled_sheet_is_read_as_it_was_meant() -> None:
    reader = back(filled(out(paper()), {"H-1": days(3, half=True), "H-3": days(1)}), paper())
    assert codes(reader) == []
    assert [entry.filled.done for entry in reader.entries] == [Done(7), Done(0), Done(2)]
    assert reader.entries[0].filled.attendance == "0000" + "2221" + "0" * 23
    assert reader.missing == 0


@pytest.mark.parametrize("language", ["en", "fr", "ar", "es"])
def test_a_sheet_in_any_language_comes_back(language: str) -> None:
    heading = {"en": "Day 5", "fr": "Jour 5", "ar": "يوم 5", "es": "Día 5"}[language]
    reader = back(filled(out(paper(), language), {"H-1": {heading: 1}}), paper())
    assert reader.entries[0].filled.done == Done(2)


def test_csv_comes_back_too() -> None:
    target = io.BytesIO()
    write_csv(paper(), KEYS, target, language="en")
    marks = {
        "Day 5": "٠٫٥",
        "Day 6": "0,5",
        "Day 7": "½",
        "Day 8": "١",
        "Day 9": "1.0",
        "Day 12": "0",
    }
    reader = back(filled_csv(target.getvalue(), {"H-2": marks}), paper())
    assert codes(reader) == []
    assert reader.entries[1].filled.done == Done(7)


@pytest.mark.parametrize(
    "text", ["2", "0.25", "x", "P", "present", "-1", "1/2/3", "1e0", "0.5.5", "نعم"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(Unusable):
        half_day(text)


@pytest.mark.parametrize("text", ["1,000", "1.000", "12.5", "-3", "dozen", "1000001", "1E+05"])
def test_what_is_no_number_of_pieces_is_refused(text: str) -> None:
    with pytest.raises(Unusable):
        pieces(text)


@given(
    st.integers(0, 1_000_000),
    st.sampled_from(["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९"]),
)
def test_numbers_are_read_in_any_script(number: int, script: str) -> None:
    written = "".join(script[int(digit)] for digit in str(number))
    assert pieces(written) == number
    assert days_worked(written) == 2 * number if number <= 100 else True


def test_words_where_numbers_belong_are_told_by_row_and_column() -> None:
    cells: Fill = {"H-1": {"Day 5": "present"}, "H-2": {"Day 6": 2}, "H-3": {"Day 7": "=1+1"}}
    reader = back(filled(out(paper()), cells), paper())
    assert codes(reader)[:2] == [(2, "Day 5", "not_a_number"), (3, "Day 6", "not_a_day")]
    assert codes(reader)[2][:2] == (4, "Day 7")
    assert [entry.worker.number for entry in reader.entries] == []


def test_days_on_which_nobody_could_work_are_refused() -> None:
    people = (
        worker(1), worker(2, spells=((date(2026, 1, 5), date(2026, 1, 9)),)), worker(3),
    )  # fmt: skip
    sheet = paper(*people)
    cells: Fill = {
        "H-1": {"Day 2": 1, "Day 31": 0.5},
        "H-2": {"Day 9": 1, "Day 12": 1},
        "H-3": {"Day 20": 1},
    }
    reader = back(filled(out(sheet), cells), sheet, today=date(2026, 1, 19))
    assert codes(reader) == [
        (2, "Day 2", "outside_activity"),
        (2, "Day 31", "outside_activity"),
        (3, "Day 12", "not_in_group"),
        (4, "Day 20", "not_yet"),
    ]


def test_nobody_works_two_whole_days_on_one() -> None:
    other = {PEOPLE[0]: Elsewhere({date(2026, 1, 5): 2, date(2026, 1, 6): 1}, 3)}
    cells: Fill = {"H-1": {"Day 5": 0.5, "Day 6": 0.5, "Day 7": 1}}
    reader = back(filled(out(paper()), cells), paper(), elsewhere=other)
    assert codes(reader) == [(2, "Day 5", "on_another_sheet")]


@settings(max_examples=25, deadline=None)
@given(here=st.integers(0, 26), elsewhere=st.integers(0, 40), half=st.booleans())
def test_more_days_than_may_be_paid_are_never_taken(
    here: int, elsewhere: int, *, half: bool
) -> None:
    sheet = paper(worker(1), work_ends_on=date(2026, 1, 31))
    said = {"H-1": days(here, half=half)}
    other = {PEOPLE[0]: Elsewhere({}, elsewhere)}
    reader = back(filled(out(sheet), said), sheet, elsewhere=other)
    total = 2 * here + half + elsewhere
    assert bool(reader.entries) == (total <= 2 * TERMS.max_days)
    assert all(entry.filled.done.half_days + elsewhere <= 40 for entry in reader.entries)


def swap(first: str, second: str) -> Callable[[Any], None]:
    """Exchanges two cells."""

    def change(sheet: Any) -> None:
        sheet[first].value, sheet[second].value = sheet[second].value, sheet[first].value

    return change


def put(cell: str, value: object) -> Callable[[Any], None]:
    """Writes into a cell."""

    def change(sheet: Any) -> None:
        sheet[cell].value = value

    return change


LAST = "AI"
"""The column of tokens: three before the days of January."""


def test_swapped_tokens_are_both_refused() -> None:
    content = filled(out(paper()), {"H-1": days(5)}, swap(f"{LAST}2", f"{LAST}3"))
    assert codes(back(content, paper())) == [
        (2, "Registration number", "token_of_another"),
        (3, "Registration number", "token_of_another"),
    ]


def test_a_changed_name_or_number_is_refused() -> None:
    assert codes(back(filled(out(paper()), {}, put("C2", "Somebody Else")), paper())) == [
        (2, "Name", "token_of_another")
    ]
    assert codes(back(filled(out(paper()), {}, put("B4", "H-9")), paper())) == [
        (4, "Registration number", "token_of_another")
    ]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "no_token"),
        ("7-1-1-3-AAAAAAAAAA", "wrong_token"),
        ("nonsense", "wrong_token"),
        (row_tokens.token(KEYS, 8, 1, 1, 3, PEOPLE[0]), "foreign_token"),
        (row_tokens.token(KEYS, 7, 2, 1, 3, PEOPLE[0]), "old_copy"),
        (row_tokens.token(KEYS, 7, 1, 9, 3, PEOPLE[0]), "wrong_token"),
        (row_tokens.token(KEYS, 7, 1, 1, 3, PEOPLE[1]), "wrong_token"),
        (row_tokens.token(Keyring(b"o" * 32, "dz"), 7, 1, 1, 3, PEOPLE[0]), "wrong_token"),
        (row_tokens.token(Keyring(b"k" * 32, "ke"), 7, 1, 1, 3, PEOPLE[0]), "wrong_token"),
    ],
)
def test_a_token_that_is_not_of_this_row_is_refused(value: str | None, code: str) -> None:
    content = filled(out(paper()), {}, put(f"{LAST}2", value))
    assert codes(back(content, paper())) == [(2, "Token", code)]


def test_a_token_is_taken_once() -> None:
    def copy(sheet: Any) -> None:
        for cell in sheet[2]:
            sheet.cell(5, cell.column).value = cell.value

    assert codes(back(filled(out(paper()), {}, copy), paper())) == [(5, "Token", "repeated")]


def test_rows_that_are_missing_are_counted() -> None:
    content = filled(out(paper()), {}, lambda sheet: sheet.delete_rows(3))
    assert back(content, paper()).missing == 1


def test_rows_of_two_copies_are_not_mixed() -> None:
    larger = row_tokens.token(KEYS, 7, 1, 2, 4, PEOPLE[1])
    content = filled(out(paper()), {}, put(f"{LAST}3", larger))
    assert codes(back(content, paper())) == [(3, "Token", "mixed_copies")]


def test_pieces_come_back_and_little_pay_is_pointed_out() -> None:
    sheet = paper(basis=Basis.PIECES)
    mask = "mask: Mask (piece)"
    cells: Fill = {"H-1": {mask: 200, "Days worked": 2.5}, "H-2": {mask: 10, "Days worked": 1}}
    reader = back(filled(out(sheet), cells), sheet)
    assert reader.entries[0].filled == Filled("", Done(5, {"mask": 200}))
    assert [(row.line.number, row.warnings[0].code) for row in reader.rows] == [
        (3, "below_minimum")
    ]


def test_what_is_known_stands_on_the_sheet_and_only_what_is_asked_can_be_typed() -> None:
    known = {PEOPLE[0]: Filled("0000" + "21" + "0" * 25, Done(3))}
    book = load_workbook(io.BytesIO(out(paper(filled=known))))
    sheet = book[SHEET]
    assert [sheet["H2"].value, sheet["I2"].value, sheet["J2"].value] == [1, 0.5, None]
    assert sheet.protection.sheet
    locked = {cell.coordinate: cell.protection.locked for cell in sheet[2]}
    assert all(locked[cell] for cell in ("A2", "B2", "C2", f"{LAST}2"))
    assert locked["D2"]  # the first of January is before the work begins
    assert not locked["H2"]
    assert {rule.type for rule in sheet.data_validations.dataValidation} == {"decimal"}


def test_a_name_cannot_become_a_formula() -> None:
    sheet = paper(worker(1, name='=HYPERLINK("x")', registration="+213"))
    book = load_workbook(io.BytesIO(out(sheet)))
    assert [book[SHEET][cell].data_type for cell in ("B2", "C2")] == ["s", "s"]
    target = io.BytesIO()
    write_csv(sheet, KEYS, target, language="en")
    text = target.getvalue().decode()
    assert "'=HYPERLINK" in text
    assert "'+213" in text


def test_days_of_a_period_over_two_months_are_told_apart() -> None:
    sheet = paper(
        starts_on=date(2026, 1, 26), ends_on=date(2026, 2, 22), work_ends_on=date(2026, 2, 22)
    )
    content = filled(out(sheet), {"H-1": {"Day 2/2": 1, "Day 22/2": 0.5}})
    reader = back(content, sheet, today=date(2026, 3, 1))
    assert reader.entries[0].filled.attendance == "0000000" + "2" + "0" * 19 + "1"


@given(st.text(max_size=40))
def test_no_text_makes_a_token_by_chance(text: str) -> None:
    given = row_tokens.read(text)
    assert given is None or not row_tokens.is_ours(KEYS, given, PEOPLE[0])


def test_a_token_typed_by_hand_is_read() -> None:
    made = row_tokens.token(KEYS, 7, 1, 2, 3, PEOPLE[1])
    sheet, rest = made.split("-", 1)
    typed = row_tokens.read(f" {sheet.replace('7', '٧')}-{rest.lower()} ")
    assert typed is not None
    assert row_tokens.is_ours(KEYS, typed, PEOPLE[1])
