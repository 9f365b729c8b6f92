"""A number has one form, however a network or a person writes it."""

import pytest

from cbi.messaging.numbers import can_be_answered, sender


@pytest.mark.parametrize(
    "written",
    [
        "+213551234567",
        "213551234567",
        "00213551234567",
        "0551234567",
        "551234567",
        " +213 551 23 45 67 ",
        "0551-23-45-67",
    ],
)
def test_a_sender_is_the_same_however_it_is_written(written: str) -> None:
    assert sender(written, "DZ") == "+213551234567"


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("237677001122", "+237677001122"),
        ("33612345678", "+33612345678"),
        ("0033612345678", "+33612345678"),
        ("+256700000001", "+256700000001"),
    ],
)
def test_a_sender_from_another_country_keeps_it(written: str, known: str) -> None:
    assert sender(written, "DZ") == known


@pytest.mark.parametrize("written", ["40404", "Mobilis", "DJEZZY 2", "3030", "", "+", "x" * 300])
def test_what_is_no_telephone_number_stays_as_it_is_and_is_not_answered(written: str) -> None:
    known = sender(written, "DZ")
    assert known == written
    assert not can_be_answered(known) or written == "+"
