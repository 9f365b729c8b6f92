"""Payments of which nobody has known for days: their money is set apart in the books, and a discrepancy asks about each.

No timer ever calls one failed.
"""

from datetime import timedelta

from sqlalchemy import String, Uuid, exists, func, literal, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.payments.models import Attempt, Discrepancy, Payment, PaymentRun
from cbi.payments.moves import move
from cbi.payments.outcomes.discrepancies import UNKNOWN_FOR_DAYS, open_set, settle_set
from cbi.payments.runs.runs import find
from cbi.payments.states import PaymentState, RunState
from cbi.settings import settings

SOURCE = "age"


def age(session: Session) -> int:
    """Call disputed what has been unknown since an attempt longer ago than CBI_DISPUTED_AFTER_DAYS; returns how many.

    They are still asked about, and end by the provider's word or two people's finding, as before; so does the discrepancy
    that names each of them.
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
    aged = sum(
        move(
            session, find(session, run_id), old, PaymentState.UNKNOWN, PaymentState.DISPUTED, provider=provider,
            source=SOURCE,
        )
        for run_id, provider in routes
    )  # fmt: skip
    _ask(session)
    return aged


def _ask(session: Session) -> None:
    """Keep a discrepancy open for each payment that is in dispute, and none for any other."""
    open_set(
        session,
        select(
            literal(UNKNOWN_FOR_DAYS, String).label("kind"),
            func.concat("payment:", Payment.id, ":", Payment.attempts).label("subject"),
            Payment.provider.label("provider"), Payment.id.label("payment_id"), literal(None, Uuid).label("line_id"),
            Payment.rest_minor.label("amount_minor"), Payment.currency.label("currency"),
            func.jsonb_build_object("attempt", Payment.attempts).label("details"),
            Attempt.started_at.label("since"), literal(None, Uuid).label("owner_id"),
        )
        .join(Attempt, (Attempt.payment_id == Payment.id) & (Attempt.number == Payment.attempts))
        .where(Payment.state == PaymentState.DISPUTED),
    )  # fmt: skip
    settle_set(
        session,
        select(Discrepancy.id, literal("It is known by now what became of the payment."))
        .join(Payment, Payment.id == Discrepancy.payment_id)
        .where(
            Discrepancy.kind == UNKNOWN_FOR_DAYS,
            Discrepancy.settled_at.is_(None),
            Payment.state != PaymentState.DISPUTED,
        ),
    )
