"""CSV files as offices really have them."""

import io

import pytest

from cbi.registry.intake.delimited import (
    DELIMITERS,
    NotATable,
    UnknownEncoding,
    delimiter_of,
    encoding_of,
    lines,
)
from cbi.registry.intake.tables import DamagedFile

FRENCH = "Nom;Ville\nFrançois Lefèvre;Orléans\nHélène Noël;Béjaïa\nMoïse Kéïta;Ségou\n"
ARABIC = "الاسم;الولاية\nمحمد بن علي;الجزائر\nفاطمة الزهراء;وهران\nيوسف إبراهيم;تمنراست\n"
SPANISH = "Nombre;Ciudad\nMaría Muñoz;Córdoba\nJosé Peña;Málaga\nIñigo Ibáñez;Cádiz\n"


def read(content: bytes, encoding: str | None = None) -> list[tuple[str, ...]]:
    stream = io.BytesIO(content)
    found = encoding_of(stream, encoding)
    return [line.cells for line in lines(stream, found, delimiter_of(stream, found))]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (text, encoding)
        for text, encodings in (
            (FRENCH, ("utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1", "cp850")),
            (SPANISH, ("utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1")),
            (ARABIC, ("utf-8", "utf-8-sig", "utf-16", "cp1256")),
        )
        for encoding in encodings
    ],
)
def test_letters_come_out_right_in_the_encodings_of_the_field(text: str, encoding: str) -> None:
    assert read(text.encode(encoding)) == [tuple(row.split(";")) for row in text.splitlines()]


def test_a_big_endian_mark_is_honoured() -> None:
    assert read("\ufeffa;b\n1;é\n".encode("utf-16-be")) == [("a", "b"), ("1", "é")]


def test_one_accent_far_down_a_long_file_is_found() -> None:
    text = "name;city\n" + "Amina;Oran\n" * 200_000 + "Hélène Noël;Béjaïa\n"
    assert read(text.encode("cp1252"))[-1] == ("Hélène Noël", "Béjaïa")


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_every_common_delimiter_is_found(delimiter: str) -> None:
    others = [each for each in DELIMITERS if each != delimiter]
    rows = [["name", "note"], *([f"A{n}", f'"x{others[n % 3]}y"'] for n in range(9))]
    text = "\n".join(delimiter.join(row) for row in rows)
    assert {len(row) for row in read(text.encode())} == {2}


def test_a_declared_delimiter_line_of_a_spreadsheet_is_no_row() -> None:
    assert read(b"sep=|\na|b;c\n1|2\n") == [("a", "b;c"), ("1", "2")]


def test_a_file_of_one_column_is_read() -> None:
    assert read(b"phone\n0550\n0551\n") == [("phone",), ("0550",), ("0551",)]


def test_a_title_over_the_list_does_not_hide_the_delimiter() -> None:
    assert read(b"Camp list\n\na;b\n1;2\n")[1:] == [("a", "b"), ("1", "2")]


def test_lines_are_numbered_as_an_editor_does() -> None:
    stream = io.BytesIO(b'a;b\n"x\ny";1\n\n;\nz;2\n')
    assert [line.number for line in lines(stream, "utf-8", ";")] == [1, 2, 6]


def test_nul_bytes_are_refused() -> None:
    with pytest.raises(NotATable, match="NUL"):
        read(b"name;phone\nAmina\x00;0550\n")


def test_utf16_without_its_mark_is_refused() -> None:
    with pytest.raises(NotATable):
        read("name;phone\nAmina;0550\n".encode("utf-16-le"))


def test_binary_junk_is_refused() -> None:
    junk = bytes(range(1, 256)) * 40
    with pytest.raises(NotATable):
        read(junk)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("ชื่อ;เมือง\nสมชาย;กรุงเทพ\nสมหญิง;เชียงใหม่\n", "tis-620"),
        ("Имя;Город\nИван Петров;Москва\nАнна;Петербург\n", "cp1251"),
        ("الاسم;الولاية\nمحمد بن علي;الجزائر\n", "iso8859-6"),
    ],
)
def test_letters_of_an_encoding_that_is_not_recognised_are_refused_and_can_be_declared(
    text: str, encoding: str
) -> None:
    with pytest.raises(UnknownEncoding):
        read(text.encode(encoding) * 3)
    assert read(text.encode(encoding), encoding)[0] == tuple(text.splitlines()[0].split(";"))


def test_a_file_in_another_encoding_than_declared_is_refused() -> None:
    with pytest.raises(UnknownEncoding, match="not written in utf-8"):
        read(FRENCH.encode("cp1252"), "utf-8")


def test_an_endless_line_is_refused() -> None:
    with pytest.raises(DamagedFile, match="Line 2"):
        read(b"a;b\n" + b"x" * 1_500_000 + b";1\n")


def test_a_quotation_mark_that_never_closes_is_refused_with_its_line() -> None:
    with pytest.raises(DamagedFile, match="From line 3"):
        read(b'a;b\n1;2\n"3;4\n' + b"5;6\n" * 60_000)
