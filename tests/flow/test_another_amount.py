"""A provider names another amount than was sent: words end nothing, and two people find what was taken and book it."""

import pytest
from sqlalchemy import URL, select, text

from cbi import clock, offices
from cbi.audit.models import AuditEntry
from cbi.errors import CbiError
from cbi.fsp.messages import Outcome
from cbi.messaging.models import Message
from cbi.messaging.states import MessageState
from cbi.payments.outcomes import late
from cbi.payments.outcomes.discrepancies import OF_AMOUNT
from cbi.payments.outcomes.outcomes import Applied
from cbi.payments.recovery import amounts, recovering
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.states import PaymentState, ReceivableState
from cbi.payments.unpaid import unpaid
from cbi.reconciliation import matching
from cbi.reconciliation.rules import DiscrepancyKind
from cbi.reconciliation.statements import take_in
from tests.factories import EVERYTHING
from tests.flow.another_amount import PROOF, Said, comes_to, refused
from tests.flow.sending import (
    PointAt,
    assert_every_promise_is_kept,
    at_once,
    disputes,
    told,
)
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, RETURNED, tried_of
from tests.reconciliation_factory import movements

S = PaymentState


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def said(database: URL, template: str) -> Said:
    return Said(tried_of(template))


@pytest.mark.parametrize(
    ("state", "minor"),
    [
        (S.SENDING, 40_000),
        (S.FAILED, 130_000),
        (S.READY, AMOUNT),
        (S.EXPIRED, 40_000),
        (S.CANCELLED, 130_000),
    ],
)
def test_words_do_not_let_it_be_paid_again_and_what_two_people_find_is_booked(
    said: Said, state: PaymentState, minor: int
) -> None:
    comes_to(said, state)
    assert refused(said.settle) == "discrepancy.ended_by_finding"
    if state in {S.FAILED, S.EXPIRED}:
        said.tried.becomes(S.READY)
        assert said.tried.state is state
    said.tried.sent()
    assert said.tried.payment.attempts == 1, "nothing is sent"
    assert_every_promise_is_kept()
    is_booked_as_found(said, minor)


def test_a_payment_called_unpaid_by_two_people_is_held_all_the_same(said: Said) -> None:
    comes_to(said, S.SENDING)
    with clock.frozen(clock.now().replace(year=clock.now().year + 1)):
        with offices.transaction("dz") as session:
            session.execute(text("UPDATE attempts SET asked_at = :now"), {"now": clock.now()})
        who, code = said.authoriser, said.authoriser.code()
        offices.transact(
            "dz", lambda s: unpaid.report(s, said.treasurer.actor, said.tried.id, PROOF).attempt
        )
        offices.transact("dz", lambda s: unpaid.confirm(s, who.actor, said.tried.id, code))
    assert said.tried.state is S.FAILED
    assert refused(said.settle) == "discrepancy.ended_by_finding"
    said.tried.becomes(S.READY)
    assert said.tried.state is S.FAILED


@pytest.mark.parametrize("minor", [40_000, 130_000])
def test_what_is_in_our_books_as_paid_is_put_right(said: Said, minor: int) -> None:
    comes_to(said, S.PAID)
    is_booked_as_found(said, minor)


def is_booked_as_found(said: Said, minor: int) -> None:
    """Two people find the amount; the float is then the provider's own."""
    said.report(minor)
    assert "paid_another_amount" in disputes(), "one person's word moves nothing"
    said.confirm()
    less, more = max(AMOUNT - minor, 0), max(minor - AMOUNT, 0)
    assert said.tried.state is S.PAID
    assert said.books("1100", "1310", "5000", "2900") == [
        -minor, more, AMOUNT - less, AMOUNT - less
    ]  # fmt: skip
    assert sum(said.books("2100", "2200", "2300", "2400")) == less - AMOUNT
    assert disputes() == ["paid_less"] * bool(less) + ["paid_more"] * bool(more)
    assert said.says(minor) is Applied.NOTHING_NEW
    with offices.transaction("dz") as session:
        texts = session.scalars(select(Message.state).where(Message.payment_id == said.tried.id))
        told = set(texts) - {MessageState.WITHDRAWN}
    assert not told or minor == AMOUNT, "the recipient is told no amount that was not paid"
    assert_every_promise_is_kept()


def test_nothing_was_paid_after_all_and_it_may_be_sent_again(said: Said) -> None:
    comes_to(said, S.FAILED)
    said.found(0)
    assert disputes() == []
    assert said.says(40_000) is Applied.DISPUTED
    assert disputes() == [], "the same claim is explained"
    said.tried.becomes(S.READY)
    assert said.tried.state is S.READY
    assert_every_promise_is_kept()


