"""The rules of reconciliation, as data."""

from cbi.payments.states import ON_ITS_WAY, PAYMENT, PaymentState
from cbi.reconciliation import rules
from cbi.reconciliation.rules import LADDER, MEANS, REVISITED, DiscrepancyKind
from cbi.reconciliation.schemas import meaning
from cbi.reconciliation.statements import _plain


def test_every_rule_has_a_name_with_a_version_and_the_surest_comes_first() -> None:
    names = [rule.name for rule in LADDER]
    assert names == sorted(set(names))
    assert all(name.startswith("R") and name.count(".") == 1 for name in names)


def test_every_kind_of_discrepancy_says_what_it_means() -> None:
    assert set(MEANS) == set(DiscrepancyKind)
    assert len(set(MEANS.values())) == len(MEANS)
    assert meaning("duplicate_line") == MEANS[DiscrepancyKind.DUPLICATE_LINE]
    assert meaning("paid_after_failed") == "Paid after failed."


def test_whatever_can_be_wrong_with_a_line_is_looked_at_again_unless_only_a_person_can_tell() -> (
    None
):
    of_lines = {kind for _, kind in rules.verdicts()}
    assert of_lines - set(REVISITED) == {DiscrepancyKind.OTHER_LINE}
    assert set(REVISITED) <= of_lines


def test_only_a_payment_whose_outcome_is_open_is_on_its_way() -> None:
    assert PAYMENT.sources(PaymentState.FAILED) == ON_ITS_WAY


def test_a_filename_keeps_nothing_of_where_it_was() -> None:
    assert _plain("/home/nadia/mars.csv") == "mars.csv"
    assert _plain("C:\\post\\mars.csv") == "mars.csv"
    assert _plain("تسوية مارس.csv") == "تسوية مارس.csv"
    assert _plain("a\x00\nb.csv") == "ab.csv"
    assert _plain("") == "statement"
    assert len(_plain("x" * 5000)) == 200
