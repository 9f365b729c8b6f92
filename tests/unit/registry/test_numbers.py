"""Telephone numbers as people and spreadsheets write them."""

import pytest

from cbi.registry.intake.checks import Unusable, cell_text
from cbi.registry.numbers import phone


def code_of(text: str, region: str = "DZ") -> str:
    with pytest.raises(Unusable) as caught:
        phone(text, region)
    assert not any(digit in caught.value.message for digit in ("0550", "2547"))
    return caught.value.code


@pytest.mark.parametrize(
    "text",
    [
        "0550 12 34 56", "0550.12.34.56", "00213550123456", "+213 (0) 550 12 34 56", "213550123456", "550123456",
        "٠٥٥٠١٢٣٤٥٦", "۰۵۵۰۱۲۳۴۵۶", "\u202a+213550123456\u202c", "\u200f+213550123456", "550123456.0", "'0550123456",
    ],
)  # fmt: skip
def test_all_spellings_of_a_number_are_one(text: str) -> None:
    assert phone(cell_text(text), "DZ") == ("+213550123456", None)


@pytest.mark.parametrize("text", ["2.54708E+11", "2,54708E+11", "2.54708e11", "٢.٥٤٧٠٨E+١١"])
def test_a_number_that_a_spreadsheet_shortened_says_how_to_export_it_properly(text: str) -> None:
    with pytest.raises(Unusable) as caught:
        phone(text, "KE")
    assert caught.value.code == "spreadsheet_number"
    assert "spreadsheet has shortened" in caught.value.message
    assert "as Text" in caught.value.next_step


def test_a_possible_number_outside_the_plan_is_taken_with_a_doubt() -> None:
    assert phone("254826725646", "KE") == ("+254826725646", "phone_not_in_plan")


def test_no_digit_is_dropped_from_a_number_that_the_plan_does_not_list() -> None:
    assert phone("254000000001", "KE") == ("+254000000001", "phone_not_in_plan")
    assert phone("+254000000001", "KE")[0] != phone("+25400000001", "KE")[0]
    assert phone("+254 0712 345678", "KE") == ("+254712345678", None)


def test_a_landline_is_taken_with_a_doubt() -> None:
    assert phone("021 63 12 34", "DZ") == ("+21321631234", "phone_landline")


def test_two_zeros_lead_abroad_whatever_the_country_dials() -> None:
    assert phone("00213550123456", "KE")[0] == "+213550123456"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("12", "phone_impossible"),
        ("055012345678901", "phone_impossible"),
        ("0550123456/0661234567", "phone_several"),
        ("0550123456 ou 0661234567", "phone_several"),
        ("001-813-852-7364x897", "phone_extension"),
        ("n/a", "phone_letters"),
        ("0800 FLOWERS", "phone_letters"),
        ("...", "phone_letters"),
    ],
)
def test_what_is_no_single_number_is_refused(text: str, code: str) -> None:
    assert code_of(text) == code
