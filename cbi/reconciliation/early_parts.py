"""Payments that were handed over in part, where the provider had taken all of it when it accepted them.

Its line says what it took; what of that nobody was handed comes back in a line of its own, as the rest goes on under the
next attempt.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, case, exists, func, literal, select
from sqlalchemy.orm import Session

from cbi.ledger.chart import Entry
from cbi.ledger.models import Transfer
from cbi.payments import clearing
from cbi.payments.models import Payment
from cbi.payments.outcomes.known import expected_minor, took_part
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.payments.runs.runs import find


def listed_minor(
    line_kind: SQLColumnExpression[str], attempt: SQLColumnExpression[int], early: Collection[UUID]
) -> ColumnElement[int]:
    """What a line of this kind should say of this attempt of a payment; in the runs `early` of a part: what was taken for
    it, or what of that comes back.
    """
    told = expected_minor(attempt, line_kind)
    if not early:
        return told
    of_it = (PaymentPart.payment_id == Payment.id, PaymentPart.attempt == attempt)
    part = select(PaymentPart.amount_minor).where(*of_it).scalar_subquery()
    taken = (
        select(Transfer.amount_minor)
        .where(
            Transfer.source_id == Payment.id, Transfer.entry == Entry.DEBITED.value, Transfer.attempt == attempt,
            Transfer.leg == 1,
        )
        .scalar_subquery()
    )  # fmt: skip
    of_a_part = case((line_kind == "payment", taken), else_=taken - part)
    in_parts = (Payment.parts_minor > 0) & Payment.run_id.in_(early)
    return case((in_parts, func.coalesce(case((exists().where(*of_it), of_a_part)), told)), else_=told)  # fmt: skip


def rest_given_back(
    payment_id: SQLColumnExpression[UUID], attempt: SQLColumnExpression[int]
) -> ColumnElement[bool]:
    """Whether our books hold that an attempt took a part, and that nothing more is in the air for it."""
    part = exists().where(PaymentPart.payment_id == payment_id, PaymentPart.attempt == attempt)
    return part & clearing.booked(Entry.CLEARED, payment_id, attempt)


def listed(session: Session, payment: Payment, attempt: int, line_kind: str) -> int:
    """`listed_minor` of one attempt, in minor units."""
    early = (
        [payment.run_id] if payment.provider in find(session, payment.run_id).debits_early else []
    )
    told = listed_minor(literal(line_kind), literal(attempt), early)
    return session.scalars(select(told).where(Payment.id == payment.id)).one()


def rest_came_back(session: Session, payment: Payment, attempt: int) -> bool:
    """Whether our books hold that the provider kept nothing beyond the part that this attempt handed over."""
    return took_part(session, payment, attempt) and clearing.holds(session, Entry.CLEARED, payment, attempt)  # fmt: skip
