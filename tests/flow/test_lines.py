"""Lines of statements that nothing explains: in suspense, never ended by words, and booked as two people find."""

import pytest
from sqlalchemy import URL, text

from cbi import offices
from cbi.payments.states import PaymentState, ReceivableState
from cbi.reconciliation.models import Verdict
from tests.flow.sending import PointAt, assert_every_promise_is_kept, disputes, told
from tests.flow.suspended import Told, refused
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, tried_of

S, V = PaymentState, Verdict


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def lines(database: URL, template: str) -> Told:
    return Told(tried_of(template))


def out(name: str, minor: int = AMOUNT, **named: object) -> dict[str, object]:
    return {"id": name, "minor": -minor, **named}


def back(name: str, minor: int = AMOUNT, **named: object) -> dict[str, object]:
    return {"id": name, "minor": minor, "type": "REVERSAL", **named}


def is_as_the_provider_says(lines: Told) -> None:
    """Our float moved by what all lines say, whatever they are about."""
    assert lines.books("1100") == [lines.listed()]
    assert lines.books("1900") == [-lines.suspended()]
    assert_every_promise_is_kept()


def test_a_line_about_nothing_of_ours_stands_in_suspense_and_our_float_is_the_providers(
    lines: Told,
) -> None:
    assert lines.lists(out("one", 70_000), back("two", 20_000)).suspended == 2
    assert lines.books("1100", "1900") == [-50_000, 50_000]
    assert not lines.compare().changed
    is_as_the_provider_says(lines)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("unknown_line", [out("one")]),
        ("contradictory_line", [out("one", reference="K", transaction="T7")]),
        ("ambiguous_line", [out("one", reference="K", transaction="A"), out("two", reference="K", transaction="B")]),
        ("duplicate_line", [out("one", reference="K"), out("two", reference="K")]),
        ("amount_differs", [out("one", 40_000, reference="K")]),
        ("return_line", [back("one", reference="K")]),
        ("other_line", [{"id": "one", "minor": -300, "type": "WHIM"}]),
        ("top_up_line", [{"id": "one", "minor": 300, "type": "TOPUP"}]),
        ("fee_line", [{"id": "one", "minor": -300, "type": "CHARGE"}]),
    ],
)  # fmt: skip
def test_words_end_nothing_that_is_said_of_a_line_in_suspense(
    lines: Told, kind: str, rows: list[dict[str, object]]
) -> None:
    lines.tried.sent()
    with offices.transaction("dz") as session:
        session.execute(
            text("UPDATE attempts SET provider_reference = :name WHERE payment_id = :id"),
            {"id": lines.tried.id, "name": "T1" if kind == "contradictory_line" else None},
        )
    named = [
        row | ({"reference": lines.key()} if row.get("reference") == "K" else {}) for row in rows
    ]
    lines.lists(*named)
    assert kind in disputes()
    assert refused(lambda: lines.settle(kind)) == "discrepancy.ended_by_line"
    is_as_the_provider_says(lines)


def test_a_line_that_claims_what_is_not_paid_is_that_payment_once_two_people_say_so(
    lines: Told,
) -> None:
    lines.tried.sent(FAILED)
    lines.tried.becomes(S.READY)
    lines.lists(out("one", reference="OURS-9"))
    assert disputes() == ["unknown_line"]
    lines.report("one", V.ATTEMPT, payment_id=lines.tried.id)
    assert str(lines.tried.state) == "ready", "one person alone moves nothing"
    is_as_the_provider_says(lines)
    assert refused(lambda: lines.confirm(lines.treasurer)) == "access.not_permitted"
    lines.confirm()
    assert lines.tried.state is S.PAID
    assert lines.books("1100", "1900", "5000") == [-AMOUNT, 0, AMOUNT]
    assert disputes() == ["paid_after_ready"], "and how that came about is explained in words"
    is_as_the_provider_says(lines)
    assert not lines.compare().changed
    assert refused(lambda: lines.found("one", V.NOT_OURS)) == "line_finding.explained"


def test_nobody_confirms_their_own_report(lines: Told) -> None:
    lines.lists(out("one"))
    lines.report("one", V.NOT_OURS, who=lines.both)
    assert refused(lambda: lines.confirm(lines.both)) == "payment.own_report"


