"""Moving payments through their lifecycle, one or a million: state, event, books and text in one statement."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    String,
    bindparam,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger.chart import Entry
from cbi.ledger.posting import Book, booking, post_payments
from cbi.payments import attempts, clearing, notices
from cbi.payments.models import Payment, PaymentEvent, PaymentRun
from cbi.payments.states import ON_ITS_WAY, PAYMENT, PaymentState

BOOKED: dict[tuple[PaymentState, PaymentState], Entry] = {
    # A move that is not here moves no money in the books: not knowing is not an event of money.
    (PaymentState.READY, PaymentState.SENDING): Entry.DISPATCH,
    (PaymentState.SENDING, PaymentState.READY): Entry.TAKE_BACK,
    (PaymentState.SENDING, PaymentState.PAID): Entry.CONFIRM,
    (PaymentState.ACCEPTED, PaymentState.PAID): Entry.CONFIRM,
    (PaymentState.ACCEPTED, PaymentState.PARTLY_PAID): Entry.PART,
    (PaymentState.UNKNOWN, PaymentState.PAID): Entry.CONFIRM,
    (PaymentState.UNKNOWN, PaymentState.DISPUTED): Entry.AGE,
    (PaymentState.DISPUTED, PaymentState.PAID): Entry.CONFIRM_AGED,
    (PaymentState.DISPUTED, PaymentState.FAILED): Entry.FAIL_AGED,
    (PaymentState.SENDING, PaymentState.FAILED): Entry.FAIL,
    (PaymentState.ACCEPTED, PaymentState.FAILED): Entry.FAIL,
    (PaymentState.UNKNOWN, PaymentState.FAILED): Entry.FAIL,
    (PaymentState.ACCEPTED, PaymentState.EXPIRED): Entry.EXPIRE,
    (PaymentState.PAID, PaymentState.RETURNED): Entry.RETURN,
    (PaymentState.FAILED, PaymentState.CANCELLED): Entry.RELEASE_FAILED,
    (PaymentState.RETURNED, PaymentState.CANCELLED): Entry.RELEASE_AWAITING,
    (PaymentState.EXPIRED, PaymentState.CANCELLED): Entry.RELEASE_EXPIRED,
    (PaymentState.RETURNED, PaymentState.READY): Entry.RETRY_AWAITING,
    (PaymentState.EXPIRED, PaymentState.READY): Entry.RETRY_EXPIRED,
    (PaymentState.READY, PaymentState.PAID): Entry.LATE_COMMITTED,
    (PaymentState.FAILED, PaymentState.PAID): Entry.LATE_COMMITTED,
    (PaymentState.RETURNED, PaymentState.PAID): Entry.LATE_AWAITING,
    (PaymentState.EXPIRED, PaymentState.PAID): Entry.LATE_AWAITING,
    (PaymentState.CANCELLED, PaymentState.PAID): Entry.LATE_RELEASED,
}


def book_of(run: PaymentRun, provider: str | None = None) -> Book:
    """The accounts that a run's payments move between; without a provider, those that are nobody's part of it."""
    return Book(
        run.currency,
        fund_id=run.fund_id,
        programme_id=run.programme_id,
        run_id=run.id,
        provider=provider,
    )


def move(
    session: Session,
    run: PaymentRun,
    chosen: ColumnElement[bool],
    before: PaymentState,
    after: PaymentState,
    *,
    provider: str,
    source: str,
    provider_code: str | None = None,
    failure: str | None = None,
) -> int:
    """Move every chosen payment of the run by this provider that is `before` to `after`; returns how many moved.

    A compare-and-set: those that are no longer `before` are left alone. Each gets its event, and its entry in the books.
    Raises MoveNotAllowed, NotCovered.
    """
    statement = _moving(chosen, before, after, debited=_is_debited(run, provider, after))
    return _move(
        session, run, provider, statement, before, after, (source,), provider_code, failure
    )


def move_through(
    session: Session,
    run: PaymentRun,
    chosen: ColumnElement[bool],
    path: Sequence[PaymentState],
    *,
    provider: str,
    sources: Sequence[str],
) -> int:
    """`move` along several arrows at once, each said by its source, for what one transaction does anyway.

    Every arrow leaves its event, in order, and one through `sending` its attempt; the row is written once. No more than
    one of the arrows moves money.
    """
    entries = [entry for arrow in pairwise(path) if (entry := BOOKED.get(arrow))]
    if len(entries) != 1 or _is_debited(run, provider, path[-1]):
        raise ValueError(f"{' → '.join(path)} by {provider} is not booked by one entry")
    statement = _moving(chosen, *path)
    return _move(
        session, run, provider, statement, path[0], path[-1], sources, None, None, entry=entries[0]
    )


def move_one(
    session: Session,
    run: PaymentRun,
    payment_id: UUID,
    before: PaymentState,
    after: PaymentState,
    *,
    provider: str,
    source: str,
    provider_code: str | None = None,
    failure: str | None = None,
    totals_at_last: bool = False,
    attempt: int | None = None,
    entry: Entry | None = None,
    part: int | None = None,
) -> bool:
    """`move` for a single payment, while somebody waits; whether it moved.

    `totals_at_last` is for the end of a transaction at a counter, as in `post_payments`. `attempt` is the one that did
    it, where that is not the present one. `entry` books it otherwise than usual. `part` is what is handed over of it, in
    minor units, where that is not all.
    """
    statement = _moving_one(before, after, debited=_is_debited(run, provider, after))
    of_the_part = {} if part is None else {"part": part}
    return bool(
        _move(
            session, run, provider, statement, before, after, (source,), provider_code, failure,
            totals_at_last=totals_at_last, entry=entry, one=payment_id, by_attempt=attempt, **of_the_part,
        )
    )  # fmt: skip


def _move(
    session: Session,
    run: PaymentRun,
    provider: str,
    statement: Select[*tuple[Any, ...]],
    before: PaymentState,
    after: PaymentState,
    sources: Sequence[str],
    provider_code: str | None,
    failure: str | None,
    *,
    totals_at_last: bool = False,
    entry: Entry | None = None,
    by_attempt: int | None = None,
    **named: object,
) -> int:
    values = {
        "run": run.id, "by": provider, "said_by": list(sources), "said_code": provider_code, "said_failure": failure,
        "moved_at": clock.now(), "by_attempt": by_attempt, **named,
    }  # fmt: skip
    entry = entry or BOOKED.get((before, after))
    if _is_debited(run, provider, after):
        entry = Entry.DEBITED
    if entry is None:
        return int(session.connection().scalar(statement, values) or 0)
    if after is PaymentState.PAID:
        values |= notices.values_for(run.currency)
    book = book_of(run, provider)
    ends_early = provider in run.debits_early and before in _MAY_HAVE_BEEN_ACCEPTED
    if ends_early:
        clearing.take_turn(session, book, totals_at_last=totals_at_last)
    done = post_payments(session, entry, book, statement, values, totals_at_last=totals_at_last)
    if ends_early:
        clearing.end(session, book, entry, done, after, totals_at_last=totals_at_last)
    return done.changed


_MAY_HAVE_BEEN_ACCEPTED = ON_ITS_WAY - {PaymentState.SENDING}


def _is_debited(run: PaymentRun, provider: str, after: PaymentState) -> bool:
    """Whether the provider takes a payment's money with this move."""
    return after is PaymentState.ACCEPTED and provider in run.debits_early


