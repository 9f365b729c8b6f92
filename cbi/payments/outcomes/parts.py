"""A payment that is handed over in parts: each part is booked as it is paid, and the rest waits under the next attempt."""

from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.errors import Conflict
from cbi.fsp.keys import LAST_ATTEMPT, idempotency_key
from cbi.money import Money
from cbi.payments.models import Attempt, Payment
from cbi.payments.moves import move_one
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.payments.runs.runs import find
from cbi.payments.sending.naming import name_attempt
from cbi.payments.states import PaymentState


class NotInParts(Conflict):
    """The payment cannot be handed over in parts now."""

    code = "payment.not_in_parts"


def amounts(session: Session, payment_id: UUID) -> dict[int, Money]:
    """What was handed over of a payment in parts, by the attempt that took it."""
    rows = session.execute(
        select(PaymentPart.attempt, PaymentPart.amount_minor, PaymentPart.currency).where(
            PaymentPart.payment_id == payment_id
        )
    )
    return {attempt: Money(minor, currency) for attempt, minor, currency in rows}


def hand_over(
    session: Session,
    payment_id: UUID,
    attempt: int,
    amount_minor: int,
    *,
    provider_reference: str,
    source: str,
) -> int:
    """Book a part that this attempt paid; returns the number of the attempt that the rest waits under.

    The rest stays in transit. Raises NotInParts. Whoever calls it for cash has locked the code first.
    """
    payment = session.get_one(Payment, payment_id, with_for_update=True, populate_existing=True)
    present = payment.attempts == attempt and payment.state is PaymentState.ACCEPTED
    if not present or not 0 < amount_minor < payment.rest_minor or attempt >= LAST_ATTEMPT:
        raise NotInParts(
            "No part of this payment can be handed over now.",
            next_step="Pay all of it, or nothing.",
        )
    run, now = find(session, payment.run_id), clock.now()
    name_attempt(
        session, payment.provider, idempotency_key(payment_id, attempt), provider_reference
    )
    session.execute(
        insert(PaymentPart).values(
            payment_id=payment_id, attempt=attempt, amount_minor=amount_minor, before_minor=payment.parts_minor,
            owed_minor=payment.amount_minor, currency=payment.currency, source=source, handed_over_at=now,
        )
    )  # fmt: skip
    for before, after in (
        (PaymentState.ACCEPTED, PaymentState.PARTLY_PAID),
        (PaymentState.PARTLY_PAID, PaymentState.ACCEPTED),
    ):
        # The totals of the books come last: every counter waits for them.
        move_one(
            session, run, payment_id, before, after, provider=payment.provider, source=source, part=amount_minor,
            totals_at_last=True,
        )  # fmt: skip
    rest = attempt + 1
    session.execute(
        insert(Attempt).values(
            payment_id=payment_id, number=rest, provider=payment.provider,
            idempotency_key=idempotency_key(payment_id, rest), started_at=now,
        )
    )  # fmt: skip
    session.refresh(payment)
    return rest