def test_of_two_rivals_two_people_name_one_and_the_other_is_a_second_movement(lines: Told) -> None:
    lines.tried.sent()
    rows = [out(name, reference=lines.key(), transaction=name) for name in ("one", "two")]
    lines.lists(*rows)
    assert disputes() == ["ambiguous_line"] * 2
    lines.is_attempt("two")
    assert lines.tried.state is S.PAID
    lines.compare()
    assert disputes() == ["duplicate_line"]
    assert lines.books("1100", "1900") == [-2 * AMOUNT, AMOUNT]
    lines.lists(back("three"))
    named = lines.line("three")
    lines.found("one", V.OPPOSITE, other_line_id=named)
    assert disputes() == []
    assert lines.books("1100", "1900") == [-AMOUNT, 0]
    is_as_the_provider_says(lines)


def test_of_two_rivals_one_is_found_not_ours_and_the_other_settles_by_itself(lines: Told) -> None:
    lines.tried.sent()
    rows = [out(name, reference=lines.key(), transaction=name) for name in ("one", "two")]
    lines.lists(*rows)
    lines.found("one", V.NOT_OURS)
    done = lines.compare()
    assert (done.confirmed, done.matched, lines.tried.state) == (1, 1, S.PAID)
    assert disputes() == []
    assert lines.books("1100", "1900") == [-2 * AMOUNT, AMOUNT], "until the provider takes it back"
    is_as_the_provider_says(lines)
    assert refused(lambda: lines.report("one", V.NOT_OURS)) == "line_finding.explained"


def test_a_line_found_not_ours_lets_its_payment_go_on_and_never_pays_it(lines: Told) -> None:
    lines.tried.sent(FAILED)
    lines.lists(out("one", reference=lines.key(), transaction="T7", minor=AMOUNT + 1))
    lines.tried.becomes(S.READY)
    assert str(lines.tried.state) == "failed", "it is held: it may have been paid"
    lines.found("one", V.NOT_OURS)
    lines.tried.becomes(S.READY)
    assert lines.tried.state is S.READY
    lines.compare()
    assert lines.tried.state is S.READY
    is_as_the_provider_says(lines)


def test_a_line_of_another_amount_is_the_attempts_and_what_it_took_is_found_with_it(
    lines: Told,
) -> None:
    lines.tried.sent(FAILED)
    lines.lists(out("one", 40_000, reference=lines.key()))
    lines.is_attempt("one")
    assert lines.tried.state is S.PAID
    assert lines.books("1100", "1900", "5000") == [-40_000, 0, 40_000]
    assert disputes() == ["paid_less"]
    is_as_the_provider_says(lines)


