"""When money turns out to have moved although our books said otherwise, the fact is booked, whatever we believed.

An attempt is paid at most once and comes back at most once. Whoever says so, in whatever order and however often, the
books end the same. Of a payment's attempts that were paid and did not come back, one is the payment; every other one is
money that is owed back to us:

- The present attempt keeps its place until it has ended. An earlier one that turns out to have been paid meanwhile is
  owed back for as long as nobody knows about the later one; nothing more is sent.
- Once nothing is on its way and nothing else was paid, what is owed back becomes the payment.
- A payment that was called off stays so if its household is being paid what it is owed by another payment.
- Whichever of two comes back, it is the one owed back that is recovered.
"""

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from cbi.ledger.chart import Entry
from cbi.ledger.posting import NotCovered
from cbi.messaging import outbox
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.moves import move_one
from cbi.payments.outcomes import differences
from cbi.payments.outcomes.discrepancies import PAID_TWICE, WITHOUT_COVER
from cbi.payments.outcomes.disputes import EARLIER_ATTEMPT_PAID, contradiction, dispute
from cbi.payments.outcomes.known import known_paid, sent_minor, took_part
from cbi.payments.recovery import receivables
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.runs.closing import reopen
from cbi.payments.runs.runs import find
from cbi.payments.states import ON_ITS_WAY, PaymentState, ReceivableState

ADOPTED_TOGETHER = 200
SOURCE = "receivable"


def book_paid(
    session: Session, payment: Payment, attempt: int, *, source: str, reference: str | None = None
) -> bool:
    """Book that an attempt was paid of which our books said otherwise. Whether the payment is paid by it.

    The caller has locked the payment, and knows that the attempt is not on its way and was not known to be paid.
    """
    before, present = payment.state, attempt == payment.attempts
    kind = contradiction(PaymentState.PAID, before) if present else EARLIER_ATTEMPT_PAID
    if before is PaymentState.SENDING and payment.heard_of < payment.attempts:
        # The later attempt has certainly not left, and now it never will.
        _move(session, payment, PaymentState.READY, source)
    twice = payment.state is PaymentState.PAID or _is_replaced(session, payment)
    twice = twice or not _fits(session, payment, attempt)
    delivered = False
    if not twice and payment.state not in ON_ITS_WAY:
        delivered = _deliver(session, payment, attempt, source)
        twice = not delivered
    if not delivered:
        receivables.open_for(session, payment, attempt, source)
    dispute(
        session, payment, attempt, PaymentState.PAID, source, reference, PAID_TWICE if twice else kind,
        state=before,
    )  # fmt: skip
    return delivered


def book_returned(
    session: Session, payment: Payment, attempt: int, *, source: str, reference: str | None = None
) -> bool:
    """Book that the money of an attempt came back, also when nobody had said that it was paid. Whether anything moved.

    The caller has locked the payment, and knows that it was not known to have come back.
    """
    if not known_paid(session, payment.id, attempt):
        if attempt == payment.attempts and payment.state in ON_ITS_WAY:
            _move(session, payment, PaymentState.PAID, source, attempt)
            receivables.note_paid_twice(session, payment, source)
        else:
            book_paid(session, payment, attempt, source=source, reference=reference)
    owed = receivables.owed(session, payment, attempt)
    if owed is not None:
        receivables.come_back(session, owed, attempt=attempt, source=source)
        receivables.excess_comes_back(session, payment, attempt, source)
    elif took_part(session, payment, attempt):
        # Cash that was handed over comes back by a person's decision only.
        dispute(session, payment, attempt, PaymentState.RETURNED, source, reference)
        return False
    elif payment.state is PaymentState.PAID and _is_whole(session, payment):
        outbox.withdraw(session, payment_id=payment.id)  # that it was paid is not true any more
        _move(session, payment, PaymentState.RETURNED, source, attempt)
        receivables.excess_comes_back(session, payment, attempt, source)
        reopen(session, find(session, payment.run_id))
    else:
        dispute(session, payment, attempt, PaymentState.RETURNED, source, reference)
        return False
    return True


