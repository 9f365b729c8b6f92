"""What a provider that takes a payment's money early leaves open: somebody asks about it, and two people can end it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import URL, create_engine, text

from cbi import clock
from cbi.app import create_app
from cbi.fsp.messages import Outcome
from cbi.payments.states import PaymentState
from cbi.payments.unpaid import unpaid
from tests.factories import Colleague
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.flow.sending import PointAt, told
from tests.flow.suspended import PROOF, Told, refused
from tests.flow.test_another_amount_any_order import breaches
from tests.flow.test_clearing import ACCOUNTS, back, in_question, out, session_of, undone
from tests.flow.test_credits import KEPT, Parted, another
from tests.flow.two_attempts import AMOUNT, PAID, RETURNED, tried_of

S, ACCEPTED, UNKNOWN = PaymentState, Outcome.ACCEPTED, Outcome.UNKNOWN


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture(scope="module")
def lines(own_database: URL, template: str) -> Told:
    """A payment by a provider that debits at acceptance; what tests do with it is undone."""
    owner = create_engine(own_database)
    with owner.begin() as connection:
        connection.execute(text("UPDATE dz.payment_runs SET debits_early = providers"))
    owner.dispose()
    return Told(tried_of(template), colleagues=3)


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


def test_the_page_of_a_payment_asks_two_people_once_it_was_silent_for_two_weeks(
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
