"""Payments of which nobody has known for days: their money is set apart in the books. No timer ever calls one failed."""

from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.payments.models import Attempt, Payment, PaymentRun
from cbi.payments.moves import move
from cbi.payments.runs.runs import find
from cbi.payments.states import PaymentState, RunState
from cbi.settings import settings

SOURCE = "age"


def age(session: Session) -> int:
    """Call disputed what has been unknown since an attempt longer ago than CBI_DISPUTED_AFTER_DAYS; returns how many.

    They are still asked about, and end by the provider's word or two people's finding, as before.
    """
    before = clock.now() - timedelta(days=settings().disputed_after_days)
    old = exists().where(
        Attempt.payment_id == Payment.id,
        Attempt.number == Payment.attempts,
        Attempt.started_at < before,
    )
    routes = session.execute(
        select(Payment.run_id, Payment.provider)
        .join(PaymentRun, PaymentRun.id == Payment.run_id)
        .where(
            PaymentRun.state.in_([RunState.RELEASING, RunState.RELEASED]),
            Payment.state == PaymentState.UNKNOWN,
            old,
        )
        .distinct()
        .order_by(Payment.run_id, Payment.provider)
    ).all()
    return sum(
        move(
            session, find(session, run_id), old, PaymentState.UNKNOWN, PaymentState.DISPUTED, provider=provider,
            source=SOURCE,
        )
        for run_id, provider in routes
    )  # fmt: skip
