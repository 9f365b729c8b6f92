"""Who says no before the money leaves is sent nothing, and the officer reads why; what was sent already runs on."""

import json
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, func, select, text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.payments.models import Discrepancy, Payment, PaymentEvent
from cbi.payments.runs import runs, unfunded
from cbi.payments.sending import dispatch
from cbi.payments.states import PaymentState
from cbi.payments.unpaid import again
from cbi.programmes import applying
from cbi.redemption import issuing
from cbi.redemption.models import CodeIssue
from cbi.registry.consent.models import Answer, Scope
from cbi.registry.models import Person
from tests import consenting
from tests.factories import (
    EVERYTHING,
    PERIOD,
    START,
    approved_run,
    funded_programme,
    households,
    team,
)
from tests.flow.sending import assert_every_promise_is_kept
from tests.redemption_factory import OPEN


def _say(session: Session, person: UUID, scope: Scope, answer: Answer = Answer.WITHDRAWN) -> None:
    consenting.says(session, person, answer, scope)


def _kinds(session: Session) -> Mapping[UUID | None, str]:
    rows = select(Discrepancy.payment_id, Discrepancy.kind).where(Discrepancy.settled_at.is_(None))
    return dict(session.execute(rows).all())


def test_each_no_holds_back_exactly_what_it_is_about(released: UUID) -> None:
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        paid = session.scalars(select(Payment).order_by(Payment.number)).all()
        no_texts, no_sharing, no_money, no_checks = (each.person_id for each in paid[:4])
        _say(session, no_texts, Scope.TEXTS)
        _say(session, no_sharing, Scope.PROVIDER)
        # This programme does not rest on consent, and codes take no checks with other agencies.
        _say(session, no_money, Scope.ASSISTANCE)
        _say(session, no_checks, Scope.DUPLICATES)
        assert issuing.issue_chunk(session, released, "post_office") == 6
        session.expire_all()
        assert _kinds(session) == {paid[0].id: "no_texts", paid[1].id: "no_sharing"}
        assert [each.state for each in paid] == [PaymentState.FAILED] * 2 + [
            PaymentState.ACCEPTED
        ] * 4
        failures = session.scalars(
            select(PaymentEvent.failure).where(PaymentEvent.failure.is_not(None))
        )
        assert sorted(map(str, failures)) == ["no_sharing", "no_texts"]
        assert session.scalar(select(func.count()).select_from(CodeIssue)) == 4
    assert_every_promise_is_kept()


def test_what_was_sent_before_somebody_says_no_runs_on(released: UUID) -> None:
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        issuing.issue_chunk(session, released, "post_office")
        first = session.scalars(select(Payment).order_by(Payment.number).limit(1)).one()
        for scope in Scope:
            _say(session, first.person_id, scope)
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        states = set(session.scalars(select(Payment.state)))
        assert states == {PaymentState.ACCEPTED}
    assert_every_promise_is_kept()


def test_consent_taken_back_after_the_signatures_holds_the_payment_and_keeps_it_out_of_the_next_run(
    database: URL, owner: Engine
) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        code = funded_programme(session)
        _resting_on_consent(session, code)
        households(session, [2, 3])
        consenting.accepted(session, consenting.notice_file())
        first, second = session.scalars(
            select(Person.id).where(Person.is_recipient).order_by(Person.registered_at, Person.id)
        ).all()
        for each in (first, second):
            _say(session, each, Scope.ASSISTANCE, Answer.GIVEN)
        run = approved_run(session, people, code)
    with clock.frozen(START + timedelta(hours=1)), offices.transaction("dz") as session:
        dispatch.begin_release(session, people.authoriser.actor, run.id)
        _say(session, first, Scope.ASSISTANCE)
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        assert issuing.issue_chunk(session, run.id, "post_office") == 2
        held = session.scalars(select(Payment).where(Payment.person_id == first)).one()
        assert _kinds(session) == {held.id: "consent_withdrawn"}
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        again.give_up(session, people.authoriser.actor, run.id, "the recipient agrees no longer")
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        left = unfunded.left(session, EVERYTHING, code, PERIOD)
        assert [(each.reason, each.entitlements) for each in left] == [
            (unfunded.Reason.CONSENT_WITHDRAWN, 1)
        ]
        with pytest.raises(runs.NothingToPay, match="taken back the consent"):
            runs.build(session, people.maker.actor, run.cycle_id)
        _say(session, first, Scope.ASSISTANCE, Answer.GIVEN)
        assert runs.build(session, people.maker.actor, run.cycle_id).payment_count == 1
    assert_every_promise_is_kept()


def _resting_on_consent(session: Session, code: str) -> None:
    """The programme's file as it stands, with consent asked for."""
    file = session.execute(text("SELECT definition FROM programme_versions")).scalar_one()
    file["eligibility"] = {"consent": "required"}
    assert applying.apply(session, EVERYTHING, json.dumps(file)).programme == code
