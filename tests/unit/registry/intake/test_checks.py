"""What can stand in one cell of a registration list."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.registry.intake import checks
from cbi.registry.intake.checks import DateOrder, Unusable, cell_text
from cbi.registry.models import Sex
from cbi.registry.text import folded, plain_digits

TODAY = date(2026, 11, 21)


def refused(check: object, *given_values: object) -> str:
    with pytest.raises(Unusable) as caught:
        check(*given_values)  # type: ignore[operator]
    assert caught.value.message.endswith(".")
    assert caught.value.next_step.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(
    "text", ["=1+1", '=HYPERLINK("http://x")', "@SUM(A1)", "+cmd|' /C calc'!A0", "-a", "+", "+1+A1"]
)
def test_a_formula_in_a_cell_is_refused(text: str) -> None:
    assert refused(cell_text, text) == "formula"


@pytest.mark.parametrize(
    "text", ["+213 550 12 34 56", "-5", "+213 (0) 550", "+1-841-703-5285x10657", "-2.5E+11"]
)
def test_a_number_or_a_phone_with_a_sign_is_no_formula(text: str) -> None:
    assert cell_text(text) == text


def test_a_dash_alone_is_an_empty_cell() -> None:
    assert [cell_text(dash) for dash in ("-", "–", " — ")] == ["", "", ""]


def test_a_cell_over_several_lines_is_refused() -> None:
    assert refused(cell_text, "Amina\n0550123456;Sara") == "line_break"


def test_lost_letters_are_noticed() -> None:
    assert refused(cell_text, "Fran\ufffdois") == "damaged_letters"


def test_direction_marks_and_spaces_of_all_kinds_are_taken_out() -> None:
    assert cell_text("\u202bأمينة\u00a0\u200f بن\u200e علي\u202c") == "أمينة بن علي"


def test_accents_come_out_in_one_form() -> None:
    assert cell_text("Be\u0301jai\u0308a") == "Béjaïa"


def test_a_persian_name_keeps_its_joiner() -> None:
    assert "\u200c" in cell_text("علی\u200cرضا")


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("60", 60), ("٤", 4), ("۷", 7), ("3.0", 3), ("3,0", 3), (" 5 ", 5)]
)
def test_a_household_size_is_a_whole_number_in_any_digits(text: str, size: int) -> None:
    assert checks.household_size(text) == size


@pytest.mark.parametrize("text", ["0", "61", "-1", "2.5", "four", "1e1", "999999999999999999999"])
def test_a_household_size_outside_1_to_60_is_refused(text: str) -> None:
    assert refused(checks.household_size, text) == "household_size"


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-31", "2024/05/31", "31/05/2024", "31.05.2024", "31-05-2024", "05/31/2024", "٣١/٠٥/٢٠٢٤",
        "2024-05-31T09:12:00.000+01:00",
    ],
)  # fmt: skip
def test_a_date_that_can_be_read_in_one_way_is_read(text: str) -> None:
    assert checks.calendar_date(text, None) == date(2024, 5, 31)


def test_a_date_that_can_be_read_in_two_ways_is_refused_unless_the_mapping_says_which() -> None:
    assert refused(checks.calendar_date, "03/04/2024", None) == "date_ambiguous"
    assert checks.calendar_date("03/04/2024", DateOrder.DAY_FIRST) == date(2024, 4, 3)
    assert checks.calendar_date("03/04/2024", DateOrder.MONTH_FIRST) == date(2024, 3, 4)
    assert checks.calendar_date("03.04.2024", None) == date(2024, 4, 3)
    assert checks.calendar_date("04/04/2024", None) == date(2024, 4, 4)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("34512", "date_number"),
        ("34512.5", "date_number"),
        ("1990", "date_number"),
        ("4.5E+04", "date_number"),
        ("30/02/2024", "date_impossible"),
        ("2023-02-29", "date_impossible"),
        ("31/05/24", "date"),
        ("May 1990", "date"),
    ],
)
def test_what_is_no_date_is_refused(text: str, code: str) -> None:
    assert refused(checks.calendar_date, text, None) == code


@pytest.mark.parametrize("text", ["1900-01-01", "1899-12-31", "1900-01-00", "1398-05-03"])
def test_a_birth_date_of_1900_or_another_calendar_is_refused(text: str) -> None:
    assert refused(checks.past_date, text, None, TODAY) in {"date_too_early", "date_impossible"}


def test_nobody_is_born_tomorrow() -> None:
    assert checks.past_date(TODAY.isoformat(), None, TODAY) == TODAY
    assert (
        refused(checks.past_date, (TODAY + timedelta(days=1)).isoformat(), None, TODAY)
        == "date_in_future"
    )


@given(st.dates(min_value=date(1900, 1, 2), max_value=TODAY))
def test_every_day_is_read_back_from_the_ways_it_is_written(day: date) -> None:
    assert checks.past_date(day.isoformat(), None, TODAY) == day
    assert checks.past_date(day.strftime("%d.%m.%Y"), None, TODAY) == day
    assert checks.past_date(day.strftime("%d/%m/%Y"), DateOrder.DAY_FIRST, TODAY) == day


def test_five_spellings_of_a_document_are_one() -> None:
    spellings = [
        "AB 12-34.56",
        "ab123456",
        " AB/123456",
        "AB１２３４５６",
        "AB\u0661\u0662\u0663456",
    ]
    assert {checks.document(spelling) for spelling in spellings} == {"AB123456"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.12856E+09", "spreadsheet_number"),
        ("1,12856E+09", "spreadsheet_number"),
        ("1.12856e9", "spreadsheet_number"),
        ("1E+09", "spreadsheet_number"),
        ("1.1E-05", "spreadsheet_number"),
        ("0000000", "document_placeholder"),
        ("12", "document"),
        ("none", "document"),
    ],
)
def test_what_cannot_be_a_document_is_refused(text: str, code: str) -> None:
    assert refused(checks.document, text) == code


@pytest.mark.parametrize("text", ["12E4567", "1E5678", "9e1012", "12E45", "123.45E12", "AB1E5"])
def test_a_document_with_an_e_among_its_digits_is_none_that_was_shortened(text: str) -> None:
    assert checks.document(text) == text.upper().replace(".", "")


@pytest.mark.parametrize("text", ["4.5E+08", "1,2E+12"])
def test_a_shortened_registration_number_is_refused(text: str) -> None:
    assert refused(checks.identifier, text, "registration number") == "spreadsheet_number"


def test_sexes_and_languages_are_known_in_four_languages() -> None:
    assert {checks.sex(word) for word in ("F", "femme", "Mujer", "أنثى", "female")} == {Sex.FEMALE}
    assert {checks.sex(word) for word in ("M", "homme", "hombre", "ذكر")} == {Sex.MALE}
    spoken = ("ar", "fr", "en")
    assert [checks.language(word, spoken) for word in ("Français", "العربية", "EN")] == [
        "fr",
        "ar",
        "en",
    ]
    assert refused(checks.language, "es", spoken) == "language"
    assert refused(checks.sex, "1") == "sex"


def test_a_name_has_letters() -> None:
    assert checks.name("محمد") == "محمد"
    assert refused(checks.name, "254708123456") == "name_without_letters"
    assert refused(checks.name, "a" * 201) == "name_too_long"


def test_without_consent_nothing_is_kept() -> None:
    checks.consent("oui")
    assert refused(checks.consent, "Non") == "consent_refused"
    assert refused(checks.consent, "perhaps") == "consent"


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_a_word_is_one_however_it_is_written() -> None:
    assert folded("Béjaïa") == folded("BEJAIA") == folded(" be-jai\u0308a ")
    assert folded("أُمّي") == folded("امي")
    assert folded("مدرسة") == folded("مدرسه")


def test_digits_of_every_script_are_plain() -> None:
    assert plain_digits("٠١٢٣٤٥٦٧٨٩ ۰۱۲۳۴۵۶۷۸۹ ０１２") == "0123456789 0123456789 012"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pregnancy", [("pregnancy", 1)]),
        ("pregnancy; disability 2", [("pregnancy", 1), ("disability", 2)]),
        ("حمل، إعاقة ٢", [("حمل", 1), ("إعاقة", 2)]),
        ("disability x3,elderly (2)", [("disability", 3), ("elderly", 2)]),
        ("unaccompanied child: 2;", [("unaccompanied child", 2)]),
        ("HIV2", [("HIV2", 1)]),
    ],
)
def test_needs_are_words_with_the_members_concerned(
    text: str, found: list[tuple[str, int]]
) -> None:
    assert list(checks.needs(text)) == found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("disability 0", "needs_members"),
        ("disability 61", "needs_members"),
        ("Disability; disability 2", "needs_repeated"),
        ("2", "need"),
        ("n" * 101, "need"),
        ("call 0550123456 please", "need"),
        ("disability; Réfugié statutaire 2", "not_asked"),
        ("جنسية", "not_asked"),
    ],
)
def test_needs_that_cannot_be_meant_are_refused(text: str, code: str) -> None:
    assert refused(checks.needs, text) == code
