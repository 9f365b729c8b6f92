"""A machine's clock that jumps back opens nothing that was closed, and breaks no promise."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, select

from cbi import clock, jobs, offices
from cbi.access.permissions import Role
from cbi.access.totp import CodeUsed, step_up
from cbi.payments.models import Payment
from cbi.payments.runs import runs
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval, recall
from cbi.payments.states import PaymentState
from cbi.proofs.verify import verify
from cbi.redemption import reissuing
from tests.factories import (
    EVERYTHING,
    START,
    Team,
    approved_run,
    colleague,
    funded_programme,
    households,
    locked_run,
    team,
)
from tests.redemption_factory import (
    LAST_DAY,
    OPEN,
    Issued,
    code_of,
    confirm,
    hold,
    issued,
    refused,
    teller,
    try_code,
    wrong,
)

BACK = timedelta(days=2)
OVER = datetime.combine(LAST_DAY + timedelta(days=1), OPEN.timetz())


def minutes_to(instant: datetime) -> float:
    """The instant, as the tellers of the story count: minutes after opening."""
    return (instant - OPEN) / timedelta(minutes=1)


@pytest.fixture
def run(owner: Engine) -> Iterator[Issued]:
    """Three codes; whatever the clock does in a test, every promise is kept at its end."""
    yield issued(owner)
    while jobs.seal("dz"):
        pass
    with offices.transaction("dz") as session:
        assert [verdict.breaches for verdict in verify(session)] == [()] * 9


def test_a_one_time_code_that_was_used_stays_used(database: URL) -> None:
    with offices.transaction("dz") as session:
        signer = colleague(session, Role.CERTIFIER)
    with clock.frozen(START):
        now = signer.code()
        with offices.transaction("dz") as session:
            step_up(session, signer.actor, now)
    for back in (timedelta(0), timedelta(seconds=30), timedelta(hours=1), BACK):
        with (
            clock.frozen(START - back),
            pytest.raises(CodeUsed),
            offices.transaction("dz") as session,
        ):
            step_up(session, signer.actor, signer.code())
    with clock.frozen(START + timedelta(minutes=1)), offices.transaction("dz") as session:
        step_up(session, signer.actor, signer.code())


@pytest.fixture
def people(database: URL) -> Team:
    with clock.frozen(START), offices.transaction("dz") as session:
        households(session, [1, 2])
        funded_programme(session)
        return team(session)


def test_a_recall_window_is_not_over_because_the_clock_went_back(people: Team) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        run_id = approved_run(session, people, "winter").id
    for at in (START - BACK, START, START + timedelta(minutes=14)):
        with (
            clock.frozen(at),
            pytest.raises(dispatch.TooEarly),
            offices.transaction("dz") as session,
        ):
            dispatch.begin_release(session, people.authoriser.actor, run_id)
    with clock.frozen(START - BACK), offices.transaction("dz") as session:
        recall.cancel(session, people.authoriser.actor, run_id, "the clock is wrong")


def test_a_run_signed_before_the_clock_went_back_is_signed_and_paid_once(people: Team) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        run_id = locked_run(session, people, "winter").id
        approval.certify(session, people.certifier.actor, run_id, people.certifier.code())
    with clock.frozen(START - BACK), offices.transaction("dz") as session:
        approval.authorise(session, people.authoriser.actor, run_id, people.authoriser.code())
    with clock.frozen(START - BACK + timedelta(minutes=15)), offices.transaction("dz") as session:
        dispatch.begin_release(session, people.authoriser.actor, run_id)
    for at, count in ((START, 2), (START - BACK, 0)):
        with clock.frozen(at):
            assert jobs.release("dz", run_id).payments == count
    with (
        clock.frozen(START),
        pytest.raises(runs.NothingToPay),
        offices.transaction("dz") as session,
    ):
        runs.build(session, people.maker.actor, runs.find(session, run_id).cycle_id)


def state(payment_id: UUID) -> PaymentState:
    with offices.transaction("dz") as session:
        return session.scalars(select(Payment.state).where(Payment.id == payment_id)).one()


def test_a_code_that_expired_stays_expired(run: Issued) -> None:
    code = code_of(run.payments[0])
    assert refused(try_code(teller(), code, at=minutes_to(OVER))) == "redemption.expired"
    with clock.frozen(OVER):
        assert jobs.expire("dz") == 3
    assert state(run.payments[0]) is PaymentState.EXPIRED
    for back in (timedelta(days=3), OVER - OPEN):
        assert refused(try_code(teller(), code, at=minutes_to(OVER - back))) == "redemption.expired"
    with clock.frozen(OPEN):
        assert jobs.expire("dz") == 0
        with pytest.raises(reissuing.CodeOver), offices.transaction("dz") as session:
            reissuing.reissue(session, EVERYTHING, run.payments[0], "message never arrived")


def test_what_was_paid_stays_paid_and_the_rest_can_still_be(run: Issued) -> None:
    first, second, third = run.payments
    who = teller()
    held = hold(who, code_of(first), at=60)
    receipt = confirm(who, held.authorisation_id, at=60)
    assert refused(try_code(teller(), code_of(first), at=-600)) == "redemption.already_paid"
    assert confirm(who, held.authorisation_id, at=-600) == receipt
    late = hold(who, code_of(second), at=120)
    assert confirm(who, late.authorisation_id, at=-600).amount == late.amount
    old = code_of(third)
    with clock.frozen(OPEN - timedelta(hours=10)), offices.transaction("dz") as session:
        reissuing.reissue(session, EVERYTHING, third, "message never arrived")
    assert refused(try_code(who, old, at=180)) == "redemption.replaced"
    hold(who, code_of(third), at=180)


def test_a_pause_does_not_end_because_the_clock_went_back(run: Issued) -> None:
    who, code = teller(), code_of(run.payments[0])
    for guess in range(1, 4):
        try_code(who, wrong(code, guess), at=30)
    for guess in range(1, 3):
        try_code(who, wrong(code_of(run.payments[1]), guess), at=30)
    for at in (31, 29, 0, -60):
        assert refused(try_code(who, code, at=at)) == "redemption.teller_paused", at
    hold(who, code, at=46)
