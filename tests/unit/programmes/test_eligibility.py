"""A household is in unless there is a reason why not, and every reason is named."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.fsp.messages import DeliveryMechanism
from cbi.programmes.eligibility import ACCOUNT_KINDS, Criteria, Facts, Reason, decide
from cbi.registry.text import folded

COUNTER = Criteria((DeliveryMechanism.CASH_OVER_COUNTER,))
ABLE = Facts(
    active=True,
    possible_duplicate=False,
    size=4,
    in_area=True,
    has_recipient=True,
    has_consent=True,
    at_counter=True,
    has_account=True,
    has_second_factor=True,
)


def test_a_household_with_nothing_against_it_is_in() -> None:
    assert decide(ABLE, COUNTER) == ()


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(ABLE, active=False), Reason.NOT_ACTIVE),
        (replace(ABLE, possible_duplicate=True), Reason.POSSIBLE_DUPLICATE),
        (replace(ABLE, size=1), Reason.TOO_SMALL),
        (replace(ABLE, size=9), Reason.TOO_LARGE),
        (replace(ABLE, in_area=False), Reason.AREA_NOT_COVERED),
        (replace(ABLE, has_recipient=False), Reason.NO_RECIPIENT),
        (replace(ABLE, has_consent=False), Reason.NO_CONSENT),
        (replace(ABLE, has_account=False), Reason.NO_PAYMENT_ACCOUNT),
        (replace(ABLE, has_second_factor=False), Reason.NO_SECOND_FACTOR),
    ],
)
def test_each_gap_is_one_reason(facts: Facts, reason: Reason) -> None:
    strict = replace(COUNTER, min_size=2, max_size=8, consent_required=True)
    assert decide(facts, strict) == (reason,)
    assert reason.sentence.endswith(".")


def test_both_ends_of_the_size_are_included() -> None:
    sized = replace(COUNTER, min_size=2, max_size=8)
    assert [size for size in range(1, 12) if not decide(replace(ABLE, size=size), sized)] == [
        2, 3, 4, 5, 6, 7, 8,
    ]  # fmt: skip


def test_consent_is_asked_for_only_when_the_programme_says_so() -> None:
    without = replace(ABLE, has_consent=False)
    assert decide(without, COUNTER) == ()
    assert decide(without, replace(COUNTER, consent_required=True)) == (Reason.NO_CONSENT,)


def test_each_mechanism_asks_for_what_it_needs() -> None:
    bare = replace(ABLE, has_account=False, has_second_factor=False)
    assert set(ACCOUNT_KINDS) == set(DeliveryMechanism)
    assert decide(bare, COUNTER) == (Reason.NO_PAYMENT_ACCOUNT, Reason.NO_SECOND_FACTOR)
    assert decide(replace(bare, at_counter=False), COUNTER) == (Reason.NO_PAYMENT_ACCOUNT,)


def test_an_area_is_known_however_it_is_spelt() -> None:
    covered = replace(COUNTER, areas=frozenset({folded("Béjaïa"), folded("Tizi Ouzou")}))
    assert all(covered.covers({folded(area)}) for area in ("Béjaïa", "BEJAIA", "tizi-ouzou"))
    assert not any(covered.covers(words) for words in ({"oran"}, {""}, ()))
    assert COUNTER.covers(())


sizes = st.none() | st.integers(1, 60)


@given(
    st.builds(Facts, size=st.integers(1, 60)),
    st.builds(
        Criteria,
        mechanisms=st.just((DeliveryMechanism.CASH_OVER_COUNTER,)),
        min_size=sizes,
        max_size=sizes,
        areas=st.none(),
    ),
)
def test_one_more_gap_never_lets_a_household_in(facts: Facts, criteria: Criteria) -> None:
    reasons = decide(facts, criteria)
    assert len(set(reasons)) == len(reasons)
    for worse in (
        replace(facts, active=False),
        replace(facts, possible_duplicate=True),
        replace(facts, has_recipient=False),
        replace(facts, has_account=False),
    ):
        assert not reasons or decide(worse, criteria)
