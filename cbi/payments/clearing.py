"""Money that a provider took from our float when it accepted a payment, until it is known what became of that (account
1200).

What ends an attempt takes out of 1200 what the books say went into it for that attempt, so no order of news leaves
anything behind. Who takes it so early is a fact of the run: `PaymentRun.debits_early`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    bindparam,
    exists,
    literal,
    select,
)
from sqlalchemy.orm import Session, aliased

from cbi.db import at_last
from cbi.ledger.chart import CLEARING, FLOAT, Entry
from cbi.ledger.models import Account, Transfer
from cbi.ledger.posting import Book, Posted, booking, post_payments
from cbi.payments.models import Payment
from cbi.payments.states import PaymentState

_ENDS: Mapping[PaymentState, Entry] = {
    PaymentState.PAID: Entry.CLEARED,
    PaymentState.PARTLY_PAID: Entry.CLEARED,  # the rest is taken anew, under the next attempt
    PaymentState.FAILED: Entry.CREDITED_BACK,
    PaymentState.EXPIRED: Entry.CREDITED_BACK,
}
"""What takes an attempt's money out of 1200, by what its payment became."""


def booked(
    entry: Entry, payment_id: SQLColumnExpression[Any], attempt: SQLColumnExpression[Any]
) -> ColumnElement[bool]:
    """Whether the books hold this entry for an attempt."""
    other = aliased(Transfer)
    return exists().where(
        other.source_id == payment_id, other.entry == entry.value, other.attempt == attempt, other.leg == 1
    )  # fmt: skip


def holds(session: Session, entry: Entry, payment: Payment, attempt: int) -> bool:
    """Whether the books hold this entry for an attempt of a payment."""
    return bool(session.scalar(select(booked(entry, literal(payment.id), literal(attempt)))))


def take_turn(session: Session, book: Book, *, totals_at_last: bool = False) -> None:
    """Lock the totals that `end` moves before the move's own, in one order: a payment that is paid and one that fails, or a
    chunk that is sent and accepted at once, would else wait for each other crosswise.
    """
    theirs = (
        select(Account.id)
        .where(
            Account.code.in_([FLOAT.code, CLEARING.code]), Account.provider == book.provider,
            Account.currency == book.currency,
        )
        .order_by(Account.id)
        .with_for_update()
    )  # fmt: skip

    def lock(session: Session) -> None:
        session.execute(theirs)

    if totals_at_last:
        at_last(session, lock)
    else:
        lock(session)


def end(
    session: Session, book: Book, by: Entry, done: Posted, after: PaymentState, *, totals_at_last: bool
) -> None:  # fmt: skip
    """Take out of 1200 what is there for the attempts that a move has just ended: it made them `after`, booking `by`.

    Raises MonthClosed.
    """
    entry = _ENDS.get(after)
    if entry is None or not done.count:
        return
    values = {"ended_by": by.value, "ended_from": done.first}
    post_payments(session, entry, book, _ending(), values, totals_at_last=totals_at_last)


@cache
def _ending() -> Select[int, int, int, bool, int]:
    """Over the transfers of the move, whose ids are the newest there are: one for each payment, or a chunk."""
    moved, taken = aliased(Transfer), aliased(Transfer)
    rows = (
        select(taken.payment_id, taken.attempt, taken.amount_minor)
        .select_from(moved)
        .join(
            taken,
            (taken.source_id == moved.source_id) & (taken.attempt == moved.attempt)
            & (taken.entry == Entry.DEBITED.value) & (taken.leg == 1),
        )
        .where(
            moved.id >= bindparam("ended_from", type_=BigInteger),
            moved.entry == bindparam("ended_by", type_=String), moved.leg == 1,
            *(~booked(entry, taken.source_id, taken.attempt) for entry in (Entry.CLEARED, Entry.CREDITED_BACK)),
        )
    )  # fmt: skip
    return booking(rows)
