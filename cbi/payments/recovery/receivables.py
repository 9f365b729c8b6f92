"""Money paid a second time, or too much, is owed back to us until it comes back, becomes the payment, or is given up."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger.chart import Entry
from cbi.ledger.posting import post
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.moves import book_of
from cbi.payments.outcomes.discrepancies import PAID_MORE, PAID_TWICE, settle_set
from cbi.payments.outcomes.disputes import dispute
from cbi.payments.outcomes.known import found_minor, sent_minor, taken_minor
from cbi.payments.recovery.receivable_models import Receivable, ReceivableEvent
from cbi.payments.runs.runs import find
from cbi.payments.states import RECEIVABLE, PaymentState, ReceivableState

_OPEN = ReceivableState.OPEN

RESOLUTIONS = {
    ReceivableState.RECOVERED: "The money came back.",
    ReceivableState.WRITTEN_OFF: "Two people have written it off.",
    ReceivableState.DELIVERED: "Nothing else was paid: this is the payment.",
    ReceivableState.UNFOUNDED: "Two people have taken back that it was paid.",
}
"""How the discrepancy about a receivable is settled when it ends."""

WAS_MISSING = "It is what was missing of the attempt, which is the payment now."
"""How it is settled where an excess is delivered."""


def open_for(session: Session, payment: Payment, attempt: int, source: str) -> bool:
    """Book that somebody owes us what this attempt paid out. False when that is booked already."""
    minor = found_minor(session, payment.id, attempt) or sent_minor(session, payment, attempt)
    return _open(session, payment, attempt, source, minor, Entry.PAID_TWICE)


def open_excess(
    session: Session, payment: Payment, attempt: int, source: str, excess_minor: int, finding_id: UUID | None = None
) -> bool:  # fmt: skip
    """Book that somebody owes us what this attempt took more than was sent. False when that is booked already.

    `finding_id`: it came in a line of its own, by this finding of two people.
    """
    return _open(session, payment, attempt, source, excess_minor, Entry.PAID_MORE, finding_id)


def _open(
    session: Session, payment: Payment, attempt: int, source: str, minor: int, entry: Entry, finding_id: UUID | None = None
) -> bool:  # fmt: skip
    run = find(session, payment.run_id)
    opened = session.scalar(
        upsert(Receivable)
        .values(
            payment_id=payment.id, attempt=attempt, entitlement_id=payment.entitlement_id, provider=payment.provider,
            excess=entry is Entry.PAID_MORE, amount_minor=minor, currency=payment.currency, state=_OPEN,
            finding_id=finding_id, source=source, found_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["payment_id", "attempt", "excess", "finding_id"])
        .returning(Receivable.id)
    )  # fmt: skip
    if opened is None:
        return False
    post(session, entry, book_of(run, payment.provider), Money(minor, payment.currency), opened)
    return True


def note_paid_twice(session: Session, payment: Payment, source: str) -> None:
    """The present attempt has been paid: whatever earlier one is owed back was a second payment for certain."""
    for owed in session.scalars(_open_of(payment.id)).all():
        dispute(
            session, payment, owed.attempt, PaymentState.PAID, source, None, PAID_TWICE, state=PaymentState.PAID
        )  # fmt: skip


def oldest_open(session: Session, payment_id: UUID) -> Receivable | None:
    """The receivable of a payment that has been open the longest."""
    return session.scalars(_open_of(payment_id).limit(1)).first()


def owed(session: Session, payment: Payment, attempt: int) -> Receivable | None:
    """The receivable that money which came back from this attempt is for: its own before another, open before given up.

    Another only if as much is owed for it. One that was written off is among them: else the household would be paid anew
    for what it has.
    """
    states = [_OPEN, ReceivableState.WRITTEN_OFF]
    sent = sent_minor(session, payment, attempt)
    taken = min(taken_minor(session, payment.id, attempt) or sent, sent)
    return session.scalars(
        select(Receivable)
        .where(
            Receivable.payment_id == payment.id, Receivable.state.in_(states), ~Receivable.excess,
            (Receivable.attempt == attempt) | (Receivable.amount_minor == taken),
        )
        .order_by(Receivable.attempt != attempt, Receivable.state != _OPEN, Receivable.attempt)
        .limit(1)
        .execution_options(populate_existing=True)
    ).first()  # fmt: skip


def in_lines(session: Session, payment_id: UUID, attempt: int) -> Sequence[Receivable]:
    """What is owed back because two people found lines to be more of this attempt, the longest open first."""
    return session.scalars(
        select(Receivable)
        .where(
            Receivable.payment_id == payment_id, Receivable.attempt == attempt, Receivable.state == _OPEN,
            Receivable.finding_id.is_not(None),
        )
        .order_by(Receivable.found_at, Receivable.id)
        .execution_options(populate_existing=True)
    ).all()  # fmt: skip


def excess_comes_back(session: Session, payment: Payment, attempt: int, source: str) -> None:
    """All that an attempt took came back: what it took more than was sent, too, unless that is here already."""
    more = session.scalars(
        select(Receivable)
        .where(
            Receivable.payment_id == payment.id, Receivable.attempt == attempt, Receivable.excess,
            Receivable.finding_id.is_(None), Receivable.state.in_([_OPEN, ReceivableState.WRITTEN_OFF]),
        )
        .execution_options(populate_existing=True)
    ).first()  # fmt: skip
    if more is not None:
        come_back(session, more, source=source)


def come_back(
    session: Session,
    receivable: Receivable,
    *,
    source: str,
    attempt: int | None = None,
    reference: str | None = None,
    to_bank: bool = False,
) -> None:
    """Book that the money came back, to the provider's float or to our bank, also after it was given up."""
    given_up = receivable.state is ReceivableState.WRITTEN_OFF
    end(
        session, receivable, ReceivableState.RECOVERED, _RECOVERY[given_up, to_bank], source=source,
        attempt=attempt or receivable.attempt, reference=reference,
    )  # fmt: skip


