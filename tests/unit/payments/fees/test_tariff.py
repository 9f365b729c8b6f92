"""What a payment costs by a tariff: exact to the minor unit, whatever the currency, and the file says what is wrong."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbi.money import LARGEST_MINOR, Money
from cbi.payments.fees.tariff import Tariff, stored
from cbi.payments.fees.tariff_files import TariffFileErrors, read

FILE = """provider: post_office
currency: {currency}
valid_from: 2026-12-01
source: Contract 2026/14
rounding: {rounding}
bands:
{bands}
"""
ROUNDED = {
    "down": floor,
    "up": ceil,
    "nearest": lambda exact: floor(exact + Fraction(1, 2)),
}


def tariff(bands: str, rounding: str = "nearest", currency: str = "DZD", more: str = "") -> Tariff:
    text = FILE.format(currency=currency, rounding=rounding, bands=bands) + more
    return read(text, {"post_office"})


def cost(of: Tariff, amount: str) -> str:
    return of.fee(Money.parse(amount, of.currency)).decimal


def test_a_band_holds_up_to_its_amount_and_not_a_unit_more() -> None:
    of = tariff('  - {up_to: "5000.00", fixed: "40.00"}\n  - {fixed: "60.00", basis_points: 50}')
    assert [cost(of, amount) for amount in ("0.01", "5000.00", "5000.01", "10000.00")] == [
        "40.00", "40.00", "85.00", "110.00",
    ]  # fmt: skip


def test_no_fee_is_below_the_minimum_or_above_the_maximum() -> None:
    of = tariff("  - basis_points: 100", more='minimum: "5.00"\nmaximum: "90.00"')
    assert [cost(of, amount) for amount in ("1.00", "700.00", "20000.00")] == [
        "5.00",
        "7.00",
        "90.00",
    ]


@pytest.mark.parametrize(
    ("rounding", "fees"),
    [("down", ["0", "0", "1"]), ("nearest", ["0", "1", "1"]), ("up", ["1", "1", "1"])],
)
def test_a_part_of_a_minor_unit_is_rounded_as_the_tariff_says(
    rounding: str, fees: list[str]
) -> None:
    of = tariff("  - basis_points: 1", rounding, "KMF")
    assert [cost(of, amount) for amount in ("4999", "5000", "10000")] == fees


@settings(max_examples=60, deadline=None)
@given(
    minor=st.integers(1, LARGEST_MINOR),
    points=st.integers(0, 10_000),
    fixed=st.integers(0, 10**9),
    rounding=st.sampled_from(sorted(ROUNDED)),
    currency=st.sampled_from(["DZD", "KMF", "TND"]),
)
def test_a_fee_is_the_exact_share_rounded_once(
    minor: int, points: int, fixed: int, rounding: str, currency: str
) -> None:
    bands = f'  - {{fixed: "{Money(fixed, currency).decimal}", basis_points: {points}}}'
    of = tariff(bands, rounding, currency)
    if minor + fixed <= LARGEST_MINOR:
        exact = Fraction(minor * points, 10_000)
        assert of.fee(Money(minor, currency)).minor == fixed + ROUNDED[rounding](exact)
    assert stored(of.canonical()).digest() == of.digest()


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("bands: []", "bands", "There is no band."),
        ('bands: [{up_to: "5.00"}]', "bands[1].up_to", "Nothing says what a larger payment costs."),
        ('bands: [{up_to: "5.00"}, {up_to: "5.00"}, {}]', "bands[2].up_to", "A band must reach higher"),
        ('bands: [{}, {fixed: "5.00"}]', "bands[2].up_to", "A band must reach higher"),
        ("bands: [{basis_points: 1.5}]", "bands[1].basis_points", "without quotes is not an exact number"),
        ("bands: [{basis_points: 10001}]", "bands[1].basis_points", "is not a number of basis points"),
        ('bands: [{fixed: "-1.00"}]', "bands[1].fixed", "An amount cannot be below zero."),
        ('bands: [{}]\nminimum: "5.00"\nmaximum: "4.00"', "maximum", "It is below the minimum."),
        ("bands: [{}]\nrounding: fair", "rounding", "is not known here"),
        ("bands: [{}]\nsettlement: gros", "settlement", "is not known here"),
        ("bands: [{}]\nbilled_within_days: 400", "billed_within_days", "is not a number of days"),
        ("bands: [{}]\nvalid_from: soon", "valid_from", "is not a date"),
        ("bands: [{}]\nprovider: bank", "provider", "is not a financial service provider"),
        ("bands: [{}]\nwhy: not", "why", "There is no such field."),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_place(text: str, where: str, what: str) -> None:
    fields = {
        "provider": "post_office", "currency": "DZD", "valid_from": "2026-12-01", "source": "Contract", "rounding": "up",
    }  # fmt: skip
    given_ = {line.split(":")[0] for line in text.split("\n")}
    lines = [f"{name}: {value}" for name, value in fields.items() if name not in given_]
    with pytest.raises(TariffFileErrors) as refused:
        read("\n".join([*lines, text]), {"post_office"})
    (problem,) = refused.value.problems
    assert problem.field == where
    assert what in problem.what


def test_what_is_missing_is_said() -> None:
    with pytest.raises(TariffFileErrors) as refused:
        read("bands: [{}]", {"post_office"})
    missing = {problem.field for problem in refused.value.problems}
    assert missing == {"provider", "currency", "valid_from", "source", "rounding"}
