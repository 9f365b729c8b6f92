"""XLSX workbooks: cells as people see them, and files that must not be opened."""

import io
import re
import struct
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from openpyxl import Workbook as NewWorkbook
from openpyxl.worksheet.worksheet import Worksheet

from cbi.registry.intake.files import EmptyFile, HeaderOnly, UnknownSheet, UnusableHeader, opened
from cbi.registry.intake.tables import CellFault, DamagedFile, FileTooLarge, Line
from cbi.registry.intake.unpacking import MAX_UNPACKED, PasswordProtected, UnknownFileType
from cbi.registry.intake.workbooks import as_seen

SHEET = "xl/worksheets/sheet1.xml"


def saved(book: NewWorkbook) -> io.BytesIO:
    stream = io.BytesIO()
    book.save(stream)
    stream.seek(0)
    return stream


def new_book() -> tuple[NewWorkbook, Worksheet]:
    book = NewWorkbook()
    return book, cast(Worksheet, book.active)


def workbook(*rows: tuple[Any, ...]) -> io.BytesIO:
    book, sheet = new_book()
    for row in rows:
        sheet.append(row)
    return saved(book)


def with_parts(stream: io.BytesIO, parts: Mapping[str, bytes]) -> io.BytesIO:
    """The same workbook with some of its parts replaced or added."""
    changed = io.BytesIO()
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in {*old.namelist(), *parts}:
            new.writestr(name, parts[name] if name in parts else old.read(name))
    changed.seek(0)
    return changed


def sheet_xml(rows: str, before: str = "") -> bytes:
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    return f"{before}<worksheet {space}><sheetData>{rows}</sheetData></worksheet>".encode()


def lines_of(stream: io.BytesIO) -> list[Line]:
    with opened(stream) as file:
        return list(file.lines(file.sheets[0]))


def test_cells_are_text_as_a_person_sees_them() -> None:
    rows = lines_of(
        workbook(
            ("a", "b", "c", "d", "e", "f", "g"),
            (
                254708123456,
                4.0,
                2.5,
                0.1 + 0.2,
                "00213550",
                date(2024, 5, 3),
                datetime.fromisoformat("2024-05-03 10:11"),
            ),
            (True, None, -7, 10**14, " x ", "٤", 123456789),
        )
    )
    assert rows[1].cells == (
        "254708123456",
        "4",
        "2.5",
        "0.3",
        "00213550",
        "2024-05-03",
        "2024-05-03 10:11:00",
    )
    assert rows[2].cells == ("TRUE", "", "-7", "1" + "0" * 14, " x ", "٤", "123456789")


def test_a_number_whose_last_digits_a_spreadsheet_lost_shows_it() -> None:
    assert as_seen(1234567890123456789) == "1.23457E+18"
    assert as_seen(254708123456.0) == "254708123456"


def test_zeros_that_a_number_format_shows_are_kept() -> None:
    book, sheet = new_book()
    sheet.append(("number", "phone"))
    sheet.append((213, 550123456))
    sheet["A2"].number_format = "00000"
    sheet["B2"].number_format = "0000000000"
    assert lines_of(saved(book))[1].cells == ("00213", "0550123456")


def test_rows_are_numbered_as_the_spreadsheet_does_and_begin_at_column_a() -> None:
    book, sheet = new_book()
    sheet["C4"], sheet["D4"], sheet["C9"] = "name", "phone", "Amina"
    assert [(line.number, line.cells) for line in lines_of(saved(book))] == [
        (4, ("", "", "name", "phone")), (9, ("", "", "Amina", "")),
    ]  # fmt: skip


def test_a_formula_is_read_as_its_stored_value_and_noted_when_it_has_none() -> None:
    rows = (
        '<row r="1"><c r="A1" t="str"><f>X1</f><v>name</v></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'
        '<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2"><f>1+1</f></c></row>'
        '<row r="3"><c r="A3"><f>1+1</f><v/></c><c r="B3" t="str"><f>""</f><v></v></c><c r="C3"><v>1</v></c></row>'
        '<row r="4"><c r="A4" t="e"><v>#REF!</v></c></row>'
    )
    found = lines_of(with_parts(workbook(("x",)), {SHEET: sheet_xml(rows)}))
    assert [line.cells[:2] for line in found] == [("name", "b"), ("2", ""), ("", ""), ("", "")]
    assert [dict(line.faults) for line in found] == [
        {}, {1: CellFault.FORMULA}, {0: CellFault.FORMULA}, {0: CellFault.ERROR},
    ]  # fmt: skip


