"""A released run is closed once nothing of it is on its way or waits for a decision, and opened again if money came back."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import SYSTEM
from cbi.payments.fees import fees
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs.runs import find, move_run
from cbi.payments.states import PaymentState, RunState

SETTLED = (PaymentState.PAID, PaymentState.CANCELLED)


def close_settled(session: Session) -> int:
    """Close every released run whose payments are all paid or given up; returns how many."""
    unsettled = exists().where(Payment.run_id == PaymentRun.id, Payment.state.not_in(SETTLED))
    settled = (
        select(PaymentRun)
        .where(PaymentRun.state == RunState.RELEASED, ~unsettled)
        .order_by(PaymentRun.number)
    )
    held = session.scalars(settled.with_for_update(skip_locked=True)).all()
    # Looked at again: money that came back while the lock was waited for has marked its payment by now.
    done = session.scalars(settled.where(PaymentRun.id.in_([run.id for run in held]))).all()
    for run in done:
        run.closed_at = clock.now()
        move_run(session, SYSTEM, run, RunState.CLOSED)
        fees.settle(session, run)
    fees.release_overdue(session)
    return len(done)


def reopen(session: Session, run: PaymentRun) -> None:
    """Open a closed run again of which a payment came back. Locks the run, so that it is not closed meanwhile."""
    run = find(session, run.id, lock=True)
    if run.state is RunState.CLOSED:
        move_run(session, SYSTEM, run, RunState.RELEASED)
