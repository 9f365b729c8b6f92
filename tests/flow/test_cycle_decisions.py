"""Every household is decided by the pure rules, as a set, with every reason why it is not in."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.fsp.messages import DeliveryMechanism
from cbi.money import Money
from cbi.programmes import queries
from cbi.programmes.applying import apply
from cbi.programmes.cycles import open_cycle
from cbi.programmes.eligibility import ACCOUNT_KINDS, Facts, decide
from cbi.programmes.models import EligibilityDecision, Entitlement
from cbi.programmes.transfer_value import compute
from cbi.registry.queries import blocked_households
from cbi.registry.text import folded
from tests.programme_factory import OFFICER, household, programme_file, same_document


def reasons_in(session: Session, cycle: object) -> dict[object, list[str]]:
    rows = session.scalars(select(EligibilityDecision).where(EligibilityDecision.cycle_id == cycle))
    return {row.household_id: row.reasons for row in rows}


def owed_in(session: Session, cycle: object) -> dict[object, Entitlement]:
    rows = session.scalars(select(Entitlement).where(Entitlement.cycle_id == cycle))
    return {row.household_id: row for row in rows}


def test_every_household_that_is_not_in_knows_every_reason(session: Session) -> None:
    same_document(session, "twice")
    expected = {
        household(session, 4, area="Oran"): [],
        household(session, 4, area="ORAN "): [],
        household(session, 1, area="Algiers"): ["too_small", "area_not_covered"],
        household(session, 9, area="Oran"): ["too_large"],
        household(session, 4, area=None): ["area_not_covered"],
        household(session, 4, area="Oran", status="left"): ["not_active"],
        household(session, 4, area="Oran", recipient=False): ["no_recipient"],
        household(session, 4, area="Oran", phone=False): ["no_payment_account"],
        household(session, 4, area="Oran", factor=False): ["no_second_factor"],
        household(session, 4, area="Oran", document="twice"): ["possible_duplicate"],
        household(session, 4, area="Oran", document="twice"): ["possible_duplicate"],
        household(session, 4, area="Oran", document="once"): [],
    }
    eligibility = "{household_size: {min: 2, max: 8}, areas: [Oran]}"
    apply(session, OFFICER, programme_file(eligibility=eligibility))
    opened = open_cycle(session, OFFICER, "winter-2026", "2026-02")
    assert reasons_in(session, opened.id) == expected
    assert (opened.eligible, opened.ineligible, opened.entitlements) == (3, 9, 3)
    assert set(owed_in(session, opened.id)) == {this for this, why in expected.items() if not why}


def test_consent_counts_only_when_the_programme_asks_for_it(session: Session) -> None:
    without, given_ = household(session), household(session, consent=True)
    apply(session, OFFICER, programme_file())
    apply(session, OFFICER, programme_file(code="strict", eligibility="{consent: required}"))
    free = open_cycle(session, OFFICER, "winter-2026", "2026-02")
    strict = open_cycle(session, OFFICER, "strict", "2026-02")
    assert reasons_in(session, free.id) == {without: [], given_: []}
    assert reasons_in(session, strict.id) == {without: ["no_consent"], given_: []}


def test_a_household_registered_after_the_opening_waits_for_the_next_one(session: Session) -> None:
    now = datetime(2026, 2, 5, tzinfo=UTC)
    apply(session, OFFICER, programme_file())
    with clock.frozen(now + timedelta(seconds=1)):
        household(session)
    with clock.frozen(now):
        assert open_cycle(session, OFFICER, "winter-2026", "2026-02").eligible == 0
    with clock.frozen(now + timedelta(days=30)):
        assert open_cycle(session, OFFICER, "winter-2026", "2026-03").eligible == 1


@contextmanager
def undone(session: Session) -> Iterator[None]:
    """Take back whatever the block does, also when it fails."""
    step = session.begin_nested()
    try:
        yield
    finally:
        step.rollback()


facts = st.fixed_dictionaries(
    {
        "size": st.integers(1, 12),
        "area": st.sampled_from([None, "Oran", "oran", "Béjaïa", "Algiers", ""]),
        "status": st.sampled_from(["active", "left"]),
        "recipient": st.booleans(),
        "phone": st.booleans(),
        "factor": st.booleans(),
        "consent": st.booleans(),
        "document": st.sampled_from([None, "free", "flagged"]),
    }
)
eligibility = st.sampled_from(
    [
        "{household_size: {min: 3, max: 9}}",
        "{areas: [Oran, Bejaia]}",
        "{consent: required}",
        "{household_size: {max: 5}, areas: [ALGIERS], consent: required}",
    ]
)
delivery = st.sampled_from(
    [
        "{provider: post_office, mechanism: cash_over_counter}",
        "{provider: sandbox, mechanism: mobile_money}",
        "{provider: sandbox, mechanism: bank_transfer}",
        "{provider: sandbox, mechanism: direct_delivery}",
    ]
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(facts, min_size=1, max_size=12), eligibility=eligibility, delivery=delivery)
def test_the_set_based_opening_decides_as_the_pure_rules_do(
    session: Session, rows: list[dict[str, Any]], eligibility: str, delivery: str
) -> None:
    with undone(session):
        same_document(session, "flagged")
        made = {household(session, **row): row for row in rows}
        apply(session, OFFICER, programme_file(eligibility=eligibility, delivery=delivery))
        opened = open_cycle(session, OFFICER, "winter-2026", "2026-02")
        definition = queries.definition(session, queries.find(session, "winter-2026"))
        criteria, owed = definition.criteria, owed_in(session, opened.id)
        (usual,) = criteria.mechanisms
        stored, blocked = reasons_in(session, opened.id), set(session.scalars(blocked_households()))
        total = Money.zero("DZD")
        for this, row in made.items():
            expected = decide(
                Facts(
                    active=row["status"] == "active",
                    possible_duplicate=this in blocked,
                    size=row["size"],
                    in_area=criteria.covers({folded(row["area"] or "")}),
                    has_recipient=row["recipient"],
                    has_consent=row["consent"],
                    at_counter=usual is DeliveryMechanism.CASH_OVER_COUNTER,
                    has_account=ACCOUNT_KINDS[usual] is None
                    or (row["phone"] and ACCOUNT_KINDS[usual] == "phone"),
                    has_second_factor=row["factor"],
                ),
                criteria,
            )
            assert stored[this] == [str(reason) for reason in expected]
            assert (this in owed) == (not expected)
            if not expected:
                value, trace = compute(row["size"], definition.rate_card)
                assert (owed[this].amount_minor, owed[this].trace) == (value.minor, trace)
                total += value
        assert opened.total == total
        assert opened.eligible + opened.ineligible == len(made) == len(stored)
