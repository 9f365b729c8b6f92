"""What a basket costs, and the amounts that come of it: each step in words."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbi.money import Money
from cbi.programmes import basket_terms, valuing
from cbi.programmes.basket_terms import Basket, BasketFileErrors, BasketLine
from cbi.programmes.fields import Reading
from cbi.programmes.periods import Every
from cbi.programmes.stipend_terms import Basis

HOME = Path(__file__).parents[3]
BASKET = basket_terms.read((HOME / "examples" / "basket.yaml").read_text(encoding="utf-8"))
PRICES = valuing.table(
    [
        ("rice", "medina-jdida", 12000), ("rice", "les-aures", 14000), ("rice", "central-market", 16000),
        ("oil", "medina-jdida", 65000), ("oil", "les-aures", 65001),
        ("rent", "medina-jdida", 1_500_000), ("rent", "central-market", 900_000), ("soap", "les-aures", 5000),
        ("blanket", "les-aures", 250_000),
    ]
)  # fmt: skip


def basis(**said: object) -> Basis:
    """What a programme in dinars says of its basket."""
    return Basis.model_validate(
        {"basket": "meb-oran", "share": 80} | said, context=Reading.of("DZD", None)
    )


def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two() -> None:
    assert valuing.median([3]) == 3
    assert valuing.median([9, 1, 5]) == 5
    assert valuing.median([1, 2]) == 2  # half a minor unit goes up
    assert valuing.median([1, 100, 4, 2]) == 3


def test_a_line_says_how_it_comes_to_its_cost() -> None:
    traces = [line.trace for line in valuing.cost(BASKET, PRICES).lines]
    assert (
        traces[0] == "Rice: median 140.00 of 3 prices × 3 kg = 420.00 DZD a month for each member"
    )
    assert traces[1] == "Cooking oil: median 650.01 of 2 prices × 2.5 litre = 1625.03 DZD a month"
    assert traces[2] == (
        "A room: median 12000.00 of 2 prices × 1 month = 12000.00 DZD a month, 50 % in cash: 6000.00 DZD"
    )
    assert traces[4] == (
        "Blanket: median 2500.00 of 1 price × 1 piece × 1/12 = 208.33 DZD a month for each member,"
        " 0 % in cash: 0.00 DZD"
    )


def test_the_whole_is_what_a_household_needs_and_what_its_members_need() -> None:
    cost = valuing.cost(BASKET, PRICES)
    assert cost.household.decimal == "7625.03"
    assert cost.member.decimal == "520.00"
    assert cost.whole == cost.household + cost.member * 5
    assert cost.in_kind.decimal == "7041.65"  # half the rent, and five twelfths of a blanket


def test_the_base_is_a_share_of_the_basket_in_notes_that_can_be_paid() -> None:
    worked = valuing.work_out(BASKET, PRICES, basis(round_to="100.00"), Every.MONTH)
    assert worked.per_member is None
    assert worked.base == Money.parse("8100.00", "DZD")
    assert worked.trace[-1] == (
        "base: basket 10225.03 × 80 % = 8180.02 DZD, rounded down to 8100.00 DZD"
    )


def test_the_amount_for_a_member_is_a_part_of_the_basket() -> None:
    worked = valuing.work_out(BASKET, PRICES, basis(sets="per_member"), Every.MONTH)
    assert worked.base is None
    assert worked.trace[-1] == ("per member: basket 10225.03 ÷ 5 members × 80 % = 1636.00 DZD")


def test_both_amounts_come_from_the_two_parts_of_the_basket() -> None:
    worked = valuing.work_out(BASKET, PRICES, basis(sets="both", share=100), Every.MONTH)
    assert worked.trace[-2:] == (
        "base: basket 7625.03 DZD", "per member: basket for each member 520.00 DZD",
    )  # fmt: skip


def test_an_area_is_priced_at_its_own_markets() -> None:
    of_oran = valuing.cost(BASKET, PRICES, "ORAN")
    assert of_oran.lines[0].median.decimal == "130.00"
    with pytest.raises(valuing.NotPriced, match=r"Cooking oil .* at the markets of Arzew"):
        valuing.cost(BASKET, PRICES, "Arzew")


@pytest.mark.parametrize(
    ("every", "interval", "step", "value"),
    [
        (Every.QUARTER, 1, "basket 10225.03 × 3 months", "30675.09"),
        (Every.WEEK, 1, "basket 10225.03 × 12 months ÷ 52 weeks", "2359.62"),
        (Every.WEEK, 2, "basket 10225.03 × 2 weeks × 12 months ÷ 52 weeks", "4719.24"),
        (Every.MONTH, 2, "basket 10225.03 × 2 months", "20450.06"),
    ],
)
def test_a_period_of_another_length_pays_its_part_of_a_month(
    every: Every, interval: int, step: str, value: str
) -> None:
    worked = valuing.work_out(BASKET, PRICES, basis(share=100), every, interval)
    assert worked.trace[-1] == f"base: {step} = {value} DZD"


def test_a_price_far_from_the_others_or_from_the_last_round_is_flagged() -> None:
    prices = valuing.table(
        [("rice", market.code, price) for market, price in zip(BASKET.markets, (100, 110, 166), strict=True)]
        + [("oil", "les-aures", 700), ("soap", "les-aures", 100)]
    )  # fmt: skip
    found = valuing.outliers(BASKET, prices, {"rice": 105, "oil": 460, "soap": 150})
    assert [(each.item, each.times, each.of_last_round) for each in found] == [
        ("rice", "1.51", False), ("oil", "1.52", True),
    ]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    prices=st.lists(st.integers(1, 10**7), min_size=1, max_size=3),
    share=st.integers(1, 100),
    note=st.sampled_from([None, "0.50", "50.00", "1000.00"]),
    way=st.sampled_from(["down", "up", "nearest"]),
)
def test_a_value_is_within_a_note_of_its_share(
    prices: list[int], share: int, note: str | None, way: str
) -> None:
    markets = [market.code for market in BASKET.markets]
    table = valuing.table(
        [(line.item, market, price) for line in BASKET.lines for market, price in zip(markets, prices, strict=False)]
    )  # fmt: skip
    said = {"round_to": note, "rounding": way} if note else {}
    worked = valuing.work_out(BASKET, table, basis(share=share, **said), Every.MONTH)
    assert worked.base is not None
    exact = Fraction(worked.cost.whole.minor * share, 100)
    to = Money.parse(note, "DZD").minor if note else 1
    assert abs(worked.base.minor - exact) < to + 1
    assert worked.base.minor % to == 0


@pytest.mark.parametrize(
    ("old", "new", "field", "what"),
    [
        ("quantity: 3,", 'quantity: "3,5",', "lines[1].quantity", "is not a quantity"),
        ("quantity: 3,", "", "lines[1].quantity", "It is missing. Add: quantity: 15"),
        ("cash: 50", "cash: 150", "lines[3].cash", "is not a percentage"),
        ("times_a_month: 1/12", "times_a_month: 1/0", "lines[5].times_a_month", "not a quantity"),
        ("item: soap", "item: rice", "lines[4]", "'rice' is listed twice"),
        ('outlier: "1.5"', "outlier: 1", "outlier", "Every price would be an outlier"),
        ("unit: kg", "unti: kg", "lines[1].unti", "Did you mean unit?"),
        ("household_size: 5", "household_size: 0", "household_size", "not a number of members"),
        ("currency: DZD", "currency: XXX", "currency", "is not a currency"),
    ],
)
def test_a_mistake_in_a_basket_is_named_with_its_line(
    old: str, new: str, field: str, what: str
) -> None:
    text = (HOME / "examples" / "basket.yaml").read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(BasketFileErrors) as refused:
        basket_terms.read(text.replace(old, new, 1))
    said = [str(problem) for problem in refused.value.problems]
    assert any(field in one and what in one for one in said), said
    assert "mistake" in refused.value.message
    assert "docs/transfer-values.md" in refused.value.next_step


def test_the_documentation_names_every_field_of_a_basket_and_of_what_rests_on_it() -> None:
    text = (HOME / "docs" / "transfer-values.md").read_text(encoding="utf-8")
    fields = [
        *Basket.model_fields, *(f"lines.{name}" for name in BasketLine.model_fields),
        *(f"basis.{name}" for name in Basis.model_fields),
    ]  # fmt: skip
    told = {"basket", "lines"}  # their own fields are named
    assert [name for name in fields if name not in told and f"`{name}`" not in text] == []
