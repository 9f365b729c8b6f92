"""What two people find of a line and turns out wrong, comes late, or is told in two ways: taken back and booked by two."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, text

from cbi import clock, offices
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.money import Money
from cbi.payments.outcomes.outcomes import apply
from cbi.payments.recovery import amounts, recovering
from cbi.payments.states import PaymentState, ReceivableState
from cbi.reconciliation.models import Verdict
from tests.factories import EVERYTHING
from tests.flow.proving import broken
from tests.flow.sending import PointAt, assert_every_promise_is_kept, disputes, told
from tests.flow.suspended import PROOF, Told, refused
from tests.flow.tampering import intruding
from tests.flow.test_lines import back, is_as_the_provider_says, out
from tests.flow.two_attempts import AMOUNT, PAID, tried_of

S, V = PaymentState, Verdict


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def lines(database: URL, template: str) -> Told:
    return Told(tried_of(template), colleagues=8)


def found_last(lines: Told) -> UUID:
    assert isinstance(lines.finding, UUID)
    return lines.finding


def take_back(lines: Told, name: str) -> None:
    lines.found(name, V.MISTAKEN, finding_id=found_last(lines))


@pytest.mark.parametrize(
    ("verdict", "named"),
    [(V.REFUNDED, {}), (V.LOST, {"programme": "wallets"}), (V.FEE, {"programme": "wallets"})],
)
def test_what_was_found_wrongly_is_taken_back_by_two_and_found_anew(
    lines: Told, verdict: Verdict, named: dict[str, str]
) -> None:
    lines.lists(out("one", 700, type="CHARGE"))
    before = lines.tried.books()
    lines.found("one", verdict, **named)
    assert lines.books("1900") == [0]
    assert disputes() == []
    lines.report("one", V.MISTAKEN, finding_id=found_last(lines))
    assert lines.books("1900") == [0], "one person alone moves nothing"
    lines.confirm()
    held = {code for code, minor in lines.tried.books().items() if minor != before.get(code, 0)}
    assert held == set(), "every entry has its opposite, on both planes"
    assert disputes() == ["finding_mistaken"]
    assert refused(lambda: lines.settle("finding_mistaken")) == "discrepancy.ended_by_line"
    assert_every_promise_is_kept()
    assert not lines.compare().changed, "no rule looks at it any more"
    lines.found("one", verdict, **named)
    assert (disputes(), lines.books("1900")) == ([], [0])
    assert_every_promise_is_kept()


def test_both_lines_of_a_pair_that_was_none_are_open_again(lines: Told) -> None:
    lines.lists(out("one"), back("two"))
    lines.found("one", V.OPPOSITE, other_line_id=lines.line("two"))
    assert lines.suspended() == 0
    take_back(lines, "one")
    lines.compare()
    assert disputes() == ["finding_mistaken"] * 2
    is_as_the_provider_says(lines)
    lines.found("two", V.OPPOSITE, other_line_id=lines.line("one"))
    assert disputes() == []
    is_as_the_provider_says(lines)


def test_a_movement_that_was_named_wrongly_explains_another_line(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one"), out("two"))
    movement = lines.transfer("confirm")
    lines.found("one", V.BOOKED, transfer_id=movement)
    take_back(lines, "one")
    lines.found("two", V.BOOKED, transfer_id=movement)
    assert disputes() == ["finding_mistaken"]
    is_as_the_provider_says(lines)


def test_a_line_that_was_ours_after_all_is_found_once_more(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one", reference=lines.key(), minor=AMOUNT + 1))
    lines.found("one", V.NOT_OURS)
    assert disputes() == []
    take_back(lines, "one")
    assert disputes() == ["finding_mistaken"]
    lines.found("one", V.NOT_OURS)
    assert_every_promise_is_kept()


def test_a_finding_is_taken_back_once_and_a_match_is_undone_instead(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one"), out("two", 700))
    lines.is_attempt("one")
    attempt = found_last(lines)
    assert (
        refused(lambda: lines.report("one", V.MISTAKEN, finding_id=attempt))
        == "line_finding.does_not_fit"
    )
    lines.found("two", V.REFUNDED)
    refund = found_last(lines)
    for name, finding in (("one", refund), ("two", attempt)):
        assert refused(lambda n=name, f=finding: lines.report(n, V.MISTAKEN, finding_id=f)) == (  # type: ignore[misc]
            "line_finding.does_not_fit"
        )
    take_back(lines, "two")
    assert (
        refused(lambda: lines.report("two", V.MISTAKEN, finding_id=refund))
        == "line_finding.does_not_fit"
    )
    assert refused(lambda: lines.report("two", V.MISTAKEN)) == "line_finding.says_too_little"


def test_what_a_payment_took_in_a_line_of_its_own_is_owed_back(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one", reference=lines.key()))
    lines.lists(out("two", 200, reference=lines.key()))
    assert disputes() == ["duplicate_line"]
    lines.found("two", V.MORE, payment_id=lines.tried.id)
    assert lines.books("1100", "1310", "1900", "5000") == [-AMOUNT - 200, 200, 0, AMOUNT]
    assert disputes() == ["paid_more"]
    is_as_the_provider_says(lines)
    assert not lines.compare().changed
    lines.lists(out("three", 50))
    lines.found("three", V.MORE, payment_id=lines.tried.id)
    assert lines.tried.owed() == [1, 1], "each line of its own"
    recover(lines, 50)
    lines.lists(back("four", 50))
    lines.found("four", V.BOOKED, transfer_id=lines.transfer("recover"))
    assert disputes() == ["paid_more"]
    is_as_the_provider_says(lines)


def recover(lines: Told, minor: int) -> None:
    def work(session: object) -> None:
        owed = recovering.owed_back(session, EVERYTHING)  # type: ignore[arg-type]
        (one,) = [each.receivable for each in owed if each.receivable.amount_minor == minor]
        recovering.recover(session, EVERYTHING, one.id, "LETTER-9")  # type: ignore[arg-type]

    lines.tried.do(work)


def test_that_it_was_more_of_a_payment_is_taken_back_while_it_is_owed(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one", reference=lines.key()), out("two", 200))
    lines.found("two", V.MORE, payment_id=lines.tried.id)
    take_back(lines, "two")
    assert lines.tried.owed(ReceivableState.UNFOUNDED) == [1]
    assert lines.books("1100", "1310", "1900") == [-AMOUNT - 200, 0, 200]
    assert disputes() == ["finding_mistaken"]
    is_as_the_provider_says(lines)
    lines.found("two", V.MORE, payment_id=lines.tried.id)
    recover(lines, 200)
    assert refused(lambda: take_back(lines, "two")) == "line_finding.does_not_fit"
    assert_every_promise_is_kept()


def test_more_than_nothing_is_no_more(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("two", 200), back("three", 200))
    for name in ("two", "three"):
        assert refused(lambda n=name: lines.report(n, V.MORE, payment_id=lines.tried.id)) == (  # type: ignore[misc]
            "line_finding.does_not_fit"
        )


def told_otherwise(lines: Told, minor: int) -> UUID:
    """The provider tells of line one in a later file with another amount."""
    lines.lists(out("one", minor, reference=lines.key()))
    with offices.transaction("dz") as session:
        found = session.scalar(
            text("SELECT id FROM discrepancies WHERE kind = 'line_changed' AND settled_at IS NULL")
        )
    assert isinstance(found, UUID)
    return found


def test_of_two_stories_two_people_say_that_the_first_is_right(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one", reference=lines.key()))
    told = told_otherwise(lines, AMOUNT + 300)
    assert refused(lambda: lines.settle("line_changed")) == "discrepancy.ended_by_story"
    assert refused(lambda: lines.report("one", V.FIRST_STORY)) == "line_finding.says_too_little"
    lines.found("one", V.FIRST_STORY, discrepancy_id=told)
    assert disputes() == []
    assert lines.books("1100", "1900") == [-AMOUNT, 0]
    assert refused(lambda: lines.report("one", V.LATER_STORY, discrepancy_id=told)) == (
        "line_finding.does_not_fit"
    )
    is_as_the_provider_says(lines)


def test_of_two_stories_the_later_brings_what_differs_as_a_line_of_its_own(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one", reference=lines.key()))
    told = told_otherwise(lines, AMOUNT + 300)
    lines.found("one", V.LATER_STORY, discrepancy_id=told)
    assert sorted(disputes()) == ["other_line", "paid_another_amount"]
    assert lines.books("1100", "1900") == [-AMOUNT - 300, 300]
    is_as_the_provider_says(lines)
    with offices.transaction("dz") as session:
        named = session.scalar(
            text("SELECT line_id FROM statement_lines WHERE line_id LIKE 'one / %'")
        )
    assert isinstance(named, str)
    lines.found(named, V.MORE, payment_id=lines.tried.id)
    assert sorted(disputes()) == ["paid_another_amount", "paid_more"]
    assert lines.books("1310", "1900") == [300, 0]
    is_as_the_provider_says(lines)


def test_a_later_story_that_less_was_taken_is_booked_as_what_was_paid_less(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one", reference=lines.key()))
    lines.found("one", V.LATER_STORY, discrepancy_id=told_otherwise(lines, AMOUNT - 300))
    assert lines.books("1100", "1900") == [-AMOUNT + 300, -300]
    find_amount(lines, AMOUNT - 300)
    assert sorted(disputes()) == ["other_line", "paid_less"]
    with offices.transaction("dz") as session:
        named = session.scalar(
            text("SELECT line_id FROM statement_lines WHERE line_id LIKE 'one / %'")
        )
    assert isinstance(named, str)
    lines.found(named, V.BOOKED, transfer_id=lines.transfer("paid_less"))
    assert lines.books("1100", "1900", "5000") == [-AMOUNT + 300, 0, AMOUNT - 300]
    is_as_the_provider_says(lines)


def test_words_end_two_stories_that_move_the_same(lines: Told) -> None:
    lines.lists(out("one"))
    lines.lists(out("one", reference="OTHER-7"))
    assert sorted(disputes()) == ["line_changed", "unknown_line"]
    lines.settle("line_changed")
    assert disputes() == ["unknown_line"]


def find_amount(lines: Told, minor: int) -> None:
    amount = str(Money(minor, "DZD").decimal)
    one, other = lines.treasurer.actor, lines.authorisers.pop()
    found = offices.transact(
        "dz", lambda s: amounts.report(s, one, lines.tried.id, amount, PROOF).id
    )
    code = other.code()
    offices.transact("dz", lambda s: amounts.confirm(s, other.actor, found, code).id)


def test_that_it_failed_after_two_people_found_what_it_took_is_found_once_more(lines: Told) -> None:
    lines.tried.sent()
    lines.tried.do(
        lambda s: apply(
            s,
            ProviderUpdate(
                idempotency_key(lines.tried.id, 1), Outcome.PAID, amount=Money(AMOUNT - 300, "DZD")
            ),
            provider="sandbox",
            source="callback",
        )
    )
    find_amount(lines, AMOUNT - 300)
    assert disputes() == ["paid_less"]
    lines.tried.says(Outcome.FAILED)
    assert "said_to_have_failed" in disputes()
    assert refused(lambda: lines.settle("said_to_have_failed")) == "discrepancy.ended_by_finding"
    held = lines.books("1100", "5000")
    find_amount(lines, AMOUNT - 300)
    assert disputes() == ["paid_less"]
    assert lines.books("1100", "5000") == held, "it was booked when it was found first"
    assert_every_promise_is_kept()


def test_news_of_a_payment_of_nobodys_ends_when_a_statement_tells_of_the_days_since(
    lines: Told,
) -> None:
    news = ProviderUpdate("0" * 32 + "-01", Outcome.PAID)
    lines.tried.do(lambda s: apply(s, news, provider="sandbox", source="callback"))
    assert refused(lambda: lines.settle("unknown_payment")) == "discrepancy.ended_by_statement"
    lines.compare()
    assert disputes() == ["unknown_payment"]
    later = clock.now() + timedelta(days=3)
    lines.lists(out("two", 700, date=f"{later:%Y-%m-%d}"))
    assert disputes() == ["unknown_line"]


DEEDS = {
    "a finding is taken back by nobody": "UPDATE line_findings SET taken_back_by = id WHERE verdict = 'lost'",
    "a taken back one stands": "UPDATE line_findings SET taken_back_by = NULL WHERE verdict = 'refunded'",
    "one person took it back": "UPDATE line_findings SET confirmed_by = reported_by WHERE verdict = 'mistaken'",
    "its opposite is removed": "DELETE FROM transfers WHERE entry = 'refund_mistaken'",
    "a receivable has no finding": "UPDATE line_findings SET verdict = 'attempt' WHERE verdict = 'more'",
    "more is owed": "UPDATE receivables SET amount_minor = amount_minor + 1 WHERE finding_id IS NOT NULL",
}


def test_what_an_intruder_does_to_corrections_is_found(lines: Told, database: URL) -> None:
    lines.tried.sent(PAID)
    lines.lists(
        out("one", reference=lines.key()), out("two", 200), out("three", 70), out("four", 7)
    )
    lines.found("two", V.MORE, payment_id=lines.tried.id)
    lines.found("four", V.LOST, programme="wallets")
    lines.found("three", V.REFUNDED)
    take_back(lines, "three")
    assert_every_promise_is_kept()
    for what, deed in DEEDS.items():
        with intruding(database) as intruder:
            for name in ("two_people", "says_which"):
                intruder.execute(
                    text(f"ALTER TABLE line_findings DROP CONSTRAINT ck_line_findings_{name}")
                )
            assert intruder.execute(text(deed)).rowcount != 0, deed
            assert broken(intruder), what