_RECOVERY = {
    # (written off before, to the bank)
    (False, False): Entry.RECOVER,
    (False, True): Entry.RECOVER_BANK,
    (True, False): Entry.RECOVER_WRITTEN_OFF,
    (True, True): Entry.RECOVER_WRITTEN_OFF_BANK,
}


def end(
    session: Session,
    receivable: Receivable,
    after: ReceivableState,
    entry: Entry,
    *,
    source: str,
    attempt: int | None = None,
    reference: str | None = None,
) -> None:
    """Move a receivable, with its event, its entry and its discrepancy. Its payment is locked.

    Raises MoveNotAllowed, NotCovered.
    """
    before = receivable.state
    RECEIVABLE.check(before, after)
    moved = session.execute(
        update(Receivable)
        .where(Receivable.id == receivable.id, Receivable.state == before)
        .values(state=after)
        .returning(Receivable.payment_id, Receivable.provider),
        execution_options={"synchronize_session": False},
    ).one()
    session.execute(
        insert(ReceivableEvent).values(
            receivable_id=receivable.id, before=before.value, after=after.value, attempt=attempt, source=source,
            reference=reference, at=clock.now(),
        )
    )  # fmt: skip
    payment = session.get_one(Payment, moved.payment_id)
    book = book_of(find(session, payment.run_id), moved.provider)
    post(session, entry, book, Money(receivable.amount_minor, receivable.currency), receivable.id)
    is_rest = receivable.excess and after is ReceivableState.DELIVERED
    words = WAS_MISSING if is_rest else RESOLUTIONS[after]
    settle_set(
        session,
        select(Discrepancy.id, literal(words)).where(
            Discrepancy.kind == (PAID_MORE if receivable.excess else PAID_TWICE),
            Discrepancy.subject == subject_of(receivable),
        ),
    )
    session.refresh(receivable)


def subject_of(receivable: Receivable) -> str:
    """What the discrepancy about a receivable is about: an attempt, or a line of its own in which it took more."""
    line = f":{receivable.finding_id}" if receivable.finding_id else ""
    return f"payment:{receivable.payment_id}:{receivable.attempt}{line}"


def _open_of(payment_id: UUID) -> Select[Receivable]:
    return (
        select(Receivable)
        .where(Receivable.payment_id == payment_id, Receivable.state == _OPEN, ~Receivable.excess)
        .order_by(Receivable.attempt)
        .execution_options(populate_existing=True)
    )
