"""Moving payments through their lifecycle, one or a million: state, event and books in one statement."""

from sqlalchemy import ColumnElement, func, insert, literal, select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger.chart import Entry
from cbi.ledger.posting import Book, post_payments
from cbi.payments.models import Payment, PaymentEvent, PaymentRun
from cbi.payments.states import PAYMENT, PaymentState

BOOKED: dict[tuple[PaymentState, PaymentState], Entry] = {
    # A move that is not here moves no money in the books: not knowing is not an event of money.
    (PaymentState.READY, PaymentState.SENDING): Entry.DISPATCH,
    (PaymentState.SENDING, PaymentState.READY): Entry.TAKE_BACK,
    (PaymentState.SENDING, PaymentState.PAID): Entry.CONFIRM,
    (PaymentState.ACCEPTED, PaymentState.PAID): Entry.CONFIRM,
    (PaymentState.UNKNOWN, PaymentState.PAID): Entry.CONFIRM,
    (PaymentState.SENDING, PaymentState.FAILED): Entry.FAIL,
    (PaymentState.ACCEPTED, PaymentState.FAILED): Entry.FAIL,
    (PaymentState.UNKNOWN, PaymentState.FAILED): Entry.FAIL,
    (PaymentState.ACCEPTED, PaymentState.EXPIRED): Entry.EXPIRE,
    (PaymentState.PAID, PaymentState.RETURNED): Entry.RETURN,
    (PaymentState.FAILED, PaymentState.CANCELLED): Entry.RELEASE_FAILED,
    (PaymentState.RETURNED, PaymentState.CANCELLED): Entry.RELEASE_AWAITING,
    (PaymentState.EXPIRED, PaymentState.CANCELLED): Entry.RELEASE_AWAITING,
    (PaymentState.RETURNED, PaymentState.READY): Entry.RETRY_AWAITING,
    (PaymentState.EXPIRED, PaymentState.READY): Entry.RETRY_AWAITING,
}


def book_of(run: PaymentRun) -> Book:
    """The accounts that a run's payments move between."""
    return Book(
        run.currency,
        fund_id=run.fund_id,
        programme_id=run.programme_id,
        run_id=run.id,
        provider=run.provider,
    )


def move(
    session: Session,
    run: PaymentRun,
    chosen: ColumnElement[bool],
    before: PaymentState,
    after: PaymentState,
    *,
    source: str,
    provider_code: str | None = None,
    failure: str | None = None,
) -> int:
    """Move every chosen payment of the run that is `before` to `after`; returns how many moved.

    A compare-and-set: those that are no longer `before` are left alone. Each gets its event, and its entry in the books.
    Raises MoveNotAllowed, NotCovered.
    """
    PAYMENT.check(before, after)
    changes: dict[str, object] = {"state": after, "live": after is not PaymentState.CANCELLED}
    if after is PaymentState.SENDING:
        changes["attempts"] = Payment.attempts + 1
    moved = (
        update(Payment)
        .where(Payment.run_id == run.id, Payment.state == before, chosen)
        .values(**changes)
        .returning(Payment.id, Payment.attempts, Payment.amount_minor)
        .cte("moved")
    )
    events = (
        insert(PaymentEvent)
        .from_select(
            ["payment_id", "attempt", "before", "after", "source", "provider_code", "failure", "at"],
            select(
                moved.c.id, moved.c.attempts, literal(before.value), literal(after.value), literal(source),
                literal(provider_code, PaymentEvent.provider_code.type), literal(failure, PaymentEvent.failure.type),
                literal(clock.now()),
            ),
        )
        .cte("events")
    )  # fmt: skip
    entry = BOOKED.get((before, after))
    if entry is None:
        return int(session.scalar(select(func.count()).select_from(moved).add_cte(events)) or 0)
    rows = select(moved.c.id, moved.c.attempts, moved.c.amount_minor)
    return post_payments(session, entry, book_of(run), rows, events).count
