"""What a provider takes when it accepts a payment, and does not give back: asked about, held, and ended by money alone."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import URL, text
from sqlalchemy.orm import Session

from cbi import offices
from cbi.app import create_app
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import Outcome
from cbi.payments.outcomes import outcomes, parts
from cbi.payments.sending import dispatch
from cbi.payments.sending.naming import name_attempt
from cbi.payments.states import PaymentState
from cbi.proofs.clearing import given_back, in_the_air
from cbi.proofs.counter import settled_once
from cbi.reconciliation import line_findings
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.matching import reconcile
from cbi.reconciliation.models import Verdict
from cbi.reconciliation.queries import settled_by_run
from cbi.reconciliation.statements import take_in
from tests.factories import EVERYTHING, office_day
from tests.flow.browsing import Browsing
from tests.flow.early_provider import back, in_question, out, session_of, taken_early, undone
from tests.flow.people import token_for
from tests.flow.sending import STORIES, PointAt, payments, told
from tests.flow.suspended import PROOF, Told, refused
from tests.flow.tampering import intruding
from tests.flow.test_another_amount_any_order import breaches
from tests.flow.two_attempts import AMOUNT, FAILED, PAID
from tests.reconciliation_factory import Line, settlement

S, V, ACCEPTED = PaymentState, Verdict, Outcome.ACCEPTED
KEPT = "credit_not_listed"


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture(scope="module")
def lines(own_database: URL, template: str) -> Told:
    return taken_early(own_database, template, colleagues=3)


@pytest.fixture
def told_lines(lines: Told) -> Iterator[Told]:
    with undone(lines) as inside:
        yield inside


def later(days: int) -> str:
    return f"{office_day() + timedelta(days=days):%Y-%m-%d}"


def another(name: str, days: int) -> dict[str, object]:
    """A line about nothing of ours, by which the statements tell of that day."""
    return {"id": name, "minor": -7, "date": later(days)}


def keeps(lines: Told, days: int = 9) -> None:
    """It takes the money, calls the payment failed, and its statements of so many days list no credit."""
    lines.tried.sent(ACCEPTED)
    lines.tried.answers(FAILED)
    lines.lists(out(lines, "one"), another("other", days))


def test_what_a_provider_took_and_does_not_give_back_is_asked_about_until_the_credit_comes(
    told_lines: Told,
) -> None:
    lines, tried = told_lines, told_lines.tried
    keeps(lines, days=5)
    assert in_question(lines) == ["unknown_line"], "it has a week to give it back"
    lines.lists(another("third", 9))
    assert in_question(lines) == [KEPT, "unknown_line", "unknown_line"]
    assert not lines.compare().changed
    assert refused(lambda: lines.settle(KEPT)) == "discrepancy.ended_by_credit"
    tried.becomes(S.READY)
    assert str(tried.state) == "failed", "it may have been paid, so it is not sent again"
    lines.lists(back(lines, "two"))
    assert in_question(lines) == ["unknown_line", "unknown_line"]
    assert lines.books("1100", "1200", "1900") == [-14, 0, 14]
    tried.becomes(S.READY)
    assert tried.state is S.READY


def test_what_it_keeps_for_good_two_people_put_in_suspense_and_find_what_became_of_it(
    told_lines: Told,
) -> None:
    lines = told_lines
    keeps(lines)
    lines.found("one", V.UNMATCHED)
    assert lines.books("1100", "1900") == [-AMOUNT - 7, AMOUNT + 7]
    lines.compare()
    assert in_question(lines) == ["match_undone", "unknown_line"]
    lines.found("one", V.REFUNDED)
    lines.compare()
    assert lines.books("1000", "1100", "1900") == [AMOUNT, -AMOUNT - 7, 7]
    assert in_question(lines) == ["unknown_line"]
    assert breaches(session_of(lines)) == []


def test_a_credit_that_comes_after_two_people_gave_it_up_takes_back_the_line_of_the_debit(
    told_lines: Told,
) -> None:
    lines, tried = told_lines, told_lines.tried
    keeps(lines)
    lines.found("one", V.UNMATCHED)
    lines.found("one", V.NOT_OURS)
    tried.becomes(S.READY)
    assert tried.state is S.READY, "they know that nobody was paid"
    lines.lists(back(lines, "two"))
    assert in_question(lines) == ["return_line", "unknown_line"]
    assert lines.books("1100", "1900") == [-7, 7]
    lines.found("two", V.OPPOSITE, other_line_id=lines.line("one"))
    lines.compare()
    assert lines.books("1100", "1900") == [-7, 7]
    assert in_question(lines) == ["unknown_line"]
    assert breaches(session_of(lines)) == []


def test_what_it_kept_and_paid_out_after_all_is_the_payment(told_lines: Told) -> None:
    lines, tried = told_lines, told_lines.tried
    keeps(lines)
    tried.says(PAID)
    lines.compare()
    assert tried.state is S.PAID
    assert in_question(lines) == ["paid_after_failed", "unknown_line"]
    assert lines.books("1100", "1200", "5000") == [-AMOUNT - 7, 0, AMOUNT]


def test_an_excess_in_a_line_of_its_own_is_owed_back_and_pays_nobody(told_lines: Told) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(ACCEPTED)
    lines.lists(out(lines, "one"), out(lines, "two", 200))
    assert in_question(lines) == ["duplicate_line"]
    lines.found("two", V.MORE, payment_id=tried.id, attempt=1)
    assert lines.books("1100", "1200", "1310", "1900") == [-AMOUNT - 200, AMOUNT, 200, 0]
    tried.answers(FAILED)
    lines.lists(back(lines, "three"))
    assert in_question(lines) == ["paid_more"], "the credit is of the payment, not of the excess"
    assert lines.books("1100", "1310", "1900") == [-200, 200, 0]
    tried.says(PAID)
    assert tried.state is S.PAID, "that it took more said nothing of whether it paid"
    assert lines.books("1100", "1310", "5000") == [-AMOUNT - 200, 200, AMOUNT]
    assert breaches(session_of(lines)) == []


class Parted:
    """A payment by codes of a provider that was debited at issue; a part of 400 dinars was handed over."""

    def __init__(self, lines: Told, template: str) -> None:
        self.lines, self.session = lines, session_of(lines)
        self.payment = payments(STORIES[template].by_codes)[0]
        self.whole = self.payment.amount_minor // 100
        self.files = 0

    def issued(self) -> None:
        one = self.payment
        chunk = dispatch.Chunk(one.run_id, one.provider, one.number, one.number)
        dispatch.start_chunk(self.session, chunk)
        outcomes.accept_chunk(self.session, chunk, "codes")
        self.is_called(1, "R1")

    def is_called(self, attempt: int, reference: str) -> None:
        key = idempotency_key(self.payment.id, attempt)
        name_attempt(self.session, self.payment.provider, key, reference)

    def hands_over(self) -> None:
        self.session.info.pop(
            "at_last", None
        )  # the totals at once, not at a commit that never comes
        parts.hand_over(
            self.session, self.payment.id, 1, 40_000, provider_reference="R1", source="counter"
        )
        self.is_called(2, "R2")

    def lists(self, *lines: Line) -> None:
        self.files += 1
        name = f"{self.files}.csv"
        take_in(self.session, EVERYTHING, "post_office", settlement(lines), name)
        reconcile(self.session, EVERYTHING, "post_office")

    def books(self) -> int:
        """What left our float for it, in whole units, and nothing of it in suspense."""
        held, odd = self.lines.books("1100", "1900")
        assert odd == 0
        return -held // 100

    def breaches(self) -> list[str]:
        checks = (*in_the_air, *given_back, *settled_once)
        return [breach for check in checks for breach in check(self.session)]


@pytest.fixture
def parted(told_lines: Told, template: str) -> Parted:
    return Parted(told_lines, template)


@pytest.mark.parametrize("listed_first", [True, False])
def test_of_a_part_the_debit_is_matched_and_the_rest_is_a_credit_to_come(
    parted: Parted, *, listed_first: bool
) -> None:
    debit, rest = Line("R1", parted.whole), parted.whole - 400
    parted.issued()
    if listed_first:
        parted.lists(debit)
    parted.hands_over()
    if not listed_first:
        parted.lists(debit)
    assert in_question(parted.lines) == []
    assert parted.books() == parted.whole
    assert parted.breaches() == []
    parted.lists(Line("R1", -rest), Line("R2", rest))
    assert in_question(parted.lines) == []
    assert parted.books() == parted.whole
    outcomes.expire(parted.session, [parted.payment.id], "clock")
    parted.lists(Line("R2", -rest))
    assert (parted.books(), in_question(parted.lines)) == (400, [])
    assert parted.breaches() == []


_ANOTHER_CREDIT = (
    "INSERT INTO matches (line_id, undone, payment_id, attempt, kind, rule, amount_minor, matched_at, again)"
    " VALUES (gen_random_uuid(), 0, :id, 1, 'return', 'R1.1', 1, now(), 0)"
)


def test_the_rest_of_a_part_that_is_not_given_back_is_asked_about(parted: Parted) -> None:
    rest = parted.whole - 400
    parted.issued()
    parted.hands_over()
    day = date.fromisoformat(later(9))
    parted.lists(Line("R1", parted.whole, day))
    assert in_question(parted.lines) == [], "it keeps it for the next attempt"
    parted.lists(Line("R2", rest, day))
    assert in_question(parted.lines) == [KEPT]
    found = parted.session.execute(text("SELECT amount_minor, line_id FROM discrepancies")).one()
    assert tuple(found) == (rest * 100, None), "the codes are ours, so nothing is held"
    with parted.session.begin_nested() as undoing:
        parted.session.execute(text(_ANOTHER_CREDIT), {"id": parted.payment.id})
        assert [breach for check in given_back for breach in check(parted.session)] != []
        undoing.rollback()
    parted.lists(Line("R1", -rest, day))
    assert in_question(parted.lines) == []
    assert parted.breaches() == []


def test_two_people_name_the_debit_of_a_part_and_its_credit_for_what_they_are(
    parted: Parted,
) -> None:
    parted.issued()
    parted.hands_over()
    parted.lists(Line("X1", parted.whole), Line("X2", 400 - parted.whole))
    assert in_question(parted.lines) == ["unknown_line", "unknown_line"]
    for reference in ("X1", "X2"):
        line = parted.session.scalar(
            text(f"SELECT id FROM statement_lines WHERE provider_reference = '{reference}'")
        )
        said = Said(V.ATTEMPT, payment_id=parted.payment.id, attempt=1)
        first, second = parted.lines.treasurer.actor, parted.lines.authorisers.pop()
        made = line_findings.report(parted.session, first, line, said, PROOF)
        line_findings.confirm(parted.session, second.actor, made.id, second.code())
    assert in_question(parted.lines) == []
    assert parted.books() == parted.whole, "the next attempt's debit is yet to be listed"
    assert parted.breaches() == []


def test_what_a_run_of_parts_has_on_statements_is_what_was_handed_over(parted: Parted) -> None:
    parted.issued()
    parted.hands_over()
    outcomes.confirm_paid(
        parted.session, parted.payment.id, 2, provider_reference="R2", source="counter"
    )
    parted.lists(Line("R1", parted.whole), Line("R2", parted.whole - 400))
    assert settled_by_run(parted.session, [parted.payment.run_id]) == {
        parted.payment.run_id: (1, parted.payment.amount_minor)
    }


def test_the_page_says_what_ends_it_and_verify_names_whoever_hides_it(
    lines: Told, own_database: URL
) -> None:
    keeps(lines, days=40)
    with offices.transaction("dz") as session:
        found = session.scalar(text(f"SELECT id FROM discrepancies WHERE kind = '{KEPT}'"))
    who = lines.treasurer.actor.id
    assert who is not None
    page = Browsing(create_app(), token_for(who))
    assert (
        "Words do not end this: the provider has money of ours"
        in page.get(f"/discrepancies/{found}").text
    )
    page.send(f"/discrepancies/{found}/line", verdict="unmatched", proof=PROOF)
    assert "Nothing has moved yet" in page.words
    deeds = {
        "it is taken from the list": f"DELETE FROM discrepancies WHERE kind = '{KEPT}'",
        "words end it": (
            "UPDATE discrepancies SET settled_at = now(), settled_by = gen_random_uuid(), resolution = 'x'"
            f" WHERE kind = '{KEPT}'"
        ),
    }
    with intruding(own_database) as intruder:
        with Session(intruder) as session:
            assert [breach for check in given_back for breach in check(session)] == []
        for what, deed in deeds.items():
            with intruder.begin_nested() as undoing:
                assert intruder.execute(text(deed)).rowcount == 1
                with Session(intruder) as session:
                    assert [breach for check in given_back for breach in check(session)], what
                undoing.rollback()
