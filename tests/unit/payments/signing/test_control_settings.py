"""What a policy file says of controls is read with every mistake by its line, and is the same however it is written."""

import pytest

from cbi.money import Money
from cbi.payments.runs.sheet_models import FindingKind
from cbi.payments.signing import approval_policy, control_settings, policy_files
from cbi.payments.signing.control_settings import Controls
from cbi.payments.signing.controls import CONTROLS, MEASURES, NEVER

FILE = """\
rules:
  - {currency: DZD, bands: [{steps: [certifier, authoriser]}]}
controls:
  blocking:
    - {control: shared_account, at_most: 2}
    - {control: inactive, blocks: false}
  amounts:
    - {currency: DZD, at_least: "500.00", at_most: "30000.00", components: [stipend]}
  payees:
    - {currency: DZD, at_most: "200000.00"}
    - {currency: KES, at_most: 90000}
"""


def read(text: str) -> approval_policy.Policy:
    return policy_files.read(text, {"winter": "DZD", "nairobi": "KES"})


def test_a_file_is_read_stored_and_found_again() -> None:
    policy = read(FILE)
    again = approval_policy.stored(policy.canonical(), policy.controls.canonical())
    assert again == policy
    assert again.digest() == policy.digest()


def test_a_policy_that_says_nothing_of_controls_has_the_digest_it_had_before() -> None:
    policy = read(FILE.partition("controls:")[0])
    assert policy.controls.canonical() is None
    assert policy.digest() == approval_policy.digest_of(policy.canonical())


def test_what_is_not_named_is_as_the_engine_comes() -> None:
    limits = control_settings.limits(read(FILE).controls)
    assert (limits["shared_account"].blocks, limits["shared_account"].at_most) == (True, 2)
    assert not limits["inactive"].blocks
    assert {code for code, each in control_settings.limits(Controls()).items() if each.blocks} == {
        "inactive", "amount_bounds", "minimum_wage", "payee_limit", "old_discrepancies", "unopened_lists"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("smallest", "largest", "may_be"), [("500", "30000", False), ("499.99", "1000", True), ("500", "30000.01", True)]
)  # fmt: skip
def test_bounds_are_looked_at_only_where_something_could_be_outside(
    smallest: str, largest: str, *, may_be: bool
) -> None:
    (bounds,) = read(FILE).controls.amounts
    amounts = Money.parse(smallest, "DZD"), Money.parse(largest, "DZD")
    assert control_settings.reaches(bounds, *amounts) is may_be
    assert bounds.are_for("DZD", "winter")
    assert not bounds.are_for("KES", "nairobi")


@pytest.mark.parametrize(
    ("found", "instead", "line", "what"),
    [
        ("shared_account, at", "shared_acount, at", 5, "Did you mean shared_account"),
        ("at_most: 2", "at_most: many", 5, "Write a whole number"),
        ("blocks: false", "blocks: perhaps", 6, "neither yes nor no"),
        ("control: inactive", "control: shared_account", 6, "set twice"),
        ("components: [stipend]", "programmes: [nairobi]", 8, "It pays in KES"),
        ("components: [stipend]", "programmes: [nowhere]", 8, "no programme nowhere"),
        ('at_least: "500.00"', 'at_least: "50000.00"', 8, "below at_least"),
        ('at_least: "500.00", at_most: "30000.00", ', "", 8, "neither at_least nor at_most"),
        ("  amounts:", "  bounds:", 8, "no such field"),
        ("currency: KES, at_most: 90000", "currency: DZD, at_most: 1", 11, "DZD is limited twice"),
        ('at_most: "200000.00"', 'at_most: "0.001"', 10, "DZD"),
    ],
)
def test_a_mistake_is_named_with_its_line(found: str, instead: str, line: int, what: str) -> None:
    with pytest.raises(policy_files.PolicyFileErrors) as refusal:
        read(FILE.replace(found, instead))
    assert any(each.line == line and what in str(each) for each in refusal.value.problems), (
        refusal.value.problems
    )


def test_what_nobody_waives_is_no_control_that_could_be_switched() -> None:
    assert not NEVER.keys() & CONTROLS.keys()
    assert {each.measure for each in CONTROLS.values()} <= MEASURES.keys()
    assert {each.finding for each in CONTROLS.values() if each.finding} <= set(FindingKind)
