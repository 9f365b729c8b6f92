"""Rates are exact, and whatever a deal's amounts and rates are, nothing of it is lost between the two books."""

from collections import defaultdict
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.ledger.chart import BANK, CONVERTED, FUND, FX_BORNE, FX_POSITION, LEGS, ROUNDING, SPREAD
from cbi.ledger.exchange import Exchange, Rate, UnusableRate
from cbi.money import Money, exponent

CURRENCIES = st.sampled_from(["JPY", "XOF", "EUR", "DZD", "TND", "KWD"])
"""With no, two and three decimals."""
AMOUNTS = st.integers(1, 10**11)
VALUES = st.builds(Fraction, st.integers(1, 10**7), st.integers(1, 10**7))


def rate(text: str, base: str = "EUR", quote: str = "DZD") -> Rate:
    return Rate.parse(text, base, quote)


@pytest.mark.parametrize(
    ("text", "exact", "written"),
    [
        ("145.2035", Fraction(1452035, 10000), "145.2035"), ("1/655.957", None, ""), ("1000/7", Fraction(1000, 7), "1000/7"),
        ("٠.٠٠٦٩", Fraction(69, 10000), "0.0069"), (" 200 ", Fraction(200), "200"), ("145,2", None, ""), ("0", None, ""),
        ("1/0", None, ""), ("-3", None, ""), ("1e3", None, ""), ("", None, ""), ("1.0000000000001", None, ""),
    ],
)  # fmt: skip
def test_a_rate_is_read_exactly_or_not_at_all(
    text: str, exact: Fraction | None, written: str
) -> None:
    if exact is None:
        with pytest.raises(UnusableRate):
            rate(text)
    else:
        assert (rate(text).value, rate(text).written) == (exact, written)


def test_a_rate_is_between_two_currencies_and_says_nothing_of_a_third() -> None:
    with pytest.raises(UnusableRate, match="exchanged for itself"):
        rate("1", "EUR", "EUR")
    with pytest.raises(UnusableRate, match="nothing of KES"):
        rate("145").nearest(Money(1, "KES"))


def test_a_rate_serves_both_ways_and_across_decimals() -> None:
    assert rate("145.2").nearest(Money(10_000_00, "EUR")) == Money(1_452_000_00, "DZD")
    assert rate("145.2").nearest(Money(1_452_000_00, "DZD")) == Money(10_000_00, "EUR")
    assert rate("0.0061", "JPY", "EUR").nearest(Money(1_000_000, "JPY")) == Money(6_100_00, "EUR")
    assert rate("3.4", "EUR", "TND").nearest(Money(1_00, "EUR")) == Money(3_400, "TND")


@given(CURRENCIES, CURRENCIES, AMOUNTS, VALUES)
def test_what_is_held_against_a_limit_is_never_made_smaller(
    base: str, quote: str, minor: int, value: Fraction
) -> None:
    if base == quote:
        return
    one = Rate(base, quote, value)
    amount = Money(minor % 10**6 + 1, base)
    assert 0 <= one.at_least(amount).minor - one.exactly(amount) < 1


@given(CURRENCIES, CURRENCIES, AMOUNTS, AMOUNTS)
def test_a_rate_worked_out_from_the_amounts_leaves_no_residual(
    base: str, quote: str, minor: int, other: int
) -> None:
    if base == quote:
        return
    sold, bought = Money(minor, base), Money(other, quote)
    between = Rate.between(sold, bought)
    assert between.exactly(sold) == bought.minor
    exchange = Exchange(sold, bought, between, between)
    assert (exchange.residual.minor, exchange.spread.minor) == (0, 0)


