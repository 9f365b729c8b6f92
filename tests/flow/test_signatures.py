"""How many sign a run: as its size asks, counted over seven days, by different people, each for themself or for another."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import URL, select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.actor import SYSTEM, NotPermitted
from cbi.access.permissions import Role
from cbi.access.totp import WrongCode
from cbi.errors import CbiError
from cbi.lifecycle import MoveNotAllowed
from cbi.money import Money
from cbi.payments.models import Approval, PaymentRun
from cbi.payments.runs import queries, runs, waiting
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval, policies, recall
from cbi.payments.signing.approval_policy import NoBand
from cbi.payments.states import RunState
from cbi.programmes import cycles
from tests.factories import PERIOD, START
from tests.flow.sending import assert_every_promise_is_kept, at_once
from tests.flow.signing import (
    POLICY,
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

NEXT = f"{START.year + START.month // 12}-{START.month % 12 + 1:02d}"
TODAY = START.date()


@pytest.fixture
def people(session: Session) -> House:
    return house(session)


def asked(session: Session, run: PaymentRun) -> list[str]:
    return [each.step for each in queries.sheet(session, run.id).signatures]


def test_a_run_is_approved_by_the_last_of_its_steps(session: Session) -> None:
    people = house(session, POLICY.replace("15000.00", "1000.00").replace("35000.00", "10000.00"))
    run = locked(session, people.makers[0])
    assert asked(session, run) == [*STEPS[:3]]
    for step in STEPS[:2]:
        assert sign(session, run, step, people.by_step[step]).state is RunState.CERTIFIED
        assert run.release_after is None
    with later(), pytest.raises(MoveNotAllowed):
        dispatch.begin_release(session, people.authoriser.actor, run.id)
    assert sign(session, run, STEPS[2], people.by_step[STEPS[2]]).state is RunState.APPROVED
    with later(hours=1):
        approval.check_approved(session, run)
        dispatch.begin_release(session, people.authoriser.actor, run.id)
    nothing_is_broken(session)


def test_without_a_policy_every_run_takes_the_ordinary_two(session: Session) -> None:
    people = house(session, policy=None)
    run = locked(session, people.makers[0])
    assert asked(session, run) == ["certifier", "authoriser"]
    sign(session, run, "certifier", people.by_step["certifier"])
    assert sign(session, run, "authoriser", people.authoriser).state is RunState.APPROVED
    nothing_is_broken(session)


def test_steps_are_taken_in_their_order_and_each_once(session: Session, people: House) -> None:
    run = locked(session, people.makers[0])
    with pytest.raises(MoveNotAllowed, match="does not wait for the signature of its authoriser"):
        sign(session, run, "authoriser", people.authoriser)
    sign(session, run, "certifier", people.by_step["certifier"])
    second = colleague(session, Role.CERTIFIER)
    with pytest.raises(MoveNotAllowed):
        sign(session, run, "certifier", second)
    with pytest.raises(NotPermitted):
        sign(session, run, "authoriser", second)


def test_a_second_run_of_the_same_maker_takes_a_higher_approver(
    session: Session, people: House
) -> None:
    first = locked(session, people.makers[0])
    second = locked(session, people.makers[0], "school")
    assert asked(session, first) == [*STEPS[:2]]
    assert asked(session, second) == [*STEPS[:3]]
    why = queries.sheet(session, second.id).required
    assert why is not None
    assert why.counted is not None
    assert why.counted.sentence == (
        f"this run and 1 other of the last 7 days by the same maker: {Money(20_000_00, 'DZD')}"
    )
    assert why.counted.maker.runs == (first.number,)


def test_so_does_a_second_run_of_the_same_programme(session: Session, people: House) -> None:
    locked(session, people.makers[0])
    run = locked(session, people.makers[1], period=NEXT)
    assert asked(session, run) == [*STEPS[:3]]
    needed = queries.sheet(session, run.id).required
    assert needed is not None
    assert needed.counted is not None
    assert needed.counted.because == "programme"


def test_neither_counts_after_seven_days_or_once_it_is_called_off(
    session: Session, people: House
) -> None:
    first = locked(session, people.makers[0])
    recall.cancel(session, people.makers[0].actor, first.id, "wrong month")
    second = locked(session, people.makers[0], "school")
    assert asked(session, second) == [*STEPS[:2]]
    third = locked(session, people.makers[0], period=NEXT, days=8)
    assert asked(session, third) == [*STEPS[:2]]


def test_a_household_that_gets_much_from_several_runs_takes_a_higher_approver(
    session: Session, people: House
) -> None:
    locked(session, people.makers[0])
    run = locked(session, people.makers[1], "school")
    needed = queries.sheet(session, run.id).required
    assert needed is not None
    assert needed.counted is not None
    assert (needed.counted.amount, needed.counted.household) == (
        Money(10_000_00, "DZD"), Money(8_000_00, "DZD"),
    )  # fmt: skip
    assert asked(session, run) == [*STEPS[:3]]


def test_what_is_locked_between_two_signatures_asks_for_more_and_never_for_fewer(
    session: Session, people: House
) -> None:
    first = locked(session, people.makers[0])
    sign(session, first, "certifier", people.by_step["certifier"])
    second = locked(session, people.makers[0], "school")
    # It would have been the last signature.
    assert sign(session, first, "authoriser", people.authoriser).state is RunState.CERTIFIED
    assert asked(session, first) == [*STEPS[:3]]
    recall.cancel(session, people.makers[0].actor, second.id, "not needed")
    (waits,) = (
        each for each in waiting.all_waiting(session, people.treasurer.actor)
        if each.line.id == first.id
    )  # fmt: skip
    assert (waits.need.part, waits.need.left) == ("head_of_finance", 1)
    last = sign(session, first, "head_of_finance", people.by_step["head_of_finance"])
    assert last.state is RunState.APPROVED
    nothing_is_broken(session)


def test_what_no_band_holds_cannot_be_locked(session: Session) -> None:
    people = house(session, POLICY.replace("DZD", "KES"))
    with pytest.raises(NoBand, match="says nothing about DZD"), session.begin_nested():
        locked(session, people.makers[0])
    accepted(
        session, people, 'rules: [{currency: DZD, bands: [{up_to: "9999.99", steps: [certifier]}]}]'
    )
    with pytest.raises(NoBand, match="no band for"):
        locked(session, people.makers[0])


def test_one_signature_is_enough_where_the_policy_says_so_but_never_the_makers(
    session: Session,
) -> None:
    people = house(session, "rules: [{currency: DZD, bands: [{steps: [authoriser]}]}]")
    both = colleague(session, Role.PROGRAMME_MANAGER, Role.AUTHORISER)
    run = locked(session, both)
    with pytest.raises(runs.TwoParts):
        sign(session, run, "authoriser", both)
    assert sign(session, run, "authoriser", people.authoriser).state is RunState.APPROVED
    nothing_is_broken(session)


def test_a_run_that_nobody_made_takes_at_least_two(session: Session) -> None:
    people = house(session, "rules: [{currency: DZD, bands: [{steps: [authoriser]}]}]")
    with later():
        opened = cycles.open_cycle(session, people.makers[0].actor, "winter", PERIOD)
        run = runs.build(session, SYSTEM, opened.id)
        grants = people.makers[0].actor.grants
        runs.lock(session, type(SYSTEM)("system", None, "the engine", grants), run.id)
    assert asked(session, run) == ["certifier", "authoriser"]


# The policy.


def test_a_policy_holds_once_a_second_person_accepts_it(session: Session) -> None:
    people = house(session, policy=None)
    one, other = people.treasurer, people.authoriser
    with later():
        with pytest.raises(WrongCode):
            policies.propose(session, one.actor, POLICY, "000000")
        version = policies.propose(session, one.actor, POLICY, one.code()).version
        assert policies.in_force(session) is None
    with later():
        with pytest.raises(policies.OwnPolicy):
            policies.accept(session, one.actor, version, one.code())
        policies.accept(session, other.actor, version, other.code())
        found = policies.in_force(session)
        assert found is not None
        assert found[0] == version
    with later():
        with pytest.raises(policies.UnknownPolicy):
            policies.accept(session, other.actor, version, other.code())
        with pytest.raises(policies.NothingNew):
            policies.propose(session, one.actor, POLICY, one.code())
        with pytest.raises(NotPermitted):
            policies.propose(session, people.makers[0].actor, POLICY, people.makers[0].code())


# Many at once.


def test_of_fifty_who_sign_one_step_at_once_one_does(database: URL) -> None:
    with offices.transaction("dz") as session:
        people = house(session)
        run_id = locked(session, people.makers[0]).id
        crowd = [colleague(session, Role.CERTIFIER, Role.AUTHORISER) for _ in range(10)]
    at = START + timedelta(hours=2)

    def sign_it(place: int) -> str:
        who = crowd[place % len(crowd)]
        with clock.frozen(at):
            try:
                offices.transact(
                    "dz", lambda s: approval.sign(s, who.actor, run_id, "certifier", who.code())
                )
            except CbiError as refusal:
                return refusal.code
        return "done"

    answers = Counter(at_once(sign_it, range(50)))
    assert answers["done"] == 1
    assert set(answers) <= {"done", "lifecycle.move_not_allowed", "access.code_used"}
    with offices.transaction("dz") as session:
        assert len(session.scalars(select(Approval)).all()) == 1
    assert_every_promise_is_kept()
