"""What complaint handlers do: answer by text or by voice, give an owner, close with an outcome."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid, NotFound
from cbi.helpline.complaints import move, note_down, sender_of, ticket
from cbi.helpline.models import Complaint
from cbi.helpline.states import ANSWER_DUE, WITHIN_DAYS, ComplaintState, Outcome
from cbi.messaging import choices
from cbi.messaging.choices import Level
from cbi.messaging.models import NumberChoice
from cbi.messaging.outbox import queue_reply
from cbi.messaging.rendering import asked_for
from cbi.payments.models import Payment
from cbi.programmes.models import Programme
from cbi.registry.models import PrivacyChoice

ANSWERS = {
    "settled": "ANSWER_SETTLED",
    "unchanged": "ANSWER_UNCHANGED",
    "call_us": "ANSWER_CALL_US",
    "visit": "ANSWER_VISIT",
    "more_time": "ANSWER_MORE_TIME",
}
"""What a complaint can be answered with by text, in the language of whoever complained. What needs more words is said
by voice: nothing that a handler writes freely goes out, so no name and no code can."""

LONGEST_NOTE = 1000


class UnknownComplaint(NotFound):
    """No such complaint, or none that the actor may see."""

    code = "complaint.unknown"


class ComplaintClosed(Conflict):
    """It was closed."""

    code = "complaint.closed"


class NotAnswered(Conflict):
    """Somebody waits for an answer and has had none."""

    code = "complaint.not_answered"


class NoTextWanted(Conflict):
    """The number, or the person, wants no texts."""

    code = "complaint.no_text_wanted"


class UnknownAnswer(Invalid):
    """There is no such answer."""

    code = "complaint.unknown_answer"


class NoSuchHandler(Invalid):
    """The person named does not work here (any more)."""

    code = "complaint.no_such_handler"


def answer(session: Session, actor: Actor, complaint_id: UUID, how: str) -> Complaint:
    """Send one of `ANSWERS` to the number that complained.

    Raises UnknownComplaint, ComplaintClosed, UnknownAnswer, NoTextWanted.
    """
    found = _find(session, actor, complaint_id)
    template = ANSWERS.get(how)
    if template is None:
        raise UnknownAnswer(
            f"There is no answer {how!r}.", next_step=f"There is: {', '.join(ANSWERS)}."
        )
    chosen = choices.of(session, [found.number_index]).get(found.number_index)
    if (chosen and chosen.silent) or _level(session, found) is Level.NO_SMS:
        raise NoTextWanted(
            "No text may go there: its holder or the recipient said so.",
            next_step="Speak to the person, and note that you did.",
        )
    event_id = _told(session, actor, found, f"answered:{how}")
    known = {"ticket": ticket(found.number), "days": str(WITHIN_DAYS)}
    values = {name: known[name] for name in asked_for(template) if name in known}
    queue_reply(
        session, template, number=sender_of(session, found), language=found.language, values=values,
        dedupe=f"complaint:{found.id}:{event_id}",
    )  # fmt: skip
    return found


def spoken(session: Session, actor: Actor, complaint_id: UUID, note: str) -> Complaint:
    """Note that somebody spoke to the person, and what came of it; the words are sealed.

    Raises UnknownComplaint, ComplaintClosed, UnusableReason.
    """
    found = _find(session, actor, complaint_id)
    _told(session, actor, found, "answered:spoken", _plain(note))
    return found


def close(
    session: Session, actor: Actor, complaint_id: UUID, outcome: Outcome, note: str
) -> Complaint:
    """Close a complaint with its outcome and what the handler found; the words are sealed.

    Raises UnknownComplaint, ComplaintClosed, NotAnswered, UnusableReason.
    """
    found = _find(session, actor, complaint_id)
    words = _plain(note)
    waits = found.category in ANSWER_DUE and found.state is ComplaintState.OPEN
    if waits and outcome is not Outcome.UNREACHABLE:
        raise NotAnswered(
            "The person who complained has had no answer yet.",
            next_step="Answer first; if nobody can be reached, say so as the outcome.",
        )
    found.outcome, found.closed_at = outcome, clock.now()
    move(session, found, ComplaintState.CLOSED, f"closed:{outcome}", actor, words)
    record(session, actor, "complaint.closed", "complaint", found.id, outcome=outcome.value)
    return found


def assign(session: Session, actor: Actor, complaint_id: UUID, owner_id: UUID) -> Complaint:
    """Make a member of staff its owner. Raises UnknownComplaint, ComplaintClosed, NoSuchHandler."""
    found = _find(session, actor, complaint_id)
    works_here = select(User.id).where(User.id == owner_id, User.disabled_at.is_(None))
    if session.scalar(works_here) is None:
        raise NoSuchHandler(
            "There is no such member of staff.", next_step="Name somebody whose account is in use."
        )
    found.owner_id = owner_id
    session.flush()
    note_down(session, found.id, found.state, found.state, "assigned", actor)
    record(session, actor, "complaint.assigned", "complaint", found.id, owner=str(owner_id))
    return found


def allow_number(session: Session, actor: Actor, complaint_id: UUID, reason: str) -> Complaint:
    """Let texts go to a number again whose holder said that it is wrong, after somebody has made sure that it is not.

    Raises UnknownComplaint, ComplaintClosed, UnusableReason.
    """
    found = _find(session, actor, complaint_id)
    why = _plain(reason)
    session.execute(
        update(NumberChoice)
        .where(NumberChoice.number_index == found.number_index)
        .values(wrong_at=None)
    )
    note_down(session, found.id, found.state, found.state, "number_allowed", actor, why)
    record(session, actor, "complaint.number_allowed", "complaint", found.id)
    return found


def programme_of(session: Session, complaint: Complaint) -> str | None:
    """The programme of the payment it is about; None where it is about none."""
    return session.scalar(
        select(Programme.code)
        .join(Payment, Payment.programme_id == Programme.id)
        .where(Payment.id == complaint.payment_id)
    )


def may_see(session: Session, actor: Actor, complaint: Complaint | None) -> Complaint:
    """The complaint, if the actor may handle it. Raises NotPermitted, UnknownComplaint."""
    programme = programme_of(session, complaint) if complaint else None
    # Somebody who may not handle any does not learn what exists.
    actor.require(Permission.COMPLAINT_HANDLE, programme)
    hidden = complaint is not None and complaint.sensitive
    if complaint is None or (hidden and not actor.may(Permission.COMPLAINT_SENSITIVE, programme)):
        raise UnknownComplaint("There is no such complaint.", next_step="See: cbi complaints list")
    return complaint


def _find(session: Session, actor: Actor, complaint_id: UUID) -> Complaint:
    """The complaint, locked, if the actor may handle it and it is not closed."""
    found = session.get(Complaint, complaint_id, with_for_update=True, populate_existing=True)
    seen = may_see(session, actor, found)
    if seen.state is ComplaintState.CLOSED:
        raise ComplaintClosed("This complaint was closed.", next_step="Read its outcome.")
    return seen


def _told(
    session: Session, actor: Actor, found: Complaint, act: str, note: str | None = None
) -> int:
    after = ComplaintState.ANSWERED
    if found.state is after:
        number = note_down(session, found.id, after, after, act, actor, note)
    else:
        number = move(session, found, after, act, actor, note)
    if found.owner_id is None and actor.kind == "user":
        found.owner_id = actor.id
    session.flush()
    record(session, actor, "complaint.answered", "complaint", found.id, how=act)
    return number


def _plain(note: str) -> str:
    return reasons.plain(note, longest=LONGEST_NOTE)


def _level(session: Session, complaint: Complaint) -> Level | None:
    return session.scalar(
        select(PrivacyChoice.level).where(PrivacyChoice.person_id == complaint.person_id)
    )
