"""Money for a household that may be on record twice waits; once people have found two people, it goes by itself and once."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, insert, select

from cbi import clock, ids, jobs, offices
from cbi.access.actor import Actor, grants_of
from cbi.access.permissions import Role
from cbi.payments.models import Discrepancy, Payment, PaymentRun
from cbi.payments.runs import progress, queries
from cbi.payments.states import PaymentState, RunState
from cbi.redemption import issuing
from cbi.redemption.models import CodeIssue, Payout
from cbi.registry.households import own_facts
from cbi.registry.households.asked import read_personal
from cbi.registry.linkage import deciding
from cbi.registry.linkage.models import Pair, PairState
from cbi.registry.models import Person
from cbi.reporting.stuck import Reason, stuck
from tests.factories import EVERYTHING
from tests.flow.sending import assert_every_promise_is_kept, run_state, states
from tests.household_factory import change
from tests.redemption_factory import OPEN, Issued, code_of, confirm, hold, refused, teller, try_code

READY, ACCEPTED, FAILED = PaymentState.READY, PaymentState.ACCEPTED, PaymentState.FAILED
RANIA, AMINA = (
    Actor("user", UUID(int=at), name, grants_of([(Role.REGISTRATION_OFFICER, None)]))
    for at, name in ((1, "rania"), (2, "amina"))
)
TWIN = {"name": "Mohamed Benali", "born_on": "1990-05-04", "sex": "male"}


def payees(run_id: UUID) -> list[tuple[UUID, UUID]]:
    """Household and person of each payment, in the order of the run."""
    with offices.transaction("dz") as session:
        found = select(Payment.household_id, Payment.person_id).where(Payment.run_id == run_id)
        return [(home, person) for home, person in session.execute(found.order_by(Payment.number))]


def pair_of(one: UUID, other: UUID) -> UUID:
    """A pair that the worker would have found, committed."""
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        pair = Pair(
            id=ids.fresh(), first_id=min(one, other), second_id=max(one, other), per_mille=980, levels={},
            model="2026-11", found_at=clock.now(), state=PairState.OPEN,
        )  # fmt: skip
        session.add(pair)
        return pair.id


def released_once(run_id: UUID, *, minutes: float = 0) -> int:
    with clock.frozen(OPEN + timedelta(minutes=minutes)), offices.transaction("dz") as session:
        return issuing.issue_chunk(session, run_id, "post_office")


def said(pair: UUID, finding: str, *people: Actor, kept: UUID | None = None) -> None:
    with clock.frozen(OPEN + timedelta(minutes=5)):
        for each in people or (RANIA,):
            with offices.transaction("dz") as session:
                deciding.say(session, each, pair, finding, "both came to the office", kept=kept)


def test_what_waits_for_a_pair_has_not_failed_and_goes_by_itself_once_they_are_two(
    released: UUID,
) -> None:
    (_, one), (_, other), *_ = payees(released)
    pair = pair_of(one, other)
    assert released_once(released) == 4
    assert released_once(released) == 0
    assert states(released) == [READY, READY] + [ACCEPTED] * 4
    assert run_state(released) is RunState.RELEASING
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        (route,) = queries.routes(session, session.get_one(PaymentRun, released))
        assert (route.waiting, route.held, route.in_pairs) == (2, 0, 2)
        lines = {line.reason: line for line in stuck(session, EVERYTHING, progress.board(session))}
        waits = lines[Reason.HELD_BY_PAIRS]
        assert (waits.count, waits.link) == (2, "/registry/pairs")
        assert Reason.NOT_HANDED_OVER not in lines
        assert session.scalar(select(func.count()).select_from(Discrepancy)) == 0
    said(pair, "different")
    assert [released_once(released, minutes=6 + at) for at in range(3)] == [2, 0, 0]
    with clock.frozen(OPEN + timedelta(minutes=9)):
        jobs.release("dz", released)
    assert (states(released), run_state(released)) == ([ACCEPTED] * 6, RunState.RELEASED)
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(CodeIssue)) == 6
    assert_every_promise_is_kept()


def test_of_one_person_only_the_record_that_stays_is_paid(released: UUID) -> None:
    (_, one), (_, other), *_ = payees(released)
    pair = pair_of(one, other)
    assert released_once(released) == 4
    said(pair, "same", RANIA, AMINA, kept=one)
    assert released_once(released, minutes=6) == 2
    assert states(released) == [ACCEPTED, FAILED] + [ACCEPTED] * 4
    with offices.transaction("dz") as session:
        assert session.scalars(select(Discrepancy.kind)).all() == ["payee_gone"]
    assert_every_promise_is_kept()


@pytest.mark.parametrize("left", [False, True])
def test_who_was_paid_before_the_pair_was_found_is_not_paid_under_the_record_that_stays(
    run: Issued, *, left: bool
) -> None:
    (home, one), (_, other), *_ = payees(run.run_id)
    who = teller()
    confirm(who, hold(who, code_of(run.payments[0])).authorisation_id)
    pair = pair_of(one, other)
    if left:
        with clock.frozen(OPEN + timedelta(minutes=1)), offices.transaction("dz") as session:
            change(session, "left", home, person=one)
    said(pair, "same", RANIA, AMINA, kept=other)
    assert refused(try_code(who, code_of(run.payments[1]), at=6)) == "redemption.on_hold"
    confirm(who, hold(who, code_of(run.payments[2]), at=6).authorisation_id, at=7)
    assert_every_promise_is_kept()


def test_who_was_counted_in_a_household_that_is_paid_is_not_paid_with_another_after_they_left(
    released: UUID,
) -> None:
    (home, _), (_, other), *_ = payees(released)
    son = ids.fresh()
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        told = own_facts.arriving(session, son, home, read_personal(session, TWIN))
        row = {"id": son, "household_id": home, "is_head": False, "is_recipient": False}
        session.execute(insert(Person).values(**row, **told))
    pair = pair_of(son, other)
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        change(session, "left", home, person=son)
    said(pair, "same", RANIA, AMINA, kept=other)
    assert released_once(released, minutes=6) == 6
    assert states(released) == [ACCEPTED, FAILED] + [ACCEPTED] * 4
    with offices.transaction("dz") as session:
        assert session.scalars(select(Discrepancy.kind)).all() == ["paid_elsewhere"]
    assert_every_promise_is_kept()


def test_a_code_that_was_sent_stays_and_is_cashed_once_they_are_two(run: Issued) -> None:
    (_, one), (_, other), *_ = payees(run.run_id)
    pair, who, code = pair_of(one, other), teller(), code_of(run.payments[0])
    assert refused(try_code(who, code)) == "redemption.on_hold"
    said(pair, "different")
    confirm(who, hold(who, code, at=6).authorisation_id, at=7)
    assert refused(try_code(who, code, at=8)) == "redemption.already_paid"
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Payout)) == 1
    assert_every_promise_is_kept()


def test_a_second_registration_under_another_name_is_caught_once_the_name_is_put_right(
    released: UUID,
) -> None:
    for home, person in payees(released)[:2]:
        with clock.frozen(OPEN), offices.transaction("dz") as session:
            change(session, "corrected", home, person=person, told=TWIN)
    assert released_once(released) == 4, "before anybody else has compared them"
    assert states(released) == [READY, READY] + [ACCEPTED] * 4
    with offices.transaction("dz") as session:
        (pair,) = session.scalars(select(Pair)).all()
        assert {pair.first_id, pair.second_id} == {each for _, each in payees(released)[:2]}


def test_a_whole_chunk_that_has_to_wait_keeps_nobody_behind_it_from_their_code(
    released: UUID,
) -> None:
    for home, person in payees(released)[:2]:
        with clock.frozen(OPEN), offices.transaction("dz") as session:
            change(session, "corrected", home, person=person, told=TWIN)
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        chunks = [issuing.issue_chunk(session, released, "post_office", 2) for _ in range(3)]
    assert chunks == [2, 2, 0]
    assert states(released) == [READY, READY] + [ACCEPTED] * 4
    assert_every_promise_is_kept()


def test_nobody_who_was_corrected_is_paid_at_a_counter_before_they_are_compared(
    run: Issued,
) -> None:
    home, person = payees(run.run_id)[0]
    code, who = code_of(run.payments[0]), teller()
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        change(session, "corrected", home, person=person, told={"name": "Karim Haddad"})
    assert refused(try_code(who, code)) == "redemption.on_hold"
    assert jobs.linking("dz") == 1
    confirm(who, hold(who, code, at=6).authorisation_id, at=7)
    with offices.transaction("dz") as session:
        assert session.get_one(Person, person).is_recipient