def test_another_claim_after_nothing_was_found_holds_it_anew(said: Said) -> None:
    comes_to(said, S.FAILED)
    said.found(0)
    said.says(50_000)
    assert disputes() == ["paid_another_amount"]
    assert refused(said.settle) == "discrepancy.ended_by_finding"
    said.found(50_000)
    assert (said.tried.state, said.books("1100")) == (S.PAID, [-50_000])
    said.settle()
    assert_every_promise_is_kept()


def test_the_whole_amount_after_nothing_was_found_is_a_fact_like_any_other(said: Said) -> None:
    comes_to(said, S.FAILED)
    said.found(0)
    said.says(AMOUNT)
    assert said.tried.state is S.PAID
    assert_every_promise_is_kept()


def test_what_is_claimed_after_a_report_of_nothing_is_not_ended_by_it(said: Said) -> None:
    comes_to(said, S.FAILED)
    said.report(0)
    said.says(50_000)
    said.confirm()
    assert disputes() == ["paid_another_amount"]
    assert refused(said.settle) == "discrepancy.ended_by_finding"
    assert_every_promise_is_kept()


def test_what_is_still_on_its_way_is_found_unpaid_and_not_paid_nothing(said: Said) -> None:
    comes_to(said, S.SENDING)
    assert refused(lambda: said.report(0)) == "amount_finding.still_open"


def test_the_excess_comes_back_or_two_people_write_it_off(said: Said) -> None:
    comes_to(said, S.FAILED)
    said.found(130_000)
    assert refused(said.settle) == "discrepancy.ended_by_money"
    with offices.transaction("dz") as session:
        owed = session.scalars(select(Receivable)).one()
        assert (owed.excess, owed.amount_minor) == (True, 30_000)
        recovering.recover(session, EVERYTHING, owed.id, "CREDIT-7")
    assert said.books("1100", "1310", "5000") == [-AMOUNT, 0, AMOUNT]
    assert disputes() == []
    assert said.tried.says(RETURNED) is Applied.MOVED, "the excess coming back was not the payment"
    assert said.tried.state is S.RETURNED
    assert_every_promise_is_kept()


def test_what_comes_back_is_all_that_it_took(said: Said) -> None:
    comes_to(said, S.FAILED)
    said.found(130_000)
    assert said.tried.says(RETURNED) is Applied.MOVED
    assert (said.tried.state, said.tried.owed(ReceivableState.RECOVERED)) == (S.RETURNED, [1])
    assert said.books("1100", "1310", "5000", "2400") == [0, 0, 0, AMOUNT]
    assert_every_promise_is_kept()


def test_an_excess_is_written_off_by_two_people_and_is_never_the_payment(said: Said) -> None:
    comes_to(said, S.FAILED)
    said.found(130_000)
    with offices.transaction("dz") as session:
        assert late.adopt_all(session) == 0
        owed = session.scalars(select(Receivable.id)).one()
        recovering.propose_write_off(session, said.treasurer.actor, owed, "Bankrupt", PROOF)
        recovering.confirm_write_off(session, said.both.actor, owed, said.both.code())
    assert said.tried.owed(ReceivableState.WRITTEN_OFF) == [1]
    assert (disputes(), said.books("5300")) == ([], [30_000])
    assert_every_promise_is_kept()


def test_another_amount_that_comes_back_is_not_what_is_owed(said: Said) -> None:
    said.tried.sent(FAILED)
    said.tried.becomes(S.READY)
    said.tried.sent(PAID)
    said.says(40_000, attempt=1)
    said.found(40_000, attempt=1)
    said.tried.says(RETURNED, 2)
    assert said.books("1100") == [-40_000]
    assert_every_promise_is_kept()
    with offices.transaction("dz") as session:
        assert late.adopt_all(session) == 1
    assert said.tried.state is S.PAID
    assert said.books("1100", "1310", "5000") == [-40_000, 0, 40_000]
    assert_every_promise_is_kept()


def test_all_of_a_payment_that_took_less_comes_back_and_is_paid_anew(said: Said) -> None:
    comes_to(said, S.FAILED)
    said.found(40_000)
    said.settle()
    assert said.tried.says(RETURNED) is Applied.MOVED
    assert said.books("1100", "5000", "2400") == [0, 0, AMOUNT]
    assert_every_promise_is_kept()
    said.tried.becomes(S.READY)
    said.tried.sent(PAID)
    assert said.books("1100", "5000") == [-AMOUNT, AMOUNT]
    assert_every_promise_is_kept()