@cache
def _moving_one(
    before: PaymentState, after: PaymentState, *, debited: bool
) -> Select[*tuple[Any, ...]]:
    return _moving(Payment.id == bindparam("one"), before, after, debited=debited)


def _moving(
    chosen: ColumnElement[bool], *path: PaymentState, debited: bool = False
) -> Select[*tuple[Any, ...]]:
    """The statement that moves from the first state of the path to its last, and counts what it moved."""
    for arrow in pairwise(path):
        PAYMENT.check(*arrow)
    before, after = path[0], path[-1]
    changes: dict[str, object] = {"state": after, "live": after is not PaymentState.CANCELLED}
    if PaymentState.SENDING in path[1:]:
        changes["attempts"] = Payment.attempts + 1
    concerns: tuple[Any, ...] = notices.CONCERNS
    if after is PaymentState.PARTLY_PAID:
        concerns = (Payment.id, bindparam("part", type_=BigInteger).label("amount_minor"))
    if before is PaymentState.PARTLY_PAID:
        changes["attempts"] = Payment.attempts + 1
        changes["parts_minor"] = Payment.parts_minor + bindparam("part", type_=BigInteger)
    moved = (
        update(Payment)
        .where(
            Payment.run_id == bindparam("run"), Payment.provider == bindparam("by"),
            Payment.state == before, chosen,
        )
        .values(**changes)
        .returning(_attempt(before), *concerns)
        .cte("moved")
    )  # fmt: skip
    events = _events(moved, path)
    if debited:
        # Nobody knew for a while, and the provider says again that it has accepted: it took the money once.
        once = ~clearing.booked(Entry.DEBITED, moved.c.id, moved.c.attempt)
        rows = select(moved.c.id, moved.c.attempt, moved.c.amount_minor).where(once)
        return booking(rows, events, changed=moved)
    if not any(arrow in BOOKED for arrow in pairwise(path)):
        return select(func.count()).select_from(moved).add_cte(events)
    along = (events, notices.paid(moved)) if after is PaymentState.PAID else (events,)
    if PaymentState.SENDING in path[1:-1]:
        along = (*along, attempts.begun(moved))
    return booking(select(moved.c.id, moved.c.attempt, moved.c.amount_minor), *along)


