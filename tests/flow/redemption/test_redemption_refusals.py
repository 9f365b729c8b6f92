"""Every reason why a code is not paid, what the teller is told, and what is counted although the answer was no."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, select, text, update

from cbi import clock, offices
from cbi.access.actor import SYSTEM
from cbi.audit import standstill
from cbi.audit.standstill import StandsStill
from cbi.messaging import claims
from cbi.messaging.models import Message
from cbi.payments.models import Payment
from cbi.payments.moves import move
from cbi.payments.recovery import receivables
from cbi.payments.runs.runs import find
from cbi.payments.states import PaymentState
from cbi.redemption import counters, expiry, reissuing, till
from cbi.redemption.counter import NotHeld
from cbi.redemption.holding import Authorised
from cbi.redemption.models import CodeIssue, CounterTry, Payout
from cbi.redemption.refusals import Refused
from cbi.redemption.states import CodeState, TryResult
from tests.factories import EVERYTHING
from tests.redemption_factory import (
    LAST_DAY,
    OPEN,
    InParts,
    Issued,
    code_of,
    confirm,
    hold,
    minutes,
    nobodys,
    pay_part,
    refused,
    statements,
    teller,
    try_code,
    wrong,
)


def issue_of(payment_id: UUID) -> CodeIssue:
    """The payment's current code issue, as committed."""
    with offices.transaction("dz") as session:
        current = CodeIssue.payment_id == payment_id, CodeIssue.current
        return session.scalars(select(CodeIssue).where(*current)).one()


def tries() -> list[TryResult]:
    """Everything that was noted at counters, in order."""
    with offices.transaction("dz") as session:
        return list(session.scalars(select(CounterTry.result).order_by(CounterTry.id)))


def test_a_slip_of_the_finger_burns_no_try(run: Issued) -> None:
    who, code = teller(), code_of(run.payments[0])
    slip = code[:-1] + str((int(code[-1]) + 1) % 10)
    for _ in range(20):
        assert refused(try_code(who, slip)) == "redemption.mistyped"
    assert issue_of(run.payments[0]).wrong_secrets == 0
    assert set(tries()) == {TryResult.MISTYPED}
    hold(who, code)


def test_a_wrong_secret_is_counted_although_the_answer_is_no(run: Issued) -> None:
    who, code = teller(), code_of(run.payments[0])
    answer = try_code(who, wrong(code))
    assert refused(answer) == "redemption.not_recognised"
    assert isinstance(answer, Refused)
    assert answer.tries_left == 4
    assert issue_of(run.payments[0]).wrong_secrets == 1
    hold(who, code)


def test_five_wrong_secrets_lock_the_code_whoever_typed_them(run: Issued) -> None:
    code = code_of(run.payments[0])
    for guess in range(1, 6):
        assert refused(try_code(teller(), wrong(code, guess))) == "redemption.not_recognised"
    assert issue_of(run.payments[0]).state is CodeState.LOCKED
    assert refused(try_code(teller(), code)) == "redemption.locked"
    assert refused(try_code(teller(), wrong(code))) == "redemption.not_recognised"
    with offices.transaction("dz") as session:
        told = session.scalars(select(Message.payment_id).where(Message.template == "LOCKED"))
        assert told.all() == [run.payments[0]]


def test_a_locator_that_nobody_has_is_answered_as_a_wrong_secret(run: Issued) -> None:
    with offices.transaction("dz") as session:
        unknown = nobodys(session)
    with statements() as for_wrong:
        wrong_secret = try_code(teller(), wrong(code_of(run.payments[0])))
    with statements() as for_unknown:
        no_locator = try_code(teller(), unknown)
    assert no_locator == wrong_secret
    assert for_unknown[-5:] == for_wrong[-5:]


def test_a_guess_at_a_dead_code_tells_nothing_about_it(run: Issued) -> None:
    who = teller()
    confirm(who, hold(who, code_of(run.payments[0])).authorisation_id)
    with offices.transaction("dz") as session:
        unknown = nobodys(session)
    assert try_code(teller(), wrong(code_of(run.payments[0]))) == try_code(teller(), unknown)


def test_five_wrong_codes_pause_the_teller_even_for_the_right_one(run: Issued) -> None:
    who, code = teller(), code_of(run.payments[0])
    with offices.transaction("dz") as session:
        unknown = nobodys(session)
    left = [try_code(who, unknown, at=each) for each in range(5)]
    assert [answer.tries_left for answer in left if isinstance(answer, Refused)] == [4, 3, 2, 1, 0]
    paused = try_code(who, code, at=10)
    assert refused(paused) == "redemption.teller_paused"
    assert isinstance(paused, Refused)
    assert "12:19" in paused.message
    hold(teller("Oran"), code, at=10)
    hold(who, code_of(run.payments[1]), at=19)


def test_ten_wrong_codes_in_a_day_stop_the_teller_until_a_supervisor_unlocks(run: Issued) -> None:
    who, code = teller(), code_of(run.payments[0])
    with offices.transaction("dz") as session:
        unknown = nobodys(session)
    for each in range(10):
        try_code(who, unknown, at=20 * each)
    assert refused(try_code(who, code, at=230)) == "redemption.supervisor_needed"
    with clock.frozen(minutes(235)), offices.transaction("dz") as session:
        counters.unlock_teller(session, EVERYTHING, who.id or uuid4())
    hold(who, code, at=240)


