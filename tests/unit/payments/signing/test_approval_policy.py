"""Which signatures a policy asks for: the lowest band that holds every sum, and never fewer than before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.access.permissions import SIGNS, Role
from cbi.money import Money
from cbi.payments.signing import approval_policy, policy_files
from cbi.payments.signing.approval_policy import (
    NoBand,
    Policy,
    Step,
    choose,
    steps_of,
    stored,
    together,
)

FILE = """
rules:
  - currency: DZD
    bands:
      - {up_to: "1000.00", household_up_to: "100.00", steps: [certifier]}
      - {up_to: "5000.00", household_up_to: "300.00", steps: [certifier, authoriser]}
      - {up_to: "9000.00", steps: [certifier, authoriser, {name: second, role: authoriser}]}
  - currency: DZD
    programmes: [school]
    bands: [{steps: [authoriser, country_director]}]
"""


def policy(file: str = FILE) -> Policy:
    return policy_files.read(file, {"school": "DZD", "winter": "DZD"})


def dzd(minor: int) -> Money:
    return Money(minor, "DZD")


@pytest.mark.parametrize(
    ("amount", "household", "band"),
    [
        (1_000_00, 100_00, 1), (1_000_01, 100_00, 2), (1_000_00, 100_01, 2), (1, 300_01, 3), (9_000_00, None, 3),
    ],
)  # fmt: skip
def test_the_lowest_band_that_holds_both_sums_is_chosen(
    amount: int, household: int | None, band: int
) -> None:
    rule = policy().rule("DZD", "winter")
    assert choose(rule, dzd(amount), None if household is None else dzd(household)) == band


def test_what_no_band_holds_is_refused_and_never_taken_for_the_lowest() -> None:
    with pytest.raises(NoBand, match="no band for"):
        choose(policy().rule("DZD", "winter"), dzd(9_000_01), None)
    with pytest.raises(NoBand, match="says nothing about KES"):
        policy().rule("KES", "winter")
    only = policy("rules: [{currency: DZD, programmes: [school], bands: [{steps: [certifier]}]}]")
    with pytest.raises(NoBand, match="in the programme winter"):
        only.rule("DZD", "winter")


def test_a_programme_has_its_own_rule_or_that_of_its_currency() -> None:
    assert policy().rule("DZD", "school").programmes == ("school",)
    assert policy().rule("DZD", "winter").programmes == ()


def test_a_stored_policy_says_what_its_file_said() -> None:
    assert stored(policy().canonical()) == policy()
    assert approval_policy.digest_of(policy().canonical()) == policy().digest()


@given(st.integers(1, 9_000_00), st.integers(1, 9_000_00), st.integers(1, 500_00))
def test_more_money_never_asks_for_fewer(few: int, more: int, household: int) -> None:
    rule = policy().rule("DZD", "winter")
    few, more = sorted((few, more))
    low, high = (choose(rule, dzd(each), dzd(household)) for each in (few, more))
    assert low <= high
    assert {step.name for step in rule.bands[low - 1].steps} <= {
        step.name for step in rule.bands[high - 1].steps
    }


FIVE = 'rules:\n  - currency: DZD\n    bands:\n      - {up_to: "5", steps: [certifier]}\n'

STEPS = st.lists(st.sampled_from(sorted(SIGNS)), max_size=4, unique=True).map(
    lambda roles: steps_of(*roles)
)


@given(STEPS, STEPS)
def test_what_was_asked_for_is_still_asked_for_when_more_counts(
    asked: tuple[Step, ...], now: tuple[Step, ...]
) -> None:
    merged = together(asked, now)
    assert {*asked, *now} == {*merged}
    assert len({step.name for step in merged}) == len(merged)


def test_a_step_that_was_asked_of_one_role_stays_with_it() -> None:
    asked = (Step(name="second", role=Role.HEAD_OF_FINANCE),)
    assert together(asked, (Step(name="second", role=Role.CERTIFIER),)) == asked


@pytest.mark.parametrize(
    ("file", "line", "what"),
    [
        ("currency: DZD", 1, "no list of rules"),
        ("rules: []", 1, "no rule"),
        ("rules:\n  - bands: [{steps: [certifier]}]", 2, "It is missing. Add: currency"),
        ("rules:\n  - currency: DZD\n    bands: []", 3, "no band"),
        ("rules:\n  - currency: DZD\n    bands:\n      - steps: []", 4, "one to 4 signatures"),
        ("rules:\n  - currency: DZD\n    bands:\n      - steps: [certifier, certifier]", 4, "named twice"),
        ("rules:\n  - currency: DZD\n    bands:\n      - steps: [auditor]", 4, "does not sign runs"),
        ("rules:\n  - currency: DZD\n    bands:\n      - steps: [{name: maker, role: certifier}]", 4, "called maker"),
        (
            "rules:\n  - currency: DZD\n    bands:\n      - steps: [certifier]\n      - steps: [certifier, authoriser]",
            5, "reach higher",
        ),
        (
            FIVE + "      - steps: [authoriser]",
            5, "every step of the band below",
        ),
        (
            FIVE + '      - {household_up_to: "3", steps: [certifier, authoriser]}',
            5, "may not get less",
        ),
        ("rules:\n  - currency: DZD\n    bands:\n      - {up_to: 5.5, steps: [certifier]}", 4, "not an exact number"),
        ("rules:\n  - currency: KES\n    programmes: [school]\n    bands: [{steps: [certifier]}]", 3, "pays in DZD"),
        ("rules:\n  - currency: DZD\n    programmes: [nope]\n    bands: [{steps: [certifier]}]", 3, "no programme nope"),
        (
            "rules:\n  - {currency: DZD, bands: [{steps: [certifier]}]}\n  - {currency: DZD, bands: [{steps: [certifier]}]}",
            3, "says the same",
        ),
        ("rules:\n  - currency: DZD\n    colour: blue\n    bands: [{steps: [certifier]}]", 3, "no such field"),
        ("rules:\n\t- x", 2, "tab"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(file: str, line: int, what: str) -> None:
    with pytest.raises(policy_files.PolicyFileErrors) as refusal:
        policy(file)
    assert any(each.line == line and what in str(each) for each in refusal.value.problems), (
        refusal.value.problems
    )


SEVERAL = """
rules:
  - currency: EUR
    also_for: [DZD, KES]
    bands: [{up_to: "100.00", steps: [certifier, authoriser]}]
  - {currency: DZD, programmes: [school], bands: [{steps: [certifier]}]}
"""


def test_a_rule_may_be_for_runs_in_other_currencies() -> None:
    several = policy(SEVERAL)
    assert several.rule("KES", "nairobi").currency == "EUR"
    assert several.rule("DZD", "winter").currency == "EUR"
    assert several.rule("DZD", "school").currency == "DZD"
    with pytest.raises(NoBand, match="says nothing about USD"):
        several.rule("USD", "winter")
    assert several.rules[0].counts_amounts
    assert not several.rules[1].counts_amounts
    assert stored(several.canonical()) == several
    assert "also_for" not in policy().canonical()[0]


@pytest.mark.parametrize(
    ("found", "instead", "what"),
    [
        ("[DZD, KES]", "[DZD, DZD]", "named twice"), ("[DZD, KES]", "[EUR]", "named twice"),
        ("[DZD, KES]", "[EURO]", "not a currency"), ("programmes: [school], ", "", "says the same"),
    ],
)  # fmt: skip
def test_a_currency_belongs_to_one_rule(found: str, instead: str, what: str) -> None:
    with pytest.raises(policy_files.PolicyFileErrors, match=what):
        policy(SEVERAL.replace(found, instead))
