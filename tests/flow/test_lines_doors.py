"""Lines of statements through every door, and what an intruder cannot hide of them."""

from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import URL, text

from cbi import offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.ledger import queries as ledger
from cbi.payments.recovery import amounts
from cbi.payments.states import PaymentState
from cbi.reconciliation.models import Verdict
from tests.factories import Colleague
from tests.flow.browsing import Browsing
from tests.flow.people import Caller, make_user, token_for
from tests.flow.sending import PointAt, assert_every_promise_is_kept, disputes, told
from tests.flow.suspended import PROOF, Told, refused
from tests.flow.tampering import noticed
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, tried_of

V = Verdict


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def lines(database: URL, template: str) -> Told:
    return Told(tried_of(template))


def known(who: Colleague) -> UUID:
    assert who.actor.id is not None
    return who.actor.id


def out(name: str, minor: int = AMOUNT, **named: object) -> dict[str, object]:
    return {"id": name, "minor": -minor, **named}


def test_a_line_is_looked_at_reported_and_confirmed_over_http(lines: Told) -> None:
    lines.tried.sent(FAILED)
    lines.lists(out("one"), {"id": "two", "minor": 300, "type": "WHIM"})
    app = create_app()
    treasurer, authoriser, clerk = (
        Caller(app, token_for(make_user(name, role)))
        for name, role in (
            ("nadia.t", Role.TREASURER),
            ("karim.a", Role.AUTHORISER),
            ("sami.r", Role.REGISTRATION_OFFICER),
        )
    )
    listed = treasurer.get("/suspense").json()["items"]
    assert sorted(each["effect"]["amount"] for each in listed) == ["-1000.00", "3.00"]
    where = f"/statement-lines/{lines.line('one')}"
    assert clerk.get(where).status_code == 403
    body = {"verdict": "attempt", "payment_id": str(lines.tried.id), "proof": PROOF}
    assert clerk.post(f"{where}/findings", body).status_code == 403
    assert treasurer.post(f"{where}/findings", body | {"verdict": "paid"}).status_code == 422
    made = treasurer.post(f"{where}/findings", body)
    assert (made.status_code, made.json()["attempt"]) == (201, 1)
    shown = treasurer.get(where).json()
    assert [each["id"] for each in shown["findings"]] == [made.json()["id"]]
    assert (shown["matched_with"], shown["booked"], shown["taken_back_by"]) == (None, [], [])
    refusal = authoriser.post(
        f"/line-findings/{made.json()['id']}/confirmation", {"one_time_code": "123456"}
    )
    assert refusal.json()["code"] == "access.not_enrolled"
    lines.finding = UUID(made.json()["id"])
    lines.confirm()
    assert treasurer.get(where).json()["matched_with"] == str(lines.tried.id)


def test_the_page_of_a_discrepancy_asks_for_what_ends_it(lines: Told) -> None:
    lines.tried.sent(FAILED)
    lines.lists(out("one"))
    with offices.transaction("dz") as session:
        found = session.scalar(text("SELECT id FROM discrepancies WHERE kind = 'unknown_line'"))
    app = create_app()
    treasurer = Browsing(app, token_for(known(lines.treasurer)))
    page = treasurer.get(f"/discrepancies/{found}")
    assert "Words do not end this: money moved" in page.text
    assert "What explained it" not in page.text
    treasurer.send(
        f"/discrepancies/{found}/line", verdict="attempt", payment=str(lines.tried.id), proof=PROOF
    )
    assert "Nothing has moved yet" in treasurer.words
    assert "Waits for a colleague who may authorise runs." in treasurer.words
    authoriser = Browsing(app, token_for(known(lines.both)))
    authoriser.get(f"/discrepancies/{found}")
    assert f"/discrepancies/{found}/line/confirm" in {form.action for form in authoriser.forms}


