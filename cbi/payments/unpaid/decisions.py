"""Who decided what became of a payment that was not paid, and why, for its story."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.models import User
from cbi.payments.models import PaymentEvent
from cbi.payments.unpaid.decision_models import PaymentDecision, Remedy

SOURCE = "decision"
"""What a payment's event names as whoever said so, with the decision's id."""


@dataclass(frozen=True, slots=True)
class Told:
    """A decision as a reader is told of it."""

    remedy: Remedy
    by: str
    reason: str


def source_of(decision: PaymentDecision) -> str:
    """The source of the events of the payments that it moved."""
    return f"{SOURCE}:{decision.id}"


def behind(session: Session, events: Iterable[PaymentEvent]) -> Mapping[str, Told]:
    """The decisions that these events follow, by the event's source."""
    sources = {event.source for event in events if event.source.startswith(f"{SOURCE}:")}
    if not sources:
        return {}
    rows = session.execute(
        select(PaymentDecision, User.full_name)
        .join(User, User.id == PaymentDecision.decided_by)
        .where(PaymentDecision.id.in_([UUID(each.partition(":")[2]) for each in sources]))
    )
    return {source_of(made): Told(made.remedy, name, made.reason) for made, name in rows}
