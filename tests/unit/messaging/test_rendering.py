"""Every text of the engine, in each of its languages, with the widest values it may have."""

from datetime import date

import pytest
from bidi import get_display
from hypothesis import given
from hypothesis import strategies as st

from cbi.errors import CbiError
from cbi.messaging import rendering
from cbi.messaging.rendering import UnknownTemplate, UnusableValues, amount_text, date_text, render
from cbi.messaging.segments import WIDEST, lint, placeholders, segments
from cbi.money import Money
from cbi.offices import LANGUAGES

CODES = ("4831.2907.5526", "4831.2907.5526.1", "4831.2907.5526.13")
VALUES = {
    "code": CODES[-1],
    "ref": "4831290",
    "refs": "4831290501771162903227123456789012345678901234",
    "offices": "Alger Centre; Bab El Oued; El Harrach 16",
    "amount": "1234567 DZD",
    "bal": "7654321 DZD",
    "date": "31/12",
    "hotline": "0800123456",
    "ticket": "123456",
    "days": "7",
    "said": "7" * 52,
    "list": "6" * 44,
}
TEMPLATES = sorted(rendering.texts()["en"])
EACH = [(template, language) for template in TEMPLATES for language in LANGUAGES]


def values_for(template: str, **chosen: str) -> dict[str, str]:
    return {name: (VALUES | chosen)[name] for name in rendering.asked_for(template)}


def test_there_are_the_same_texts_in_every_language_of_an_office() -> None:
    assert set(rendering.texts()) == set(LANGUAGES)
    assert len(TEMPLATES) == 68
    assert all(sorted(texts) == TEMPLATES for texts in rendering.texts().values())


def test_no_text_of_ours_has_a_problem() -> None:
    assert [str(problem) for problem in lint(rendering.texts())] == []


def test_the_values_tried_here_are_the_widest() -> None:
    assert {name: len(value) for name, value in VALUES.items()} == dict(WIDEST)


@pytest.mark.parametrize(("template", "language"), EACH)
def test_a_text_fits_one_segment_and_shows_each_value(template: str, language: str) -> None:
    text = render(template, language, values_for(template))
    assert segments(text) == 1
    for name in placeholders(rendering.texts()[language][template]):
        assert VALUES[name] in text


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("screen", ["R", "L"])
def test_an_arabic_text_shows_digits_in_reading_order(
    template: str, code: str, screen: str
) -> None:
    values = values_for(template, code=code)
    shown = get_display(render(template, "ar", values), base_dir=screen)
    for name in placeholders(rendering.texts()["ar"][template]):
        assert values[name].removesuffix(" DZD") in shown


def test_digits_apart_by_spaces_would_be_shown_in_reverse() -> None:
    shown = get_display(
        render("CODE_READY", "ar", values_for("CODE_READY", code="4831 2907 5526")), base_dir="R"
    )
    assert "5526 2907 4831" in shown


@pytest.mark.parametrize("template", ["PARTIAL", "PAID", "CODE_READY_AMT"])
def test_an_arabic_text_shows_an_amount_beside_its_currency(template: str) -> None:
    shown = get_display(render(template, "ar", values_for(template)))
    assert "1234567 DZD" in shown or "DZD 1234567" in shown


@pytest.mark.parametrize(
    ("asked", "office", "chosen"),
    [
        ("ar", ("fr", "en"), "ar"),
        ("am", ("fr", "en"), "fr"),
        ("am", ("so", "es"), "es"),
        ("am", (), "en"),
        ("", ("so",), "en"),
    ],
)
def test_the_language_falls_back_to_the_offices_then_to_english(
    asked: str, office: tuple[str, ...], chosen: str
) -> None:
    values = values_for("UNKNOWN")
    assert render("UNKNOWN", asked, values, office) == render("UNKNOWN", chosen, values)


def test_a_value_that_is_missing_is_named_even_where_the_language_leaves_it_out() -> None:
    with pytest.raises(UnusableValues, match="CODE_READY needs date, hotline"):
        render("CODE_READY", "ar", {"code": CODES[0]})


def test_a_value_that_the_text_has_no_place_for_is_refused() -> None:
    with pytest.raises(UnusableValues, match="has no place for amount"):
        render("CODE_READY", "en", values_for("CODE_READY") | {"amount": "4500 DZD"})


def test_a_value_that_is_not_words_is_refused() -> None:
    with pytest.raises(UnusableValues, match="needs words for days"):
        render("COMPLAIN_ACK", "en", {"ticket": "123456", "days": 7})  # type: ignore[dict-item]


def test_an_unknown_text_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownTemplate, match="CODE_READY"):
        render("CODE_REDY", "en", {})


def test_a_refusal_never_quotes_a_value() -> None:
    with pytest.raises(CbiError) as refusal:
        render("CODE_READY", "en", {"code": CODES[0], "secret": "4711"})
    assert CODES[0] not in f"{refusal.value!r} {refusal.value} {refusal.value.details}"
    assert "4711" not in f"{refusal.value!r} {refusal.value} {refusal.value.details}"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Money(450_000, "DZD"), "4500 DZD"),
        (Money(450_050, "DZD"), "4500.50 DZD"),
        (Money(5, "DZD"), "0.05 DZD"),
        (Money(4500, "XAF"), "4500 XAF"),
        (Money(45_000, "TND"), "45 TND"),
        (Money(45_010, "TND"), "45.010 TND"),
    ],
)
def test_an_amount_has_decimals_only_where_it_needs_them(amount: Money, shown: str) -> None:
    assert amount_text(amount) == shown


@given(st.integers(0, 10**12), st.sampled_from(["DZD", "XAF", "TND", "KES"]))
def test_an_amount_in_a_text_can_be_read_back(minor: int, currency: str) -> None:
    number, _, shown = amount_text(Money(minor, currency)).partition(" ")
    assert Money.parse(number, shown) == Money(minor, currency)


def test_a_date_is_day_then_month() -> None:
    assert date_text(date(2026, 12, 5)) == "05/12"
