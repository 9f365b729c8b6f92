"""A run from draft to released: what is signed is what is paid, by different people, from money that is there."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Permission, Role
from cbi.access.totp import CodeUsed, WrongCode
from cbi.audit.reasons import UnusableReason
from cbi.errors import Conflict
from cbi.ledger.posting import NotCovered
from cbi.ledger.queries import fund_positions
from cbi.lifecycle import MoveNotAllowed
from cbi.money import Money
from cbi.payments.models import Approval, Payment, PaymentEvent, PaymentRun
from cbi.payments.outcomes import outcomes
from cbi.payments.runs import closing, digest, queries, runs, waiting
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval, recall
from cbi.payments.states import PaymentState, RunState
from cbi.programmes import cycles
from tests.factories import (
    PERIOD,
    START,
    Team,
    approved_run,
    colleague,
    funded_programme,
    households,
    locked_run,
    team,
)


@pytest.fixture
def people(session: Session) -> Team:
    return team(session)


@pytest.fixture
def programme(session: Session) -> str:
    households(session, [1, 2, 3, 4])
    return funded_programme(session)


def dzd(amount: str) -> Money:
    return Money.parse(amount, "DZD")


def test_a_run_holds_one_payment_for_each_entitlement(
    session: Session, people: Team, programme: str
) -> None:
    run = locked_run(session, people, programme)
    assert (run.payment_count, run.total_minor) == (4, 10_000_00)
    with pytest.raises(runs.NothingToPay):
        runs.build(session, people.maker.actor, run.cycle_id)


def test_two_signatures_commit_the_funds(session: Session, people: Team, programme: str) -> None:
    run = approved_run(session, people, programme)
    position = fund_positions(session)[0]
    assert run.state is RunState.APPROVED
    assert position.committed == dzd("10000.00")
    assert position.available == dzd("990000.00")


def test_nobody_signs_a_run_they_made(session: Session, programme: str) -> None:
    both = colleague(session, Role.PROGRAMME_MANAGER, Role.CERTIFIER, Role.AUTHORISER)
    other = colleague(session, Role.CERTIFIER)
    run = locked_run(session, Team(both, both, both), programme)
    with pytest.raises(runs.TwoParts):
        approval.certify(session, both.actor, run.id, both.code())
    approval.certify(session, other.actor, run.id, other.code())


def test_one_person_does_not_sign_twice(session: Session, people: Team, programme: str) -> None:
    both = colleague(session, Role.CERTIFIER, Role.AUTHORISER)
    run = locked_run(session, people, programme)
    with clock.frozen(START):
        approval.certify(session, both.actor, run.id, both.code())
    with clock.frozen(START + timedelta(minutes=1)), pytest.raises(runs.TwoParts):
        approval.authorise(session, both.actor, run.id, both.code())


def test_a_signature_needs_a_fresh_code(session: Session, people: Team, programme: str) -> None:
    run = locked_run(session, people, programme)
    with pytest.raises(WrongCode):
        approval.certify(session, people.certifier.actor, run.id, "000000")
    code = people.certifier.code()
    approval.certify(session, people.certifier.actor, run.id, code)
    recall.send_back(session, people.certifier.actor, run.id, "a household moved away")
    runs.lock(session, people.maker.actor, run.id)
    with pytest.raises(CodeUsed):
        approval.certify(session, people.certifier.actor, run.id, code)


def test_only_whoever_holds_the_permission_signs(
    session: Session, people: Team, programme: str
) -> None:
    run = locked_run(session, people, programme)
    with pytest.raises(NotPermitted):
        approval.certify(session, people.maker.actor, run.id, people.maker.code())


def test_a_run_that_was_returned_needs_both_signatures_anew(
    session: Session, people: Team, programme: str
) -> None:
    run = locked_run(session, people, programme)
    approval.certify(session, people.certifier.actor, run.id, people.certifier.code())
    before = run.digest
    recall.send_back(session, people.authoriser.actor, run.id, "check household 3")
    runs.lock(session, people.maker.actor, run.id)
    assert run.digest != before
    with pytest.raises(MoveNotAllowed):
        approval.authorise(session, people.authoriser.actor, run.id, people.authoriser.code())


def test_a_payment_taken_out_of_a_draft_is_owed_again(
    session: Session, people: Team, programme: str
) -> None:
    opened = cycles.open_cycle(session, people.maker.actor, programme, PERIOD)
    run = runs.build(session, people.maker.actor, opened.id)
    first = session.scalars(
        select(Payment).where(Payment.run_id == run.id, Payment.number == 1)
    ).one()
    runs.exclude(session, people.maker.actor, run.id, first.id, "moved away")
    assert run.payment_count == 3
    again = runs.build(session, people.maker.actor, opened.id)
    assert again.payment_count == 1


def test_money_that_is_not_there_is_not_committed(session: Session, people: Team) -> None:
    households(session, [20, 20])
    programme = funded_programme(session, budgeted="39999.99")
    run = locked_run(session, people, programme)
    approval.certify(session, people.certifier.actor, run.id, people.certifier.code())
    with pytest.raises(NotCovered, match=r"holds 39,999\.99 DZD, and 40,000\.00 DZD is asked for"):
        approval.authorise(session, people.authoriser.actor, run.id, people.authoriser.code())


def test_a_recalled_run_gives_its_funds_back(
    session: Session, people: Team, programme: str
) -> None:
    run = approved_run(session, people, programme)
    recall.cancel(session, people.authoriser.actor, run.id, "wrong month")
    position = fund_positions(session)[0]
    assert (position.committed, position.available) == (dzd("0.00"), dzd("1000000.00"))
    again = runs.build(session, people.maker.actor, run.cycle_id)
    assert again.payment_count == 4


def test_a_run_waits_for_the_end_of_its_recall_window(
    session: Session, people: Team, programme: str
) -> None:
    with clock.frozen(START):
        run = approved_run(session, people, programme)
        with pytest.raises(dispatch.TooEarly):
            dispatch.begin_release(session, people.authoriser.actor, run.id)
    with clock.frozen(START + timedelta(minutes=15)):
        assert (
            dispatch.begin_release(session, people.authoriser.actor, run.id).state
            is RunState.RELEASING
        )
    assert (
        "releases" in session.info["wanted"]
    )  # a worker is asked at the commit, not half a minute later


def test_a_run_is_released_neither_by_its_maker_nor_after_its_fund_has_ended(
    session: Session, people: Team, programme: str
) -> None:
    both = colleague(session, Role.PROGRAMME_MANAGER, Role.AUTHORISER)
    with clock.frozen(START):
        run = approved_run(session, replace(people, maker=both), programme)
    with clock.frozen(START + timedelta(hours=1)):
        sheet = queries.sheet(session, run.id)
        asked = [waiting.waits(session, each.actor, sheet) for each in (both, people.authoriser)]
        assert [each and each.is_mine for each in asked] == [False, True]
        with pytest.raises(dispatch.OwnRelease, match="somebody else releases it"):
            dispatch.begin_release(session, both.actor, run.id)
    with clock.frozen(START + timedelta(days=900)), pytest.raises(approval.FundNotValid):
        dispatch.begin_release(session, people.authoriser.actor, run.id)
    assert run.state is RunState.APPROVED


def test_a_chunk_is_sent_once_with_attempts_events_and_books(
    session: Session, people: Team, programme: str
) -> None:
    with clock.frozen(START):
        run = approved_run(session, people, programme)
    with clock.frozen(START + timedelta(hours=1)):
        dispatch.begin_release(session, people.authoriser.actor, run.id)
        chunk = dispatch.next_chunk(session, run.id, "post_office", 3)
        assert chunk == dispatch.Chunk(run.id, "post_office", 1, 3)
        assert dispatch.start_chunk(session, chunk) == 3
        rest = dispatch.next_chunk(session, run.id, "post_office", 3)
        assert rest == dispatch.Chunk(run.id, "post_office", 4, run.payment_count)
    assert fund_positions(session)[0].in_transit.minor == session.scalar(
        select(func.sum(Payment.amount_minor)).where(Payment.state == PaymentState.SENDING)
    )
    assert session.scalar(select(func.count()).select_from(PaymentEvent)) == 3


@pytest.fixture
def approved(database: object) -> tuple[UUID, Team]:
    """An approved run that is committed, so that an intruder can reach it."""
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        households(session, [1, 2, 3])
        run = approved_run(session, people, funded_programme(session))
    return run.id, people


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE payments SET amount_minor = amount_minor + 1 WHERE number = 2",
        "UPDATE payments SET account_index = set_byte(account_index, 0, get_byte(account_index, 0) # 1) WHERE number = 2",
        "UPDATE payments SET person_id = gen_random_uuid() WHERE number = 2",
        "UPDATE payments SET provider = 'sandbox' WHERE number = 2",
    ],
)
def test_one_altered_byte_stops_the_release_and_is_named(
    approved: tuple[UUID, Team], owner: Engine, tampering: str
) -> None:
    run_id, people = approved
    with owner.begin() as intruder:
        intruder.execute(text(tampering))
    with (
        clock.frozen(START + timedelta(hours=1)),
        pytest.raises(approval.ContentAltered, match=r"no\. 2"),
        offices.transaction("dz") as session,
    ):
        dispatch.begin_release(session, people.authoriser.actor, run_id)


def test_a_payment_slipped_into_an_approved_run_stops_the_release(
    approved: tuple[UUID, Team], owner: Engine
) -> None:
    run_id, people = approved
    with owner.begin() as intruder:
        intruder.execute(text("DELETE FROM payments WHERE number = 3"))
    with (
        clock.frozen(START + timedelta(hours=1)),
        pytest.raises(approval.ContentAltered),
        offices.transaction("dz") as session,
    ):
        dispatch.begin_release(session, people.authoriser.actor, run_id)


def test_a_run_cannot_be_edited_once_locked(session: Session, people: Team, programme: str) -> None:
    run: PaymentRun = locked_run(session, people, programme)
    payment = session.scalars(select(Payment.id).where(Payment.run_id == run.id)).first()
    assert payment is not None
    with pytest.raises(Conflict, match="only a draft can be edited"):
        runs.exclude(session, people.maker.actor, run.id, payment, "too late")


def test_a_run_is_closed_when_everything_is_settled_and_not_before(
    session: Session, people: Team, programme: str
) -> None:
    with clock.frozen(START):
        run = approved_run(session, people, programme)
    with clock.frozen(START + timedelta(hours=1)):
        dispatch.begin_release(session, people.authoriser.actor, run.id)
        chunk = dispatch.Chunk(run.id, "post_office", 1, 4)
        dispatch.start_chunk(session, chunk)
        outcomes.accept_chunk(session, chunk, "test")
        assert dispatch.finish_release(session, run.id)
        payments = session.scalars(select(Payment.id).where(Payment.run_id == run.id)).all()
        for payment in payments[1:]:
            assert outcomes.confirm_paid(
                session, payment, 1, provider_reference=None, source="test"
            )
        assert closing.close_settled(session) == 0
        outcomes.confirm_paid(session, payments[0], 1, provider_reference=None, source="test")
        assert closing.close_settled(session) == 1
    assert run.state is RunState.CLOSED


def test_an_intruder_who_makes_every_digest_fit_again_is_stopped_by_the_audit_log(
    approved: tuple[UUID, Team], owner: Engine
) -> None:
    run_id, people = approved
    with Session(owner) as intruder, intruder.begin():
        intruder.execute(update(Payment).where(Payment.number == 2).values(person_id=uuid4()))
        intruder.execute(update(Payment).values(digest=digest.payment_digest()))
        run = intruder.get_one(PaymentRun, run_id)
        run.digest = digest.run_digest(intruder, run)
        intruder.execute(update(Approval).values(digest=run.digest))
    with (
        clock.frozen(START + timedelta(hours=1)),
        pytest.raises(approval.ContentAltered, match="audit log"),
        offices.transaction("dz") as session,
    ):
        dispatch.begin_release(session, people.authoriser.actor, run_id)


def test_a_manager_of_one_programme_sees_and_builds_no_other(
    session: Session, people: Team
) -> None:
    households(session, [1])
    funded_programme(session, code="winter")
    run = locked_run(session, people, "winter")
    elsewhere = replace(
        people.maker.actor, grants=frozenset((p, "summer") for p, _ in people.maker.actor.grants)
    )
    assert queries.runs(session, *queries.visible(elsewhere)) == []
    assert [line.id for line in queries.runs(session, *queries.visible(people.maker.actor))] == [
        run.id
    ]
    with pytest.raises(NotPermitted):
        runs.find_for(session, elsewhere, run.id, Permission.RUN_READ)
    with pytest.raises(NotPermitted):
        runs.build(session, elsewhere, run.cycle_id)


def test_a_reason_that_could_be_a_code_is_not_kept(
    session: Session, people: Team, programme: str
) -> None:
    run = locked_run(session, people, programme)
    with pytest.raises(UnusableReason):
        recall.send_back(session, people.certifier.actor, run.id, "she showed 4831.2907.5526")
