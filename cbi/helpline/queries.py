"""What complaint handlers look at: the list by what is due, and one complaint with its words and its story."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, func, or_, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.helpline.complaints import opened_note
from cbi.helpline.handling import may_see
from cbi.helpline.models import Complaint, ComplaintEvent, ComplaintText
from cbi.helpline.states import Category, ComplaintState
from cbi.messaging import inbound
from cbi.messaging.models import InboundText
from cbi.offices import office_of
from cbi.payments.models import Payment
from cbi.programmes.models import Programme
from cbi.redemption.models import CounterOffice, Payout, Teller

SHOWN_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Wrote:
    """One text that belongs to a complaint."""

    at: datetime
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that was done about a complaint."""

    at: datetime
    act: str
    actor_id: UUID | None
    note: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class PaidBy:
    """Who handed over the money that the complaint is about."""

    receipt: str
    office: str
    teller: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ComplaintSheet:
    """One complaint as its handler sees it. Of the number only the last digits are shown."""

    complaint: Complaint
    number_ends_in: str
    wrote: tuple[Wrote, ...]
    done: tuple[Done, ...]
    paid_by: PaidBy | None


def complaints(
    actor: Actor,
    *,
    state: ComplaintState | None = None,
    category: Category | None = None,
    urgent: bool | None = None,
    overdue: bool = False,
    owner_id: UUID | None = None,
) -> Select[Complaint]:
    """The complaints that the actor may see, filtered. Raises NotPermitted."""
    found = select(Complaint).where(_visible(actor), _not_hidden(actor))
    if state is not None:
        found = found.where(Complaint.state == state)
    if category is not None:
        found = found.where(Complaint.category == category)
    if urgent is not None:
        found = found.where(Complaint.urgent == urgent)
    if overdue:
        found = found.where(Complaint.state == ComplaintState.OPEN, Complaint.due_at < clock.now())
    if owner_id is not None:
        found = found.where(Complaint.owner_id == owner_id)
    return found


def hidden(session: Session, actor: Actor) -> int:
    """How many complaints are open that only protection officers see: that there are some is everybody's business."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Complaint)
            .where(_visible(actor), Complaint.sensitive, Complaint.state != ComplaintState.CLOSED)
        )
        or 0
    )


def by_number(session: Session, actor: Actor, number: int) -> UUID:
    """The id of the complaint that people call by this number. Raises NotPermitted, UnknownComplaint."""
    found = session.scalars(select(Complaint).where(Complaint.number == number)).one_or_none()
    return may_see(session, actor, found).id


def sheet(session: Session, actor: Actor, complaint_id: UUID) -> ComplaintSheet:
    """One complaint, opened: that it was read is on record. Raises NotPermitted, UnknownComplaint."""
    found = session.get(Complaint, complaint_id, populate_existing=True)
    complaint = may_see(session, actor, found)
    rows = session.scalars(
        select(InboundText)
        .join(ComplaintText, ComplaintText.text_id == InboundText.id)
        .where(ComplaintText.complaint_id == complaint.id)
        .order_by(InboundText.received_at, InboundText.id)
    ).all()
    texts = inbound.opened(office_of(session).keys, rows)
    events = session.scalars(
        select(ComplaintEvent)
        .where(ComplaintEvent.complaint_id == complaint.id)
        .order_by(ComplaintEvent.id)
    ).all()
    record(session, actor, "complaint.read", "complaint", complaint.id)
    return ComplaintSheet(
        complaint,
        texts[0].sender[-SHOWN_DIGITS:] if texts else "",
        tuple(Wrote(text.received_at, text.words) for text in texts),
        tuple(
            Done(event.at, event.act, event.actor_id, opened_note(session, event))
            for event in events
        ),
        _paid_by(session, complaint.payment_id),
    )


def _paid_by(session: Session, payment_id: UUID | None) -> PaidBy | None:
    row = session.execute(
        select(Payout.receipt, CounterOffice.name, Teller.username, Payout.paid_at)
        .join(CounterOffice, CounterOffice.id == Payout.office_id)
        .join(Teller, Teller.id == Payout.teller_id)
        .where(Payout.payment_id == payment_id)
        .order_by(Payout.paid_at.desc())
        .limit(1)
    ).one_or_none()
    return PaidBy(*row) if row else None


def _visible(actor: Actor) -> ColumnElement[bool]:
    """Whoever works for some programmes only sees what is about their payments."""
    if not actor.may_somewhere(Permission.COMPLAINT_HANDLE):
        actor.require(Permission.COMPLAINT_HANDLE)
    return _of(actor.programmes(Permission.COMPLAINT_HANDLE))


def _not_hidden(actor: Actor) -> ColumnElement[bool]:
    return or_(~Complaint.sensitive, _of(actor.programmes(Permission.COMPLAINT_SENSITIVE)))


def _of(programmes: frozenset[str] | None) -> ColumnElement[bool]:
    """Whether a complaint is about a payment of these programmes; None means whatever it is about."""
    if programmes is None:
        return Complaint.id.is_not(None)
    if not programmes:
        return false()
    return Complaint.payment_id.in_(
        select(Payment.id)
        .join(Programme, Programme.id == Payment.programme_id)
        .where(Programme.code.in_(programmes))
    )
