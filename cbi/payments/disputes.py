"""Payments of which the provider says something else than our books: nothing more is sent until somebody explains it.

A payment that waits for a new attempt may have been paid by an earlier one. While a discrepancy says so, it waits.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from cbi.payments.models import Discrepancy, Payment
from cbi.payments.states import PaymentState

SAID_TO_HAVE_FAILED = "said_to_have_failed"
"""News of a failure, until the provider, asked, says the same."""

ANOTHER_AMOUNT = "paid_another_amount"
"""News of another amount than was sent."""

EARLIER_ATTEMPT_PAID = "earlier_attempt_paid"
"""News that an attempt which was given up paid after all."""


def contradiction(claimed: PaymentState, state: PaymentState) -> str:
    """The kind of discrepancy that news opens which the lifecycle forbids."""
    return f"{claimed}_after_{state}"


HOLDING = (
    SAID_TO_HAVE_FAILED,
    ANOTHER_AMOUNT,
    EARLIER_ATTEMPT_PAID,
    *(
        contradiction(claimed, state)
        for claimed in (PaymentState.PAID, PaymentState.RETURNED)
        for state in PaymentState
    ),
)
"""While one of these is open, or one about a line of a statement that names the payment, its money may have moved."""


def _in_dispute() -> Select[UUID | None]:
    return select(Discrepancy.payment_id).where(
        Discrepancy.settled_at.is_(None),
        Discrepancy.payment_id.is_not(None),
        or_(Discrepancy.kind.in_(HOLDING), Discrepancy.line_id.is_not(None)),
    )


def undisputed(provider: str) -> ColumnElement[bool]:
    """Whether no discrepancy holds a payment by this provider.

    NOT IN, not NOT EXISTS: the few payments in dispute are read once for a whole chunk, whatever the statistics say.
    """
    return Payment.id.not_in(_in_dispute().where(Discrepancy.provider == provider))


@dataclass(frozen=True, slots=True)
class Held:
    """Payments of one part of a run that wait, and are not sent while a discrepancy about them is open."""

    run_id: UUID
    provider: str
    payments: int
    total_minor: int


def held(session: Session, run_ids: Collection[UUID]) -> list[Held]:
    """What is held of these runs, by provider."""
    rows = session.execute(
        select(Payment.run_id, Payment.provider, func.count(), func.sum(Payment.amount_minor))
        .where(
            Payment.run_id.in_(run_ids), Payment.live, Payment.state == PaymentState.READY,
            Payment.id.in_(_in_dispute()),
        )
        .group_by(Payment.run_id, Payment.provider)
    )  # fmt: skip
    return [Held(run_id, provider, count, int(minor)) for run_id, provider, count, minor in rows]
