"""The transfer value of a household and the calculation that explains it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.money import Money
from cbi.programmes.transfer_value import RateCard, compute


def rate(base: str, per_member: str, cap: str | None = None, currency: str = "KES") -> RateCard:
    return RateCard(
        Money.parse(base, currency),
        Money.parse(per_member, currency),
        Money.parse(cap, currency) if cap else None,
    )


@pytest.mark.parametrize(
    ("size", "card", "amount", "trace"),
    [
        (4, rate("0", "1000"), "4000.00", "1000.00 × 4 members = 4000.00 KES"),
        (1, rate("0", "1000"), "1000.00", "1000.00 × 1 member = 1000.00 KES"),
        (3, rate("300", "50"), "450.00", "300.00 + 50.00 × 3 members = 450.00 KES"),
        (7, rate("300", "0"), "300.00", "300.00 KES"),
        (
            3,
            rate("300", "50", "400"),
            "400.00",
            "300.00 + 50.00 × 3 members = 450.00 KES, capped at 400.00 KES",
        ),
        (2, rate("300", "50", "400"), "400.00", "300.00 + 50.00 × 2 members = 400.00 KES"),
        (3, rate("0", "1500", currency="JPY"), "4500", "1500 × 3 members = 4500 JPY"),
        (
            3,
            rate("0", "0.125", "0.3", "TND"),
            "0.300",
            "0.125 × 3 members = 0.375 TND, capped at 0.300 TND",
        ),
    ],
)
def test_the_trace_reads_as_a_person_would_reckon(
    size: int, card: RateCard, amount: str, trace: str
) -> None:
    assert compute(size, card) == (Money.parse(amount, card.base.currency), trace)


minor = st.integers(0, 10**12)


@given(st.integers(1, 60), minor, minor, st.none() | minor, st.sampled_from(["KES", "JPY", "TND"]))
def test_the_value_is_exact_and_never_above_the_cap(
    size: int, base: int, per_member: int, cap: int | None, currency: str
) -> None:
    card = RateCard(
        Money(base, currency),
        Money(per_member, currency),
        None if cap is None else Money(cap, currency),
    )
    value, trace = compute(size, card)
    whole = base + per_member * size
    assert value.minor == (whole if cap is None else min(whole, cap))
    assert trace.endswith(f"{value.decimal} {currency}")
    assert ("capped" in trace) == (cap is not None and cap < whole)
    assert not re.search(r"\d,\d", trace)
