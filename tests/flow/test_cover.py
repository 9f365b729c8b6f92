"""What a run's sheet says of the money left after it, from approval until everything is sent."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from cbi import clock
from cbi.money import Money
from cbi.payments.models import PaymentRun
from cbi.payments.runs import cover
from cbi.payments.sending import dispatch
from tests.factories import (
    START,
    Team,
    approved_run,
    funded_programme,
    households,
    locked_run,
    team,
)


@pytest.fixture
def people(session: Session) -> Team:
    return team(session)


def left_after(session: Session, run: PaymentRun) -> Money:
    session.flush()
    (line,) = cover.of(session, run).floats
    return line.after


def test_a_run_counts_against_the_float_from_approval_until_it_is_sent(
    session: Session, people: Team
) -> None:
    with clock.frozen(START):
        households(session, [1, 2])
        run = approved_run(session, people, funded_programme(session))
        other = locked_run(session, people, funded_programme(session, code="other"))
        before = left_after(session, run), left_after(session, other)
    with clock.frozen(START + timedelta(hours=1)):
        dispatch.begin_release(session, people.authoriser.actor, run.id)
        released = left_after(session, run), left_after(session, other)
        chunk = dispatch.next_chunk(session, run.id, "post_office", 1)
        assert chunk
        dispatch.start_chunk(session, chunk)
        half_sent = left_after(session, run), left_after(session, other)
    assert before == released == half_sent
