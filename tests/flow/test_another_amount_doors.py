"""Who may find what was paid where another amount is named, through which door, and what an intruder cannot hide."""

import pytest
from sqlalchemy import URL, Engine, select, text

from cbi import offices
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.access.totp import WrongCode
from cbi.app import create_app
from cbi.payments.outcomes import discrepancies
from cbi.payments.recovery import amounts
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.payments.states import PaymentState
from cbi.redemption import issuing
from tests.factories import EVERYTHING
from tests.flow.another_amount import PROOF, Said, comes_to, refused
from tests.flow.people import Caller, make_user, token_for
from tests.flow.sending import (
    STORIES,
    PointAt,
    assert_every_promise_is_kept,
    payments,
    told,
)
from tests.flow.tampering import noticed
from tests.flow.two_attempts import tried_of

S = PaymentState


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def said(database: URL, template: str) -> Said:
    return Said(tried_of(template))


def test_nobody_confirms_their_own_report_or_without_a_code(said: Said, owner: Engine) -> None:
    comes_to(said, S.FAILED)
    with pytest.raises(NotPermitted):
        said.report(40_000, said.authoriser)
    said.report(40_000, said.both)
    assert refused(lambda: said.confirm(said.both)) == "payment.own_report"
    with pytest.raises(NotPermitted):
        said.confirm(said.treasurer)
    with pytest.raises(WrongCode):
        said.confirm(code="000000")
    with pytest.raises(Exception, match="two_people"), owner.begin() as intruder:
        intruder.execute(
            text("UPDATE amount_findings SET confirmed_by = reported_by, confirmed_at = now()")
        )
    assert said.tried.state is S.FAILED


WORDS = "UPDATE discrepancies SET settled_at = now(), resolution = 'x', settled_by = opened.id FROM (SELECT id FROM users LIMIT 1) opened WHERE kind = 'paid_another_amount'"  # noqa: E501
TWO = ["amount_findings.two_people"]
"""What would refuse the deed of one person before anybody had to find it."""
DEEDS = {
    "nobody found it": (5, "UPDATE amount_findings SET confirmed_by = NULL, confirmed_at = NULL"),
    "it was another amount": (4, "UPDATE amount_findings SET paid_minor = paid_minor + 1"),
    "its finding is deleted": (4, "DELETE FROM amount_findings"),
    "its entry is deleted": (4, "DELETE FROM transfers WHERE entry IN ('paid_less', 'paid_more')"),
    "its entry is altered": (
        4, "UPDATE transfers SET amount_minor = amount_minor + 1 WHERE entry IN ('paid_less', 'paid_more')"
    ),
    "nobody is told": (4, "DELETE FROM discrepancies WHERE kind IN ('paid_less', 'paid_more')"),
}  # fmt: skip


@pytest.mark.parametrize("minor", [40_000, 130_000])
def test_what_an_intruder_does_to_a_finding_is_found(said: Said, database: URL, minor: int) -> None:
    comes_to(said, S.FAILED)
    said.found(minor)
    assert_every_promise_is_kept()
    assert noticed(database, DEEDS, without=TWO) == dict.fromkeys(DEEDS, True)


def test_words_that_an_intruder_settles_it_with_are_found(said: Said, database: URL) -> None:
    comes_to(said, S.FAILED)
    said.report(40_000)
    deeds = {
        "words": (5, WORDS),
        "the engine's words": (5, WORDS.replace("opened.id", "NULL")),
        "one confirms alone": (
            5, "UPDATE amount_findings SET confirmed_by = reported_by, confirmed_at = now()"
        ),
        "it is booked as found": (
            5, "UPDATE amount_findings SET confirmed_by = gen_random_uuid(), confirmed_at = now()"
        ),
    }  # fmt: skip
    assert noticed(database, deeds, without=TWO) == dict.fromkeys(deeds, True)


def test_it_is_reported_and_confirmed_over_http(said: Said) -> None:
    comes_to(said, S.FAILED)
    app = create_app()
    treasurer, authoriser, clerk = (
        Caller(app, token_for(make_user(name, role)))
        for name, role in (
            ("nadia.t", Role.TREASURER),
            ("karim.a", Role.AUTHORISER),
            ("sami.r", Role.REGISTRATION_OFFICER),
        )
    )
    where = f"/payments/{said.tried.id}/amount-findings"
    body = {"amount": "400.00", "proof": PROOF}
    assert clerk.post(where, body).status_code == 403
    assert treasurer.post(where, body | {"amount": "-1"}).status_code == 422
    made = treasurer.post(where, body)
    assert (made.status_code, made.json()["taken"]) == (
        201,
        {"amount": "400.00", "currency": "DZD"},
    )
    assert [each["id"] for each in treasurer.get(where).json()] == [made.json()["id"]]
    refusal = authoriser.post(
        f"/amount-findings/{made.json()['id']}/confirmation", {"one_time_code": "123456"}
    )
    assert refusal.json()["code"] == "access.not_enrolled"
    with offices.transaction("dz") as session:
        finding = session.scalars(select(AmountFinding)).one()
        code = said.authoriser.code()
        amounts.confirm(session, said.authoriser.actor, finding.id, code)
    assert said.tried.state is S.PAID


def test_a_code_that_may_still_be_cashed_is_waited_for(database: URL, template: str) -> None:
    run_id = STORIES[template].by_codes
    offices.transact("dz", lambda s: issuing.issue_chunk(s, run_id, "post_office", 9))
    payment = payments(run_id)[0]
    assert payment.state is S.ACCEPTED
    with offices.transaction("dz") as session:
        discrepancies.open_discrepancy(
            session, "amount_differs", "line:1", provider="post_office", payment_id=payment.id, attempt=1
        )  # fmt: skip
        work = amounts.report
        assert refused(lambda: work(session, EVERYTHING, payment.id, "400.00", PROOF)) == (
            "amount_finding.still_open"
        )
