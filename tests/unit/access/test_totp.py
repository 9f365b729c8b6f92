"""Which 30-second step a typed code belongs to."""

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as some

from cbi.access.totp import matching_step

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B: "12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_the_codes_of_rfc_6238_are_known(seconds: int, code: str) -> None:
    assert matching_step(SECRET, code, seconds // 30) == seconds // 30


@given(now=some.integers(10, 2**40), shift=some.integers(-3, 3))
def test_a_phone_may_be_one_step_off_and_no_more(now: int, shift: int) -> None:
    generator = pyotp.HOTP(SECRET)
    codes = {step: generator.at(step) for step in range(now - 4, now + 5)}
    if len(set(codes.values())) < len(codes):
        return  # two steps that happen to share a code
    found = matching_step(SECRET, codes[now + shift], now)
    assert found == (now + shift if abs(shift) <= 1 else None)


@pytest.mark.parametrize("typed", ["٢٨٧٠٨٢", "۲۸۷۰۸۲", "287 082", " 287082\n", "２８７０８２"])
def test_digits_of_any_script_and_spaces_are_taken(typed: str) -> None:
    assert matching_step(SECRET, typed, 1) == 1


@pytest.mark.parametrize(
    "typed", ["", "28708", "2870821", "287-082", "abcdef", "²87082", "287082\u200f" * 3]
)
def test_anything_else_is_wrong(typed: str) -> None:
    assert matching_step(SECRET, typed, 1) is None