def test_money_that_came_back_is_booked_from_its_line(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one", reference=lines.key()), back("two", reference=lines.key()))
    assert disputes() == ["return_line"]
    lines.is_attempt("two")
    assert (lines.tried.state, disputes()) == (S.RETURNED, [])
    assert lines.books("1100", "1900", "5000") == [0, 0, 0]
    is_as_the_provider_says(lines)


def test_what_is_booked_by_another_name_explains_a_line(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one"), back("two"))
    movement = lines.transfer("confirm")
    assert refused(lambda: lines.report("two", V.BOOKED, transfer_id=movement)) == (
        "line_finding.does_not_fit"
    )
    lines.found("one", V.BOOKED, transfer_id=movement)
    assert lines.books("1100", "1900") == [0, -AMOUNT]
    lines.lists(out("three"))
    assert refused(lambda: lines.report("three", V.BOOKED, transfer_id=movement)) == (
        "line_finding.does_not_fit"
    ), "one movement explains one line"
    assert_every_promise_is_kept()


def test_what_never_comes_back_is_refunded_to_the_bank_or_lost_to_a_programme(lines: Told) -> None:
    lines.lists(out("one", 700), out("two", 300), back("three", 50))
    lines.found("one", V.REFUNDED)
    assert lines.books("1000", "1100", "1900") == [700, -950, 250]
    assert refused(lambda: lines.report("two", V.LOST, programme="nobody")) == (
        "line_finding.says_too_little"
    )
    lines.found("two", V.LOST, programme="wallets")
    assert lines.books("1900", "5300", "2920", "2100") == [-50, 300, 300, -300]
    assert refused(lambda: lines.report("three", V.REFUNDED)) == "line_finding.does_not_fit"
    assert refused(lambda: lines.report("three", V.LOST, programme="wallets")) == (
        "line_finding.does_not_fit"
    )
    assert disputes() == ["unknown_line"]
    assert_every_promise_is_kept()


def test_a_wrong_match_is_undone_by_two_people_and_never_made_again_by_a_rule(lines: Told) -> None:
    lines.tried.sent()
    lines.lists(out("one", reference=lines.key(), date="2026-12-31"))
    assert lines.tried.state is S.PAID
    lines.report("one", V.UNMATCHED)
    is_as_the_provider_says(lines)
    lines.confirm()
    assert disputes() == ["match_undone"]
    assert lines.books("1100", "1900") == [-2 * AMOUNT, AMOUNT]
    assert_every_promise_is_kept()
    lines.compare()
    assert sorted(disputes()) == ["match_undone", "paid_not_settled"]
    assert refused(lambda: lines.settle("match_undone")) == "discrepancy.ended_by_line"
    assert refused(lambda: lines.settle("paid_not_settled")) == "discrepancy.ended_by_finding"
    lines.is_attempt("one")
    lines.compare()
    assert disputes() == []
    assert lines.books("1100", "1900") == [-AMOUNT, 0]
    is_as_the_provider_says(lines)


def test_a_second_payment_of_one_entitlement_is_owed_back_from_its_line(lines: Told) -> None:
    lines.tried.sent(FAILED)
    lines.tried.becomes(S.READY)
    lines.tried.sent(PAID)
    lines.lists(out("one", reference=lines.key(2)), out("two"))
    lines.is_attempt("two", 1)
    assert lines.tried.owed(ReceivableState.OPEN) == [1]
    assert lines.books("1100", "1310", "5000") == [-2 * AMOUNT, AMOUNT, AMOUNT]
    assert disputes() == ["paid_twice"]
    is_as_the_provider_says(lines)


def test_what_does_not_fit_is_refused_in_words(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one", reference=lines.key()), out("two"), back("three", 400))
    one = lines.tried.id
    assert (
        refused(lambda: lines.report("two", V.ATTEMPT, payment_id=one))
        == "line_finding.does_not_fit"
    )
    assert refused(lambda: lines.report("two", V.ATTEMPT, payment_id=one, attempt=2)) == (
        "line_finding.does_not_fit"
    )
    assert (
        refused(lambda: lines.report("three", V.ATTEMPT, payment_id=one))
        == "line_finding.does_not_fit"
    )
    assert refused(lambda: lines.report("one", V.NOT_OURS)) == "line_finding.explained"
    assert refused(lambda: lines.report("two", V.UNMATCHED)) == "line_finding.explained"
    assert refused(lambda: lines.report("two", V.BOOKED)) == "line_finding.says_too_little"
    assert refused(lambda: lines.report("two", V.OPPOSITE, other_line_id=lines.line("three"))) == (
        "line_finding.does_not_fit"
    )


def test_what_no_statement_lists_any_more_is_asked_about_again(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("other", 700, date="2026-12-31"))
    assert sorted(disputes()) == ["paid_not_settled", "unknown_line"]
    lines.lists(out("one", reference=lines.key()))
    assert disputes() == ["unknown_line"]
    lines.found("one", V.UNMATCHED)
    lines.compare()
    assert sorted(disputes()) == ["match_undone", "paid_not_settled", "unknown_line"]
    assert not lines.compare().changed
    lines.is_attempt("one")
    lines.compare()
    assert disputes() == ["unknown_line"]
    is_as_the_provider_says(lines)


def test_what_is_wrong_with_a_line_once_more_is_open_once_more(lines: Told) -> None:
    lines.tried.sent()
    lines.lists(out("two", 40_000, reference=lines.key()))
    assert disputes() == ["amount_differs"]
    lines.lists(out("one", reference=lines.key()))
    assert disputes() == ["duplicate_line"]
    lines.found("one", V.UNMATCHED)
    lines.compare()
    assert sorted(disputes()) == ["amount_differs", "match_undone"]
    assert not lines.compare().changed
    lines.is_attempt("one")
    lines.compare()
    assert disputes() == ["duplicate_line"]
    assert not lines.compare().changed
    is_as_the_provider_says(lines)


def test_a_movement_that_explains_one_line_settles_no_other(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists(out("one"))
    lines.found("one", V.BOOKED, transfer_id=lines.transfer("confirm"))
    lines.lists(out("two", reference=lines.key()))
    assert disputes() == ["duplicate_line"]
    assert refused(lambda: lines.is_attempt("two")) == "line_finding.does_not_fit"
    is_as_the_provider_says(lines)
