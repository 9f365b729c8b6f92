"""Many people at once over runs and the money behind them: limits hold, and of those who contradict each other one wins."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, func, select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access import totp
from cbi.access.actor import Actor, grants_of
from cbi.access.models import User
from cbi.access.permissions import Role
from cbi.errors import CbiError
from cbi.ledger.queries import fund_positions
from cbi.money import Money
from cbi.payments.models import Approval, Payment, PaymentRun
from cbi.payments.runs import runs
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval, recall
from cbi.payments.states import RunState
from cbi.programmes import budget, cycles
from tests.factories import (
    EVERYTHING,
    PERIOD,
    START,
    Colleague,
    Team,
    approved_run,
    funded_programme,
    households,
    locked_run,
    team,
)
from tests.flow.sending import assert_every_promise_is_kept, at_once

CROWD = 64
"""How many try at once. Their connections are fewer: the others wait for one."""


def crowd(count: int) -> list[Colleague]:
    """So many members of staff who may certify and authorise; their passwords do not matter here."""
    roles = (Role.CERTIFIER, Role.AUTHORISER)
    people = []
    with offices.transaction("dz") as session:
        for number in range(count):
            user = User(
                username=f"signer-{number}",
                full_name="A Signer",
                password_hash="",
                created_at=START,
            )
            session.add(user)
            session.flush()
            grants = grants_of((role, None) for role in roles)
            actor = Actor("user", user.id, user.full_name, grants)
            people.append(Colleague(actor, totp.enrol(session, user.id)))
    return people


def answer(act: Callable[[], object]) -> str:
    """`done`, or the code of the refusal."""
    try:
        act()
    except CbiError as refusal:
        return refusal.code
    return "done"


def monthly(periods: int, budgeted: str) -> tuple[Team, list[UUID]]:
    """One household owed 1,000 dinars in each of so many months, a certified run for each; and the money budgeted."""
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        households(session, [1])
        funded_programme(session, budgeted=budgeted)
        found = []
        for month in range(periods):
            year, place = divmod(START.month - 1 + month, 12)
            found.append(
                locked_run(session, people, "winter", f"{START.year + year}-{place + 1:02d}").id
            )
    for number, run_id in enumerate(found):
        at = START + timedelta(minutes=number)  # a one-time code is good once
        with clock.frozen(at), offices.transaction("dz") as session:
            approval.certify(session, people.certifier.actor, run_id, people.certifier.code())
    return people, found


def test_of_64_who_authorise_at_once_only_those_whom_the_budget_covers_succeed(
    database: URL,
) -> None:
    _, found = monthly(12, budgeted="5000.00")
    signers = crowd(CROWD)

    def authorise(place: int) -> str:
        who, run_id = signers[place], found[place % len(found)]
        with clock.frozen(START + timedelta(hours=1)):
            return answer(
                lambda: offices.transact(
                    "dz",
                    lambda session: approval.authorise(session, who.actor, run_id, who.code()),
                )
            )

    answers = Counter(at_once(authorise, range(CROWD)))
    assert answers["done"] == 5
    assert set(answers) == {"done", "ledger.not_covered", "lifecycle.move_not_allowed"}
    with offices.transaction("dz") as session:
        position = fund_positions(session)[0]
        states = Counter(session.scalars(select(PaymentRun.state)))
    assert states == Counter({RunState.APPROVED: 5, RunState.CERTIFIED: 7})
    assert (position.available, position.committed) == (Money(0, "DZD"), Money(500_000, "DZD"))
    assert_every_promise_is_kept()


def test_of_64_who_share_out_one_fund_at_once_only_those_whom_it_covers_succeed(
    database: URL,
) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        funded_programme(session, budgeted="1990000.00")  # of two million that came in

    def allocate(number: int) -> str:
        return answer(
            lambda: offices.transact(
                "dz",
                lambda session: budget.allocate(
                    session, EVERYTHING, "winter", "1000.00", f"MEMO-{number}"
                ),
            )
        )

    assert Counter(at_once(allocate, range(CROWD))) == {"done": 10, "ledger.not_covered": 54}
    with offices.transaction("dz") as session:
        assert fund_positions(session)[0].available == Money(200_000_000, "DZD")
    assert_every_promise_is_kept()


def test_of_fifty_who_certify_one_run_at_once_one_does(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        households(session, [4, 4])
        run_id = locked_run(session, people, funded_programme(session)).id
    signers = crowd(50)

    def certify(who: Colleague) -> str:
        with clock.frozen(START):
            return answer(
                lambda: offices.transact(
                    "dz", lambda session: approval.certify(session, who.actor, run_id, who.code())
                )
            )

    answers = Counter(at_once(certify, signers))
    assert answers == {"done": 1, "lifecycle.move_not_allowed": 49}
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Approval)) == 1
        assert runs.find(session, run_id).state is RunState.CERTIFIED
    assert_every_promise_is_kept()


def test_of_eight_who_build_a_run_for_one_cycle_at_once_one_gets_the_payments(
    database: URL,
) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        households(session, [2] * 20)
        code = funded_programme(session)
        cycle_id = cycles.open_cycle(session, people.maker.actor, code, PERIOD).id

    def build(_: int) -> str:
        return answer(
            lambda: offices.transact(
                "dz", lambda session: runs.build(session, people.maker.actor, cycle_id)
            )
        )

    answers = Counter(at_once(build, range(8)))
    assert answers == {"done": 1, "payment_run.nothing_to_pay": 7}
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(PaymentRun)) == 1
        assert session.scalar(select(func.count()).select_from(Payment)) == 20
    assert_every_promise_is_kept()


def test_of_eight_who_open_one_cycle_at_once_one_decides(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        households(session, [2] * 20)
        code = funded_programme(session)

    def open_cycle(_: int) -> tuple[UUID, bool, int]:
        with clock.frozen(START):
            opened = offices.transact(
                "dz",
                lambda session: cycles.open_cycle(session, people.maker.actor, code, PERIOD),
            )
        return opened.id, opened.already_open, opened.entitlements

    answers = at_once(open_cycle, range(8))
    assert len({cycle for cycle, _, _ in answers}) == 1
    assert Counter(already for _, already, _ in answers) == {True: 7, False: 1}
    assert {owed for _, _, owed in answers} == {20}


@pytest.fixture
def approved(database: URL) -> tuple[Team, UUID]:
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        households(session, [4, 4])
        return people, approved_run(session, people, funded_programme(session)).id


def test_of_those_who_release_cancel_and_return_an_approved_run_at_once_one_wins(
    approved: tuple[Team, UUID],
) -> None:
    people, run_id = approved
    who = people.authoriser.actor
    acts: list[Callable[..., object]] = [
        lambda session: dispatch.begin_release(session, who, run_id),
        lambda session: recall.cancel(session, who, run_id, "wrong month"),
        lambda session: recall.send_back(session, who, run_id, "wrong month"),
    ] * 4

    def do(act: Callable[..., object]) -> str:
        with clock.frozen(START + timedelta(hours=1)):
            return answer(lambda: offices.transact("dz", act))

    answers = Counter(at_once(do, acts))
    assert answers == {"done": 1, "lifecycle.move_not_allowed": 11}
    with offices.transaction("dz") as session:
        state = runs.find(session, run_id).state
        position = fund_positions(session)[0]
    assert state in {RunState.RELEASING, RunState.CANCELLED}
    committed = 0 if state is RunState.CANCELLED else 800_000
    assert position.committed == Money(committed, "DZD")
    assert position.available == Money(100_000_000 - committed, "DZD")
    assert_every_promise_is_kept()


def test_a_certified_run_authorised_cancelled_and_returned_at_once_is_what_its_last_move_says(
    database: URL,
) -> None:
    people, found = monthly(6, budgeted="1000000.00")
    signers = crowd(len(found))

    def do(given: tuple[int, str]) -> str:
        place, act = given
        run_id, who = found[place], signers[place]
        with clock.frozen(START + timedelta(hours=1)), offices.transaction("dz") as session:
            if act == "authorise":
                approval.authorise(session, who.actor, run_id, who.code())
            elif act == "cancel":
                recall.cancel(session, people.authoriser.actor, run_id, "wrong month")
            else:
                recall.send_back(session, people.certifier.actor, run_id, "wrong month")
        return act

    def try_(given: tuple[int, str]) -> str:
        return answer(lambda: do(given))

    at_once(try_, [(n, act) for n in range(6) for act in ("authorise", "cancel", "return")])
    with offices.transaction("dz") as session:
        states = session.scalars(select(PaymentRun.state)).all()
        committed = fund_positions(session)[0].committed
    assert set(states) <= {RunState.APPROVED, RunState.CANCELLED, RunState.DRAFT}
    assert committed == Money(100_000 * states.count(RunState.APPROVED), "DZD")
    assert_every_promise_is_kept()


def test_a_draft_that_is_edited_locked_released_and_built_again_at_once_holds_what_was_signed(
    database: URL,
) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        households(session, [1] * 8)
        funded_programme(session)
        cycle = cycles.open_cycle(session, people.maker.actor, "winter", PERIOD).id
        run_id = runs.build(session, people.maker.actor, cycle).id
    maker = people.maker.actor

    def taken_out(number: int) -> Callable[[Session], object]:
        return lambda session: runs.exclude(
            session, maker, run_id, runs.numbered(session, run_id, number), "Moved away"
        )

    acts: list[Callable[[Session], object]] = [
        *(taken_out(number) for number in (1, 2, 3, 1)),
        *(lambda session: runs.lock(session, maker, run_id) for _ in range(2)),
        *(lambda session: runs.build_all(session, maker, cycle) for _ in range(2)),
        lambda session: approval.certify(
            session, people.certifier.actor, run_id, people.certifier.code()
        ),
        lambda session: dispatch.begin_release(session, people.authoriser.actor, run_id),
    ]

    def do(act: Callable[[Session], object]) -> str:
        with clock.frozen(START + timedelta(hours=1)):
            return answer(lambda: offices.transact("dz", act))

    answers = at_once(do, acts)
    assert answers[4:6].count("done") == 1, answers
    with offices.transaction("dz") as session:
        run = runs.find(session, run_id)
        approval.check_unaltered(session, run)
        live = select(Payment.entitlement_id).where(Payment.live)
        mine = session.scalars(live.where(Payment.run_id == run_id)).all()
        everywhere = session.scalars(live).all()
        assert run.state in {RunState.LOCKED, RunState.CERTIFIED}
        assert run.payment_count == len(mine) == 8 - answers[:4].count("done")
        assert len(everywhere) == len(set(everywhere))
    assert_every_promise_is_kept()
