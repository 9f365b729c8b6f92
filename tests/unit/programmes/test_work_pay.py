"""What work earns: exact to the last minor unit, and readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.money import Money
from cbi.programmes.fields import Reading
from cbi.programmes.work_models import Basis
from cbi.programmes.work_pay import Done, below_minimum, days, earned
from cbi.programmes.work_terms import WorkTerms

halves = st.integers(0, 184)
rates = st.integers(1, 10**9).map(lambda half: half * 2)


def terms(**fields: object) -> WorkTerms:
    """Terms of work in dinars."""
    return WorkTerms.model_validate(
        {"max_days": 20, **fields}, context=Reading.of("DZD", providers=None)
    )


def by_day(rate: int) -> WorkTerms:
    """Terms with a day rate in minor units."""
    return terms(day_rate=Money(rate, "DZD").decimal)


TAILOR = terms(
    pieces=[
        {"code": "mask", "name": "Mask", "unit": "piece", "rate": "15.00"},
        {"code": "gown", "name": "Gown", "unit": "piece", "rate": "90.00"},
    ],
    minimum_wage="900.00",
)


@pytest.mark.parametrize(
    ("half_days", "shown"), [(0, "0 days"), (1, "0.5 days"), (2, "1 day"), (37, "18.5 days")]
)
def test_half_days_read_as_days(half_days: int, shown: str) -> None:
    assert days(half_days) == shown


def test_the_calculation_can_be_read() -> None:
    value, trace = earned(by_day(120_000), Basis.DAYS, Done(37), "DZD")
    assert (value, trace) == (Money(2_220_000, "DZD"), "18.5 days × 1200.00 = 22200.00 DZD")
    value, trace = earned(TAILOR, Basis.PIECES, Done(4, {"mask": 120, "gown": 3}), "DZD")
    assert trace == "120 mask × 15.00 + 3 gown × 90.00 = 2070.00 DZD"
    assert earned(TAILOR, Basis.PIECES, Done(4), "DZD")[1] == "nothing = 0.00 DZD"


@given(rates, st.lists(halves, min_size=1, max_size=20))
def test_the_parts_of_work_add_up_to_the_whole(rate: int, parts: list[int]) -> None:
    one_by_one = sum(earned(by_day(rate), Basis.DAYS, Done(part), "DZD")[0].minor for part in parts)
    assert one_by_one == earned(by_day(rate), Basis.DAYS, Done(sum(parts)), "DZD")[0].minor


@given(rates, halves, halves)
def test_a_correction_adds_exactly_what_differs(rate: int, before: int, after: int) -> None:
    first, second = (
        earned(by_day(rate), Basis.DAYS, Done(n), "DZD")[0].minor for n in (before, after)
    )
    assert second - first == (after - before) * rate // 2


@given(st.integers(0, 1_000_000), st.integers(0, 1_000_000))
def test_pieces_of_two_kinds_are_added_up(masks: int, gowns: int) -> None:
    value, _ = earned(TAILOR, Basis.PIECES, Done(0, {"mask": masks, "gown": gowns}), "DZD")
    assert value.minor == masks * 1_500 + gowns * 9_000


def test_pieces_are_compared_with_the_minimum_wage_where_days_are_given() -> None:
    for half_days, masks, short in (
        (4, 119, 1_500),
        (4, 120, None),
        (0, 1, None),
        (1, 30, None),
        (1, 29, 1_500),
    ):
        done = Done(half_days, {"mask": masks})
        value, _ = earned(TAILOR, Basis.PIECES, done, "DZD")
        found = below_minimum(TAILOR, done, value)
        assert (found.minor if found else None) == short