def _events(moved: CTE, path: Sequence[PaymentState]) -> CTE:
    """One event for each payment and arrow; those of a payment in the order of its path."""
    steps = (
        func.unnest(
            literal([*path[:-1]], ARRAY(String)), literal([*path[1:]], ARRAY(String)),
            bindparam("said_by", type_=ARRAY(String)),
        )
        .table_valued("before", "after", "source", with_ordinality="place")
        .render_derived(name="steps")
    )  # fmt: skip
    rows = select(
        moved.c.id, moved.c.attempt, steps.c.before, steps.c.after, steps.c.source,
        *(bindparam(name, type_=String) for name in ("said_code", "said_failure")),
        bindparam("moved_at", type_=DateTime(timezone=True)),
    ).select_from(moved.join(steps, true()))  # fmt: skip
    columns = [
        "payment_id", "attempt", "before", "after", "source", "provider_code", "failure", "at",
    ]  # fmt: skip
    return (
        insert(PaymentEvent)
        .from_select(columns, rows.order_by(moved.c.id, steps.c.place) if len(path) > 2 else rows)
        .cte("events")
    )


def _attempt(before: PaymentState) -> ColumnElement[int]:
    """The attempt that a move is about: the present one, unless it is said otherwise or another one came back."""
    given = bindparam("by_attempt", type_=Integer)
    if before is not PaymentState.RETURNED:
        return func.coalesce(given, Payment.attempts).label("attempt")
    came_back = (
        select(func.max(PaymentEvent.id))
        .where(
            PaymentEvent.payment_id == Payment.id,
            PaymentEvent.after == PaymentState.RETURNED.value,
        )
        .correlate(Payment)
    )
    its_attempt = (
        select(PaymentEvent.attempt)
        .where(PaymentEvent.id == came_back.scalar_subquery())
        .correlate(Payment)
    )
    return func.coalesce(given, its_attempt.scalar_subquery(), Payment.attempts).label("attempt")
