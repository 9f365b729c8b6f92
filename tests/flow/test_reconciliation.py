"""A provider's word against our books: what agrees is matched once, and everything else waits for somebody."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger import funds
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment, PaymentEvent
from cbi.payments.states import PaymentState
from cbi.reconciliation import coverage
from cbi.reconciliation.matching import Reconciled, reconcile
from cbi.reconciliation.models import Match
from cbi.reconciliation.statements import TakenIn, take_in
from tests.reconciliation_factory import (
    DAY,
    TREASURER,
    Line,
    Sent,
    change,
    movements,
    name,
    open_kinds,
    pay,
    send,
    send_again,
    settled_by,
    settlement,
)

TODAY = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
LONG_AGO = datetime(2026, 2, 20, 9, 0, tzinfo=UTC)
"""Longer than people have to collect their cash before it is asked why they did not."""


@pytest.fixture(autouse=True)
def _today() -> object:
    with clock.frozen(TODAY):
        yield


def taken_in(session: Session, *lines: Line) -> TakenIn:
    return take_in(session, TREASURER, "post_office", settlement(lines), "settlement.csv")


def reconciled(session: Session, provider: str = "post_office") -> Reconciled:
    """Reconcile, and see that doing it again changes nothing."""
    done = reconcile(session, TREASURER, provider)
    again = reconcile(session, TREASURER, provider)
    assert not again.changed
    return done


def paid(session: Session, amounts: Sequence[int]) -> list[Sent]:
    """Payments that were handed over under the receipts R1, R2, …"""
    sent = send(session, amounts)
    for number, one in enumerate(sent, start=1):
        pay(session, one, f"R{number}")
    return sent


def state(session: Session, sent: Sent) -> PaymentState:
    return session.scalars(select(Payment.state).where(Payment.id == sent.id)).one()


def about(session: Session, kind: str) -> Discrepancy:
    return session.scalars(
        select(Discrepancy)
        .where(Discrepancy.kind == kind)
        .execution_options(populate_existing=True)
    ).one()


def test_a_line_and_a_paid_payment_that_agree_are_matched(session: Session) -> None:
    first, second = paid(session, [500, 500])
    taken_in(session, Line("R1", 500), Line("R2", 500))
    done = reconciled(session)
    assert (done.lines, done.matched, done.opened, done.confirmed) == (2, 2, 0, 0)
    assert {line[:2]: payment for line, payment in settled_by(session).items()} == {
        "R1": first.id,
        "R2": second.id,
    }
    assert session.scalars(select(Match.rule).distinct()).all() == ["R1.1"]


def test_each_difference_is_a_discrepancy_of_its_own_kind(session: Session) -> None:
    sent = paid(session, [500] * 5)
    waiting, unpaid = send(session, [500, 500], at=LONG_AGO)
    name(session, unpaid, "R9")
    taken_in(
        session,
        Line("R1", 500),
        Line("R1", 500),
        Line("R2", 600),
        Line("R77", 500),
        Line("R9", 500),
        Line("R3", 500),
        Line("R3", -500),
        Line("R4", 500),
    )
    done = reconciled(session)
    assert done.matched == 3
    assert open_kinds(session) == [
        "amount_differs",
        "duplicate_line",
        "not_collected",
        "paid_not_settled",
        "return_line",
        "settled_not_paid",
        "unknown_line",
    ]
    assert done.opened == 7
    assert about(session, "paid_not_settled").payment_id == sent[4].id
    assert about(session, "not_collected").payment_id == waiting.id
    assert about(session, "settled_not_paid").payment_id == unpaid.id
    differs = about(session, "amount_differs")
    assert (differs.payment_id, differs.amount_minor) == (sent[1].id, 60000)
    assert differs.details["our_amount_minor"] == 50000
    assert differs.owner_id == TREASURER.id


def test_a_discrepancy_ages_from_the_matter_itself(session: Session) -> None:
    paid(session, [500])
    send(session, [500], at=LONG_AGO)
    taken_in(session, Line("R77", 500))
    reconciled(session)
    assert about(session, "not_collected").since == LONG_AGO
    assert about(session, "paid_not_settled").since == datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
    # Midnight in Algiers is 23:00 UTC of the day before.
    assert about(session, "unknown_line").since == datetime(2026, 3, 9, 23, 0, tzinfo=UTC)
    assert about(session, "unknown_line").opened_at == TODAY


def test_what_the_statements_do_not_reach_yet_is_not_missing(session: Session) -> None:
    late, sent_late = send(session, [500, 500], at=LONG_AGO)
    pay(
        session, late, "R1", at=datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
    )  # 00:30 of the 11th in Algiers
    send(session, [500], at=datetime(2026, 3, 11, 8, 0, tzinfo=UTC))
    taken_in(session, Line("R77", 500, DAY))
    reconciled(session)
    assert open_kinds(session) == ["not_collected", "unknown_line"]
    assert about(session, "not_collected").payment_id == sent_late.id


def test_people_have_two_weeks_before_it_is_asked_why_they_did_not_collect(
    session: Session,
) -> None:
    midnight = datetime(2026, 3, 10, 23, 0, tzinfo=UTC)  # the end of the statement's day in Algiers
    send(session, [500], at=midnight - coverage.TIME_TO_COLLECT)
    (uncollected,) = send(
        session, [500], at=midnight - coverage.TIME_TO_COLLECT - timedelta(minutes=1)
    )
    taken_in(session, Line("R77", 500, DAY))
    reconciled(session)
    assert open_kinds(session) == ["not_collected", "unknown_line"]
    assert about(session, "not_collected").payment_id == uncollected.id


def test_a_line_never_makes_cash_over_the_counter_paid(session: Session) -> None:
    (sent,) = send(session, [500])
    name(session, sent, "R1")
    taken_in(session, Line("R1", 500))
    reconciled(session)
    assert state(session, sent) is PaymentState.ACCEPTED
    assert settled_by(session) == {}
    assert open_kinds(session) == ["settled_not_paid"]


def test_what_is_explained_later_is_settled_with_words_that_say_how(session: Session) -> None:
    listed_later, collected_later, claimed = send(session, [500, 600, 700], at=LONG_AGO)
    pay(session, listed_later, "R1")
    name(session, claimed, "R3")
    taken_in(session, Line("R3", 700))
    reconciled(session)
    assert open_kinds(session) == ["not_collected", "paid_not_settled", "settled_not_paid"]
    pay(session, collected_later, "R2", at=TODAY)
    pay(session, claimed, None, at=TODAY)
    taken_in(session, Line("R1", 500), Line("R2", 600, date(2026, 3, 12)))
    done = reconciled(session)
    assert (done.matched, done.settled, open_kinds(session)) == (3, 3, [])
    assert (
        about(session, "paid_not_settled").resolution
        == "Line 2 of settlement.csv settles it, by rule R1.1."
    )
    assert about(session, "not_collected").resolution == "The payment is now paid."
    assert (
        about(session, "settled_not_paid").resolution
        == "The line settles its payment, by rule R1.1."
    )
    assert about(session, "not_collected").settled_by is None


def test_a_second_line_never_settles_what_one_line_has_settled(session: Session) -> None:
    paid(session, [500, 500])
    taken_in(session, Line("R1", 500))
    reconciled(session)
    taken_in(session, Line("R1", 500, date(2026, 3, 11)), Line("R1", 400))
    reconciled(session)
    assert len(settled_by(session)) == 1
    assert open_kinds(session) == ["duplicate_line", "duplicate_line", "paid_not_settled"]


def test_a_wrong_line_becomes_a_duplicate_when_the_right_one_comes(session: Session) -> None:
    paid(session, [500])
    taken_in(session, Line("R1", 400))
    reconciled(session)
    assert open_kinds(session) == ["amount_differs"]
    taken_in(session, Line("R1", 500))
    reconciled(session)
    assert open_kinds(session) == ["duplicate_line"]
    assert about(session, "amount_differs").resolution == (
        "Something else is wrong with the line now: duplicate_line."
    )


def test_a_payment_in_another_currency_is_not_settled(session: Session) -> None:
    paid(session, [500])
    content = settlement([Line("R1", 500)], currency="EUR")
    take_in(session, TREASURER, "post_office", content, "euros.csv")
    reconciled(session)
    assert open_kinds(session) == ["currency_differs"]
    assert (about(session, "currency_differs").currency, settled_by(session)) == ("EUR", {})


def test_a_provider_that_knows_better_makes_payments_paid(session: Session) -> None:
    accepted, unknown, failed = send(session, [500, 600, 700], provider="sandbox")
    change(session, unknown, PaymentState.ACCEPTED, PaymentState.UNKNOWN)
    change(session, failed, PaymentState.ACCEPTED, PaymentState.FAILED)
    content = movements(
        {"id": "a", "minor": -50000, "reference": accepted.key.upper(), "transaction": "T1"},
        {"id": "b", "minor": -60000, "reference": unknown.key},
        {"id": "c", "minor": -70000, "reference": failed.key},
    )
    taken = take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    done = reconciled(session, "sandbox")
    assert (done.confirmed, done.matched) == (3, 3)
    assert {state(session, each) for each in (accepted, unknown, failed)} == {PaymentState.PAID}
    assert settled_by(session) == {"a": accepted.id, "b": unknown.id, "c": failed.id}
    assert open_kinds(session) == ["paid_after_failed"]
    sources = session.scalars(select(PaymentEvent.source).where(PaymentEvent.after == "paid"))
    assert set(sources) == {f"statement:{taken.statement_id}"}


def test_each_attempt_is_settled_by_its_own_line(session: Session) -> None:
    (sent,) = send(session, [500], provider="sandbox")
    pay(session, sent, "T1")
    change(session, sent, PaymentState.PAID, PaymentState.RETURNED)
    send_again(session, sent, PaymentState.RETURNED)
    content = movements(
        {"id": "first", "minor": -50000, "transaction": "T1"},
        {"id": "back", "minor": 50000, "type": "REVERSAL", "transaction": "T1"},
        {"id": "second", "minor": -50000, "reference": sent.key.replace("-01", "-02")},
    )
    take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    done = reconciled(session, "sandbox")
    assert (done.confirmed, done.matched, open_kinds(session)) == (1, 3, [])
    assert state(session, sent) is PaymentState.PAID


def test_a_failed_attempt_that_a_line_lists_as_paid_is_owed_back_while_a_later_one_is_on_its_way(
    session: Session,
) -> None:
    (sent,) = send(session, [500], provider="sandbox")
    change(session, sent, PaymentState.ACCEPTED, PaymentState.FAILED)
    send_again(session, sent, PaymentState.FAILED)
    content = movements({"id": "late", "minor": -50000, "reference": sent.key})
    take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    reconciled(session, "sandbox")
    assert state(session, sent) is PaymentState.ACCEPTED
    assert (settled_by(session), open_kinds(session)) == (
        {"late": sent.id},
        ["earlier_attempt_paid"],
    )


def test_another_providers_payment_is_nobody_to_this_one(session: Session) -> None:
    (sent,) = send(session, [500], provider="post_office")
    pay(session, sent, "R1")
    content = movements({"id": "a", "minor": -50000, "reference": sent.key, "transaction": "R1"})
    take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    reconciled(session, "sandbox")
    assert (settled_by(session), open_kinds(session)) == ({}, ["unknown_line"])


def test_fees_and_strange_lines_wait_for_a_person(session: Session) -> None:
    content = movements(
        {"id": "f", "minor": -100, "type": "CHARGE"}, {"id": "o", "minor": 5, "type": "HARVEST"}
    )
    take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    reconciled(session, "sandbox")
    assert open_kinds(session) == ["fee_line", "other_line"]


def test_a_top_up_is_explained_by_the_money_that_we_placed(session: Session) -> None:
    row = {"id": "t", "minor": 90000, "type": "TOPUP", "transaction": "WIRE 7"}
    take_in(session, TREASURER, "sandbox", movements(row), "statement.jsonl")
    reconciled(session, "sandbox")
    assert open_kinds(session) == ["top_up_line"]
    funds.prefund(session, TREASURER, "sandbox", Money(90000, "DZD"), "WIRE 7")
    reconciled(session, "sandbox")
    assert open_kinds(session) == []
    assert about(session, "top_up_line").resolution == "Our books hold the same movement now."
    take_in(session, TREASURER, "sandbox", movements({**row, "id": "u"}), "again.jsonl")
    reconciled(session, "sandbox")
    assert open_kinds(session) == ["top_up_line"] * 2, "nobody knows which of them it is any more"


def test_a_settled_discrepancy_is_not_opened_again_and_its_line_can_still_match(
    session: Session,
) -> None:
    (sent,) = send(session, [500])
    name(session, sent, "R1")
    taken_in(session, Line("R1", 500))
    reconciled(session)
    found = about(session, "settled_not_paid")
    session.execute(
        text(
            "UPDATE discrepancies SET settled_at = now(), settled_by = gen_random_uuid(), resolution = 'a mistake'"
            " WHERE id = :id"
        ),
        {"id": found.id},
    )
    assert not reconcile(session, TREASURER, "post_office").changed
    pay(session, sent, None, at=TODAY)
    assert reconciled(session).matched == 1
    assert about(session, "settled_not_paid").resolution == "a mistake"


def test_reconciling_without_a_statement_finds_nothing_missing(session: Session) -> None:
    paid(session, [500])
    send(session, [500])
    assert not reconciled(session).changed
    assert session.scalar(select(func.count()).select_from(Discrepancy)) == 0
