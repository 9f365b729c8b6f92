"""Asking a provider about payments whose outcome is not known yet. Asking never sends anything."""

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.fsp.adapter import QueriesStatus
from cbi.fsp.messages import ProviderUpdate
from cbi.payments.models import Attempt, Payment
from cbi.payments.outcomes import Applied, apply
from cbi.payments.states import PaymentState

log = logging.getLogger(__name__)

ASK_AGAIN_AFTER = timedelta(minutes=5)
ASKED_TOGETHER = 100


def poll(
    office: str, provider: str, adapter: QueriesStatus, *, patience: timedelta = ASK_AGAIN_AFTER
) -> int:
    """Ask about each unknown or accepted payment not asked about lately; returns how many moved.

    No transaction is open while the provider thinks. An answer that fails to come leaves the payment as it is.
    """
    moved = 0
    for payment_id, number, key in _due(office, provider, patience):
        try:
            news = adapter.query_status(key)
        except Exception as error:  # noqa: BLE001 - one payment that cannot be asked about must not block the others
            log.warning(
                "%s did not say what became of a payment: %s", provider, type(error).__name__
            )
            news = None
        moved += _save(office, provider, payment_id, number, news)
    return moved


def _save(
    office: str, provider: str, payment_id: UUID, number: int, news: ProviderUpdate | None
) -> bool:
    asked = (
        update(Attempt)
        .where(Attempt.payment_id == payment_id, Attempt.number == number)
        .values(asked_at=clock.now())
    )

    def save(session: Session) -> bool:
        session.execute(asked)
        if news is None:
            return False
        return apply(session, news, provider=provider, source="query") is Applied.MOVED

    return offices.transact(office, save)


def _due(office: str, provider: str, patience: timedelta) -> list[tuple[UUID, int, str]]:
    before = clock.now() - patience
    due = (
        select(Attempt.payment_id, Attempt.number, Attempt.idempotency_key)
        .join(Payment, (Payment.id == Attempt.payment_id) & (Payment.attempts == Attempt.number))
        .where(
            Attempt.provider == provider,
            Payment.state.in_([PaymentState.UNKNOWN, PaymentState.ACCEPTED]),
            or_(Attempt.asked_at.is_(None), Attempt.asked_at < before),
        )
        .order_by(Attempt.asked_at.nulls_first())
        .limit(ASKED_TOGETHER)
    )
    return offices.transact(
        office, lambda session: [(row[0], row[1], row[2]) for row in session.execute(due)]
    )
