"""A payment of which nobody can say what became of it: two people find that it was not paid, or nothing moves."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, select, text
from sqlalchemy.orm import Session

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import Act, SandboxProvider, Schedule, Step
from cbi import clock, offices
from cbi.access.actor import Actor, NotPermitted
from cbi.access.permissions import Role
from cbi.access.totp import WrongCode
from cbi.audit.models import AuditEntry
from cbi.errors import CbiError
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.ledger.queries import fund_positions
from cbi.payments.outcomes import outcomes
from cbi.payments.sending import polling, sending
from cbi.payments.states import PaymentState
from cbi.payments.unpaid import unpaid
from cbi.registry import personal
from tests.factories import Colleague, colleague
from tests.flow.sending import (
    STORIES,
    PointAt,
    assert_every_promise_is_kept,
    at_once,
    attempts,
    disputes,
    payments,
    states,
    told,
)

PROOF = "Letter 55 of the provider"


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


class Doubt:
    """A payment that the provider never heard of, the people who look into it, and the clock, two days later."""

    def __init__(self, run_id: UUID, authoriser: Colleague, treasurer: Colleague) -> None:
        self.run_id, self.authoriser, self.treasurer = run_id, authoriser, treasurer
        self.id = payments(run_id)[0].id

    def report(self, actor: Actor | None = None) -> None:
        who = actor or self.treasurer.actor
        offices.transact("dz", lambda session: unpaid.report(session, who, self.id, PROOF))

    def confirm(self, who: Colleague | None = None, code: str | None = None) -> None:
        who = who or self.authoriser
        typed = code or who.code()
        offices.transact("dz", lambda session: unpaid.confirm(session, who.actor, self.id, typed))

    def state(self) -> PaymentState:
        return states(self.run_id)[0]


@pytest.fixture
def doubt(database: URL, template: str) -> Iterator[Doubt]:
    story = STORIES[template]
    schedule = Schedule()
    with offices.transaction("dz") as session:
        treasurer = colleague(session, Role.TREASURER, Role.AUTHORISER)
        numbers = personal.accounts(session, [payments(story.by_sandbox)[0].account_id])
    (account,) = numbers.values()
    schedule.plan(account, Step(Act.HANG_UP))
    adapter = SandboxAdapter(SandboxProvider(schedule, opening_float=lambda _: 10**9))
    sending.send("dz", story.by_sandbox, "sandbox", adapter, personal.accounts)
    with ExitStack() as two_days_later:
        two_days_later.enter_context(clock.frozen(clock.now() + timedelta(days=2)))
        assert polling.poll("dz", "sandbox", adapter) == 0, "it was asked about, and never heard of"
        yield Doubt(story.by_sandbox, story.people.authoriser, treasurer)


def in_transit() -> int:
    with offices.transaction("dz") as session:
        return sum(position.in_transit.minor for position in fund_positions(session))


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(CbiError) as refusal:
        work()
    return refusal.value.code


def test_two_people_find_that_a_payment_was_not_paid(doubt: Doubt) -> None:
    doubt.report()
    assert doubt.state() is PaymentState.UNKNOWN, "one person's word moves nothing"
    before = in_transit()
    doubt.confirm()
    assert doubt.state() is PaymentState.FAILED
    assert before - in_transit() == payments(doubt.run_id)[0].amount_minor
    with offices.transaction("dz") as session:
        acts = session.scalars(select(AuditEntry.act).where(AuditEntry.subject_id == str(doubt.id))).all()  # fmt: skip
    assert sorted(acts) == ["payment.confirmed_unpaid", "payment.reported_unpaid"]
    assert_every_promise_is_kept()


def test_nobody_confirms_their_own_report(doubt: Doubt, owner: Engine) -> None:
    doubt.report()
    assert refused(lambda: doubt.confirm(doubt.treasurer)) == "payment.own_report"
    with pytest.raises(Exception, match="two_people"), owner.begin() as intruder:
        intruder.execute(
            text("UPDATE unpaid_findings SET confirmed_by = reported_by, confirmed_at = now()")
        )
    assert doubt.state() is PaymentState.UNKNOWN


def test_without_a_report_nothing_is_confirmed_and_twice_is_once(doubt: Doubt) -> None:
    assert refused(doubt.confirm) == "payment.nothing_reported"
    doubt.report()
    doubt.report()
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        doubt.confirm()
    with clock.frozen(clock.now() + timedelta(minutes=2)):
        assert refused(doubt.confirm) == "payment.not_in_doubt"
        assert refused(doubt.report) == "payment.not_in_doubt"
    assert_every_promise_is_kept()


def test_a_wrong_one_time_code_confirms_nothing(doubt: Doubt) -> None:
    doubt.report()
    with pytest.raises(WrongCode):
        doubt.confirm(code="000000")
    assert doubt.state() is PaymentState.UNKNOWN


def test_who_may_neither_settle_nor_authorise_has_no_say(doubt: Doubt) -> None:
    with offices.transaction("dz") as session:
        certifier = colleague(session, Role.CERTIFIER)
    with pytest.raises(NotPermitted):
        doubt.report(certifier.actor)
    doubt.report()
    with pytest.raises(NotPermitted):
        doubt.confirm(certifier)
    assert doubt.state() is PaymentState.UNKNOWN


def test_a_payment_that_may_still_be_on_its_way_is_not_found_unpaid(doubt: Doubt) -> None:
    with clock.frozen(clock.now() - timedelta(days=1, hours=1)):
        assert refused(doubt.report) == "payment.too_soon"


def test_a_payment_that_was_not_asked_about_since_is_not_found_unpaid(
    doubt: Doubt, owner: Engine
) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE attempts SET asked_at = started_at + interval '1 hour'"))
    assert refused(doubt.report) == "payment.too_soon"


def test_should_the_provider_have_paid_after_all_it_is_booked_and_disputed(doubt: Doubt) -> None:
    doubt.report()
    doubt.confirm()
    news = ProviderUpdate(attempts(doubt.run_id)[0], Outcome.PAID)

    def hear(session: Session) -> outcomes.Applied:
        return outcomes.apply(session, news, provider="sandbox", source="callback")

    assert offices.transact("dz", hear) is outcomes.Applied.MOVED
    assert doubt.state() is PaymentState.PAID
    assert disputes() == ["paid_after_failed"]
    assert_every_promise_is_kept()


def test_news_and_a_confirmation_at_the_same_moment_leave_one_truth(doubt: Doubt) -> None:
    doubt.report()
    news = ProviderUpdate(attempts(doubt.run_id)[0], Outcome.PAID)
    code = doubt.authoriser.code()

    def one(who: str) -> str:
        try:
            if who == "provider":
                offices.transact(
                    "dz",
                    lambda session: outcomes.apply(
                        session, news, provider="sandbox", source="callback"
                    ),
                )
            else:
                doubt.confirm(code=code)
        except CbiError as refusal:
            return refusal.code
        return "done"

    provider, person = at_once(one, ["provider", "person"])
    assert provider == "done"
    assert doubt.state() is PaymentState.PAID
    assert person in {"done", "payment.not_in_doubt"}
    assert disputes() == (["paid_after_failed"] if person == "done" else [])
    assert_every_promise_is_kept()