@given(
    CURRENCIES, CURRENCIES, AMOUNTS, VALUES, st.integers(-300, 300),
    st.fractions(Fraction(1, 5), Fraction(5), max_denominator=10**6),
)  # fmt: skip
def test_both_books_balance_on_both_planes_whatever_the_bank_rounded(
    base: str, quote: str, minor: int, value: Fraction, rounded: int, times: Fraction
) -> None:
    if base == quote:
        return
    sold, at_rate = Money(minor, base), Rate(base, quote, value)
    if not 1 <= at_rate.exactly(sold) <= 10**14:
        return
    bought = Money(max(1, at_rate.nearest(sold).minor + rounded), quote)
    exchange = Exchange(sold, bought, at_rate, Rate(base, quote, value * times))
    assert bought + exchange.residual + exchange.spread == exchange.at_reference
    held: dict[tuple[str, str], int] = defaultdict(int)
    for entry, amount in exchange.entries():
        assert amount.minor > 0
        for debit, credit in LEGS[entry]:
            assert debit.plane == credit.plane
            held[debit.code, amount.currency] += amount.minor
            held[credit.code, amount.currency] -= amount.minor
    assert (held[BANK.code, base], held[BANK.code, quote]) == (-sold.minor, bought.minor)
    assert (held[FUND.code, base], held[FUND.code, quote]) == (sold.minor, -bought.minor)
    assert held[FX_POSITION.code, base] == sold.minor == -held[CONVERTED.code, base]
    assert held[FX_POSITION.code, quote] == -exchange.at_reference.minor
    assert held[CONVERTED.code, quote] == exchange.at_reference.minor
    cost = held[SPREAD.code, quote] + held[ROUNDING.code, quote]
    assert cost == -held[FX_BORNE.code, quote] == (exchange.spread + exchange.residual).minor
    for currency in (base, quote):
        assert sum(amount for (_, its), amount in held.items() if its == currency) == 0


def euros(bought: str, at: str, reference: str) -> Exchange:
    return Exchange(Money(10_000_00, "EUR"), Money.parse(bought, "DZD"), rate(at), rate(reference))


def test_amounts_must_fit_the_rate_to_what_a_bank_rounds() -> None:
    euros("1452000.00", "145.2", "146").check()
    euros("1452100.00", "145.2", "146").check()
    with pytest.raises(UnusableRate, match=r"makes 1,452,000.00 DZD, and not 1,462,000.00 DZD"):
        euros("1462000.00", "145.2", "146").check()
    small = Exchange(Money(1_00, "EUR"), Money(146_00, "DZD"), rate("145.2"), rate("146"))
    small.check()
    with pytest.raises(UnusableRate):
        Exchange(small.sold, Money(147_00, "DZD"), small.rate, small.reference).check()


def test_a_rate_written_the_other_way_round_is_noticed() -> None:
    wrong = Rate.between(Money(10_000_00, "EUR"), Money(68_87, "DZD"))
    with pytest.raises(UnusableRate, match="which way round"):
        Exchange(Money(10_000_00, "EUR"), Money(68_87, "DZD"), wrong, rate("145.2")).check()
    turned = Rate.parse("0.006887", "DZD", "EUR")
    Exchange(Money(10_000_00, "EUR"), Money(1_452_000_00, "DZD"), rate("145.2"), turned).check()


def test_every_currency_has_its_own_decimals() -> None:
    assert [exponent(each) for each in ("JPY", "XOF", "EUR", "TND", "KWD")] == [0, 0, 2, 3, 3]


@pytest.mark.parametrize(
    ("of", "shown"),
    [
        (Fraction(1452, 10), "1 EUR = 145.2 DZD"), (Fraction(1000, 7), "1 EUR ≈ 142.857143 DZD"),
        (Fraction(1, 145), "1 EUR ≈ 0.00689655 DZD"), (Fraction(7, 3 * 10**7), "1 EUR ≈ 0.000000233333 DZD"),
    ],
)  # fmt: skip
def test_a_rate_without_an_end_is_shown_to_six_digits(of: Fraction, shown: str) -> None:
    assert Rate("EUR", "DZD", of).about == shown
