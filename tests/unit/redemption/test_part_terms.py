"""A part is paid in whole notes, is not too small, and always leaves something that can be paid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.money import Money
from cbi.redemption import part_terms
from cbi.redemption.part_terms import NoParts, PartTerms, UnusablePart

CURRENCIES = st.sampled_from(["DZD", "XOF", "TND"])


@given(
    CURRENCIES, st.integers(1, 10**4), st.integers(1, 20), st.integers(2, 9), st.integers(1, 10**6),
    st.integers(-10, 10**6), st.integers(0, 9),
)  # fmt: skip
def test_whatever_is_asked_a_part_leaves_a_rest_and_is_payable(
    currency: str, note: int, times: int, most: int, rest: int, asked: int, paid: int
) -> None:
    terms = PartTerms(Money(note * times, currency), Money(note, currency), most)
    part, left = Money(asked, currency), Money(rest, currency)
    try:
        terms.check(part, left, paid)
    except NoParts:
        assert paid + 2 > most
    except UnusablePart:
        assert asked % note or not note * times <= asked < rest
    else:
        assert note * times <= asked < rest
        assert asked % note == 0
        assert paid + 2 <= most


@given(st.integers(1, 10**4), st.integers(1, 20), st.integers(1, 10**6))
def test_the_largest_part_is_the_largest_that_may_be_paid(note: int, times: int, rest: int) -> None:
    terms = PartTerms(Money(note * times, "DZD"), Money(note, "DZD"), 3)
    largest, left = terms.largest(Money(rest, "DZD")), Money(rest, "DZD")
    if largest is None:
        with pytest.raises(UnusablePart):
            terms.check(terms.smallest, left, 0)
        return
    terms.check(largest, left, 0)
    with pytest.raises(UnusablePart):
        terms.check(largest + terms.note, left, 0)


def test_terms_are_what_the_file_says() -> None:
    assert part_terms.read(None, "DZD") is None
    terms = part_terms.read({"smallest": "1000.00"}, "DZD")
    assert terms == PartTerms(Money(100_000, "DZD"), Money(100_000, "DZD"), 3)
    other = part_terms.read({"smallest": "1000.00", "notes": "500.00", "at_most": 4}, "DZD")
    assert other == PartTerms(Money(100_000, "DZD"), Money(50_000, "DZD"), 4)