def test_a_stopped_teller_goes_on_the_next_day(run: Issued) -> None:
    who = teller()
    with offices.transaction("dz") as session:
        unknown = nobodys(session)
    for each in range(10):
        try_code(who, unknown, at=20 * each)
    code = code_of(run.payments[0])
    assert refused(try_code(who, code, at=20 * 10)) == "redemption.supervisor_needed"
    assert hold(who, code, at=13 * 60).held_until > OPEN + timedelta(minutes=13 * 60)


def test_only_an_issued_code_is_paid(run: Issued) -> None:
    codes = dict(zip(CodeState, [code_of(payment) for payment in run.payments[:5]], strict=True))
    payments = dict(zip(CodeState, run.payments[:5], strict=True))
    who = teller()
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        reissuing.lock_code(session, EVERYTHING, payments[CodeState.LOCKED], "telephone stolen")
        reissuing.reissue(session, EVERYTHING, payments[CodeState.REPLACED], "never arrived")
    confirm(who, hold(who, codes[CodeState.PAID]).authorisation_id)
    with offices.transaction("dz") as session:
        session.execute(
            update(CodeIssue)
            .where(CodeIssue.payment_id == payments[CodeState.EXPIRED])
            .values(state=CodeState.EXPIRED, closed_at=OPEN)
        )
    answers = {state: try_code(teller("Oran"), code, at=60) for state, code in codes.items()}
    assert isinstance(answers.pop(CodeState.ISSUED), Authorised)
    assert {state: refused(answer) for state, answer in answers.items()} == {
        CodeState.LOCKED: "redemption.locked",
        CodeState.REPLACED: "redemption.replaced",
        CodeState.PAID: "redemption.already_paid",
        CodeState.EXPIRED: "redemption.expired",
    }
    with offices.transaction("dz") as session:
        assert session.scalars(select(Payout.payment_id)).all() == [payments[CodeState.PAID]]


def test_a_paid_code_says_when_and_where(run: Issued) -> None:
    who = teller()
    confirm(who, hold(who, code_of(run.payments[0])).authorisation_id)
    answer = try_code(teller("Oran"), code_of(run.payments[0]), at=60)
    assert isinstance(answer, Refused)
    assert answer.message == f"Paid on {OPEN:%d/%m/%Y} 12:00 at Bab El Oued."


def test_a_code_expires_by_the_office_calendar_even_before_anything_marked_it(run: Issued) -> None:
    last_evening = (OPEN + timedelta(days=45)).replace(hour=22, minute=59)
    just_after = last_evening + timedelta(minutes=1)  # midnight in Algiers
    at = [(each - OPEN) / timedelta(minutes=1) for each in (last_evening, just_after)]
    hold(teller(), code_of(run.payments[0]), at=at[0])
    answer = try_code(teller(), code_of(run.payments[1]), at=at[1])
    assert refused(answer) == "redemption.expired"
    assert isinstance(answer, Refused)
    assert answer.message == f"The last day was {LAST_DAY:%d/%m/%Y}."


def test_a_payment_in_doubt_is_not_paid(run: Issued) -> None:
    with offices.transaction("dz") as session:
        move(
            session, find(session, run.run_id), Payment.id == run.payments[0], PaymentState.ACCEPTED,
            PaymentState.UNKNOWN, provider="post_office", source="test",
        )  # fmt: skip
    assert refused(try_code(teller(), code_of(run.payments[0]))) == "redemption.on_hold"


def test_what_another_payment_turned_out_to_have_paid_is_not_paid_over_the_counter(
    run: Issued,
) -> None:
    code, who = code_of(run.payments[0]), teller()
    held = hold(who, code)
    with offices.transaction("dz") as session:
        payment = session.get_one(Payment, run.payments[0])
        receivables.open_for(session, payment, 9, "callback")
    with pytest.raises(NotHeld):
        confirm(who, held.authorisation_id)
    assert refused(try_code(teller(), code)) == "redemption.on_hold"


def test_another_providers_code_is_not_paid_here(run: Issued, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE payments SET provider = 'sandbox' WHERE id = :id"), {"id": run.payments[0]}
        )
    assert refused(try_code(teller(), code_of(run.payments[0]))) == "redemption.other_provider"


def test_a_teller_whose_office_closed_or_who_left_pays_nothing(run: Issued) -> None:
    with offices.transaction("dz") as session:
        place = counters.create_office(
            session, EVERYTHING, provider="post_office", code="16001", name="Alger"
        )
    at_closed, gone = teller(place), teller(place)
    with offices.transaction("dz") as session:
        counters.disable_teller(session, EVERYTHING, gone.id or uuid4())
    with pytest.raises(till.NotAtACounter):
        try_code(gone, code_of(run.payments[0]))
    with offices.transaction("dz") as session:
        counters.close_office(session, EVERYTHING, place.id)
    with pytest.raises(till.NotAtACounter):
        try_code(at_closed, code_of(run.payments[0]))


def test_no_code_is_paid_or_runs_out_while_the_office_stands_still(parted: InParts) -> None:
    who, (first, second) = teller(), map(code_of, parted.payments)
    held = hold(who, first)
    with offices.transaction("dz") as session:
        standstill.begin(session, SYSTEM)
    assert refused(try_code(teller(), second)) == "redemption.stands_still"
    with pytest.raises(StandsStill):
        confirm(who, held.authorisation_id)
    with pytest.raises(StandsStill):
        pay_part(who, held.authorisation_id, 1500)
    with clock.frozen(OPEN + timedelta(days=60)), offices.transaction("dz") as session:
        assert expiry.expire_due(session) == 0
        assert claims.take(session, 10) == []
    with offices.transaction("dz") as session:
        assert session.scalars(select(Payout)).all() == []
