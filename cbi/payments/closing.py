"""A released run is closed once nothing of it is on its way or waits for a decision."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import SYSTEM
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs import move_run
from cbi.payments.states import PaymentState, RunState

SETTLED = (PaymentState.PAID, PaymentState.CANCELLED)


def close_settled(session: Session) -> int:
    """Close every released run whose payments are all paid or cancelled; returns how many."""
    unsettled = exists().where(Payment.run_id == PaymentRun.id, Payment.state.not_in(SETTLED))
    done = session.scalars(
        select(PaymentRun)
        .where(PaymentRun.state == RunState.RELEASED, ~unsettled)
        .order_by(PaymentRun.number)
        .with_for_update(skip_locked=True)
    ).all()
    for run in done:
        run.closed_at = clock.now()
        move_run(session, SYSTEM, run, RunState.CLOSED)
    return len(done)