def refused(kind: type[Exception], stream: io.BytesIO) -> str:
    with pytest.raises(kind) as caught, opened(stream) as file:
        file.table()
    assert getattr(caught.value, "next_step", "") or kind is EmptyFile
    return str(caught.value)


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    zeros = b" " * (MAX_UNPACKED // 4)
    refused(FileTooLarge, with_parts(workbook(("a",), (1,)), {SHEET: sheet_xml("") + zeros}))


def test_a_bomb_that_lies_about_its_size_is_refused_while_it_unpacks() -> None:
    honest = with_parts(
        workbook(("a",), (1,)), {"xl/media/image1.png": b"x" * 30_000_000}
    ).getvalue()
    size = struct.pack("<L", 30_000_000)
    assert honest.count(size) >= 1
    refused(FileTooLarge, io.BytesIO(honest.replace(size, struct.pack("<L", 1000))))


def test_one_stray_cell_far_away_is_refused_instead_of_filling_the_memory() -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1000000"><c r="ZZ1000000"><v>1</v></c></row>'
    message = refused(FileTooLarge, with_parts(workbook(("a",)), {SHEET: sheet_xml(rows)}))
    assert "stray cell" in message


def test_formatting_without_content_does_not_count() -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1000000"><c r="ZZ1000000" s="1"/></row>'
    assert len(lines_of(with_parts(workbook(("a",)), {SHEET: sheet_xml(rows)}))) == 1


def test_a_workbook_with_a_document_type_is_refused() -> None:
    entities = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    refused(DamagedFile, with_parts(workbook(("a",)), {SHEET: sheet_xml("&b;", entities)}))


def test_a_workbook_cut_off_on_its_way_is_refused() -> None:
    whole = workbook(*((n, "x" * 50) for n in range(500))).getvalue()
    refused(DamagedFile, io.BytesIO(whole[: len(whole) // 2]))
    refused(DamagedFile, io.BytesIO(whole[:2000] + b"\xff" * 300 + whole[2300:]))


def test_a_workbook_with_a_password_is_refused_as_such() -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000
    refused(
        PasswordProtected, io.BytesIO(ole + "EncryptedPackage".encode("utf-16-le") + b"\0" * 500)
    )
    refused(UnknownFileType, io.BytesIO(ole))


@pytest.mark.parametrize(
    "content", [b"%PDF-1.7 abc", b'{"a": 1}', b"<html></html>", b"\x89PNG\r\n\x1a\n123"]
)
def test_other_files_are_refused_by_name(content: bytes) -> None:
    refused(UnknownFileType, io.BytesIO(content))


def test_a_zip_that_is_no_workbook_and_one_with_macros_are_refused() -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    other.seek(0)
    refused(UnknownFileType, other)
    refused(UnknownFileType, with_parts(workbook(("a",)), {"xl/vbaProject.bin": b"1"}))


def test_an_empty_file_and_an_empty_workbook_are_refused() -> None:
    refused(EmptyFile, io.BytesIO(b""))
    refused(EmptyFile, io.BytesIO(b"\n\n ; \n"))
    refused(EmptyFile, saved(NewWorkbook()))


@pytest.mark.parametrize(
    "content", [workbook(("name", "phone")).getvalue(), b"name;phone\n", b"name;phone\n;\n"]
)
def test_a_header_without_rows_is_refused(content: bytes) -> None:
    refused(HeaderOnly, io.BytesIO(content))


def test_two_columns_of_one_name_are_refused_with_their_letters() -> None:
    message = refused(
        UnusableHeader,
        io.BytesIO("name;phone;Name \u200f\n1;2;3\n".encode()),
    )
    assert "A and C" in message


def test_a_column_without_a_name_is_refused_but_empty_ones_at_the_end_are_not() -> None:
    assert "Column B" in refused(UnusableHeader, io.BytesIO(b"name;;phone\n1;2;3\n"))
    with opened(io.BytesIO(b"name;phone;;\n1;2;;\n")) as file:
        assert file.table().columns == ("name", "phone")


def test_columns_that_differ_only_by_a_sign_are_two() -> None:
    with opened(io.BytesIO(b"children <5;children >5\n1;2\n")) as file:
        assert len(file.table().columns) == 2


def test_a_header_further_down_is_found_where_the_mapping_says() -> None:
    with opened(io.BytesIO(b"Camp list 2026\n\nname;phone\nAmina;0550\n")) as file:
        table = file.table(header_line=3)
        assert (table.header_line, table.columns) == (3, ("name", "phone"))
        assert [line.number for line in table.lines] == [4]


def test_with_several_sheets_somebody_must_say_which() -> None:
    book, sheet = new_book()
    sheet.title = "Notes"
    sheet.append(("read me",))
    book.create_sheet("Households").append(("name",))
    book["Households"].append(("Amina",))
    book.create_sheet("Hidden").append(("x",))
    book["Hidden"].sheet_state = "hidden"
    with opened(saved(book)) as file:
        assert file.sheets == ["Notes", "Households"]
        assert file.table("households").columns == ("name",)
        with pytest.raises(UnknownSheet, match="Notes, Households"):
            file.table()
        with pytest.raises(UnknownSheet, match="no sheet"):
            file.table("People")


def test_a_file_over_200_mb_is_refused_without_reading_it(tmp_path: Path) -> None:
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as file:
        file.truncate(201 * 1024 * 1024)
    with pytest.raises(FileTooLarge, match=re.escape("larger than 200 MB")), opened(huge):
        pass
