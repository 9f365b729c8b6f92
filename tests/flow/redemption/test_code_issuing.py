"""A released run becomes codes, in sets: one for each payment, to the telephone that was approved, and to no other."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, func, select, text, update

from cbi import clock, db, offices
from cbi.fsp.keys import idempotency_key
from cbi.ledger.models import Transfer
from cbi.messaging.models import Message
from cbi.payments.models import Attempt, Discrepancy, Payment, PaymentEvent
from cbi.payments.moves import move
from cbi.payments.runs.runs import find
from cbi.payments.sending import dispatch
from cbi.payments.states import PaymentState
from cbi.redemption import expiry, issuing
from cbi.redemption.locators import LocatorsScarce
from cbi.redemption.models import CodeIssue
from cbi.redemption.states import CodeState
from tests.factories import START, approved_run, funded_programme, households, team
from tests.redemption_factory import LAST_DAY, OPEN, Issued, code_of, hold, know_words, teller


def issue(run_id: UUID, size: int = issuing.CHUNK) -> int:
    """One chunk, committed, as a worker does it."""

    def chunk() -> int:
        with clock.frozen(OPEN), offices.transaction("dz") as session:
            return issuing.issue_chunk(session, run_id, "post_office", size)

    return db.repeatable(chunk)


def test_every_payment_gets_one_code_and_one_text(released: UUID) -> None:
    assert [issue(released, 4) for _ in range(3)] == [4, 2, 0]
    with offices.transaction("dz") as session:
        issues = session.scalars(select(CodeIssue)).all()
        payments = session.scalars(select(Payment)).all()
        texts = session.scalars(select(Message)).all()
        assert dispatch.finish_release(session, released)
        assert session.scalar(select(func.count()).select_from(Attempt)) == 6
    assert {payment.state for payment in payments} == {PaymentState.ACCEPTED}
    assert {each.payment_id for each in issues} == {payment.id for payment in payments}
    assert len({each.locator for each in issues}) == len({each.counter for each in issues}) == 6
    assert {each.state for each in issues} == {CodeState.ISSUED}
    assert {text.code_issue_id for text in texts} == {each.id for each in issues}
    assert {(text.template, text.language, text.values["date"]) for text in texts} == {
        ("CODE_READY", "ar", f"{LAST_DAY:%d/%m}")
    }


def test_a_payment_leaves_an_event_for_every_step_in_their_order(released: UUID) -> None:
    issue(released)
    with offices.transaction("dz") as session:
        events = session.scalars(select(PaymentEvent).order_by(PaymentEvent.id)).all()
        attempts = session.scalars(select(Attempt)).all()
    moves = [("ready", "sending", "dispatch"), ("sending", "accepted", "codes")]
    for attempt in attempts:
        mine = [each for each in events if each.payment_id == attempt.payment_id]
        assert [(e.before, e.after, e.source) for e in mine] == moves
        assert {e.attempt for e in mine} == {attempt.number} == {1}
        assert attempt.idempotency_key == idempotency_key(attempt.payment_id, 1)
    assert (len(attempts), len(events)) == (6, 12)


def test_where_accepting_moves_money_it_is_booked_beside_the_sending(
    released: UUID, owner: Engine
) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE dz.payment_runs SET debits_early = providers"))
    assert issue(released) == 6
    with offices.transaction("dz") as session:
        booked = select(Transfer.entry, func.count()).where(Transfer.payment_id.is_not(None))
        assert dict(session.execute(booked.group_by(Transfer.entry)).all()) == {
            "dispatch": 6, "debited": 6,
        }  # fmt: skip
        assert set(session.scalars(select(Payment.state))) == {PaymentState.ACCEPTED}
        assert session.scalar(select(func.count()).select_from(Attempt)) == 6


def test_a_code_is_valid_for_so_many_days_of_the_office_calendar(released: UUID) -> None:
    late = OPEN.replace(hour=23, minute=30)  # half past midnight in Algiers
    with clock.frozen(late), offices.transaction("dz") as session:
        issuing.issue_chunk(session, released, "post_office")
        assert set(session.scalars(select(CodeIssue.expires_on))) == {LAST_DAY + timedelta(days=1)}


def test_codes_are_rendered_in_memory_for_those_that_can_be_cashed_only(run: Issued) -> None:
    with offices.transaction("dz") as session:
        ids = session.scalars(select(CodeIssue.id)).all()
        locked = session.scalars(
            update(CodeIssue)
            .where(CodeIssue.payment_id == run.payments[2])
            .values(state=CodeState.LOCKED)
            .returning(CodeIssue.id)
        ).one()
    with offices.transaction("dz") as session:
        shown = issuing.render_codes(session, [*ids, run.run_id])
    assert set(shown) == set(ids) - {locked}
    assert {shown[each] for each in shown} == {
        code_of(payment) for payment in run.payments if payment != run.payments[2]
    }
    assert all(len(code) == 14 and code.count(".") == 2 for code in shown.values())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE payment_accounts SET value_index = '\\x00' WHERE id = :account",
        "UPDATE payment_accounts SET replaced_at = now() WHERE id = :account",
    ],
)
def test_a_payment_whose_telephone_changed_gets_no_code(
    released: UUID, owner: Engine, change: str
) -> None:
    with offices.transaction("dz") as session:
        second = session.scalars(select(Payment).where(Payment.number == 2)).one()
    with owner.begin() as connection:
        connection.execute(text(change), {"account": second.account_id})
    assert [issue(released), issue(released)] == [6, 0]
    with offices.transaction("dz") as session:
        assert second.id not in session.scalars(select(CodeIssue.payment_id)).all()
        assert second.id not in session.scalars(select(Message.payment_id)).all()
        assert session.get_one(Payment, second.id).state is PaymentState.FAILED
        failure = select(PaymentEvent.failure).where(PaymentEvent.after == "failed")
        assert session.scalars(failure).all() == ["account_changed"]
        found = session.scalars(select(Discrepancy)).one()
        assert (found.kind, found.payment_id) == ("account_changed", second.id)
        assert session.scalar(select(func.count()).select_from(CodeIssue)) == 5


def test_a_payment_that_is_tried_again_gets_another_code(run: Issued) -> None:
    payment, first = run.payments[0], code_of(run.payments[0])
    with clock.frozen(OPEN + timedelta(days=46)), offices.transaction("dz") as session:
        assert expiry.expire_due(session) == 6
        move(
            session, find(session, run.run_id), Payment.id == payment, PaymentState.EXPIRED, PaymentState.READY,
            provider="post_office", source="test",
        )  # fmt: skip
    with clock.frozen(OPEN + timedelta(days=46)), offices.transaction("dz") as session:
        assert issuing.issue_chunk(session, run.run_id, "post_office") == 1
        issues = session.scalars(select(CodeIssue).where(CodeIssue.payment_id == payment)).all()
    assert {(each.attempt, each.current, each.state.value) for each in issues} == {
        (1, False, "expired"),
        (2, True, "issued"),
    }
    assert code_of(payment) != first
    at = timedelta(days=46) / timedelta(minutes=1)
    hold(teller(), code_of(payment), at=at)


def test_workers_that_issue_at_the_same_time_never_share_a_locator(database: URL) -> None:
    run_ids = _four_runs(450)
    with ThreadPoolExecutor(4) as workers:
        assert list(workers.map(issue, run_ids)) == [450] * 4
    with offices.transaction("dz") as session:
        count, distinct, paid = session.execute(
            select(
                func.count(),
                func.count(CodeIssue.locator.distinct()),
                func.count(CodeIssue.payment_id.distinct()),
            ).where(CodeIssue.live)
        ).one()
    assert count == distinct == paid == 1_800


def _four_runs(size: int) -> list[UUID]:
    """Four months of the same households, each run in the middle of its release."""
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        code = funded_programme(session, budgeted="2000000.00")
        households(session, [1] * size)
    run_ids = []
    for month in range(4):
        period = f"{START.year + 1}-{month + 1:02d}"
        with (
            clock.frozen(START + timedelta(minutes=month)),
            offices.transaction("dz") as session,
        ):
            run_ids.append(approved_run(session, people, code, period).id)
    for run_id in run_ids:
        with clock.frozen(OPEN), offices.transaction("dz") as session:
            dispatch.begin_release(session, people.authoriser.actor, run_id)
    return run_ids


def test_no_code_is_issued_when_most_locators_are_live(released: UUID, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO code_issues (id, payment_id, attempt, locator, state, live, current, wrong_secrets,"
                " wrong_factors, reissues, issued_at, expires_on)"
                " SELECT gen_random_uuid(), gen_random_uuid(), 1, lpad(n::text, 5, '0'), 'issued', true, true, 0, 0, 0,"
                " now(), current_date + 30 FROM generate_series(1, 50001) n"
            )
        )
    with pytest.raises(LocatorsScarce, match="50,001 of the 100,000"):
        issue(released)
    with offices.transaction("dz") as session:
        assert set(session.scalars(select(Payment.state))) == {PaymentState.READY}
    with owner.begin() as connection:
        connection.execute(text("UPDATE office SET locator_digits = 6"))
    assert issue(released) == 6
    know_words(owner)
    with offices.transaction("dz") as session:
        payment = session.scalars(select(Payment.id).where(Payment.number == 1)).one()
    assert len(code_of(payment).replace(".", "")) == 13
    hold(teller(), code_of(payment))
