"""Asking a provider about payments whose outcome is not known yet. Asking never sends anything."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Integer, cast, or_, select, update
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.fsp.adapter import QueriesStatus
from cbi.fsp.messages import Outcome, ProviderUpdate, Question
from cbi.payments.models import Attempt, Discrepancy, Payment
from cbi.payments.outcomes.disputes import SAID_TO_HAVE_FAILED
from cbi.payments.outcomes.outcomes import ASKED, Applied, apply
from cbi.payments.states import IN_DOUBT, PaymentState
from cbi.registry import personal

log = logging.getLogger(__name__)

ASK_AGAIN_AFTER = timedelta(minutes=5)
ASKED_TOGETHER = 100
OVERTAKEN = "overtaken_answer"
"""The source of an answer that other news has overtaken."""
_ASKED_ABOUT = (
    Attempt.payment_id,
    Attempt.number,
    Attempt.idempotency_key,
    Attempt.ticket,
    Payment.account_id,
    Payment.state,
)


@dataclass(frozen=True, slots=True)
class _Due:
    """An attempt that is asked about now, and the question. `paid`: our books held it for paid when it was asked about."""

    payment_id: UUID
    number: int
    question: Question
    paid: bool


def poll(
    office: str, provider: str, adapter: QueriesStatus, *, patience: timedelta = ASK_AGAIN_AFTER
) -> int:
    """Ask about each unknown or accepted payment not asked about lately, and about each paid one that was since said to
    have failed; returns how many moved.

    No transaction is open while the provider thinks. An answer that fails to come leaves the payment as it is.
    """
    moved = 0
    for due in offices.transact(office, lambda session: _all_due(session, provider, patience)):
        news: ProviderUpdate | None = None
        try:
            news = adapter.query_status(due.question)
        except Exception as error:  # noqa: BLE001 - one payment that cannot be asked about must not block the others
            log.warning(
                "%s did not say what became of a payment: %s", provider, type(error).__name__
            )
        moved += _save(office, provider, due, news)
    return moved


def _save(office: str, provider: str, due: _Due, news: ProviderUpdate | None) -> bool:
    asked = (
        update(Attempt)
        .where(Attempt.payment_id == due.payment_id, Attempt.number == due.number)
        .values(asked_at=clock.now())
    )

    def save(session: Session) -> bool:
        session.execute(asked)
        if news is None:
            return False
        source = OVERTAKEN if _is_overtaken(session, due, news) else ASKED
        return apply(session, news, provider=provider, source=source) is Applied.MOVED

    return offices.transact(office, save)


def _is_overtaken(session: Session, due: _Due, news: ProviderUpdate) -> bool:
    """Whether the payment was found paid while the provider was about to say that it failed: it is asked again.

    Without this, an answer that was true when it was given would take back what was paid a moment later.
    """
    if due.paid or news.outcome is not Outcome.FAILED:
        return False
    payment = session.get_one(Payment, due.payment_id, with_for_update=True, populate_existing=True)
    return payment.state is PaymentState.PAID


def _all_due(session: Session, provider: str, patience: timedelta) -> list[_Due]:
    before = clock.now() - patience
    due = (
        select(*_ASKED_ABOUT)
        .join(Payment, (Payment.id == Attempt.payment_id) & (Payment.attempts == Attempt.number))
        .where(
            Attempt.provider == provider,
            Payment.state.in_([PaymentState.ACCEPTED, *IN_DOUBT]),
            or_(Attempt.asked_at.is_(None), Attempt.asked_at < before),
        )
        .order_by(Attempt.asked_at.nulls_first())
        .limit(ASKED_TOGETHER)
    )
    doubted = (
        select(*_ASKED_ABOUT)
        .join(Payment, Payment.id == Attempt.payment_id)
        .join(
            Discrepancy,
            (Discrepancy.payment_id == Payment.id)
            & (cast(Discrepancy.details["attempt"].astext, Integer) == Attempt.number),
        )
        .where(
            Discrepancy.provider == provider,
            Discrepancy.kind == SAID_TO_HAVE_FAILED,
            Discrepancy.settled_at.is_(None),
            Payment.state == PaymentState.PAID,
            or_(Attempt.asked_at.is_(None), Attempt.asked_at < Discrepancy.opened_at),
        )
        .limit(ASKED_TOGETHER)
    )
    rows = [row for each in (doubted, due) for row in session.execute(each)]
    accounts = personal.accounts(session, [account_id for *_, account_id, _ in rows])
    return [
        _Due(
            payment_id,
            number,
            Question(key, accounts.get(account_id), ticket),
            state is PaymentState.PAID,
        )
        for payment_id, number, key, ticket, account_id, state in rows
    ]
