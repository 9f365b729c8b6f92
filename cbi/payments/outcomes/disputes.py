"""Payments of which the provider says something else than our books: nothing more is sent until somebody explains it.

A payment that waits for a new attempt may have been paid by an earlier one. While a discrepancy says so, it waits; and
while money is owed back that may have reached its household, so does every payment for the same entitlement.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes.discrepancies import ANOTHER_AMOUNT, OF_AMOUNT, open_discrepancy
from cbi.payments.outcomes.known import sent_minor
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.states import PaymentState, ReceivableState

SAID_TO_HAVE_FAILED = "said_to_have_failed"
"""News of a failure, until the provider, asked, says the same."""

EARLIER_ATTEMPT_PAID = "earlier_attempt_paid"
"""News that an attempt which was given up paid after all."""


def dispute(
    session: Session,
    payment: Payment,
    attempt: int,
    claimed: PaymentState,
    source: str,
    provider_reference: str | None,
    kind: str = "",
    said: Money | None = None,
    state: PaymentState | None = None,
) -> None:
    """Keep news that our books had otherwise until somebody explains it; `state` is what the payment was before it."""
    state = state or payment.state
    subject = f"payment:{payment.id}:{attempt}"
    if kind == ANOTHER_AMOUNT and said:
        # Another one yet is news again: what explained the first does not explain it.
        subject += f":{said.minor}:{said.currency}"
    open_discrepancy(
        session, kind or contradiction(claimed, state), subject, provider=payment.provider,
        payment_id=payment.id, amount=Money(sent_minor(session, payment, attempt), payment.currency), attempt=attempt,
        state=state.value, claimed=claimed.value, source=source, provider_reference=provider_reference,
        noticed_at=f"{clock.now():%F %T}", said_amount=str(said) if said else None,
    )  # fmt: skip


def contradiction(claimed: PaymentState, state: PaymentState) -> str:
    """The kind of discrepancy that news opens which the lifecycle forbids."""
    return f"{claimed}_after_{state}"


HOLDING = (
    SAID_TO_HAVE_FAILED,
    *OF_AMOUNT,
    EARLIER_ATTEMPT_PAID,
    *(
        contradiction(claimed, state)
        for claimed in (PaymentState.PAID, PaymentState.RETURNED)
        for state in PaymentState
    ),
)
"""While one of these is open, or one about a line of a statement that names the payment, its money may have moved."""


def in_dispute() -> Select[UUID | None]:
    """The payments that an open discrepancy holds."""
    return select(Discrepancy.payment_id).where(
        Discrepancy.settled_at.is_(None),
        Discrepancy.payment_id.is_not(None),
        or_(Discrepancy.kind.in_(HOLDING), Discrepancy.line_id.is_not(None)),
    )


def owed_back() -> Select[UUID]:
    """The entitlements for which money was paid that may turn out to be the payment."""
    return select(Receivable.entitlement_id).where(
        Receivable.state == ReceivableState.OPEN, ~Receivable.excess
    )


def unquestioned(provider: str) -> ColumnElement[bool]:
    """Whether nothing says that a payment by this provider may itself have been paid."""
    own = select(Receivable.payment_id).where(
        Receivable.state == ReceivableState.OPEN, ~Receivable.excess
    )
    return and_(
        Payment.id.not_in(in_dispute().where(Discrepancy.provider == provider)),
        Payment.id.not_in(own),
    )


def undisputed(provider: str) -> ColumnElement[bool]:
    """Whether nothing holds a payment by this provider, and no other has been paid in its place.

    NOT IN, not NOT EXISTS: the few payments in dispute are read once for a whole chunk, whatever the statistics say.
    """
    return and_(unquestioned(provider), Payment.entitlement_id.not_in(owed_back()))
