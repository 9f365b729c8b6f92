"""What somebody should have decided or found out before a month is closed."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.month_end.findings import Finding, counted, done, still_open
from cbi.payments.models import Attempt, Discrepancy, Payment, PaymentEvent
from cbi.payments.runs.progress import UNDECIDED
from cbi.payments.states import PaymentState
from cbi.settings import settings

PATIENCE = timedelta(days=30)
"""How long something may wait for a decision or an explanation before a close asks why (controls, row 55)."""


def unknown(session: Session, over: datetime) -> Finding:
    """Nothing that was sent in the month is still unknown without being in dispute."""
    number = session.scalar(
        select(func.count())
        .select_from(Payment)
        .join(Attempt, (Attempt.payment_id == Payment.id) & (Attempt.number == Payment.attempts))
        .where(Payment.state == PaymentState.UNKNOWN, Attempt.started_at < over)
    )
    if number:
        return still_open(
            f"Of {counted(number, 'payment', 'payments')} of the month nobody knows whether it was paid.",
            f"Ask the provider. After {settings().disputed_after_days} days they are set apart by themselves.",
        )
    return done("Whatever is unknown is set apart as being in dispute.")


def undecided(session: Session, over: datetime) -> Finding:
    """Nothing that failed, came back or expired in the month has waited too long for a decision."""
    came = (
        select(func.max(PaymentEvent.at))
        .where(PaymentEvent.payment_id == Payment.id, PaymentEvent.after == Payment.state)
        .scalar_subquery()
    )
    number = session.scalar(
        select(func.count())
        .select_from(Payment)
        .where(Payment.live, Payment.state.in_(sorted(UNDECIDED)), came < _before(over))
    )
    if number:
        return still_open(
            f"{counted(number, 'payment waits', 'payments wait')} since over {PATIENCE.days} days for a decision.",
            "Try them again or give them up: cbi run undecided",
        )
    return done(f"No payment waits since over {PATIENCE.days} days for a decision.")


def discrepancies(session: Session, over: datetime) -> Finding:
    """No discrepancy has been open for too long."""
    number = session.scalar(
        select(func.count())
        .select_from(Discrepancy)
        .where(Discrepancy.settled_at.is_(None), Discrepancy.since < _before(over))
    )
    if number:
        return still_open(
            f"{counted(number, 'discrepancy is', 'discrepancies are')} older than {PATIENCE.days} days.",
            "Settle them: cbi discrepancy list",
        )
    return done(f"No discrepancy is older than {PATIENCE.days} days.")


def _before(over: datetime) -> datetime:
    """What began before this is of the month, and too old."""
    return min(over, clock.now() - PATIENCE)
