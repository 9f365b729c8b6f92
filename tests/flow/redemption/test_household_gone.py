"""A death, a departure or another collector, noted after the code was issued, stops the counter; so does a new telephone."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, func, literal, select, text

from cbi import clock, offices
from cbi.access.actor import Actor, grants_of
from cbi.access.permissions import Role
from cbi.messaging.models import Message
from cbi.payments.models import Discrepancy, Payment, PaymentEvent
from cbi.payments.outcomes.discrepancies import settle_set
from cbi.payments.states import PaymentState
from cbi.payments.unpaid import again
from cbi.redemption import issuing, reissuing
from cbi.redemption.counter import NotHeld
from cbi.redemption.models import CodeIssue, Payout
from cbi.redemption.reissuing import TelephoneChanged
from cbi.registry.households import requests
from cbi.registry.models import PaymentAccount
from tests.factories import released_run
from tests.flow.sending import assert_every_promise_is_kept
from tests.household_factory import ASKER, asked, change, confirmed
from tests.redemption_factory import OPEN, Issued, code_of, confirm, hold, refused, teller, try_code

SUPERVISOR = Actor("user", None, "a supervisor", grants_of([(Role.TELLER_SUPERVISOR, None)]))


def payee(payment_id: UUID) -> tuple[UUID, UUID]:
    """Household and person of a payment."""
    with offices.transaction("dz") as session:
        found = session.get_one(Payment, payment_id)
        return found.household_id, found.person_id


def said(kind: str, payment_id: UUID, *, minutes: float = 0, **more: object) -> None:
    """A change of the household that a payment is for, committed."""
    home, person = payee(payment_id)
    if kind not in {"departed", "returned", "merged", "born"}:
        more.setdefault("person", person)
    with clock.frozen(OPEN + timedelta(minutes=minutes)), offices.transaction("dz") as session:
        change(session, kind, home, **more)


@pytest.mark.parametrize("kind", ["died", "left", "departed"])
def test_whoever_is_gone_is_paid_nothing_at_the_counter(run: Issued, kind: str) -> None:
    code, who = code_of(run.payments[0]), teller()
    said(kind, run.payments[0])
    assert refused(try_code(who, code)) == "redemption.on_hold"
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Payout)) == 0
    confirm(who, hold(who, code_of(run.payments[1])).authorisation_id)
    assert_every_promise_is_kept()


def test_a_death_noted_while_a_teller_holds_the_code_stops_the_money(run: Issued) -> None:
    who = teller()
    held = hold(who, code_of(run.payments[0]))
    said("died", run.payments[0])
    with pytest.raises(NotHeld, match="suspended"):
        confirm(who, held.authorisation_id)


def test_the_household_that_was_merged_into_another_is_not_paid_as_well(run: Issued) -> None:
    kept, other = run.payments[0], run.payments[1]
    said("merged", kept, other=payee(other)[0], same={payee(other)[1]: payee(kept)[1]})
    assert refused(try_code(teller(), code_of(other))) == "redemption.on_hold"
    who = teller("Oran")
    confirm(who, hold(who, code_of(kept)).authorisation_id)


def test_what_was_approved_for_somebody_who_is_gone_gets_no_code(released: UUID) -> None:
    with offices.transaction("dz") as session:
        first, second = session.scalars(select(Payment).order_by(Payment.number).limit(2)).all()
    said("died", first.id)
    said("phone", second.id, told={"phone": "0661000001"})
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        assert issuing.issue_chunk(session, released, "post_office") == 6
    with offices.transaction("dz") as session:
        states = dict(session.execute(select(Payment.id, Payment.state)).all())
        assert states[first.id] == states[second.id] == PaymentState.FAILED
        failures = session.scalars(
            select(PaymentEvent.failure).where(PaymentEvent.failure.is_not(None))
        ).all()
        assert sorted(map(str, failures)) == ["account_changed", "payee_gone"]
        kinds = dict(session.execute(select(Discrepancy.payment_id, Discrepancy.kind)).all())
        assert kinds == {first.id: "payee_gone", second.id: "account_changed"}
        assert session.scalar(select(func.count()).select_from(CodeIssue)) == 4
    assert_every_promise_is_kept()


def test_what_is_held_back_a_second_time_is_told_a_second_time(database: URL) -> None:
    run_id, people = released_run("dz", [4])
    with offices.transaction("dz") as session:
        payment = session.scalars(select(Payment.id)).one()
    for attempt in (1, 2):
        said("departed", payment)
        with clock.frozen(OPEN), offices.transaction("dz") as session:
            assert issuing.issue_chunk(session, run_id, "post_office") == 1
        with offices.transaction("dz") as session:
            (told,) = session.scalars(
                select(Discrepancy).where(Discrepancy.settled_at.is_(None))
            ).all()
            assert (told.kind, told.payment_id, told.amount_minor) == (
                "payee_gone",
                payment,
                400000,
            )
            said_so = select(Discrepancy.id, literal("They are back."))
            assert settle_set(session, said_so) == 1
        if attempt == 1:
            said("returned", payment)
            with clock.frozen(OPEN), offices.transaction("dz") as session:
                again.try_again(session, people.authoriser.actor, run_id, "they are back")
    assert_every_promise_is_kept()


def test_the_old_number_is_told_and_the_new_one_gets_no_code_for_three_days(
    run: Issued, owner: Engine
) -> None:
    payment = run.payments[0]
    home, person = payee(payment)
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        old = session.get_one(Payment, payment).account_id
        request = requests.ask(
            session, ASKER, asked(session, "phone", home, person=person, told={"phone": "0661000002"})
        ).request  # fmt: skip
        assert request is not None
        told = session.scalars(select(Message).where(Message.template == "PHONE_CHANGE")).one()
        assert told.account_id == old
        with pytest.raises(requests.WaitsAlready):
            requests.ask(
                session,
                ASKER,
                asked(session, "phone", home, person=person, told={"phone": "0661000003"}),
            )
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        confirmed(session, request)
    with pytest.raises(TelephoneChanged, match="no longer on record"):
        _reissue(payment, 1)
    _pay_to_the_new_one(owner, payment)
    with pytest.raises(TelephoneChanged, match="less than 72 hours"):
        _reissue(payment, 71)
    _reissue(payment, 73)


def test_a_second_person_who_had_them_before_them_lets_a_code_go_at_once(
    run: Issued, owner: Engine
) -> None:
    payment = run.payments[0]
    home, person = payee(payment)
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        request = requests.ask(
            session, ASKER, asked(session, "phone", home, person=person, told={"phone": "0661000004"})
        ).request  # fmt: skip
        assert request is not None
        confirmed(session, request, face_to_face=True)
    _pay_to_the_new_one(owner, payment)
    _reissue(payment, 1)


def _reissue(payment: UUID, hours: float) -> None:
    with clock.frozen(OPEN + timedelta(hours=hours)), offices.transaction("dz") as session:
        reissuing.reissue(session, SUPERVISOR, payment, "never arrived")


def _pay_to_the_new_one(owner: Engine, payment: UUID) -> None:
    """As if a later run had been approved with the new number."""
    with offices.transaction("dz") as session:
        found = session.get_one(Payment, payment)
        account = session.scalars(
            select(PaymentAccount).where(
                PaymentAccount.person_id == found.person_id, PaymentAccount.replaced_at.is_(None)
            )
        ).one()
    with owner.begin() as connection:
        connection.execute(
            text(
                "UPDATE payments SET account_id = :account, account_index = :index WHERE id = :id"
            ),
            {"account": account.id, "index": account.value_index, "id": payment},
        )
