"""What our books hold of a single attempt: that it was paid, that its money came back, and how much two people found."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    SQLColumnExpression,
    case,
    cast,
    exists,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from cbi.ledger.chart import Entry
from cbi.ledger.models import Transfer
from cbi.payments.models import Payment, PaymentEvent
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.payments.recovery.receivable_models import Receivable, ReceivableEvent
from cbi.payments.states import PaymentState, ReceivableState

HANDED_OVER = (PaymentState.PAID.value, PaymentState.PARTLY_PAID.value)
"""What the events of an attempt that was paid may say it became."""

_FOUND = (
    AmountFinding.confirmed_by.is_not(None) & (AmountFinding.paid_minor > 0) & ~AmountFinding.again
)


def known_paid(session: Session, payment_id: UUID, attempt: int) -> bool:
    """Whether our books hold that this attempt was paid, whatever came of it since."""
    event = exists().where(
        PaymentEvent.payment_id == payment_id,
        PaymentEvent.attempt == attempt,
        PaymentEvent.after.in_(HANDED_OVER),
    )
    # What it took in a line of its own, beyond what was sent, paid nobody.
    double = exists().where(
        Receivable.payment_id == payment_id, Receivable.attempt == attempt, ~Receivable.excess
    )
    return bool(session.scalar(select(event | double)))


def known_returned(session: Session, payment_id: UUID, attempt: int) -> bool:
    """Whether our books hold that the money of this attempt came back."""
    event = exists().where(
        PaymentEvent.payment_id == payment_id,
        PaymentEvent.attempt == attempt,
        PaymentEvent.after == PaymentState.RETURNED.value,
    )
    recovered = exists().where(
        Receivable.payment_id == payment_id,
        ~Receivable.excess,
        ReceivableEvent.receivable_id == Receivable.id,
        ReceivableEvent.after == ReceivableState.RECOVERED.value,
        ReceivableEvent.attempt == attempt,
    )
    return bool(session.scalar(select(event | recovered)))


def found_minor(session: Session, payment_id: UUID, attempt: int) -> int | None:
    """What two people have found that this attempt took, in minor units. None: nobody has, or it took nothing."""
    return session.scalar(
        select(AmountFinding.paid_minor).where(
            AmountFinding.payment_id == payment_id, AmountFinding.attempt == attempt, _FOUND
        )
    )


def rest_since(
    payment_id: SQLColumnExpression[UUID], attempt: SQLColumnExpression[int]
) -> ColumnElement[int]:
    """How much of what an attempt had taken less was taken after all, in lines of its own, in minor units."""
    rest = Transfer.entry == Entry.REST_DELIVERED.value
    minor = func.sum(case((rest, Transfer.amount_minor), else_=-Transfer.amount_minor))
    found = select(cast(func.coalesce(minor, 0), BigInteger)).where(
        Transfer.payment_id == payment_id, Transfer.attempt == attempt, Transfer.leg == 1,
        Transfer.entry.in_([Entry.REST_DELIVERED.value, Entry.REST_MISTAKEN.value]),
    )  # fmt: skip
    return found.correlate_except(Transfer).scalar_subquery()


def taken_minor(session: Session, payment_id: UUID, attempt: int) -> int | None:
    """`found_minor`, with what came of the rest since."""
    found = found_minor(session, payment_id, attempt)
    return None if found is None else found + came_since(session, payment_id, attempt)


def came_since(session: Session, payment_id: UUID, attempt: int) -> int:
    """`rest_since` of one attempt."""
    return session.scalar(select(rest_since(literal(payment_id), literal(attempt)))) or 0


def still_less(session: Session, payment_ids: Collection[UUID]) -> dict[tuple[UUID, int], int]:
    """What attempts of these payments took less than was sent and no line has listed since, in minor units, by payment and
    attempt. Those are left out whose payment came back since.
    """
    of_them = (Transfer.source_id.in_(payment_ids), Transfer.leg == 1)
    taken_back = select(Transfer.source_id, Transfer.attempt).where(
        *of_them, Transfer.entry == Entry.REST_TAKEN_BACK.value
    )
    less = select(Transfer.source_id, Transfer.attempt, Transfer.amount_minor).where(
        *of_them, Transfer.entry == Entry.PAID_LESS.value,
        tuple_(Transfer.source_id, Transfer.attempt).not_in(taken_back),
    )  # fmt: skip
    return {
        (payment_id, attempt): rest
        for payment_id, attempt, minor in session.execute(less).all()
        if (rest := minor - came_since(session, payment_id, attempt))
    }


def took_part(session: Session, payment: Payment, attempt: int) -> bool:
    """Whether this attempt took a part of the payment only."""
    return bool(payment.parts_minor) and session.get(PaymentPart, (payment.id, attempt)) is not None


def sent_minor(session: Session, payment: Payment, attempt: int) -> int:
    """What this attempt of a payment is for: the part that it took, or what the parts before it had left."""
    if not payment.parts_minor:
        return payment.amount_minor
    return session.scalars(select(_sent(literal(attempt))).where(Payment.id == payment.id)).one()


def _sent(attempt: SQLColumnExpression[int]) -> ColumnElement[int]:
    its_part = select(PaymentPart.amount_minor).where(
        PaymentPart.payment_id == Payment.id, PaymentPart.attempt == attempt
    )
    before = select(func.coalesce(func.sum(PaymentPart.amount_minor), 0)).where(
        PaymentPart.payment_id == Payment.id, PaymentPart.attempt < attempt
    )
    left = Payment.amount_minor - cast(before.scalar_subquery(), BigInteger)
    # Read only for the few payments that were handed over in parts.
    return case(
        (Payment.parts_minor > 0, func.coalesce(its_part.scalar_subquery(), left)),
        else_=Payment.amount_minor,
    )


def expected_minor(
    attempt: SQLColumnExpression[int], line_kind: SQLColumnExpression[str] | None = None
) -> ColumnElement[int]:
    """What a provider's statement should say of this attempt of a payment: what was found, else what was sent.

    In a line of the kind `return`: that, and what came of the rest in lines of its own.
    """
    minor: SQLColumnExpression[int] = AmountFinding.paid_minor
    if line_kind is not None:
        later = rest_since(Payment.id, attempt)
        minor = AmountFinding.paid_minor + case((line_kind == "return", later), else_=0)
    found = select(minor).where(
        AmountFinding.payment_id == Payment.id, AmountFinding.attempt == attempt, _FOUND
    )
    # The few payments with a finding are read once for a whole statement; the finding itself only for them.
    with_finding = Payment.id.in_(select(AmountFinding.payment_id).where(_FOUND))
    return case(
        (with_finding, func.coalesce(found.scalar_subquery(), _sent(attempt))),
        else_=_sent(attempt),
    )
