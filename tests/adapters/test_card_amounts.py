"""Amounts become Stripe's and come back exactly, in every currency that Stripe has a unit for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from adapters.cards.amounts import NotInStripesUnits, from_stripe, rule, to_stripe
from cbi.errors import CbiError
from cbi.money import Money


@pytest.mark.parametrize(
    ("text", "currency", "units"),
    [
        ("150.00", "EUR", 15_000),
        ("0.01", "EUR", 1),
        ("2500", "XAF", 2_500),
        ("1500", "JPY", 1_500),
        ("5000", "UGX", 500_000),
        ("100", "ISK", 10_000),
        ("12000.00", "MGA", 12_000),
        ("5.120", "KWD", 5_120),
        ("7.500", "JOD", 7_500),
    ],
)
def test_an_amount_is_written_as_stripe_documents_it(text: str, currency: str, units: int) -> None:
    amount = Money.parse(text, currency)
    assert to_stripe(amount) == units
    assert from_stripe(units, currency) == amount
    assert rule(currency).admits(amount.minor)


@pytest.mark.parametrize(
    ("text", "currency"), [("5.124", "KWD"), ("0.001", "TND"), ("0.20", "MGA")]
)
def test_what_stripe_cannot_write_is_neither_paid_nor_rounded(text: str, currency: str) -> None:
    amount = Money.parse(text, currency)
    assert not rule(currency).admits(amount.minor)
    with pytest.raises(NotInStripesUnits):
        to_stripe(amount)


@pytest.mark.parametrize("units", [150, 15_050, 1])
def test_a_fraction_that_a_currency_does_not_have_is_refused(units: int) -> None:
    with pytest.raises(NotInStripesUnits):
        from_stripe(units, "ISK")


@pytest.mark.parametrize("units", [1.0, "15", None, True])
def test_only_a_whole_number_is_an_amount(units: object) -> None:
    with pytest.raises(NotInStripesUnits):
        from_stripe(units, "EUR")


def test_a_currency_that_stripe_cannot_write_has_no_rule() -> None:
    for currency in ("IQD", "LYD", "CLF"):
        with pytest.raises(CbiError):
            rule(currency)


@given(st.sampled_from(["EUR", "XOF", "KWD", "MGA", "ISK", "UGX"]), st.integers(1, 10**9))
def test_every_payable_amount_comes_back_as_it_went(currency: str, steps: int) -> None:
    amount = Money(steps * rule(currency).step, currency)
    assert from_stripe(to_stripe(amount), currency) == amount


def test_every_currency_is_either_exact_or_refused() -> None:
    for currency in (c.code for c in Currency if c.exponent is not None):
        try:
            step = rule(currency).step
        except CbiError:
            continue
        assert from_stripe(to_stripe(Money(step, currency)), currency) == Money(step, currency)
