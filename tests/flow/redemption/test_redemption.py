"""Cash over the counter: the right code and the right person are paid once, and nobody learns more than they may."""

import pytest
from sqlalchemy import func, select

from cbi import offices
from cbi.access.actor import Actor, NotPermitted
from cbi.ledger.queries import fund_positions
from cbi.messaging.models import Message
from cbi.money import Money
from cbi.payments.models import Attempt, Payment
from cbi.payments.states import PaymentState
from cbi.redemption import counter, receipts
from cbi.redemption.counter import NotHeld, UnknownAuthorisation
from cbi.redemption.models import Authorisation, CodeIssue, Payout
from cbi.redemption.refusals import Refused
from cbi.redemption.states import CodeState, HoldState
from cbi.redemption.till import NotAtACounter
from tests.factories import EVERYTHING
from tests.redemption_factory import (
    WORD,
    Issued,
    code_of,
    confirm,
    hold,
    minutes,
    refused,
    statements,
    teller,
    try_code,
)


def test_the_right_code_and_person_are_paid_and_everything_agrees(run: Issued) -> None:
    who, payment = teller(), run.payments[0]
    held = hold(who, code_of(payment), at=1)
    assert held.amount == Money(400_000, "DZD")
    assert held.held_until == minutes(16)
    receipt = confirm(who, held.authorisation_id, at=2)
    assert receipt.receipt == held.receipt
    assert receipts.is_possible(receipt.receipt)
    assert receipt.office == "Bab El Oued"
    with offices.transaction("dz") as session:
        payout = session.scalars(select(Payout)).one()
        issue = session.scalars(select(CodeIssue).where(CodeIssue.payment_id == payment)).one()
        assert session.get_one(Payment, payment).state is PaymentState.PAID
        assert (issue.state, issue.hold_id, issue.closed_at) == (CodeState.PAID, None, minutes(2))
        assert session.get_one(Attempt, (payment, 1)).provider_reference == receipt.receipt
        assert (payout.amount_minor, payout.teller_id, payout.attempt) == (400_000, who.id, 1)
        position = fund_positions(session)[0]
        assert position.delivered == Money(400_000, "DZD")
        assert position.in_transit == Money(2_000_000, "DZD")


def test_the_recipient_is_told_at_once_what_was_paid(run: Issued) -> None:
    who = teller()
    receipt = confirm(who, hold(who, code_of(run.payments[0])).authorisation_id)
    with offices.transaction("dz") as session:
        text = session.scalars(select(Message).where(Message.template == "PAID")).one()
    assert text.values == {"amount": "4000 DZD", "ticket": receipt.receipt[-6:]}
    assert text.payment_id == run.payments[0]
    assert text.language == "ar"


def test_a_code_is_read_in_whatever_digits_it_is_typed(run: Issued) -> None:
    typed = (
        code_of(run.payments[0])
        .replace(".", " - ")
        .translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    )
    assert hold(teller(), f"\u200f{typed}\u200e").amount == Money(400_000, "DZD")


def test_confirming_five_times_pays_once_and_gives_the_same_receipt(run: Issued) -> None:
    who = teller()
    held = hold(who, code_of(run.payments[0]))
    given = [confirm(who, held.authorisation_id, at=minute) for minute in (1, 2, 3, 60, 2_000)]
    assert given == [given[0]] * 5
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Payout)) == 1


def test_another_teller_cannot_confirm_or_give_up_what_one_holds(run: Issued) -> None:
    who, other = teller(), teller("Oran")
    held = hold(who, code_of(run.payments[0]))
    with pytest.raises(UnknownAuthorisation):
        confirm(other, held.authorisation_id)
    with offices.transaction("dz") as session, pytest.raises(UnknownAuthorisation):
        counter.release_hold(session, other, held.authorisation_id)
    assert confirm(who, held.authorisation_id).receipt == held.receipt
    with pytest.raises(UnknownAuthorisation):
        confirm(other, held.authorisation_id)


def test_a_code_that_one_teller_holds_is_reserved_for_them(run: Issued) -> None:
    who, other, code = teller(), teller("Oran"), code_of(run.payments[0])
    held = hold(who, code, at=1)
    answer = try_code(other, code, at=2)
    assert refused(answer) == "redemption.held_elsewhere"
    assert isinstance(answer, Refused)
    assert answer.message == "Reserved at Bab El Oued until 12:16."
    assert hold(who, code, at=3) == held


def test_a_hold_ends_after_a_quarter_of_an_hour(run: Issued) -> None:
    who, other, code = teller(), teller("Oran"), code_of(run.payments[0])
    first = hold(who, code)
    second = hold(other, code, at=15)
    assert second.receipt != first.receipt
    with pytest.raises(NotHeld, match=r"until 12:15 only.*Type the code again"):
        confirm(who, first.authorisation_id, at=16)
    assert confirm(other, second.authorisation_id, at=16).receipt == second.receipt
    with offices.transaction("dz") as session:
        states = dict(session.execute(select(Authorisation.id, Authorisation.state)).all())
    assert states[first.authorisation_id] is HoldState.LAPSED
    assert states[second.authorisation_id] is HoldState.CONFIRMED


def test_a_hold_that_is_over_pays_nothing_even_when_nobody_else_came(run: Issued) -> None:
    who = teller()
    held = hold(who, code_of(run.payments[0]))
    with pytest.raises(NotHeld):
        confirm(who, held.authorisation_id, at=15)
    again = hold(who, code_of(run.payments[0]), at=16)
    assert again.authorisation_id != held.authorisation_id
    confirm(who, again.authorisation_id, at=17)


def test_a_code_given_up_can_be_paid_elsewhere_at_once(run: Issued) -> None:
    who, other, code = teller(), teller("Oran"), code_of(run.payments[0])
    held = hold(who, code)
    for _ in range(2):
        with offices.transaction("dz") as session:
            counter.release_hold(session, who, held.authorisation_id)
    with pytest.raises(NotHeld, match="gave this code up"):
        confirm(who, held.authorisation_id)
    paid = hold(other, code)
    confirm(other, paid.authorisation_id)
    with offices.transaction("dz") as session, pytest.raises(counter.PaidAlready):
        counter.release_hold(session, other, paid.authorisation_id)


def test_only_a_teller_pays(run: Issued) -> None:
    with offices.transaction("dz") as session:
        nobody = Actor("user", None, "an auditor")
        with pytest.raises(NotPermitted):
            counter.authorise(session, nobody, code=code_of(run.payments[0]), factor=WORD)
        with pytest.raises(NotAtACounter):
            counter.authorise(session, EVERYTHING, code=code_of(run.payments[0]), factor=WORD)


def test_checking_and_paying_takes_few_statements(run: Issued) -> None:
    who, code = teller(), code_of(run.payments[0])
    hold(who, code_of(run.payments[1]))  # what a process learns once is learnt now
    with statements() as checking:
        held = hold(who, code)
    with statements() as paying:
        confirm(who, held.authorisation_id)
    booking = next(n for n, each in enumerate(paying) if "FROM payments" in each)
    # Eight, one to know the office, and in each transaction one to hold the tables as this program knows them.
    assert len(checking) + booking <= 11, checking + paying