def test_what_another_amount_was_is_reported_on_its_page(lines: Told) -> None:
    lines.tried.sent(PAID)
    lines.lists({"id": "other", "minor": -1, "date": "2026-12-31"})
    with offices.transaction("dz") as session:
        found = session.scalar(text("SELECT id FROM discrepancies WHERE kind = 'paid_not_settled'"))
    treasurer = Browsing(create_app(), token_for(known(lines.treasurer)))
    treasurer.get(f"/discrepancies/{found}")
    treasurer.send(f"/discrepancies/{found}/amount", amount="0", proof=PROOF)
    assert "Nothing has moved yet" in treasurer.words


WORDS = (
    "UPDATE discrepancies SET settled_at = now(), settled_by = gen_random_uuid(), resolution = 'x'"
    " WHERE kind = 'unknown_line' AND settled_at IS NULL"
)
UNDONE = "INSERT INTO undone_matches SELECT line_id, undone, payment_id, attempt, kind, line_id, now() FROM matches"
DEEDS = {
    "the total of 1900": (4, "UPDATE accounts SET debits_minor = debits_minor + 1 WHERE code = '1900'"),
    "a stay is altered": (4, "UPDATE suspended_lines SET effect_minor = effect_minor - 1"),
    "a stay is removed": (4, "DELETE FROM suspended_lines"),
    "a stay is ended": (4, "UPDATE suspended_lines SET ended_at = now(), ended_by = 'ladder'"),
    "a line is altered": (4, "UPDATE statement_lines SET amount_minor = amount_minor + 1 WHERE line_id = 'two'"),
    "an entry is removed": (4, "DELETE FROM transfers WHERE entry = 'suspend_debit'"),
    "a finding is removed": (4, "DELETE FROM line_findings"),
    "one person found it": (7, "UPDATE line_findings SET confirmed_by = reported_by"),
    "a match is undone": (7, UNDONE),
    "another payment is named": (7, "UPDATE line_findings SET attempt = 9 WHERE verdict = 'attempt'"),
    "a finding's audit is removed": (7, "DELETE FROM audit_entries WHERE act = 'statement_line.confirmed'"),
    "an index is dropped": (7, "ALTER TABLE matches DROP CONSTRAINT uq_matches_payment_id_attempt_kind_again"),
    "words": (5, WORDS),
}  # fmt: skip


def test_what_an_intruder_does_to_lines_and_suspense_is_found(lines: Told, database: URL) -> None:
    lines.tried.sent(FAILED)
    lines.lists(out("one"), out("two", 300))
    lines.is_attempt("one")
    assert_every_promise_is_kept()
    constraints = (
        "line_findings.two_people", "line_findings.says_which", "suspended_lines.ended_whole"
    )  # fmt: skip
    assert noticed(database, DEEDS, without=constraints) == dict.fromkeys(DEEDS, True)


def test_what_was_paid_on_a_day_is_what_two_people_found(lines: Told) -> None:
    lines.tried.sent(FAILED)
    lines.lists(out("one", 40_000))
    lines.is_attempt("one")
    with offices.transaction("dz") as session:
        (paid,) = ledger.paid_by_day(session, date(2020, 1, 1))
    assert (paid.provider, paid.payments, paid.total.minor) == ("sandbox", 1, 40_000)


def test_what_our_books_hold_as_paid_and_never_was_is_found_by_two_and_waits_for_a_decision(
    lines: Told,
) -> None:
    lines.tried.sent(PAID)
    lines.lists({"id": "other", "minor": -1, "date": "2026-12-31"})
    assert "paid_not_settled" in disputes()
    assert refused(lambda: lines.settle("paid_not_settled")) == "discrepancy.ended_by_finding"
    report_and_confirm(lines, "0")
    assert lines.tried.state is PaymentState.RETURNED
    assert lines.books("1100", "1900", "5000") == [-1, 1, 0]
    assert disputes() == ["unknown_line"]
    assert_every_promise_is_kept()


def report_and_confirm(lines: Told, amount: str) -> None:
    one, other = lines.treasurer.actor, lines.authorisers.pop()
    found = offices.transact(
        "dz", lambda s: amounts.report(s, one, lines.tried.id, amount, PROOF).id
    )
    code = other.code()
    offices.transact("dz", lambda s: amounts.confirm(s, other.actor, found, code).id)
