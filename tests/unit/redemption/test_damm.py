"""The check digit notices every single slip that people make most."""

import random

from hypothesis import given
from hypothesis import strategies as st

from cbi.redemption import damm

DIGITS = st.text("0123456789", min_size=1, max_size=14)


def test_the_published_example_holds() -> None:
    assert damm.check_digit("572") == "4"
    assert damm.holds("5724")
    assert not damm.holds("5742")


@given(DIGITS)
def test_a_number_with_its_check_digit_holds_and_no_other_digit_does(digits: str) -> None:
    right = damm.check_digit(digits)
    assert [digit for digit in "0123456789" if damm.holds(digits + digit)] == [right]


def test_every_single_wrong_digit_is_noticed() -> None:
    for number in _twelve_digit_codes(300):
        for place, digit in enumerate(number):
            for other in set("0123456789") - {digit}:
                assert not damm.holds(number[:place] + other + number[place + 1 :])


def test_every_swap_of_neighbours_is_noticed() -> None:
    for number in _twelve_digit_codes(3_000):
        for place in range(len(number) - 1):
            left, right = number[place], number[place + 1]
            if left != right:
                assert not damm.holds(number[:place] + right + left + number[place + 2 :])


def test_thirteen_heard_as_thirty_is_noticed() -> None:
    for number in _twelve_digit_codes(2_000):
        for place in range(len(number) - 1):
            pair = number[place : place + 2]
            if pair[0] == "1" and pair[1] in "3456789":
                assert not damm.holds(number[:place] + pair[1] + "0" + number[place + 2 :])


def _twelve_digit_codes(count: int) -> list[str]:
    dice = random.Random(26)
    plain = [f"{dice.randrange(10**11):011d}" for _ in range(count)]
    return [digits + damm.check_digit(digits) for digits in plain]
