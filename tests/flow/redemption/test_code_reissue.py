"""A lost code is blocked, a new one kills the old, and what nobody collected goes back to be decided about."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, func, select, text

from cbi import clock, offices
from cbi.access.actor import Actor, NotPermitted, grants_of
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.audit.reasons import UnusableReason
from cbi.ledger.queries import fund_positions
from cbi.messaging.models import Message
from cbi.messaging.states import MessageState
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.states import PaymentState
from cbi.redemption import expiry, issuing, reissuing
from cbi.redemption.counter import NotHeld
from cbi.redemption.models import Authorisation, CodeIssue
from cbi.redemption.reissuing import (
    CodeInUse,
    CodeOver,
    NoCode,
    Reissued,
    ReissuedEnough,
    TelephoneChanged,
)
from cbi.redemption.states import CodeState, HoldState
from tests.redemption_factory import (
    LAST_DAY,
    OPEN,
    Issued,
    code_of,
    confirm,
    hold,
    minutes,
    refused,
    teller,
    try_code,
)

HANDLER = Actor("user", None, "a handler", grants_of([(Role.COMPLAINT_HANDLER, "winter")]))
ELSEWHERE = Actor("user", None, "a handler", grants_of([(Role.COMPLAINT_HANDLER, "summer")]))
SUPERVISOR = Actor("user", None, "a supervisor", grants_of([(Role.TELLER_SUPERVISOR, None)]))
DAY = 24 * 60


def reissue(
    payment_id: UUID, *, at: float = 0, who: Actor = HANDLER, reason: str = "never arrived"
) -> Reissued:
    """A new code, committed."""
    with clock.frozen(minutes(at)), offices.transaction("dz") as session:
        return reissuing.reissue(session, who, payment_id, reason)


def lock(payment_id: UUID, *, at: float = 0) -> None:
    """The person says that the code is lost."""
    with clock.frozen(minutes(at)), offices.transaction("dz") as session:
        reissuing.lock_code(session, HANDLER, payment_id, "telephone stolen")


def texts(template: str) -> list[Message]:
    """Every text from this template."""
    with offices.transaction("dz") as session:
        found = select(Message).where(Message.template == template).order_by(Message.created_at)
        return list(session.scalars(found))


def test_a_new_code_kills_the_old_one_at_once(run: Issued) -> None:
    payment, old = run.payments[0], code_of(run.payments[0])
    new = reissue(payment)
    assert code_of(payment) != old
    assert new.locator == code_of(payment).replace(".", "")[:5] != old.replace(".", "")[:5]
    assert refused(try_code(teller(), old)) == "redemption.replaced"
    who = teller()
    confirm(who, hold(who, code_of(payment)).authorisation_id)


def test_the_text_about_the_old_code_is_withdrawn_and_one_about_the_new_is_queued(
    run: Issued,
) -> None:
    payment = run.payments[0]
    new = reissue(payment)
    before = {each.payment_id: each.state for each in texts("CODE_READY")}
    assert before[payment] is MessageState.WITHDRAWN
    assert [before[other] for other in run.payments[1:]] == [MessageState.QUEUED] * 5
    (told,) = texts("REISSUED")
    assert (told.code_issue_id, told.state, told.values) == (
        new.code_issue_id,
        MessageState.QUEUED,
        {"date": f"{LAST_DAY:%d/%m}"},
    )
    with offices.transaction("dz") as session:
        assert issuing.render_codes(session, [new.code_issue_id]) == {
            new.code_issue_id: code_of(payment)
        }


def test_the_old_code_cannot_be_rendered_any_more(run: Issued) -> None:
    with offices.transaction("dz") as session:
        old = session.scalars(
            select(CodeIssue.id).where(CodeIssue.payment_id == run.payments[0])
        ).one()
    reissue(run.payments[0])
    with offices.transaction("dz") as session:
        assert issuing.render_codes(session, [old]) == {}


def test_new_codes_are_limited_except_by_a_supervisor(run: Issued) -> None:
    payment = run.payments[0]
    assert reissue(payment, at=0).reissues == 1
    with pytest.raises(ReissuedEnough, match="less than 24 hours ago"):
        reissue(payment, at=DAY - 1)
    assert reissue(payment, at=DAY).reissues == 2
    assert reissue(payment, at=2 * DAY).reissues == 3
    with pytest.raises(ReissuedEnough, match="had 3 new codes"):
        reissue(payment, at=9 * DAY)
    assert reissue(payment, at=9 * DAY, who=SUPERVISOR).reissues == 4
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).where(AuditEntry.act == "code.reissued")) == 4


def test_a_new_code_is_for_the_programmes_that_somebody_handles(run: Issued) -> None:
    with pytest.raises(NotPermitted):
        reissue(run.payments[0], who=ELSEWHERE)
    with pytest.raises(NotPermitted):
        reissue(run.payments[0], who=teller())


def test_no_new_code_while_a_teller_may_be_paying_the_old_one(run: Issued) -> None:
    who = teller()
    held = hold(who, code_of(run.payments[0]))
    with pytest.raises(CodeInUse):
        reissue(run.payments[0], at=14)
    confirm(who, held.authorisation_id, at=14)
    with pytest.raises(CodeOver):
        reissue(run.payments[0], at=20)


def test_no_new_code_goes_to_a_telephone_that_is_not_on_record_any_more(
    run: Issued, owner: Engine
) -> None:
    replaced = (
        "UPDATE payment_accounts a SET replaced_at = :at FROM payments p"
        " WHERE p.account_id = a.id AND p.id = :payment"
    )
    with owner.begin() as connection:
        connection.execute(text(replaced), {"at": OPEN, "payment": run.payments[0]})
    for who in (HANDLER, SUPERVISOR):
        with pytest.raises(TelephoneChanged, match="no longer on record"):
            reissue(run.payments[0], who=who)


def test_no_new_code_within_three_days_of_a_changed_telephone(run: Issued, owner: Engine) -> None:
    earlier = (
        "INSERT INTO payment_accounts (id, person_id, kind, value, value_index, created_at, replaced_at)"
        " SELECT gen_random_uuid(), person_id, 'phone', 'x', 'x', :at, :at FROM payments WHERE id = :payment"
    )
    with owner.begin() as connection:
        connection.execute(text(earlier), {"at": OPEN, "payment": run.payments[0]})
    with pytest.raises(TelephoneChanged, match="less than 72 hours ago"):
        reissue(run.payments[0], at=3 * DAY - 1)
    assert reissue(run.payments[0], at=3 * DAY).reissues == 1


def test_a_hold_that_lapsed_does_not_stop_a_new_code(run: Issued) -> None:
    who = teller()
    held = hold(who, code_of(run.payments[0]))
    reissue(run.payments[0], at=15)
    with pytest.raises(NotHeld):
        confirm(who, held.authorisation_id, at=15)


def test_a_new_code_forgets_the_wrong_tries_on_the_old_one(run: Issued) -> None:
    lock(run.payments[0])
    reissue(run.payments[0])
    with offices.transaction("dz") as session:
        new = session.scalars(
            select(CodeIssue).where(CodeIssue.payment_id == run.payments[0], CodeIssue.current)
        ).one()
    assert (new.state, new.wrong_secrets, new.expires_on) == (
        CodeState.ISSUED,
        0,
        LAST_DAY,
    )


def test_a_lost_code_is_blocked_even_while_a_teller_holds_it(run: Issued) -> None:
    who, payment = teller(), run.payments[0]
    held = hold(who, code_of(payment))
    lock(payment, at=1)
    lock(payment, at=2)
    with pytest.raises(NotHeld, match="locked while you held it"):
        confirm(who, held.authorisation_id, at=3)
    with offices.transaction("dz") as session:
        assert session.get_one(Payment, payment).state is PaymentState.ACCEPTED
    assert [each.payment_id for each in texts("LOST_ACK")] == [payment]
    assert {each.payment_id: each.state for each in texts("CODE_READY")}[
        payment
    ] is MessageState.WITHDRAWN


def test_a_payment_without_a_code_has_none_to_replace(released: UUID) -> None:
    with offices.transaction("dz") as session:
        payment = session.scalars(select(Payment.id).where(Payment.number == 1)).one()
    with pytest.raises(NoCode):
        reissue(payment, who=SUPERVISOR)


def test_a_reason_is_short_and_holds_no_number() -> None:
    assert reissuing.plain_reason("  message never\narrived ") == "message never arrived"
    for reason in ("", "x", "call +213 550 12 34", "code 4831.2907", "why " * 60, "رقم ٠٥٥٠١٢٣٤"):
        with pytest.raises(UnusableReason):
            reissuing.plain_reason(reason)


def test_codes_expire_after_their_last_day_and_their_money_awaits_a_decision(run: Issued) -> None:
    paid, locked, *others = run.payments
    who = teller()
    confirm(who, hold(who, code_of(paid)).authorisation_id)
    lock(locked)
    last_day = OPEN + timedelta(days=45)
    with clock.frozen(last_day), offices.transaction("dz") as session:
        assert expiry.expire_due(session) == 0
    with clock.frozen(last_day + timedelta(days=1)), offices.transaction("dz") as session:
        assert expiry.expire_due(session) == 5
        assert expiry.expire_due(session) == 0
        states = dict(session.execute(select(Payment.id, Payment.state)).all())
        position = fund_positions(session)[0]
    assert states == {paid: PaymentState.PAID} | dict.fromkeys(
        [locked, *others], PaymentState.EXPIRED
    )
    assert (position.awaiting, position.in_transit) == (Money(2_000_000, "DZD"), Money(0, "DZD"))
    assert {each.payment_id for each in texts("EXPIRED")} == {locked, *others}


def test_a_code_that_is_being_paid_at_midnight_does_not_expire_under_the_tellers_hands(
    run: Issued,
) -> None:
    who, code = teller(), code_of(run.payments[0])
    midnight = (OPEN + timedelta(days=45)).replace(hour=23, minute=0)
    at = (midnight - OPEN) / timedelta(minutes=1)
    held = hold(who, code, at=at - 5)
    with clock.frozen(minutes(at + 5)), offices.transaction("dz") as session:
        assert expiry.expire_due(session) == 5
    confirm(who, held.authorisation_id, at=at + 6)


def test_a_hold_nobody_answered_for_is_marked_lapsed(run: Issued) -> None:
    who = teller()
    held = hold(who, code_of(run.payments[0]))
    hold(who, code_of(run.payments[1]), at=10)
    with clock.frozen(minutes(20)), offices.transaction("dz") as session:
        assert expiry.lapse_holds(session) == 1
        assert session.get_one(Authorisation, held.authorisation_id).state is HoldState.LAPSED
    again = hold(who, code_of(run.payments[0]), at=21)
    confirm(who, again.authorisation_id, at=22)


def test_a_locator_rests_half_a_year_before_another_code_may_have_it(run: Issued) -> None:
    who = teller()
    confirm(who, hold(who, code_of(run.payments[0])).authorisation_id)
    for days, freed in ((180, 0), (181, 1), (182, 0)):
        with clock.frozen(OPEN + timedelta(days=days)), offices.transaction("dz") as session:
            assert expiry.free_locators(session) == freed