def adopt(session: Session, payment: Payment) -> bool:
    """Make what is owed back for a payment the payment itself, where nothing else was paid or is on its way.

    The caller has locked the payment. Whether there was something to adopt.
    """
    if payment.state in ON_ITS_WAY | {PaymentState.PAID} or _is_replaced(session, payment):
        return False
    owed = receivables.oldest_open(session, payment.id)
    if owed is None or not _fits(session, payment, owed.attempt):
        return False
    with session.begin_nested() as all_or_nothing:
        receivables.end(session, owed, ReceivableState.DELIVERED, Entry.ADOPT, source=SOURCE)
        adopted = _deliver(session, payment, owed.attempt, SOURCE)
        if not adopted:
            all_or_nothing.rollback()
    if adopted:
        receivables.note_paid_twice(session, payment, SOURCE)
    return adopted


def adopt_all(session: Session) -> int:
    """`adopt` for every payment that can be, some at a time; returns how many. Safe to repeat."""
    other = aliased(Payment)
    waiting = session.scalars(
        select(Payment)
        .where(
            Payment.id.in_(
                select(Receivable.payment_id).where(
                    Receivable.state == ReceivableState.OPEN, ~Receivable.excess
                )
            ),
            Payment.state.not_in([*ON_ITS_WAY, PaymentState.PAID]),
            Payment.live
            | ~exists().where(other.entitlement_id == Payment.entitlement_id, other.live),
        )
        .order_by(Payment.id)
        .limit(ADOPTED_TOGETHER)
        .with_for_update(skip_locked=True)
    ).all()
    return sum(adopt(session, payment) for payment in waiting)


def _deliver(session: Session, payment: Payment, attempt: int, source: str) -> bool:
    """Make a payment at rest paid by this attempt. False when its household is being paid by another one by now."""
    before = payment.state
    try:
        with session.begin_nested():
            _move(session, payment, PaymentState.PAID, source, attempt)
    except NotCovered:
        # Only the budget of a payment that was called off can be spent since. The fact is booked all the same.
        try:
            with session.begin_nested():
                _move(session, payment, PaymentState.PAID, source, attempt, Entry.LATE_UNCOVERED)
        except IntegrityError:
            return False
        dispute(
            session, payment, attempt, PaymentState.PAID, source, None, WITHOUT_COVER,
            state=before,
        )  # fmt: skip
    except IntegrityError:
        return False
    differences.square(session, payment, attempt, source)
    return True


def _is_whole(session: Session, payment: Payment) -> bool:
    """Make a payment that took less than was sent whole again, so that all of it can come back; False without cover."""
    try:
        with session.begin_nested():
            differences.take_back_rest(session, payment)
    except NotCovered:
        return False
    return True


def _move(
    session: Session,
    payment: Payment,
    after: PaymentState,
    source: str,
    attempt: int | None = None,
    entry: Entry | None = None,
) -> None:
    run = find(session, payment.run_id)
    move_one(
        session, run, payment.id, payment.state, after, provider=payment.provider, source=source, attempt=attempt,
        entry=entry,
    )  # fmt: skip
    session.refresh(payment)


def _fits(session: Session, payment: Payment, attempt: int) -> bool:
    """Whether an attempt can be the payment: not where a later one, be it of a follow-up run, handed over a part of it."""
    if sent_minor(session, payment, attempt) != payment.rest_minor:
        return False
    other, number = aliased(Payment), find(session, payment.run_id).number
    part = (
        select(other.id)
        .join(PaymentRun, PaymentRun.id == other.run_id)
        .where(
            other.entitlement_id == payment.entitlement_id, other.parts_minor > 0,
            PaymentRun.number > number,
        )
        .limit(1)
    )  # fmt: skip
    return session.scalar(part) is None


def _is_replaced(session: Session, payment: Payment) -> bool:
    """Whether the payment was called off and another one is for the same entitlement."""
    if payment.state is not PaymentState.CANCELLED:
        return False
    another = select(Payment.id).where(
        Payment.entitlement_id == payment.entitlement_id, Payment.live
    )
    return session.scalar(another) is not None
