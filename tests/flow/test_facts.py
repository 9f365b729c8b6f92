"""What really happened to money is booked, whatever we believed: paid after all, paid twice, come back, in any order."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import URL, select, text
from sqlalchemy.orm import Session

from cbi import jobs, offices
from cbi.access.permissions import Role
from cbi.fsp.messages import Outcome
from cbi.ledger.chart import BUDGET, FUND, LEGS, Entry
from cbi.ledger.posting import Book, NotCovered, post
from cbi.ledger.queries import available
from cbi.messaging.models import Message
from cbi.messaging.states import MessageState
from cbi.payments.models import Discrepancy, Payment, PaymentRun
from cbi.payments.outcomes import late, settling
from cbi.payments.outcomes.outcomes import Applied
from cbi.payments.outcomes.settling import EndedByMoney
from cbi.payments.recovery import recovering
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.recovery.recovering import NothingToCover
from cbi.payments.states import PaymentState, ReceivableState
from cbi.programmes import budget
from tests.factories import EVERYTHING, colleague
from tests.flow.sending import (
    PointAt,
    assert_every_promise_is_kept,
    at_once,
    disputes,
    told,
)
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, RETURNED, Tried, tried_of

S = PaymentState


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def tried(database: URL, template: str) -> Tried:
    """A payment of 1,000 dinars that waits to be sent for the first time."""
    return tried_of(template)


@pytest.mark.parametrize("before", [S.FAILED, S.READY, S.EXPIRED, S.CANCELLED])
def test_a_payment_that_was_paid_after_all_is_booked_from_wherever_its_money_lies(
    tried: Tried, before: PaymentState
) -> None:
    start = tried.books()
    tried.sent()
    if before is S.EXPIRED:
        tried.becomes(S.ACCEPTED)
        tried.becomes(S.EXPIRED)
    else:
        tried.answers(FAILED)
        tried.becomes(before)
    assert tried.state is before
    assert tried.says(PAID) is Applied.MOVED
    assert tried.says(PAID) is Applied.NOTHING_NEW
    booked = tried.books()
    assert tried.state is S.PAID
    assert booked["2900"] == booked["5000"] == AMOUNT
    assert booked["1100"] == start["1100"] - AMOUNT
    assert booked["2200"] == start["2200"] - AMOUNT
    assert disputes() == [f"paid_after_{before}"]
    assert_every_promise_is_kept()


def test_what_is_found_paid_is_told_to_the_recipient_once(tried: Tried) -> None:
    tried.sent(FAILED)
    tried.says(PAID)
    tried.says(PAID, source="statement")
    with offices.transaction("dz") as session:
        texts = session.scalars(select(Message.dedupe).where(Message.payment_id == tried.id)).all()
    assert texts == [f"paid:{tried.id}:1"]


def test_without_cover_the_fact_is_booked_and_the_treasurer_covers_it_later(tried: Tried) -> None:
    tried.sent(FAILED)
    tried.becomes(S.CANCELLED)
    spend_the_budget(tried)
    assert tried.says(PAID) is Applied.MOVED
    assert (tried.books()["2950"], tried.books()["2900"]) == (AMOUNT, AMOUNT)
    assert disputes() == ["delivered_without_cover", "paid_after_cancelled"]
    assert_every_promise_is_kept()
    with pytest.raises(EndedByMoney), offices.transaction("dz") as session:
        settle(session, "delivered_without_cover")
    with pytest.raises(NotCovered):
        cover(tried)
    with offices.transaction("dz") as session:
        budget.allocate(session, EVERYTHING, "wallets", "1000.00", "MEMO-TOP-UP")
    cover(tried)
    assert (tried.books()["2950"], tried.books()["2900"]) == (0, AMOUNT)
    assert disputes() == ["paid_after_cancelled"]
    with pytest.raises(NothingToCover):
        cover(tried)
    assert_every_promise_is_kept()


def spend_the_budget(tried: Tried) -> None:
    """As if other runs had been approved: their money is booked back to the fund, which keeps the books whole."""
    with pytest.MonkeyPatch.context() as patch, offices.transaction("dz") as session:
        run = session.get_one(PaymentRun, tried.payment.run_id)
        patch.setitem(LEGS, Entry.ALLOCATE, ((BUDGET, FUND),))
        left = available(session, run.programme_id, run.fund_id, run.currency)
        book = Book(run.currency, fund_id=run.fund_id, programme_id=run.programme_id)
        post(session, Entry.ALLOCATE, book, left, uuid4())


def cover(tried: Tried) -> None:
    offices.transact("dz", lambda session: recovering.cover(session, EVERYTHING, tried.id))


def settle(session: Session, kind: str) -> None:
    one = session.scalars(select(Discrepancy.id).where(Discrepancy.kind == kind)).one()
    settling.settle(session, EVERYTHING, one, "They wrote that it was a mistake.")


def test_an_older_attempt_that_was_paid_too_is_owed_back_and_no_second_expense(
    tried: Tried,
) -> None:
    start = tried.books()
    tried.sent(FAILED)
    tried.becomes(S.READY)
    tried.sent(PAID)
    assert tried.says(PAID, 1) is Applied.DISPUTED
    assert tried.says(PAID, 1) is Applied.NOTHING_NEW
    assert tried.owed() == [1]
    booked = tried.books()
    assert (booked["5000"], booked["1310"]) == (AMOUNT, AMOUNT)
    assert booked["1100"] == start["1100"] - 2 * AMOUNT
    assert disputes() == ["paid_twice"]
    with pytest.raises(EndedByMoney), offices.transaction("dz") as session:
        settle(session, "paid_twice")
    assert_every_promise_is_kept()


def test_an_older_attempt_found_paid_while_a_later_one_is_on_its_way_keeps_its_place_for_both_ends(
    tried: Tried,
) -> None:
    tried.sent(FAILED)
    tried.becomes(S.READY)
    tried.sent(Outcome.UNKNOWN)
    assert tried.says(PAID, 1) is Applied.DISPUTED
    assert (tried.state, tried.owed()) == (S.UNKNOWN, [1])
    assert disputes() == ["earlier_attempt_paid"]
    assert_every_promise_is_kept()
    tried.answers(FAILED)
    assert (tried.state, tried.owed()) == (S.PAID, [])
    assert (tried.books()["5000"], tried.books()["1310"]) == (AMOUNT, 0)
    assert_every_promise_is_kept()
    tried.says(PAID, 2)
    assert (tried.state, tried.owed()) == (S.PAID, [2])
    assert disputes() == ["earlier_attempt_paid", "paid_twice"]
    assert_every_promise_is_kept()


def test_an_attempt_that_has_not_left_never_leaves_once_an_older_one_is_found_paid(
    tried: Tried,
) -> None:
    tried.sent(FAILED)
    tried.becomes(S.READY)
    tried.sent()
    with offices.transaction("dz") as session:
        session.execute(text("UPDATE payments SET heard_of = 1 WHERE id = :id"), {"id": tried.id})
    assert tried.says(PAID, 1) is Applied.MOVED
    assert (tried.state, tried.owed()) == (S.PAID, [])
    assert_every_promise_is_kept()


def test_money_that_comes_back_is_the_money_that_is_owed_whichever_attempt_it_is(
    tried: Tried,
) -> None:
    tried.sent(FAILED)
    tried.becomes(S.READY)
    tried.sent(PAID)
    tried.says(PAID, 1)
    assert tried.says(RETURNED, 2) is Applied.MOVED
    assert tried.says(RETURNED, 2) is Applied.NOTHING_NEW
    assert (tried.state, tried.owed()) == (S.PAID, [])
    assert tried.owed(ReceivableState.RECOVERED) == [1]
    assert disputes() == []
    assert tried.says(RETURNED, 1) is Applied.MOVED
    assert tried.state is S.RETURNED
    assert_every_promise_is_kept()


def test_what_came_back_before_anybody_said_that_it_was_paid_is_booked_and_not_told(
    tried: Tried,
) -> None:
    start = tried.books()
    tried.sent()
    assert tried.says(RETURNED) is Applied.MOVED
    assert (tried.state, tried.books()["1100"]) == (S.RETURNED, start["1100"])
    assert tried.says(PAID) is Applied.NOTHING_NEW
    assert tried.says(FAILED) is Applied.NOTHING_NEW
    with offices.transaction("dz") as session:
        texts = session.scalars(select(Message.state).where(Message.payment_id == tried.id)).all()
    assert set(texts) <= {MessageState.WITHDRAWN}
    assert disputes() == []
    assert_every_promise_is_kept()


def test_a_payment_that_expired_was_paid_came_back_and_so_on_books_each_decision(
    tried: Tried,
) -> None:
    tried.sent()
    tried.becomes(S.ACCEPTED)
    tried.becomes(S.EXPIRED)
    for attempt in (1, 2):
        tried.becomes(S.READY)
        tried.says(PAID, attempt)
        tried.says(RETURNED, attempt)
        with offices.transaction("dz") as session:
            for each in session.scalars(
                select(Discrepancy).where(Discrepancy.settled_at.is_(None))
            ):
                settling.settle(session, EVERYTHING, each.id, "The provider explained it.")
        tried.becomes(S.READY)
        tried.sent(FAILED)
    tried.becomes(S.CANCELLED)
    assert tried.payment.attempts == 3
    assert_every_promise_is_kept()


def test_sixty_four_same_messages_at_once_book_one_receivable(tried: Tried) -> None:
    tried.sent(FAILED)
    tried.becomes(S.READY)
    tried.sent(PAID)
    done = at_once(lambda _: tried.says(PAID, 1), range(64))
    assert sorted(done) == [Applied.DISPUTED] + [Applied.NOTHING_NEW] * 63
    assert (tried.owed(), tried.books()["1310"]) == ([1], AMOUNT)
    assert_every_promise_is_kept()


def test_sixty_four_same_late_messages_at_once_pay_once(tried: Tried) -> None:
    tried.sent(FAILED)
    done = at_once(lambda _: tried.says(PAID), range(64))
    assert sorted(done) == [Applied.MOVED] + [Applied.NOTHING_NEW] * 63
    assert tried.books()["5000"] == AMOUNT
    assert_every_promise_is_kept()


def test_both_attempts_are_said_to_be_paid_at_the_same_moment(tried: Tried) -> None:
    tried.sent(FAILED)
    tried.becomes(S.READY)
    tried.sent(Outcome.UNKNOWN)
    at_once(lambda attempt: tried.says(PAID, attempt), [1, 2] * 8)
    booked = tried.books()
    assert (tried.state, booked["5000"], booked["1310"]) == (S.PAID, AMOUNT, AMOUNT)
    assert_every_promise_is_kept()


def test_a_payment_that_was_called_off_and_is_paid_by_another_is_owed_back_until_that_one_ends(
    tried: Tried,
) -> None:
    tried.sent(FAILED)
    tried.becomes(S.CANCELLED)
    other = replacement_of(tried)
    assert tried.says(PAID) is Applied.DISPUTED
    assert (tried.state, tried.owed(), disputes()) == (S.CANCELLED, [1], ["paid_twice"])
    other.sent()
    assert other.state is S.READY, "its household may have been paid"
    assert offices.transact("dz", late.adopt_all) == 0
    other.becomes(S.CANCELLED)
    assert jobs.adopt("dz") == 1
    assert jobs.adopt("dz") == 0
    assert (tried.state, tried.owed(), disputes()) == (S.PAID, [], [])
    assert (tried.books()["5000"], tried.books()["1310"]) == (AMOUNT, 0)


def test_what_replaces_a_payment_that_was_called_off_goes_out_once_two_people_have_written_that_off(
    tried: Tried,
) -> None:
    tried.sent(FAILED)
    tried.becomes(S.CANCELLED)
    other = replacement_of(tried)
    tried.says(PAID)
    with offices.transaction("dz") as session:
        owed = session.scalars(select(Receivable.id)).one()
        first, second = (colleague(session, role) for role in (Role.TREASURER, Role.AUTHORISER))
        recovering.propose_write_off(
            session, first.actor, owed, "It went to a stranger", "Police report"
        )
        recovering.confirm_write_off(session, second.actor, owed, second.code())
    assert (tried.state, tried.owed(ReceivableState.WRITTEN_OFF)) == (S.CANCELLED, [1])
    assert jobs.adopt("dz") == 0
    other.sent(PAID)
    assert (other.state, tried.books()["5000"]) == (S.PAID, AMOUNT)


def test_a_payment_is_found_paid_at_the_moment_when_a_follow_up_is_built(tried: Tried) -> None:
    tried.sent(FAILED)
    tried.becomes(S.CANCELLED)
    with ThreadPoolExecutor(1) as other_worker:
        with offices.transaction("dz") as session:
            other = replacement_of(tried, session)
            news = other_worker.submit(tried.says, PAID)
            with pytest.raises(TimeoutError):
                news.result(timeout=1)
        assert news.result(timeout=30) is Applied.DISPUTED
    assert (tried.state, tried.owed(), other.state) == (S.CANCELLED, [1], S.READY)
    assert (tried.books().get("5000", 0), tried.books()["1310"]) == (0, AMOUNT)


def replacement_of(tried: Tried, session: Session | None = None) -> Tried:
    """Another live payment for the same entitlement, as a follow-up run has."""
    if session is None:
        with offices.transaction("dz") as own:
            return replacement_of(tried, own)
    number = uuid4()
    new = {
        "id": number,
        "number": 99,
        "live": True,
        "state": "ready",
        "attempts": 0,
        "heard_of": 0,
    }
    copied = ", ".join(
        column.name for column in Payment.__table__.columns if column.name not in new
    )
    session.execute(
        text(
            f"INSERT INTO payments (id, number, live, state, attempts, heard_of, {copied})"
            f" SELECT :id, :number, :live, :state, :attempts, :heard_of, {copied} FROM payments WHERE id = :old"
        ),
        {**new, "old": tried.id},
    )
    return replace(tried, id=number)
