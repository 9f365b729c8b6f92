"""What a provider that takes a payment's money early leaves open: somebody asks about it, and two people can end it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import URL, text

from cbi import clock, offices
from cbi.app import create_app
from cbi.fsp.messages import Outcome
from cbi.payments.outcomes import outcomes
from cbi.payments.states import PaymentState
from cbi.payments.unpaid import unpaid
from cbi.reconciliation.models import Verdict
from tests.factories import Colleague, office_day
from tests.flow.browsing import Browsing
from tests.flow.early_provider import (
    ACCOUNTS,
    back,
    in_question,
    out,
    session_of,
    taken_early,
    undone,
)
from tests.flow.people import token_for
from tests.flow.sending import PointAt, told
from tests.flow.suspended import PROOF, Told, refused
from tests.flow.test_another_amount_any_order import breaches
from tests.flow.test_credits import KEPT, Parted, another, later
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, RETURNED
from tests.reconciliation_factory import Line

S, V, ACCEPTED, UNKNOWN = PaymentState, Verdict, Outcome.ACCEPTED, Outcome.UNKNOWN


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture(scope="module")
def lines(own_database: URL, template: str) -> Told:
    return taken_early(own_database, template, colleagues=5)


@pytest.fixture
def told_lines(lines: Told) -> Iterator[Told]:
    with undone(lines) as inside:
        yield inside


@contextmanager
def asked_in_vain(lines: Told, days: int) -> Iterator[None]:
    """So many days later: the provider was asked again and again, and has said nothing since."""
    with clock.frozen(clock.now() + timedelta(days=days)):
        asked = text("UPDATE attempts SET asked_at = :now WHERE payment_id = :id")
        lines.tried.do(lambda s: s.execute(asked, {"now": clock.now(), "id": lines.tried.id}))
        yield


def reported(lines: Told) -> None:
    who = lines.treasurer.actor
    lines.tried.do(lambda s: unpaid.report(s, who, lines.tried.id, PROOF).attempt)


def confirmed(lines: Told, by: Colleague | None = None) -> None:
    who = by or lines.authorisers.pop()
    lines.tried.do(lambda s: unpaid.confirm(s, who.actor, lines.tried.id, who.code()))


def test_what_stays_accepted_for_ever_two_people_find_unpaid_and_the_credit_is_asked_for(
    told_lines: Told,
) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(ACCEPTED)
    with asked_in_vain(lines, days=13):
        assert refused(lambda: reported(lines)) == "payment.too_soon"
    with clock.frozen(clock.now() + timedelta(days=15)):
        assert refused(lambda: reported(lines)) == "payment.too_soon", "it was not asked since"
    with asked_in_vain(lines, days=15):
        reported(lines)
        assert tried.state is S.ACCEPTED, "one person's word moves nothing"
        confirmed(lines)
        assert str(tried.state) == "failed"
        assert lines.books(*ACCOUNTS) == [0, 0, 0, 0]
        assert breaches(session_of(lines)) == []
        lines.lists(out(lines, "one"), another("other", 30))
        assert in_question(lines) == [KEPT, "unknown_line"]


def test_what_a_line_says_to_be_accepted_counts_though_its_money_was_taken_before(
    told_lines: Told,
) -> None:
    told_lines.tried.sent(ACCEPTED)
    told_lines.tried.says(UNKNOWN)
    assert told_lines.lists(out(told_lines, "one")).confirmed == 1
    assert told_lines.tried.state is S.ACCEPTED
    assert told_lines.books(*ACCOUNTS) == [-AMOUNT, AMOUNT, 0, 0]


@pytest.mark.parametrize("word", [PAID, RETURNED])
def test_what_the_provider_says_after_two_people_found_it_unpaid_is_booked(
    told_lines: Told, word: Outcome
) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(ACCEPTED)
    with asked_in_vain(lines, days=15):
        reported(lines)
        confirmed(lines)
        tried.says(word)
        assert tried.state is (S.PAID if word is PAID else S.RETURNED)
        lines.lists(out(lines, "one"), *([] if word is PAID else [back(lines, "two")]))
        left = AMOUNT if word is PAID else 0
        assert lines.books(*ACCOUNTS) == [-left, 0, left, 0]
        assert in_question(lines) == ["paid_after_failed"]
        assert breaches(session_of(lines)) == []


def test_that_it_accepts_anew_what_was_reported_unpaid_is_waited_for(told_lines: Told) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(UNKNOWN)
    with asked_in_vain(lines, days=2):
        reported(lines)
        tried.says(ACCEPTED)
        assert refused(lambda: confirmed(lines)) == "payment.too_soon"
    with asked_in_vain(lines, days=20):
        assert refused(lambda: confirmed(lines)) == "payment.too_soon", "the letter is older"
        assert tried.state is S.ACCEPTED


def test_a_code_that_may_be_cashed_is_not_found_unpaid(told_lines: Told, template: str) -> None:
    parted, who = Parted(told_lines, template), told_lines.treasurer.actor
    parted.issued()
    with clock.frozen(clock.now() + timedelta(days=20)):
        said = refused(lambda: unpaid.report(parted.session, who, parted.payment.id, PROOF))
    assert said == "payment.not_in_doubt"


def test_a_line_without_a_name_pays_nobody_while_as_much_was_taken_for_a_payment_that_failed(
    told_lines: Told,
) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(ACCEPTED)
    tried.answers(FAILED)
    tried.becomes(S.READY)
    tried.sent()
    tried.answers(FAILED)
    lines.lists({"id": "one", "minor": -AMOUNT, "reference": "OURS-9"}, another("other", 9))
    assert refused(lambda: lines.is_attempt("one", 1)) == "line_finding.taken_already"
    assert refused(lambda: lines.is_attempt("one", 2)) == "line_finding.taken_already"
    lines.found("one", V.BOOKED, transfer_id=lines.transfer("debited"))
    assert lines.books(*ACCOUNTS) == [-7, 0, 0, 7]
    lines.compare()
    assert in_question(lines) == [KEPT, "unknown_line"]
    tried.becomes(S.READY)
    assert tried.state is S.FAILED, "it may have been paid, so it is not sent again"
    lines.found("one", V.MISTAKEN, finding_id=lines.finding)
    lines.found("one", V.BOOKED, transfer_id=lines.transfer("debited"))
    assert in_question(lines) == [KEPT, "unknown_line"], "it is not given back by that"
    lines.found("one", V.MISTAKEN, finding_id=lines.finding)
    lines.compare()
    assert in_question(lines) == ["finding_mistaken", "unknown_line"]
    lines.is_attempt("one")
    assert str(tried.state) == "paid", "they know by now that it was"
    assert lines.books(*ACCOUNTS) == [-AMOUNT - 7, 0, AMOUNT, 7]
    assert breaches(session_of(lines)) == []


def test_what_was_refused_and_taken_pays_nobody_while_it_may_be_given_back(
    told_lines: Told,
) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent()
    tried.answers(FAILED)
    lines.lists(out(lines, "one") | {"date": later(0)}, another("other", 7))
    assert refused(lambda: lines.is_attempt("one")) == "line_finding.may_come_back"
    assert tried.state is S.FAILED
    tried.becomes(S.READY)
    assert str(tried.state) == "failed", "it may have been paid, so it is not sent again"
    lines.lists(another("later", 9))
    lines.is_attempt("one")
    assert str(tried.state) == "paid", "two people know by its written word that it was"
    assert lines.books(*ACCOUNTS) == [-AMOUNT - 14, 0, AMOUNT, 14]
    assert breaches(session_of(lines)) == []


def test_what_is_listed_as_given_back_and_never_as_taken_is_asked_about(told_lines: Told) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(ACCEPTED)
    tried.answers(FAILED)
    lines.lists(back(lines, "two"))
    assert in_question(lines) == ["return_line"]
    assert lines.books("1100", "1900") == [AMOUNT, -AMOUNT], "as the statement says"
    assert refused(lambda: lines.is_attempt("two")) == "line_finding.not_listed"
    lines.lists({"id": "one", "minor": -AMOUNT, "reference": "OURS-9"})
    lines.found("one", V.BOOKED, transfer_id=lines.transfer("debited"))
    lines.compare()
    assert in_question(lines) == []
    assert lines.books(*ACCOUNTS) == [0, 0, 0, 0]
    assert breaches(session_of(lines)) == []
    assert not lines.compare().changed


def test_a_debit_of_another_amount_pays_nobody_while_a_line_says_that_it_came_back(
    told_lines: Told,
) -> None:
    lines, tried = told_lines, told_lines.tried
    tried.sent(ACCEPTED)
    tried.answers(FAILED)
    lines.lists(out(lines, "one", AMOUNT - 500), back(lines, "two"))
    assert in_question(lines) == ["amount_differs", "return_line"]
    assert refused(lambda: lines.is_attempt("one")) == "line_finding.taken_already"


def test_one_debit_for_all_of_a_payment_lists_the_parts_in_which_it_was_paid(
    told_lines: Told, template: str
) -> None:
    parted = Parted(told_lines, template)
    parted.issued()
    parted.hands_over()
    paid = {"provider_reference": "R2", "source": "counter"}
    outcomes.confirm_paid(parted.session, parted.payment.id, 2, **paid)
    day = office_day() + timedelta(days=9)
    parted.lists(Line("R9", parted.whole, day))
    assert in_question(parted.lines) == ["paid_not_settled", "paid_not_settled", "unknown_line"]
    parted.lists(Line("R1", parted.whole, day))
    assert in_question(parted.lines) == ["unknown_line"]
    parted.lists(Line("R1", 400 - parted.whole, day))
    assert in_question(parted.lines) == ["paid_not_settled", "unknown_line"], "it was taken anew"
    parted.lists(Line("R2", parted.whole - 400, day))
    assert in_question(parted.lines) == ["unknown_line"]
    assert parted.breaches() == []


def test_what_a_part_left_may_be_given_back_under_the_name_of_the_next_attempt(
    told_lines: Told, template: str
) -> None:
    parted = Parted(told_lines, template)
    parted.issued()
    parted.hands_over()
    outcomes.expire(parted.session, [parted.payment.id], "clock")
    day = office_day() + timedelta(days=9)
    parted.lists(Line("R1", parted.whole, day))
    assert in_question(parted.lines) == [KEPT]
    parted.lists(Line("R2", 400 - parted.whole, day))
    assert in_question(parted.lines) == []
    assert parted.books() == 400
    assert parted.breaches() == []


def test_the_pages_ask_two_people_after_two_weeks_of_silence_and_who_keeps_what_was_taken(
    lines: Told,
) -> None:
    lines.tried.sent(ACCEPTED)
    path, form = f"/payments/{lines.tried.id}", f"/payments/{lines.tried.id}/unpaid"
    who, second = lines.treasurer.actor.id, lines.authorisers[0]
    assert who is not None
    assert second.actor.id is not None
    page = Browsing(create_app(), token_for(who))
    page.get(path)
    assert form not in {each.action for each in page.forms}
    with asked_in_vain(lines, days=15):
        page = Browsing(create_app(), token_for(who))
        page.get(path)
        assert "has not said for two weeks whether it paid" in page.words
        page.send(form, proof=PROOF)
        page = Browsing(create_app(), token_for(second.actor.id))
        page.get(f"/waiting/unpaid/{lines.tried.id}")
        assert PROOF in page.words
        page.get(path)
        page.send(f"{form}/confirm", code=second.code())
        assert "The payment has failed" in page.words
        assert lines.tried.state is S.FAILED
        lines.lists({"id": "one", "minor": -AMOUNT, "reference": "OURS-9"}, another("other", 40))
        lines.found("one", V.BOOKED, transfer_id=lines.transfer("debited"))
        lines.compare()
        with offices.transaction("dz") as session:
            kept = session.scalar(text(f"SELECT id FROM discrepancies WHERE kind = '{KEPT}'"))
        page = Browsing(create_app(), token_for(who))
        page.get(f"/discrepancies/{kept}")
        [report] = [each for each in page.forms if each.action.endswith("/line")]
        assert not {"payment", "attempt", "programme"} & set(report.fields)
        page.send(f"/discrepancies/{kept}/line", verdict=f"mistaken:{lines.finding}", proof=PROOF)
        assert "Nothing has moved yet" in page.words
