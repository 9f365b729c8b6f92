"""A provider that takes a payment's money when it accepts it: our float is its balance at every moment (account 1200)."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, text
from sqlalchemy.orm import Session

from cbi.fsp.messages import Outcome
from cbi.ledger.queries import floats
from cbi.payments.outcomes import outcomes, parts
from cbi.payments.sending import dispatch
from cbi.payments.states import ON_ITS_WAY, PaymentState
from cbi.proofs.clearing import in_the_air
from cbi.proofs.verify import PROMISES
from cbi.reconciliation.models import Verdict
from tests.factories import office_day
from tests.flow.early_provider import (
    ACCOUNTS,
    back,
    in_question,
    out,
    session_of,
    taken_early,
    undone,
)
from tests.flow.sending import STORIES, PointAt, payments, told
from tests.flow.suspended import Told, refused
from tests.flow.tampering import intruding
from tests.flow.test_another_amount_any_order import breaches
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, RETURNED, Tried

S, V = PaymentState, Verdict
ACCEPTED, UNKNOWN = Outcome.ACCEPTED, Outcome.UNKNOWN


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture(scope="module")
def lines(own_database: URL, template: str) -> Told:
    return taken_early(own_database, template, colleagues=2)


@pytest.fixture
def told_lines(lines: Told) -> Iterator[Told]:
    with undone(lines) as inside:
        yield inside


def test_what_was_accepted_has_left_the_float_and_is_in_the_air_until_it_is_paid(
    told_lines: Told,
) -> None:
    tried = told_lines.tried
    tried.sent(ACCEPTED)
    assert told_lines.books(*ACCOUNTS) == [-AMOUNT, AMOUNT, 0, 0]
    assert breaches(session_of(told_lines)) == []
    (lies,) = floats(session_of(told_lines), ["sandbox"], "DZD").values()
    assert lies.in_transit.minor == 0, "it has left"
    tried.says(UNKNOWN)
    tried.says(ACCEPTED)
    assert told_lines.books(*ACCOUNTS) == [-AMOUNT, AMOUNT, 0, 0], "the money was taken once"
    tried.says(PAID)
    assert told_lines.books(*ACCOUNTS) == [-AMOUNT, 0, AMOUNT, 0]
    tried.says(RETURNED)
    assert told_lines.books(*ACCOUNTS) == [0, 0, 0, 0]
    assert breaches(session_of(told_lines)) == []


def test_what_fails_is_given_back_and_paid_late_all_the_same(told_lines: Told) -> None:
    tried = told_lines.tried
    tried.sent(ACCEPTED)
    tried.answers(FAILED)
    assert told_lines.books(*ACCOUNTS) == [0, 0, 0, 0]
    tried.becomes(S.READY)
    tried.sent(ACCEPTED)
    tried.says(PAID, 1)
    assert told_lines.books("1100", "1200", "1310") == [-2 * AMOUNT, AMOUNT, AMOUNT]
    tried.answers(FAILED)
    assert told_lines.books(*ACCOUNTS) == [-AMOUNT, 0, AMOUNT, 0], "the first was the payment"
    assert breaches(session_of(told_lines)) == []


def test_what_is_paid_in_parts_leaves_the_rest_in_the_air(told_lines: Told, template: str) -> None:
    session = session_of(told_lines)
    one = payments(STORIES[template].by_codes)[0]
    chunk = dispatch.Chunk(one.run_id, one.provider, one.number, one.number)
    dispatch.start_chunk(session, chunk)
    outcomes.accept_chunk(session, chunk, "codes")
    session.info.pop("at_last")  # the totals at once, not at a commit that never comes
    hand_over = partial(parts.hand_over, session, one.id, provider_reference="R1", source="counter")
    assert hand_over(attempt=1, amount_minor=40_000) == 2
    assert told_lines.books(*ACCOUNTS) == [-one.amount_minor, one.amount_minor - 40_000, 40_000, 0]
    assert [breach for check in in_the_air for breach in check(session)] == []
    outcomes.expire(session, [one.id], "clock")
    assert told_lines.books(*ACCOUNTS) == [-40_000, 0, 40_000, 0]
    assert [breach for check in in_the_air for breach in check(session)] == []


WORDS = st.one_of(
    st.just(("sent", None, 0)),
    st.tuples(
        st.just("says"),
        st.sampled_from([ACCEPTED, ACCEPTED, PAID, FAILED, RETURNED, UNKNOWN]),
        st.integers(1, 2),
    ),
    st.tuples(st.just("answers"), st.sampled_from([ACCEPTED, PAID, FAILED]), st.just(0)),
    st.tuples(st.just("becomes"), st.sampled_from([S.READY, S.CANCELLED, S.DISPUTED]), st.just(0)),
)
ENDED = {S.FAILED, S.RETURNED, S.EXPIRED}


def _word(tried: Tried, word: str, what: object, number: int) -> None:
    payment = tried.payment
    if word == "sent" and payment.state is S.READY and payment.attempts < 2:
        tried.sent()
    elif isinstance(what, PaymentState):
        if payment.state in ENDED if what is not S.DISPUTED else payment.state is S.UNKNOWN:
            tried.becomes(what)
    elif isinstance(what, Outcome) and word == "says" and number <= payment.attempts:
        tried.says(what, number)
    elif isinstance(what, Outcome) and word == "answers" and payment.attempts:
        tried.answers(what)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(WORDS, min_size=3, max_size=12))
@example([("sent", None, 0), ("says", PAID, 1), ("says", ACCEPTED, 1)])
@example([("sent", None, 0), ("says", FAILED, 1), ("says", ACCEPTED, 1), ("says", PAID, 1)])
def test_in_whatever_order_it_is_told_only_what_is_accepted_and_open_is_in_the_air(
    lines: Told, story: list[tuple[str, object, int]]
) -> None:
    with undone(lines) as inside:
        for word, what, number in story:
            _word(inside.tried, word, what, number)
            payment, session = inside.tried.payment, session_of(inside)
            accepted = payment.state in ON_ITS_WAY and session.scalar(
                text(
                    "SELECT count(*) FROM payment_events WHERE payment_id = :id AND attempt = :n AND after = 'accepted'"
                ),
                {"id": payment.id, "n": payment.attempts},
            )
            float_, air, spent, owed = inside.books("1100", "1200", "5000", "1310")
            assert air == AMOUNT * bool(accepted)
            assert float_ == -(air + spent + owed)
        assert breaches(session_of(inside)) == []


@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    truth=st.sampled_from(["paid", "failed", "pending"]),
    order=st.permutations(["answer", "taken", "ended", "first", "whole"]),
)
@example(truth="failed", order=["answer", "ended", "first", "whole", "taken"])
def test_in_whatever_order_news_and_statements_come_the_books_are_the_providers_balance(
    lines: Told, truth: str, order: list[str]
) -> None:
    with undone(lines) as inside:
        tried = inside.tried
        taken, gone = out(inside, "one"), back(inside, "two")
        tried.sent()
        for what in order:
            if what == "answer":
                tried.says(UNKNOWN)
            elif what == "taken":
                tried.answers(ACCEPTED)
            elif what == "ended" and truth != "pending":
                tried.answers(PAID if truth == "paid" else FAILED)
            elif what == "first":
                inside.lists(taken)
            elif what == "whole":
                inside.lists(taken, *([gone] if truth == "failed" else []))
            if what in {"first", "whole"}:
                held, air, odd = inside.books("1100", "1200", "1900")
                assert held == -(air + odd) or tried.state is S.PAID
        inside.compare()
        left = 0 if truth == "failed" else -AMOUNT
        assert inside.books("1100", "1200", "1900") == [left, AMOUNT * (truth == "pending"), 0]
        ends = {"paid": {S.PAID}, "failed": {S.FAILED}, "pending": {S.ACCEPTED, S.UNKNOWN}}
        assert tried.state in ends[truth]
        assert [kind for kind in in_question(inside) if kind.endswith("_line")] == []
        assert breaches(session_of(inside)) == []
        assert not inside.compare().changed


def test_a_debit_makes_nobody_paid_neither_by_a_rule_nor_by_two_people(told_lines: Told) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(UNKNOWN)
    lines.lists({"id": "one", "minor": -AMOUNT, "reference": "OURS-9"})
    assert lines.books(*ACCOUNTS) == [-AMOUNT, 0, 0, AMOUNT]
    lines.is_attempt("one")
    assert tried.state is S.ACCEPTED
    assert lines.books(*ACCOUNTS) == [-AMOUNT, AMOUNT, 0, 0]
    assert not lines.compare().changed
    tried.answers(PAID)
    assert lines.books(*ACCOUNTS) == [-AMOUNT, 0, AMOUNT, 0]
    assert breaches(session_of(lines)) == []


def test_of_a_payment_that_nobody_knows_for_days_a_line_says_nothing(told_lines: Told) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(UNKNOWN)
    tried.becomes(S.DISPUTED)
    lines.lists(out(lines, "one"))
    assert lines.books(*ACCOUNTS) == [-AMOUNT, 0, 0, AMOUNT]
    assert refused(lambda: lines.is_attempt("one")) == "amount_finding.still_open"
    tried.answers(PAID)
    lines.compare()
    assert lines.books(*ACCOUNTS) == [-AMOUNT, 0, AMOUNT, 0]


def test_what_was_given_back_and_taken_again_is_found_as_it_was_booked(told_lines: Told) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(ACCEPTED)
    tried.answers(FAILED)
    lines.lists(out(lines, "one"), back(lines, "two"))
    assert in_question(lines) == []
    tried.says(PAID)
    lines.lists(out(lines, "one"), back(lines, "two"), {**out(lines, "three"), "transaction": "T3"})
    assert "duplicate_line" in in_question(lines)
    lines.found("three", V.BOOKED, transfer_id=lines.transfer("late_committed"))
    assert lines.books(*ACCOUNTS) == [-AMOUNT, 0, AMOUNT, 0]
    assert breaches(session_of(lines)) == []


def test_what_was_given_back_pays_nobody_though_the_line_that_took_it_has_no_name(
    told_lines: Told,
) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(ACCEPTED)
    tried.answers(FAILED)
    lines.lists({"id": "one", "minor": -AMOUNT, "reference": "OURS-9"}, back(lines, "two"))
    assert refused(lambda: lines.is_attempt("one")) == "line_finding.taken_already"
    lines.found("one", V.BOOKED, transfer_id=lines.transfer("debited"))
    assert tried.state is S.FAILED
    lines.compare()
    assert lines.books(*ACCOUNTS) == [0, 0, 0, 0]
    assert breaches(session_of(lines)) == []


def test_what_was_taken_and_is_not_paid_two_weeks_later_is_asked_about(told_lines: Told) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(ACCEPTED)
    lines.lists({**out(lines, "one"), "date": f"{office_day() + timedelta(days=12)}"})
    assert in_question(lines) == []
    later = f"{office_day() + timedelta(days=15)}"
    lines.lists({"id": "two", "minor": -1, "reference": "OURS-9", "date": later})
    assert in_question(lines) == ["not_collected", "unknown_line"]
    assert not lines.compare().changed
    tried.answers(PAID)
    lines.compare()
    assert in_question(lines) == ["unknown_line"]


def test_what_two_people_found_on_a_statement_is_missed_on_none(told_lines: Told) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(ACCEPTED)
    tried.says(PAID)
    later = f"{office_day() + timedelta(days=3)}"
    lines.lists({"id": "one", "minor": -AMOUNT, "reference": "OURS-9", "date": later})
    assert in_question(lines) == ["paid_not_settled", "unknown_line"]
    lines.found("one", V.BOOKED, transfer_id=lines.transfer("debited"))
    assert lines.compare().settled == 1
    assert in_question(lines) == []
    assert not lines.compare().changed


def test_verify_names_whoever_hides_what_is_in_the_air(lines: Told, own_database: URL) -> None:
    lines.tried.sent(ACCEPTED)
    moved = "amount_minor FROM transfers WHERE entry = 'debited' LIMIT 1"
    of = "(SELECT id FROM accounts WHERE code = '{}' AND provider = 'sandbox')"
    deeds = {
        "the debit is undone": (
            f"UPDATE accounts SET credits_minor = credits_minor - (SELECT {moved}) WHERE id = {of.format(1100)};"
            f" UPDATE accounts SET debits_minor = 0 WHERE id = {of.format(1200)};"
            " DELETE FROM transfers WHERE entry = 'debited'"
        ),
        "it is given back": (
            f"UPDATE transfers SET entry = 'credited_back', debit_account_id = {of.format(1100)},"
            f" credit_account_id = {of.format(1200)} WHERE entry = 'debited'"
        ),
        "the run is said to go by other terms": "UPDATE payment_runs SET debits_early = '{}'",
        "a total is changed": f"UPDATE accounts SET debits_minor = 1 WHERE id = {of.format(1200)}",
    }
    with intruding(own_database) as intruder:
        for what, deed in deeds.items():
            with intruder.begin_nested() as undoing:
                for step in deed.split(";"):
                    assert intruder.execute(text(step)).rowcount != 0, step
                with Session(intruder) as session:
                    assert [breach for check in in_the_air for breach in check(session)], what
                undoing.rollback()
    (proved,) = (promise.checks for promise in PROMISES if promise.number == 4)
    assert set(in_the_air) <= set(proved)
