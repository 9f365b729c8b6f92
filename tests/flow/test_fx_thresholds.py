"""Runs in several currencies are held against one policy at rates that two people confirmed; without a rate nobody signs."""

from typing import NamedTuple

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.permissions import Role
from cbi.errors import Conflict
from cbi.ledger.fx_models import ReferenceRate
from cbi.ledger.reference_rates import NoRate, StaleRate
from cbi.money import Money
from cbi.payments.models import PaymentRun
from cbi.payments.runs import queries
from cbi.payments.runs.schemas import CountedOut
from cbi.payments.signing import delegations
from cbi.payments.signing.delegations import DelegationNotValid, Terms
from cbi.payments.signing.required import Required, RequirementAltered
from cbi.payments.signing.signing_models import RequiredSignatures
from cbi.payments.states import RunState
from cbi.programmes import budget
from cbi.proofs import exchange as proofs
from tests.factories import EVERYTHING, office_day
from tests.flow.dealing import Dealers, dealers, grant, rate
from tests.flow.signing import (
    STEPS,
    House,
    accepted,
    colleague,
    house,
    later,
    locked,
    nothing_is_broken,
    sign,
)

EUROS = """
rules:
  - currency: EUR
    also_for: [DZD, KES]
    bands:
      - {up_to: "70.00", household_up_to: "40.00", steps: [certifier, authoriser]}
      - {up_to: "200.00", steps: [certifier, authoriser, head_of_finance]}
      - {up_to: "900.00", steps: [certifier, authoriser, head_of_finance, country_director]}
"""
"""A run of `winter` is 10,000 dinars, and one of `nairobi` 10,000 shillings; the largest household gets 4,000."""


class Office(NamedTuple):
    """The people, and a programme in shillings beside those in dinars."""

    people: House
    dealers: Dealers


@pytest.fixture
def office(session: Session) -> Office:
    people = house(session, EUROS)
    grant(session, code="nairobi", fund="kes-26", kept_in="KES", currency="KES")
    budget.allocate(session, EVERYTHING, "nairobi", "20000.00", "M-KES")
    return Office(people, dealers(session))


def why(session: Session, run: PaymentRun) -> Required:
    found = queries.sheet(session, run.id).required
    assert found is not None
    return found


def steps(session: Session, run: PaymentRun) -> list[str]:
    return [step.name for step in why(session, run).steps]


def rates(session: Session, run: PaymentRun) -> list[str]:
    counted = why(session, run).counted
    assert counted is not None
    return [str(quoted.rate) for quoted in counted.rates]


def proved(session: Session) -> None:
    nothing_is_broken(session)
    checks = (*proofs.approved, *proofs.append_only)
    assert [breach for check in checks for breach in check(session)] == []


def test_a_run_is_held_against_the_bands_of_another_currency(
    session: Session, office: Office
) -> None:
    rate(session, office.dealers, "145")
    run = locked(session, office.people.makers[0])
    counted = why(session, run).counted
    assert counted is not None
    # 10,000 / 145 is 68.9655…, and what is counted is never rounded down.
    assert (counted.amount, counted.household) == (Money(68_97, "EUR"), Money(27_59, "EUR"))
    assert steps(session, run) == [*STEPS[:2]]
    assert counted.sentence == "this run: 68.97 EUR"
    (shown,) = (str(quoted) for quoted in counted.rates)
    assert shown.startswith("1 EUR = 145 DZD, ")
    assert shown.endswith(", Bank of Algeria")
    told = CountedOut.of(why(session, run))
    assert told is not None
    assert told.rates == [shown]
    for step in STEPS[:2]:
        sign(session, run, step, office.people.by_step[step])
    assert run.state is RunState.APPROVED
    proved(session)


def test_without_a_fresh_rate_a_run_is_refused_and_never_taken_for_a_small_one(
    session: Session, office: Office
) -> None:
    with pytest.raises(NoRate, match="between DZD and EUR") as refusal, session.begin_nested():
        locked(session, office.people.makers[0])
    assert "cbi fx rate DZD EUR" in refusal.value.next_step
    rate(session, office.dealers, days_ago=45)
    with pytest.raises(StaleRate, match="too old"), session.begin_nested():
        locked(session, office.people.makers[0])
    rate(session, office.dealers)
    assert locked(session, office.people.makers[0]).state is RunState.LOCKED


def test_a_rate_changed_after_locking_leaves_the_run_as_it_was(
    session: Session, office: Office
) -> None:
    rate(session, office.dealers, "145")
    run = locked(session, office.people.makers[0])
    kept = session.scalars(
        select(RequiredSignatures).where(RequiredSignatures.run_id == run.id)
    ).one()
    before = dict(kept.facts)
    rate(session, office.dealers, "14.5")
    sign(session, run, "certifier", office.people.by_step["certifier"])
    assert steps(session, run) == [*STEPS[:2]]
    assert rates(session, run) == ["1 EUR = 145 DZD"]
    sign(session, run, "authoriser", office.people.by_step["authoriser"])
    assert run.state is RunState.APPROVED
    session.refresh(kept)
    assert kept.facts == before
    other = locked(session, office.people.makers[1], "school")
    assert rates(session, other) == ["1 EUR = 14.5 DZD"]
    assert steps(session, other) == [*STEPS]
    proved(session)