def test_an_earlier_attempt_that_took_less_while_a_later_one_paid_owes_that(said: Said) -> None:
    said.tried.sent(FAILED)
    said.tried.becomes(S.READY)
    said.tried.sent(PAID)
    said.says(40_000, attempt=1)
    assert refused(said.settle) == "discrepancy.ended_by_finding"
    said.found(40_000, attempt=1)
    assert said.books("1100", "1310", "5000") == [-140_000, 40_000, AMOUNT]
    assert disputes() == ["paid_twice"]
    assert_every_promise_is_kept()


@pytest.mark.parametrize("minor", [40_000, 130_000])
def test_what_is_owed_becomes_the_payment_with_what_it_took(said: Said, minor: int) -> None:
    said.tried.sent(FAILED)
    said.tried.becomes(S.READY)
    said.tried.sent(Outcome.UNKNOWN)
    said.says(minor, attempt=1)
    said.found(minor, attempt=1)
    assert (said.tried.state, said.books("1310")) == (S.UNKNOWN, [minor])
    assert_every_promise_is_kept()
    said.tried.answers(FAILED)
    assert said.tried.state is S.PAID
    assert said.books("1100", "1310", "5000") == [
        -minor, max(minor - AMOUNT, 0), min(minor, AMOUNT)
    ]  # fmt: skip
    assert_every_promise_is_kept()


def test_which_attempt_is_said_where_several_are_in_question(said: Said) -> None:
    comes_to(said, S.FAILED)
    assert refused(lambda: said.report(40_000, attempt=2)) == "amount_finding.no_other_amount"
    said.found(0)
    said.tried.becomes(S.READY)
    said.tried.sent()
    said.says(50_000)
    assert refused(lambda: said.report(50_000)) == "amount_finding.which_attempt"
    said.found(50_000, attempt=2)
    assert_every_promise_is_kept()


def test_where_no_other_amount_was_named_nobody_finds_one(said: Said) -> None:
    said.tried.sent(FAILED)
    assert refused(lambda: said.report(40_000)) == "amount_finding.no_other_amount"


def test_a_mistaken_report_is_made_anew_and_only_one_is_confirmed(said: Said) -> None:
    comes_to(said, S.FAILED)
    said.report(4_000)
    mistaken = said.finding
    said.found(40_000)
    assert said.books("5000") == [40_000]
    said.finding = mistaken
    assert refused(said.confirm) == "amount_finding.already_found"
    with offices.transaction("dz") as session:
        assert len(amounts.reported(session, said.tried.id)) == 2
        acts = select(AuditEntry.act).where(AuditEntry.subject_id == str(said.tried.id))
        found = session.scalars(acts).all()
    assert found.count("payment.amount_reported") == 2
    assert found.count("payment.amount_confirmed") == 1


def test_news_and_a_confirmation_at_the_same_moment_leave_one_truth(said: Said) -> None:
    comes_to(said, S.FAILED)
    said.report(40_000)
    code = said.authoriser.code()

    def one(who: int) -> str:
        try:
            if who % 2:
                said.confirm(said.authoriser, code)
            else:
                said.tried.says(PAID)
        except CbiError as refusal:
            return refusal.code
        return "done"

    assert at_once(one, range(8)).count("done") == 5
    assert said.tried.state is S.PAID
    assert said.books("1100", "5000") == [-40_000, 40_000]
    assert_every_promise_is_kept()


def test_the_line_of_a_statement_settles_what_two_people_found(said: Said) -> None:
    said.tried.sent(FAILED)
    key = f"{said.tried.id.hex}-01"
    lines = movements({"id": "one", "minor": -40_000, "reference": key})
    with offices.transaction("dz") as session:
        take_in(session, EVERYTHING, "sandbox", lines, "one.jsonl")
        matching.reconcile(session, EVERYTHING, "sandbox")
    assert "amount_differs" in disputes()
    assert refused(said.settle) == "discrepancy.ended_by_line"
    said.found(40_000)
    with offices.transaction("dz") as session:
        assert matching.reconcile(session, EVERYTHING, "sandbox").matched == 1
        assert not matching.reconcile(session, EVERYTHING, "sandbox").changed
    assert "amount_differs" not in disputes()
    assert said.books("1100") == [-40_000], "as the provider's own account"
    assert_every_promise_is_kept()


def test_the_kinds_that_words_do_not_settle_are_those_of_the_statement_too() -> None:
    assert {DiscrepancyKind.AMOUNT_DIFFERS.value, DiscrepancyKind.CURRENCY_DIFFERS.value} < set(OF_AMOUNT)  # fmt: skip
