"""Complaints as they come in: what somebody wrote opens one, or joins the one that is open about the same thing."""

from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.helpline.models import Complaint, ComplaintEvent, ComplaintText
from cbi.helpline.states import COMPLAINT, URGENT, Category, ComplaintState, due_after
from cbi.keys import seal, unseal
from cbi.messaging import inbound
from cbi.messaging.models import InboundText
from cbi.offices import office_of

TICKET_DIGITS = 6
_NOTES = "complaint notes"


def ticket(number: int) -> str:
    """What people call a complaint by in a text: its last digits."""
    return str(number % 10**TICKET_DIGITS)


def open_or_add(
    session: Session,
    category: Category,
    text_id: UUID,
    *,
    number_index: bytes,
    language: str,
    person_id: UUID | None = None,
    payment_id: UUID | None = None,
    sensitive: bool = False,
) -> Complaint:
    """The complaint that a text belongs to: the one that is open about the same thing, or a new one.

    Whoever calls holds the lock on the number (`choices.lock`).
    """
    now, urgent = clock.now(), sensitive or category in URGENT
    found = session.scalars(
        select(Complaint)
        .where(
            Complaint.number_index == number_index, Complaint.category == category,
            Complaint.payment_id.is_not_distinct_from(payment_id), Complaint.state != ComplaintState.CLOSED,
        )
        .with_for_update()
    ).one_or_none()  # fmt: skip
    if found is None:
        found = Complaint(
            category=category, urgent=urgent, sensitive=sensitive, state=COMPLAINT.initial, number_index=number_index,
            language=language, person_id=person_id, payment_id=payment_id, opened_at=now,
            due_at=now + due_after(urgent=urgent),
        )  # fmt: skip
        session.add(found)
        session.flush()
        note_down(session, found.id, None, found.state, "opened", None)
    else:
        if found.state is ComplaintState.ANSWERED:
            found.due_at = now + due_after(urgent=found.urgent)
            move(session, found, ComplaintState.OPEN, "written_again", None)
        if urgent and not found.urgent:
            found.urgent, found.due_at = True, min(found.due_at, now + due_after(urgent=True))
        found.sensitive = found.sensitive or sensitive
        session.flush()
    session.execute(
        insert_or_skip(ComplaintText)
        .values(complaint_id=found.id, text_id=text_id, added_at=now)
        .on_conflict_do_nothing()
    )
    return found


def sender_of(session: Session, complaint: Complaint) -> str:
    """The number that complained, for the moment it is used. Raises Unreadable."""
    row = session.scalars(
        select(InboundText)
        .join(ComplaintText, ComplaintText.text_id == InboundText.id)
        .where(ComplaintText.complaint_id == complaint.id)
        .order_by(ComplaintText.added_at, InboundText.id)
        .limit(1)
    ).one()
    return inbound.opened(office_of(session).keys, [row])[0].sender


def opened_note(session: Session, event: ComplaintEvent) -> str | None:
    """What a handler noted. Raises Unreadable."""
    if event.note is None:
        return None
    key = office_of(session).keys.derive(_NOTES)
    return unseal(key, event.note, f"complaint/{event.complaint_id}").decode()


def move(
    session: Session,
    found: Complaint,
    after: ComplaintState,
    act: str,
    actor: Actor | None,
    note: str | None = None,
) -> int:
    """Move a complaint along its lifecycle; returns its event's number. Raises MoveNotAllowed."""
    before = found.state
    COMPLAINT.check(before, after)
    found.state = after
    session.flush()
    return note_down(session, found.id, before, after, act, actor, note)


def note_down(
    session: Session,
    complaint_id: UUID,
    before: ComplaintState | None,
    after: ComplaintState,
    act: str,
    actor: Actor | None,
    note: str | None = None,
) -> int:
    """Write down one thing that was done about a complaint, its words sealed; returns the event's number."""
    key = office_of(session).keys.derive(_NOTES)
    return session.scalars(
        insert(ComplaintEvent)
        .values(
            complaint_id=complaint_id, before=before, after=after, act=act, at=clock.now(),
            actor_id=actor.id if actor else None,
            note=seal(key, note, f"complaint/{complaint_id}") if note else None,
        )
        .returning(ComplaintEvent.id)
    ).one()  # fmt: skip
