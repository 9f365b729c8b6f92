"""Each entitlement is paid by the first fund that may and has enough; what none may pay waits, with its reason."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger.chart import Entry
from cbi.ledger.models import Account, Fund, Transfer
from cbi.payments.models import PaymentRun
from cbi.payments.runs import funding, runs, scheduled, unfunded
from cbi.payments.runs.funding import Passed, Why
from cbi.payments.runs.unfunded import Reason
from cbi.payments.signing import approval
from cbi.programmes import applying, budget, cycles, replaying
from cbi.programmes.applying import FixedForGood
from cbi.programmes.budget import WhichFund
from cbi.programmes.models import Programme
from tests.factories import EVERYTHING, PERIOD, START, Team, funded_programme, households, team
from tests.flow.several_funds import (
    COMMON,
    LAST,
    SMALL,
    applied,
    budgets,
    built,
    nothing_is_broken,
    paid,
)
from tests.programme_factory import household


@pytest.fixture
def people(session: Session) -> Team:
    return team(session)


def by_fund(session: Session, made: list[PaymentRun]) -> dict[str, list[int]]:
    return {session.get_one(Fund, run.fund_id).code: paid(session, run) for run in made}


def reasons(session: Session) -> dict[Reason, int]:
    return {
        each.reason: each.entitlements
        for each in unfunded.left(session, EVERYTHING, "winter", PERIOD)
    }


def test_each_household_is_paid_by_the_first_fund_that_is_for_it(
    session: Session, people: Team
) -> None:
    households(session, [1, 2, 3, 4])
    budgets(session, applied(session), small=50, common=50, reserve=50)
    made = built(session, people)
    assert by_fund(session, made) == {SMALL: [1, 2], COMMON: [3, 4]}
    assert reasons(session) == {}
    why = funding.of(session, made[1])
    assert why
    assert why.passed == (Passed(SMALL, Why.NOT_FOR_IT, 2),)
    assert why.sentence == "fund 2 of 3; pays everything"
    first = funding.of(session, made[0])
    assert first
    assert first.rule == "for: household size max 2"
    nothing_is_broken(session)


def test_a_fund_for_an_area_pays_there_by_the_facts_that_were_kept(
    session: Session, people: Team
) -> None:
    household(session, 2, area="ORAN ")
    household(session, 3, area="Tlemcen")
    budgets(session, applied(session, small=", pays: {for: {areas: [Oran]}}"), small=50, common=50)
    opened = cycles.open_cycle(session, EVERYTHING, "winter", PERIOD)
    made = runs.build_all(session, people.maker.actor, opened.id)
    assert by_fund(session, made) == {SMALL: [2], COMMON: [3]}
    assert replaying.replay(session, EVERYTHING, "winter", PERIOD).differing == 0
    nothing_is_broken(session)


def test_the_last_resort_pays_what_the_others_have_no_money_for(
    session: Session, people: Team
) -> None:
    households(session, [1, 1, 3, 3])
    budgets(session, applied(session), small=1, common=4, reserve=50)
    made = built(session, people)
    assert by_fund(session, made) == {SMALL: [1], COMMON: [1, 3], LAST: [3]}
    why = funding.of(session, made[2])
    assert why
    assert why.last_resort
    assert why.passed == (Passed(SMALL, Why.NOT_FOR_IT, 1), Passed(COMMON, Why.SPENT, 1))
    nothing_is_broken(session)


def test_a_fund_pays_smaller_amounts_when_a_larger_one_does_not_fit(
    session: Session, people: Team
) -> None:
    households(session, [5, 5, 5, 1, 1, 1, 1, 1, 1])
    budgets(session, applied(session, small=""), small=6, common=50)
    made = built(session, people)
    found = by_fund(session, made)
    assert sum(found[SMALL]) == 6  # a five and a one, or six ones
    assert sorted(found[SMALL] + found[COMMON]) == [1] * 6 + [5] * 3
    nothing_is_broken(session)


def test_what_no_fund_pays_waits_with_its_reason_until_one_can(
    session: Session, people: Team
) -> None:
    households(session, [1, 2, 3, 4])
    budgets(session, applied(session, common=", pays: {for: {household_size: {max: 3}}}"), small=3)
    assert by_fund(session, built(session, people)) == {SMALL: [1, 2]}
    assert reasons(session) == {Reason.SPENT: 2}
    cycle = cycles.open_cycle(session, EVERYTHING, "winter", PERIOD).id
    with pytest.raises(runs.NoFundPays, match="not enough left"), session.begin_nested():
        runs.build(session, people.maker.actor, cycle)
    budgets(session, "winter", common=9)
    assert reasons(session) == {Reason.CAN_BE_BUILT: 1, Reason.SPENT: 1}
    assert paid(session, runs.build(session, people.maker.actor, cycle)) == [3]
    lines = unfunded.lines(session, EVERYTHING, "winter", PERIOD)
    assert [(each.amount.minor, each.reason) for each in lines] == [(400_000, Reason.SPENT)]
    nothing_is_broken(session)


def test_what_no_fund_is_for_says_so(session: Session, people: Team) -> None:
    households(session, [1, 4])
    text = (
        f"programme: {{code: winter, name: Winter, kind: stipend, languages: [ar]}}\n"
        f'fund: {{code: small-26, name: S, amount: "9", valid_from: {START.year}-01-01,'
        f" valid_to: {START.year + 1}-12-31, pays: {{components: [base], for: {{household_size: {{max: 2}}}}}}}}\n"
        f'currency: DZD\nstipend: {{per_member: "1000"}}\n'
        f"schedule: {{every: month, first: {START.year}-01, last: {START.year + 1}-12}}\n"
        f"delivery: {{provider: post_office, mechanism: cash_over_counter}}\n"
    )
    applying.apply(session, EVERYTHING, text)
    assert by_fund(session, built(session, people)) == {SMALL: [1]}
    assert reasons(session) == {Reason.NOT_FOR_IT: 1}
    nothing_is_broken(session)


def test_a_fund_that_is_not_valid_yet_pays_nothing(session: Session, people: Team) -> None:
    households(session, [1, 2])
    soon = f"{START + timedelta(days=40):%Y-%m-%d}"
    budgets(session, applied(session, small="", small_from=soon), small=50, common=1)
    made = built(session, people)
    assert by_fund(session, made) == {COMMON: [1]}
    why = funding.of(session, made[0])
    assert why
    assert why.passed == (Passed(SMALL, Why.NOT_VALID, 1),)
    nothing_is_broken(session)


def test_drafts_count_against_a_budget(session: Session, people: Team) -> None:
    households(session, [1, 2])
    budgets(session, applied(session, small=""), small=3)
    (run,) = built(session, people)
    households(session, [1])
    opened = cycles.open_cycle(session, people.maker.actor, "winter", next_period())
    with pytest.raises(runs.NoFundPays), session.begin_nested():
        runs.build(session, people.maker.actor, opened.id)
    assert run.total_minor == 300_000


def next_period() -> str:
    return f"{START.replace(day=1) + timedelta(days=32):%Y-%m}"


def test_each_run_is_signed_and_committed_from_its_own_fund(session: Session, people: Team) -> None:
    households(session, [1, 3])
    budgets(session, applied(session), small=5, common=5)
    made = built(session, people)
    for minute, run in enumerate(made):
        with clock.frozen(START + timedelta(minutes=minute)):
            runs.lock(session, people.maker.actor, run.id)
            approval.certify(session, people.certifier.actor, run.id, people.certifier.code())
            approval.authorise(session, people.authoriser.actor, run.id, people.authoriser.code())
    committed = (
        select(Account.fund_id, func.sum(Transfer.amount_minor))
        .join(Account, Account.id == Transfer.debit_account_id)
        .where(Transfer.entry == Entry.COMMIT)
        .group_by(Account.fund_id)
    )
    taken = {fund: int(minor) for fund, minor in session.execute(committed)}
    assert taken == {run.fund_id: run.total_minor for run in made}
    assert len(taken) == 2
    nothing_is_broken(session)


def test_the_scheduler_builds_and_locks_every_run(session: Session) -> None:
    households(session, [1, 3])
    budgets(session, applied(session), small=5, common=5)
    opened = cycles.open_cycle(session, EVERYTHING, "winter", PERIOD)
    assert scheduled.make_run(session, opened.id)
    states = session.scalars(select(PaymentRun.state).where(PaymentRun.cycle_id == opened.id))
    assert [state.value for state in states] == ["locked", "locked"]


def test_a_fund_that_joins_later_pays_what_an_open_cycle_still_owes(
    session: Session, people: Team
) -> None:
    households(session, [1, 2])
    dates = f"valid_from: {START.year}-01-01, valid_to: {START.year + 1}-12-31"
    text = (
        f"programme: {{code: winter, name: Winter, kind: stipend, languages: [ar]}}\n"
        f"funds:\n"
        f'  - {{code: small-26, name: S, amount: "900000", {dates}}}\n'
        f"LATER"
        f'currency: DZD\nstipend: {{per_member: "1000"}}\n'
        f"schedule: {{every: month, first: {START.year}-01, last: {START.year + 1}-12}}\n"
        f"delivery: {{provider: post_office, mechanism: cash_over_counter}}\n"
    )
    applying.apply(session, EVERYTHING, text.replace("LATER", ""))
    opened = cycles.open_cycle(session, EVERYTHING, "winter", PERIOD)
    joins = f'  - {{code: common-26, name: C, amount: "900000", {dates}RULE}}\n'
    by_area = joins.replace("RULE", ", pays: {for: {areas: [Oran]}}")
    done = applying.apply(session, EVERYTHING, text.replace("LATER", by_area))
    assert "fund common-26 is new" in done.what_changed
    budgets(session, "winter", small=1, common=9)
    # Nobody took down areas when the cycle was decided, so nobody can say whom that fund is for.
    assert by_fund(session, runs.build_all(session, people.maker.actor, opened.id)) == {SMALL: [1]}
    assert reasons(session) == {Reason.SPENT: 1}
    applying.apply(session, EVERYTHING, text.replace("LATER", joins.replace("RULE", "")))
    assert by_fund(session, runs.build_all(session, people.maker.actor, opened.id)) == {COMMON: [2]}
    nothing_is_broken(session)


def test_a_programme_keeps_the_funds_it_draws_on(session: Session) -> None:
    funded_programme(session)
    with pytest.raises(FixedForGood, match="draws on echo-26"), session.begin_nested():
        applied(session)


def test_with_several_funds_an_allocation_names_one(session: Session) -> None:
    applied(session)
    with pytest.raises(WhichFund, match="several funds"), session.begin_nested():
        budget.allocate(session, EVERYTHING, "winter", "1", "MEMO")
    with pytest.raises(WhichFund, match="does not draw on"), session.begin_nested():
        budget.allocate(session, EVERYTHING, "winter", "1", "MEMO", fund="echo-26")


def test_one_fund_takes_everything_as_before_whatever_its_budget_holds(
    session: Session, people: Team
) -> None:
    households(session, [1, 2])
    funded_programme(session, budgeted="1.00")
    (run,) = built(session, people)
    assert paid(session, run) == [1, 2]
    why = funding.of(session, run)
    assert why
    assert why.sentence == "the only fund; pays everything"
    assert session.scalars(select(Programme.fund_id)).one() == run.fund_id
    nothing_is_broken(session)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=7),
    *(st.integers(0, 12) for _ in range(3)),
)
def test_whatever_the_budgets_nobody_is_paid_twice_and_no_fund_is_overdrawn(
    session: Session, people: Team, sizes: list[int], small: int, common: int, reserve: int
) -> None:
    nested = session.begin_nested()
    try:
        households(session, sizes)
        budgets(session, applied(session), small=small, common=common, reserve=reserve)
        try:
            made = built(session, people)
        except runs.NoFundPays:
            made = []
        found = by_fund(session, made)
        for code, thousands in ((SMALL, small), (COMMON, common), (LAST, reserve)):
            assert sum(found.get(code, [])) <= thousands
        assert all(size <= 2 for size in found.get(SMALL, []))
        waiting = Counter(sizes) - Counter(size for paid_so in found.values() for size in paid_so)
        # Nothing waits that one of the funds still had enough for.
        left = {
            code: thousands - sum(found.get(code, []))
            for code, thousands in ((SMALL, small), (COMMON, common), (LAST, reserve))
        }
        for size in waiting:
            assert size > left[COMMON]
            assert size > left[LAST]
            assert size > 2 or size > left[SMALL]
        assert sum(reasons(session).values()) == waiting.total()
        nothing_is_broken(session)
    finally:
        nested.rollback()
