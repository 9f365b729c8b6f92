"""What a payment took more or less than was sent, once two people have found how much: booked beside the payment.

The payment itself stays whole: one state, and its whole amount through the books. What it took less was never spent and
is the programme's again, until a line of its own lists it after all; what it took more is owed back. Where a line was found
to be more of an attempt that was itself owed back, it is the rest as soon as that attempt is the payment.
"""

from sqlalchemy import bindparam, literal, select
from sqlalchemy.orm import Session

from cbi.ledger.chart import Entry
from cbi.ledger.posting import booking, post_payments
from cbi.messaging import outbox
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.moves import book_of
from cbi.payments.outcomes import rests
from cbi.payments.outcomes.discrepancies import PAID_LESS, PAID_MORE
from cbi.payments.outcomes.disputes import dispute
from cbi.payments.outcomes.known import found_minor, sent_minor, still_less
from cbi.payments.recovery import receivables
from cbi.payments.runs.runs import find
from cbi.payments.states import PaymentState, ReceivableState


def square(session: Session, payment: Payment, attempt: int, source: str) -> None:
    """Make the books hold what this attempt took, which is the payment by now: nothing to do if that is what was sent."""
    paid = found_minor(session, payment.id, attempt)
    sent = sent_minor(session, payment, attempt)
    if paid is None or paid == sent:
        return
    outbox.withdraw(session, payment_id=payment.id)  # it tells the recipient what was sent
    if paid > sent:
        receivables.open_excess(session, payment, attempt, source, paid - sent)
    else:
        _post(session, Entry.PAID_LESS, payment, attempt, sent - paid)
    dispute(
        session, payment, attempt, PaymentState.PAID, source, None, PAID_MORE if paid > sent else PAID_LESS,
        Money(paid, payment.currency),
    )  # fmt: skip
    if paid < sent:
        _find_rest(session, payment, attempt, source)


def _find_rest(session: Session, payment: Payment, attempt: int, source: str) -> None:
    """What two people found to be more of the attempt is what was missing of it, where each fits in whole: the books hold
    one receivable for a finding, so one that goes beyond stays owed back until they find it anew.
    """
    for owed in receivables.in_lines(session, payment.id, attempt):
        if owed.finding_id and owed.amount_minor <= rests.missing_minor(session, payment, attempt):
            receivables.end(session, owed, ReceivableState.DELIVERED, Entry.ADOPT, source=source)
            rests.deliver(session, payment, attempt, owed.amount_minor, owed.finding_id)


def take_back_rest(session: Session, payment: Payment) -> None:
    """What a payment took less is the payment's again, before all of it comes back. Raises NotCovered."""
    for (_, attempt), rest in still_less(session, [payment.id]).items():
        _post(session, Entry.REST_TAKEN_BACK, payment, attempt, rest)


def _post(session: Session, entry: Entry, payment: Payment, attempt: int, minor: int) -> None:
    row = select(Payment.id, literal(attempt), literal(minor).label("amount_minor")).where(
        Payment.id == bindparam("one")
    )
    book = book_of(find(session, payment.run_id), payment.provider)
    post_payments(session, entry, book, booking(row), {"one": payment.id})
