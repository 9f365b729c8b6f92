"""Texts are counted as telephone networks count them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.messaging.segments import filled, is_gsm, lint, room, segments, width


@pytest.mark.parametrize(
    ("text", "septets"),
    [("", 0), ("hello", 5), ("é à ñ Ç", 7), ("{€}", 6), ("a\nb", 3), ("[~]\\|^", 12)],
)
def test_the_extension_table_costs_two_septets(text: str, septets: int) -> None:
    assert is_gsm(text)
    assert width(text) == septets


@pytest.mark.parametrize(
    "character", ["ê", "ç", "ô", "á", "í", "ó", "ú", "’", "ا", "😀", "`", "\t"]
)
def test_one_character_outside_gsm_halves_the_room(character: str) -> None:
    assert room("plain") == 160
    assert room(f"plain{character}") == 70


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ا" * 70, 1),
        ("ا" * 71, 2),
        ("ا" * 134, 2),
        ("ا" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_long_texts_are_charged_by_the_part(text: str, count: int) -> None:
    assert segments(text) == count


def test_no_character_is_cut_in_two_between_parts() -> None:
    # 153 septets a part: the escaped euro does not fit the last septet of either part.
    assert segments("a" * 152 + "€" + "a" * 151) == 2
    assert segments("a" * 152 + "€" + "a" * 152) == 3
    assert segments("ا" * 66 + "😀" + "ا" * 65) == 2
    assert segments("ا" * 66 + "😀" + "ا" * 66) == 3


@given(st.text())
def test_every_part_is_used_and_none_overflows(text: str) -> None:
    part = {160: 153, 70: 67}[room(text)]
    count = segments(text)
    assert count * part >= width(text) or count == 1
    assert width(text) > (count - 1) * (part - 1) or count == 1


def test_a_value_is_never_read_as_a_placeholder() -> None:
    assert filled("{ref} {date}", {"ref": "{date}", "date": "x"}) == "{date} x"


def _faults(
    language: str, text: str, english: str = "Code {code} until {date}. Help {hotline}"
) -> list[str]:
    found = lint({"en": {"A": english}, language: {"A": text}})
    return [problem.what for problem in found if problem.language == language]


def test_a_text_that_is_right_has_no_problem() -> None:
    assert _faults("fr", "Code {code} jusqu'au {date}. Aide {hotline}") == []


def test_room_taken_by_the_widest_values_counts() -> None:
    fits = "x" * (160 - 17 - 5) + "{code}{date}"
    assert _faults("fr", fits) == []
    assert _faults("fr", "x" + fits) == ["takes 161 of 160 at its longest"]


def test_the_widths_of_a_deployment_can_be_given() -> None:
    texts = {"en": {"A": "x" * 150 + "{hotline}"}}
    assert lint(texts) == []
    assert [str(p) for p in lint(texts, {"hotline": 12})] == [
        "A (en): takes 162 of 160 at its longest"
    ]


def test_a_translation_keeps_what_is_paid_where_and_until_when() -> None:
    assert _faults("fr", "Code {code}") == ["leaves out {date}"]
    assert _faults("fr", "Code {code} {date}") == []


def test_a_translation_adds_nothing_that_english_lacks() -> None:
    assert _faults("fr", "{code} {date} {ref}") == ["unknown placeholder {ref}"]
    assert _faults("en", "{code} {name}", english="{code} {name}") == ["unknown placeholder {name}"]


def test_a_stray_brace_is_found() -> None:
    assert _faults("fr", "{code} {date} {Code}") == ["has a brace that belongs to no placeholder"]


def test_a_text_missing_in_one_language_is_found() -> None:
    found = lint({"en": {"A": "a"}, "fr": {"B": "b"}})
    assert [str(problem) for problem in found] == [
        "A (fr): there is no text",
        "B (fr): there is no English text of this name",
    ]
