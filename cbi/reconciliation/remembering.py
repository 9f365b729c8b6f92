"""What left before a backup was read back, and the books have forgotten: a statement names it by our own key.

Only we make these keys, and only for what is about to be sent. So a line that names the next attempt of a payment which
waits to be sent says that this attempt was sent already.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Uuid, and_, cast, exists, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from cbi.audit.standstill import STANDS_STILL
from cbi.fsp.messages import LineKind
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.moves import move
from cbi.payments.runs.runs import find
from cbi.payments.sending.dispatch import note_attempts
from cbi.payments.states import PaymentState, RunState
from cbi.reconciliation.models import STANDS, Match, StatementLine
from cbi.reconciliation.scratch import fill, forgotten

_KEY = "^[0-9a-f]{32}-[0-9]{2}$"


def remember(session: Session, provider: str) -> int:
    """Write the attempts down that the provider's lines name and the books have forgotten; returns how many.

    Only while the office stands still: nothing else brings such a line. Whether they were paid is not known by this: they
    are `unknown`, so they are never sent again, and what the lines say of them is compared as always.
    """
    if not session.scalar(select(STANDS_STILL)):
        return 0
    key = func.lower(StatementLine.idempotency_key)
    named = (
        select(
            StatementLine.statement_id,
            cast(func.substr(key, 1, 32), Uuid).label("payment_id"),
            cast(func.substr(key, 34, 2), Integer).label("attempt"),
        )
        .where(
            StatementLine.provider == provider, StatementLine.kind == LineKind.PAYMENT, key.regexp_match(_KEY),
            ~exists().where(Match.line_id == StatementLine.id, STANDS),
        )
        .cte("named")
        .prefix_with("MATERIALIZED")  # so that nothing but a key of ours is read as one
    )  # fmt: skip
    fill(
        session,
        forgotten,
        select(named.c.statement_id, Payment.run_id, Payment.id)
        .ext(distinct_on(Payment.id))
        .join(named, named.c.payment_id == Payment.id)
        .join(PaymentRun, PaymentRun.id == Payment.run_id)
        .where(
            Payment.provider == provider, Payment.live, Payment.state == PaymentState.READY,
            Payment.attempts == named.c.attempt - 1, PaymentRun.state == RunState.RELEASING,
        )
        .order_by(Payment.id, named.c.statement_id),
    )  # fmt: skip
    o = forgotten.c
    groups = select(o.run_id, o.statement_id).distinct().order_by(o.run_id, o.statement_id)
    return sum(_begun(session, provider, *row) for row in session.execute(groups).all())


def _begun(session: Session, provider: str, run_id: UUID, statement_id: UUID) -> int:
    o = forgotten.c
    these = Payment.id.in_(
        select(o.payment_id).where(o.run_id == run_id, o.statement_id == statement_id)
    )
    return _begin(session, find(session, run_id), these, provider, f"statement:{statement_id}")


def is_forgotten(session: Session, payment: Payment, attempt: int | None) -> bool:
    """Whether an attempt that somebody names may have been made and forgotten: the next of a payment that waits to be sent,
    while the office stands still.
    """
    next_ = payment.live and payment.state is PaymentState.READY and attempt == payment.attempts + 1
    return (
        next_
        and find(session, payment.run_id).state is RunState.RELEASING
        and bool(session.scalar(select(STANDS_STILL)))
    )


def begin_one(session: Session, payment: Payment, source: str) -> None:
    """Write down the attempt at one payment that `is_forgotten`, as two people found it."""
    _begin(
        session, find(session, payment.run_id), Payment.id == payment.id, payment.provider, source
    )
    session.refresh(payment)


def _begin(
    session: Session, run: PaymentRun, these: ColumnElement[bool], provider: str, source: str
) -> int:
    """Begin these payments' next attempts, as what the provider has heard of and nobody knows more of."""
    sent = and_(these, Payment.state == PaymentState.SENDING)
    moved = move(
        session,
        run,
        these,
        PaymentState.READY,
        PaymentState.SENDING,
        provider=provider,
        source=source,
    )
    note_attempts(session, sent)
    session.execute(
        update(Payment).where(sent).values(heard_of=Payment.attempts),
        execution_options={"synchronize_session": False},
    )
    move(
        session,
        run,
        these,
        PaymentState.SENDING,
        PaymentState.UNKNOWN,
        provider=provider,
        source=source,
    )
    return moved
