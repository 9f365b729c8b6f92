"""Money is whole minor units: read exactly, split to the last one, never mixed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.money import (
    LARGEST_MINOR,
    MixedCurrencies,
    Money,
    UnknownCurrency,
    UnusableAmount,
    exponent,
)

amounts = st.integers(-LARGEST_MINOR, LARGEST_MINOR)
currencies = st.sampled_from(["DZD", "KES", "JPY", "TND", "EUR", "XOF"])


@pytest.mark.parametrize(
    ("currency", "places"), [("DZD", 2), ("JPY", 0), ("XOF", 0), ("TND", 3), ("KES", 2), ("IQD", 3)]
)
def test_the_minor_unit_is_the_one_of_iso_4217(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize("currency", ["XAU", "XXX", "ABC", "", "dzd", "€"])
def test_what_is_not_a_currency_is_refused(currency: str) -> None:
    with pytest.raises(UnknownCurrency):
        Money(1, currency)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1250.50", "DZD", 125050),
        ("1250", "DZD", 125000),
        ("0.05", "DZD", 5),
        ("-3.10", "DZD", -310),
        ("1250", "JPY", 1250),
        ("1.005", "TND", 1005),
        ("١٢٥٠٫٥٠", "DZD", 125050),
        ("۱۲۵۰", "DZD", 125000),
        (" 1 250.50 ", "DZD", 125050),
        ("\u202b1250\u202c", "DZD", 125000),
    ],
)
def test_an_amount_is_read_exactly_in_any_digits(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,000",
        "1.000,50",
        "1.000",
        "12.345",
        "1e3",
        "ten",
        "1.2.3",
        "--1",
        "+5",
        "9" * 20,
        "½",
        "0x10",
        "=1+1",
    ],
)
def test_what_would_have_to_be_guessed_is_refused(text: str) -> None:
    with pytest.raises(UnusableAmount):
        Money.parse(text, "DZD")


@given(amounts, currencies)
def test_what_is_written_is_read_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(money.decimal, currency) == money


@given(
    amounts.filter(lambda minor: minor >= 0), st.lists(st.integers(0, 1000), min_size=1).filter(any)
)
def test_a_split_sums_to_what_was_split(minor: int, weights: list[int]) -> None:
    shares = Money(minor, "DZD").split(weights)
    assert sum(share.minor for share in shares) == minor
    total = sum(weights)
    assert all(
        abs(share.minor * total - minor * weight) < total
        for share, weight in zip(shares, weights, strict=True)
    )
    assert all(
        share.minor == 0 for share, weight in zip(shares, weights, strict=True) if weight == 0
    )


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1, 1]])
def test_weights_that_share_nothing_out_are_refused(weights: list[int]) -> None:
    with pytest.raises(UnusableAmount):
        Money(100, "DZD").split(weights)


def test_two_currencies_never_meet() -> None:
    with pytest.raises(MixedCurrencies):
        Money(1, "DZD") + Money(1, "KES")
    with pytest.raises(MixedCurrencies):
        assert Money(1, "DZD") < Money(1, "KES")


@pytest.mark.parametrize("minor", [1.0, True, "1", 10**16])
def test_a_fraction_or_a_number_too_large_is_no_amount(minor: object) -> None:
    with pytest.raises(UnusableAmount):
        Money(minor, "DZD")  # type: ignore[arg-type]


def test_people_read_thousands_and_programs_do_not() -> None:
    assert str(Money(-123456789, "DZD")) == "-1,234,567.89 DZD"
    assert Money(-123456789, "DZD").decimal == "-1234567.89"
    assert str(Money(1234, "JPY")) == "1,234 JPY"
    assert Money(5, "TND").decimal == "0.005"
