"""Payments that failed, came back or expired: tried anew with the content that was approved, or given up."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, select

from adapters.sandbox.client import Act
from cbi import clock, jobs, offices
from cbi.fsp.keys import idempotency_key
from cbi.lifecycle import MoveNotAllowed
from cbi.messaging.models import Message
from cbi.money import Money
from cbi.payments.runs import follow_ups, queries, runs
from cbi.payments.runs.follow_ups import Followed
from cbi.payments.sending import dispatch
from cbi.payments.states import PaymentState, RunState
from cbi.payments.unpaid.decision_models import Remedy
from cbi.payments.unpaid.undecided import Chosen
from cbi.redemption.refusals import Refused
from tests.factories import START, Team
from tests.flow.deciding import (
    LATER,
    WHY,
    Bank,
    budget,
    decide,
    follow_up,
    nothing_is_left,
)
from tests.flow.sending import (
    STORIES,
    PointAt,
    assert_every_promise_is_kept,
    payments,
    run_state,
    states,
    told,
)
from tests.redemption_factory import (
    OPEN,
    code_of,
    confirm,
    hold,
    know_words,
    statements,
    teller,
    try_code,
)

READY, PAID, FAILED, EXPIRED, CANCELLED = (
    PaymentState.READY, PaymentState.PAID, PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED
)  # fmt: skip


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def people(database: URL, template: str) -> Team:
    return STORIES[template].people


@pytest.fixture
def bank(database: URL, template: str) -> Bank:
    """Two payments failed, four were paid."""
    return Bank(STORIES[template].by_sandbox, Act.DECLINE, Act.DECLINE)


@pytest.fixture
def expired(database: URL, template: str) -> UUID:
    """A run to codes of which nothing was collected in time."""
    run_id = STORIES[template].by_codes
    with clock.frozen(START + timedelta(days=1)):
        jobs.release("dz", run_id)
    with clock.frozen(LATER):
        assert jobs.expire("dz") == 6
    assert states(run_id) == [EXPIRED] * 6
    return run_id


def test_what_failed_is_sent_again_as_a_new_attempt_and_paid(bank: Bank, people: Team) -> None:
    assert states(bank.run_id) == [FAILED, FAILED, *[PAID] * 4]
    assert run_state(bank.run_id) is RunState.RELEASED
    done = decide(Remedy.TRY_AGAIN, people.authoriser.actor, bank.run_id)
    assert (done.payments, done.total) == (2, bank.declined())
    assert run_state(bank.run_id) is RunState.RELEASING
    assert_every_promise_is_kept()
    bank.send()
    assert states(bank.run_id) == [PAID] * 6
    assert bank.paid() == 6
    assert [each.attempts for each in payments(bank.run_id)] == [2, 2, 1, 1, 1, 1]
    assert run_state(bank.run_id) is RunState.RELEASED
    assert jobs.close("dz") == 1
    assert_every_promise_is_kept()


def test_the_run_says_why_it_was_let_out_again_and_the_payment_who_decided(
    bank: Bank, people: Team
) -> None:
    decide(Remedy.TRY_AGAIN, people.authoriser.actor, bank.run_id)
    with offices.transaction("dz") as session:
        last = queries.steps(session, bank.run_id)[-1]
        told = [what for _, what in queries.story(session, payments(bank.run_id)[0].id)]
    assert (last.before, last.after, last.by, last.reason) == (
        "released", "releasing", "A Colleague", WHY,
    )  # fmt: skip
    assert told[-1] == f"attempt 1: failed → ready (A Colleague decided so: {WHY})"


def test_an_expired_code_is_followed_by_a_new_one_and_stays_dead(
    expired: UUID, people: Team, owner: Engine
) -> None:
    know_words(owner)
    payment = payments(expired)[0].id
    old = code_of(payment)
    chosen = Chosen(payments=(payment,))
    assert decide(Remedy.TRY_AGAIN, people.authoriser.actor, expired, chosen=chosen).payments == 1
    with clock.frozen(LATER):
        assert jobs.release("dz", expired).payments == 1
    new = code_of(payment)
    assert new != old
    with offices.transaction("dz") as session:
        texts = session.scalars(
            select(Message.template).where(Message.payment_id == payment).order_by(Message.created_at)
        ).all()  # fmt: skip
    assert texts == ["CODE_READY", "EXPIRED", "CODE_READY"]
    at = (LATER - OPEN) / timedelta(minutes=1)
    who = teller()
    assert isinstance(try_code(who, old, at=at), Refused)
    confirm(who, hold(who, new, at=at).authorisation_id, at=at)
    assert states(expired) == [PAID] + [EXPIRED] * 5
    assert_every_promise_is_kept()


def test_a_second_round_leaves_the_codes_of_the_first_alone(expired: UUID, people: Team) -> None:
    ids = [each.id for each in payments(expired)]
    for at, chosen in enumerate((ids[4:5], ids[:1])):
        moment = LATER + timedelta(hours=at)
        decide(
            Remedy.TRY_AGAIN, people.authoriser.actor, expired, chosen=Chosen(payments=tuple(chosen)), at=moment
        )  # fmt: skip
        with clock.frozen(moment):
            assert jobs.release("dz", expired).payments == 1
        if not at:
            first = code_of(ids[4])
    assert code_of(ids[4]) == first
    assert [each.attempts for each in payments(expired)] == [2, 1, 1, 1, 2, 1]
    assert_every_promise_is_kept()


def test_what_is_given_up_goes_back_to_the_budget_and_into_a_follow_up_run(
    bank: Bank, people: Team
) -> None:
    before = budget()
    done = decide(Remedy.GIVE_UP, people.authoriser.actor, bank.run_id)
    assert (done.payments, budget() - before) == (2, bank.declined())
    assert states(bank.run_id) == [CANCELLED, CANCELLED, *[PAID] * 4]
    assert_every_promise_is_kept()
    assert jobs.close("dz") == 1
    assert run_state(bank.run_id) is RunState.CLOSED
    new = follow_up(bank.run_id, people)
    with offices.transaction("dz") as session:
        first = runs.find(session, bank.run_id).number
        assert queries.sheet(session, new).follows == (Followed(first, 2, bank.declined()),)
    again_by = Bank(new)
    assert states(new) == [PAID, PAID]
    assert again_by.paid() == 2
    assert_every_promise_is_kept()
    assert nothing_is_left(bank.run_id, people)


def test_a_draft_says_what_it_follows_and_what_was_given_up_twice_follows_the_later_run(
    bank: Bank, people: Team
) -> None:
    decide(Remedy.GIVE_UP, people.authoriser.actor, bank.run_id)
    second = follow_up(bank.run_id, people)
    Bank(second, Act.DECLINE)
    decide(Remedy.GIVE_UP, people.authoriser.actor, second, at=LATER + timedelta(days=1))
    with clock.frozen(LATER + timedelta(days=1)), offices.transaction("dz") as session:
        found = runs.find(session, second)
        third = runs.build(session, people.maker.actor, found.cycle_id)
        assert follow_ups.of(session, third) == (Followed(found.number, 1, Money(third.total_minor, "DZD")),)  # fmt: skip
        runs.lock(session, people.maker.actor, third.id)
        assert [each.run for each in follow_ups.of(session, third)] == [found.number]
    assert_every_promise_is_kept()


def test_the_signatures_still_hold_after_a_part_was_given_up(bank: Bank, people: Team) -> None:
    ids = [each.id for each in payments(bank.run_id)]
    who = people.authoriser.actor
    decide(Remedy.GIVE_UP, who, bank.run_id, chosen=Chosen(payments=(ids[0],)))
    decide(Remedy.TRY_AGAIN, who, bank.run_id)
    bank.send()
    assert states(bank.run_id) == [CANCELLED] + [PAID] * 5
    assert_every_promise_is_kept()


def test_a_released_run_is_not_simply_released_again(bank: Bank, people: Team) -> None:
    with offices.transaction("dz") as session, pytest.raises(MoveNotAllowed, match="already"):
        dispatch.begin_release(session, people.authoriser.actor, bank.run_id)


def test_money_that_comes_back_opens_a_closed_run_again_and_is_paid_out_anew(
    bank: Bank, people: Team
) -> None:
    decide(Remedy.GIVE_UP, people.authoriser.actor, bank.run_id)
    assert jobs.close("dz") == 1
    back = payments(bank.run_id)[5]
    key = idempotency_key(back.id, 1)
    bank.says(key, "REVERSED")
    assert run_state(bank.run_id) is RunState.RELEASED
    assert states(bank.run_id)[5] is PaymentState.RETURNED
    assert jobs.close("dz") == 0
    bank.says(key, "REVERSED")
    done = decide(Remedy.TRY_AGAIN, people.authoriser.actor, bank.run_id)
    assert [(line.state, line.payments) for line in done.moved] == [(PaymentState.RETURNED, 1)]
    bank.send()
    assert states(bank.run_id)[5] is PAID
    assert jobs.close("dz") == 1
    assert_every_promise_is_kept()


def test_a_decision_takes_no_more_statements_for_more_payments(expired: UUID, people: Team) -> None:
    ids = [each.id for each in payments(expired)]
    counted = []
    for chosen in (ids[:1], ids[1:]):
        with statements() as seen:
            decide(
                Remedy.TRY_AGAIN, people.authoriser.actor, expired, chosen=Chosen(payments=tuple(chosen))
            )  # fmt: skip
        counted.append(
            sum("payment_runs" not in each and "run_events" not in each for each in seen)
        )
    assert counted[1] <= counted[0]