def test_a_makers_runs_in_several_currencies_count_together(
    session: Session, office: Office
) -> None:
    rate(session, office.dealers, "145")
    rate(session, office.dealers, "1/130", "KES", "EUR")
    first = locked(session, office.people.makers[0])
    second = locked(session, office.people.makers[0], "nairobi")
    counted = why(session, second).counted
    assert counted is not None
    assert counted.because == "maker"
    assert counted.amount == Money(76_93 + 68_97, "EUR")
    assert counted.maker.runs == (first.number,)
    # The largest household gets 4,000 dinars and 4,000 shillings.
    assert counted.household == Money(30_77 + 27_59, "EUR")
    assert rates(session, second) == ["1 EUR = 145 DZD", "1 KES = 1/130 EUR"]
    assert steps(session, second) == [*STEPS[:3]]
    proved(session)


def test_so_do_those_of_a_policy_in_the_runs_own_currency(session: Session, office: Office) -> None:
    policy = """
rules:
  - currency: DZD
    bands:
      - {up_to: "10000.00", steps: [certifier, authoriser]}
      - {up_to: "90000.00", steps: [certifier, authoriser, head_of_finance]}
  - {currency: KES, bands: [{steps: [certifier, authoriser]}]}
"""
    accepted(session, office.people, policy)
    # Whatever the amount is, the same people sign: no rate is asked for.
    locked(session, office.people.makers[0], "nairobi")
    with pytest.raises(NoRate, match="between KES and DZD"), session.begin_nested():
        locked(session, office.people.makers[0])
    others = locked(session, office.people.makers[1], "school")
    assert steps(session, others) == [*STEPS[:2]]
    rate(session, office.dealers, "1.1", "KES", "DZD")
    run = locked(session, office.people.makers[0])
    assert steps(session, run) == [*STEPS[:3]]
    proved(session)


def test_what_is_locked_between_two_signatures_in_another_currency_asks_for_more(
    session: Session, office: Office
) -> None:
    rate(session, office.dealers, "145")
    first = locked(session, office.people.makers[0])
    sign(session, first, "certifier", office.people.by_step["certifier"])
    rate(session, office.dealers, "1/130", "KES", "EUR")
    locked(session, office.people.makers[0], "nairobi")
    rate(session, office.dealers, "1000")
    assert sign(session, first, "authoriser", office.people.by_step["authoriser"]).state is RunState.CERTIFIED  # fmt: skip
    assert steps(session, first) == [*STEPS[:3]]
    assert rates(session, first) == ["1 EUR = 145 DZD", "1 KES = 1/130 EUR"]
    proved(session)


def test_who_stands_in_up_to_an_amount_is_held_to_it_in_the_policys_currency(
    session: Session, office: Office
) -> None:
    rate(session, office.dealers, "145")
    deputy = colleague(session, Role.PROGRAMME_MANAGER)
    certifier = office.people.by_step["certifier"]
    run = locked(session, office.people.makers[0])
    for limit in (Money(60_00, "EUR"), Money(70_00, "EUR")):
        with later():
            today = office_day()
            terms = Terms(deputy.actor.id or run.id, Role.CERTIFIER, today, today, (), limit)
            made = delegations.make(session, certifier.actor, terms, certifier.code())
        with later():
            treasurer = office.people.treasurer
            delegations.accept(session, treasurer.actor, made.id, treasurer.code())
        if limit.minor < 68_97:
            with pytest.raises(DelegationNotValid, match=r"up to 60.00 EUR, and 68.97 EUR counts"):
                sign(session, run, "certifier", deputy)
    assert sign(session, run, "certifier", deputy).state is RunState.CERTIFIED


def test_rates_that_were_altered_afterwards_are_named(session: Session, office: Office) -> None:
    made = rate(session, office.dealers, "145")
    run = locked(session, office.people.makers[0])
    proved(session)
    point = session.begin_nested()
    session.execute(
        update(ReferenceRate)
        .where(ReferenceRate.id == made.id)
        .values(confirmed_at=clock.now().replace(year=2100))
    )
    assert any(
        "nobody had confirmed" in breach for check in proofs.approved for breach in check(session)
    )
    point.rollback()
    kept = session.scalars(
        select(RequiredSignatures).where(RequiredSignatures.run_id == run.id)
    ).one()
    facts = {**kept.facts, "counted": {**kept.facts["counted"], "rates": []}}
    kept.facts = facts
    with session.no_autoflush, pytest.raises(RequirementAltered):
        why(session, run)
    session.expunge(kept)


def test_a_policy_that_says_nothing_of_a_currency_still_refuses(
    session: Session, office: Office
) -> None:
    rate(session, office.dealers, "145")
    accepted(session, office.people, EUROS.replace("[DZD, KES]", "[DZD]"))
    with pytest.raises(Conflict, match="says nothing about KES"), session.begin_nested():
        locked(session, office.people.makers[0], "nairobi")


def test_a_policy_in_another_currency_that_comes_later_asks_for_more_in_its_own(
    session: Session, office: Office
) -> None:
    rate(session, office.dealers, "145")
    rate(session, office.dealers, "1/200", "KES", "EUR")
    run = locked(session, office.people.makers[0], "nairobi")
    assert steps(session, run) == [*STEPS[:2]]
    policy = """
rules:
  - currency: DZD
    also_for: [KES]
    bands:
      - {up_to: "9000.00", steps: [certifier, authoriser]}
      - {up_to: "90000.00", steps: [certifier, authoriser, head_of_finance]}
"""
    accepted(session, office.people, policy)
    with pytest.raises(NoRate, match="between KES and DZD"), session.begin_nested():
        sign(session, run, "certifier", office.people.by_step["certifier"])
    rate(session, office.dealers, "1.1", "KES", "DZD")
    sign(session, run, "certifier", office.people.by_step["certifier"])
    assert steps(session, run) == [*STEPS[:3]]
    assert rates(session, run) == ["1 KES = 1.1 DZD"]
    proved(session)
