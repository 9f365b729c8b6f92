"""What became of a payment: the only place where news about it, from anywhere, is believed, ignored or disputed."""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, Table, bindparam, literal, select, update
from sqlalchemy.orm import Session, aliased

from cbi import clock
from cbi.errors import NotFound
from cbi.fsp.keys import UnusableKey, idempotency_key, read_idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.money import Money
from cbi.payments.discrepancies import open_discrepancy, settle_set
from cbi.payments.dispatch import Chunk
from cbi.payments.disputes import (
    ANOTHER_AMOUNT,
    EARLIER_ATTEMPT_PAID,
    SAID_TO_HAVE_FAILED,
    contradiction,
)
from cbi.payments.models import Attempt, Discrepancy, Payment
from cbi.payments.moves import move, move_one
from cbi.payments.runs import find
from cbi.payments.states import PAYMENT, PaymentState


class Applied(StrEnum):
    """What was done with a piece of news."""

    MOVED = "moved"
    NOTHING_NEW = "nothing_new"
    DISPUTED = "disputed"


class UnknownPayment(NotFound):
    """No such payment."""

    code = "payment.unknown"


STATE_OF: dict[Outcome, PaymentState] = {
    Outcome.ACCEPTED: PaymentState.ACCEPTED,
    Outcome.PAID: PaymentState.PAID,
    Outcome.FAILED: PaymentState.FAILED,
    Outcome.RETURNED: PaymentState.RETURNED,
    Outcome.UNKNOWN: PaymentState.UNKNOWN,
}

ASKED = "query"
"""The source of news that we asked for."""

_PROGRESS = {PaymentState.ACCEPTED, PaymentState.UNKNOWN}
"""News that says nothing final: late or repeated, it is no contradiction."""


def accept_chunk(session: Session, chunk: Chunk, source: str) -> int:
    """The provider, or for codes the engine itself, has taken every sending payment of the chunk."""
    return move(
        session, find(session, chunk.run_id), chunk.within, PaymentState.SENDING, PaymentState.ACCEPTED,
        provider=chunk.provider, source=source,
    )  # fmt: skip


def confirm_paid(
    session: Session, payment_id: UUID, attempt: int, *, provider_reference: str | None, source: str
) -> bool:
    """Book that the money was handed over. False when it was booked already; anything else is disputed, not booked.

    Raises UnknownPayment. Whoever calls it for cash has locked the code first.
    """
    payment = _find(session, payment_id)
    run = find(session, payment.run_id)
    if payment.attempts == attempt and PAYMENT.allows(payment.state, PaymentState.PAID):
        key = idempotency_key(payment_id, attempt)
        name_attempt(session, payment.provider, key, provider_reference)
        # The totals of the books come last: every counter waits for them.
        move_one(
            session, run, payment_id, payment.state, PaymentState.PAID, provider=payment.provider, source=source,
            totals_at_last=True,
        )  # fmt: skip
        return True
    if payment.attempts == attempt and payment.state is PaymentState.PAID:
        return False
    _dispute(session, payment, attempt, PaymentState.PAID, source, provider_reference)
    return False


def expire(session: Session, payment_ids: Sequence[UUID], source: str) -> int:
    """The codes of these payments are void and were not paid: their money awaits a decision. Returns how many moved."""
    these = Payment.id.in_(payment_ids)
    routes = session.execute(
        select(Payment.run_id, Payment.provider)
        .where(these)
        .distinct()
        .order_by(Payment.run_id, Payment.provider)
    ).all()
    return sum(
        move(
            session, find(session, run_id), these, PaymentState.ACCEPTED, PaymentState.EXPIRED, provider=provider,
            source=source,
        )
        for run_id, provider in routes
    )  # fmt: skip


def apply(
    session: Session, news: ProviderUpdate, *, provider: str, source: str, can_ask: bool = False
) -> Applied:
    """Take in what a provider said about one attempt, whatever the order or the number of times it is said.

    What the lifecycle allows is booked; what adds nothing is ignored; what contradicts it opens a discrepancy.
    `can_ask`: it said so of its own accord, and can be asked. Then a failure is not believed before it is: what has
    failed may be paid anew, and what was called back as failed may be called back as paid a moment later.
    """
    payment, attempt = _named(session, news, provider)
    if payment is None:
        open_discrepancy(
            session, "unknown_payment", f"{provider}:{news.idempotency_key}", provider=provider,
            outcome=news.outcome.value, source=source,
        )  # fmt: skip
        return Applied.DISPUTED
    _keep_ticket(session, payment.id, attempt, news.ticket)
    run = find(session, payment.run_id)
    after = STATE_OF[news.outcome]
    if attempt == payment.attempts:
        kind = _doubt(payment, news, source, can_ask=can_ask)
        if kind is not None:
            return _doubted(session, payment, attempt, news, source, kind)
        if payment.state is PaymentState.PAID and after is PaymentState.FAILED:
            after = PaymentState.RETURNED  # what was paid and then "failed" came back
        if payment.state is after:
            return Applied.NOTHING_NEW
        if PAYMENT.allows(payment.state, after):
            name_attempt(session, provider, news.idempotency_key, news.provider_reference)
            move_one(
                session, run, payment.id, payment.state, after, provider=provider, source=source,
                provider_code=news.provider_code, failure=news.failure,
            )  # fmt: skip
            if after is PaymentState.FAILED:
                settle_set(session, _confirmed_failure(payment.id, attempt))
            return Applied.MOVED
    if after in _PROGRESS or (attempt != payment.attempts and after is PaymentState.FAILED):
        return Applied.NOTHING_NEW
    _dispute(session, payment, attempt, after, source, news.provider_reference)
    return Applied.DISPUTED


def _doubt(payment: Payment, news: ProviderUpdate, source: str, *, can_ask: bool) -> str | None:
    """Why the news is not believed as it stands: the kind of discrepancy that it opens; None when it is."""
    if news.amount is not None and news.amount != Money(payment.amount_minor, payment.currency):
        return ANOTHER_AMOUNT
    if news.outcome is not Outcome.FAILED or source == ASKED:
        return None
    may_fail = can_ask and PAYMENT.allows(payment.state, PaymentState.FAILED)
    return SAID_TO_HAVE_FAILED if may_fail or payment.state is PaymentState.PAID else None


def _doubted(
    session: Session, payment: Payment, attempt: int, news: ProviderUpdate, source: str, kind: str
) -> Applied:
    """Keep news that is not believed; a payment that is still open is unknown from now on, so that it is asked about."""
    _dispute(
        session, payment, attempt, STATE_OF[news.outcome], source, news.provider_reference, kind, news.amount
    )  # fmt: skip
    unknown = PaymentState.UNKNOWN
    if payment.state is not unknown and PAYMENT.allows(payment.state, unknown):
        name_attempt(session, payment.provider, news.idempotency_key, news.provider_reference)
        move_one(
            session, find(session, payment.run_id), payment.id, payment.state, unknown, provider=payment.provider,
            source=source, provider_code=news.provider_code,
        )  # fmt: skip
    return Applied.DISPUTED


def _confirmed_failure(payment_id: UUID, attempt: int) -> Select[UUID, str]:
    """The discrepancy about a failure that nobody had asked about, now that the provider has answered so."""
    return select(Discrepancy.id, literal("The provider, asked, says the same.")).where(
        Discrepancy.kind == SAID_TO_HAVE_FAILED,
        Discrepancy.subject == f"payment:{payment_id}:{attempt}",
    )


def _find(session: Session, payment_id: UUID) -> Payment:
    payment = session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
    if payment is None:
        raise UnknownPayment("There is no such payment.")
    return payment


def _named(session: Session, news: ProviderUpdate, provider: str) -> tuple[Payment | None, int]:
    """The payment (locked) and the attempt that the news is about; None when it is nobody's, or another provider's."""
    try:
        payment_id, attempt = read_idempotency_key(news.idempotency_key)
    except UnusableKey:
        return None, 0
    sent = session.get(Attempt, (payment_id, attempt))
    if sent is None or sent.provider != provider:
        return None, attempt
    return _find(session, payment_id), attempt


def _keep_ticket(session: Session, payment_id: UUID, attempt: int, ticket: str | None) -> None:
    """Keep what the provider gave us to ask by: the latest, whatever became of the news that it came with."""
    if ticket is not None:
        session.execute(
            update(Attempt)
            .where(
                Attempt.payment_id == payment_id, Attempt.number == attempt,
                Attempt.ticket.is_distinct_from(ticket),
            )
            .values(ticket=ticket),
            execution_options={"synchronize_session": False},
        )  # fmt: skip


def name_attempt(session: Session, provider: str, key: str, reference: str | None) -> None:
    """Keep the provider's own name for an attempt of ours that has none yet.

    A provider that gives two attempts one name has made a mistake, which opens a discrepancy and stops nothing.
    """
    if not reference:
        return
    given = {"given_by": provider, "key": key, "reference": reference}
    if session.connection().scalar(_NAME, given) is not None:
        return
    owner = session.execute(_NAMED_SO, given).one_or_none()
    if owner is not None:
        open_discrepancy(
            session, "reference_repeated", f"attempt:{key}", provider=provider,
            payment_id=read_idempotency_key(key)[0], provider_reference=reference,
            first_payment=str(owner.payment_id), first_attempt=owner.number,
        )  # fmt: skip


_ATTEMPTS: Table = Attempt.__table__  # type: ignore[assignment]
_OTHER = aliased(Attempt)
_NAMED_SO = select(_OTHER.payment_id, _OTHER.number).where(
    _OTHER.provider == bindparam("given_by"),
    _OTHER.provider_reference == bindparam("reference"),
    _OTHER.idempotency_key != bindparam("key"),
)
_NAME = (
    update(_ATTEMPTS)
    .where(
        _ATTEMPTS.c.idempotency_key == bindparam("key"),
        _ATTEMPTS.c.provider_reference.is_(None),
        ~_NAMED_SO.exists(),
    )
    .values(provider_reference=bindparam("reference"))
    .returning(_ATTEMPTS.c.number)
)


def _dispute(
    session: Session,
    payment: Payment,
    attempt: int,
    claimed: PaymentState,
    source: str,
    provider_reference: str | None,
    kind: str = "",
    said: Money | None = None,
) -> None:
    """Keep news that the lifecycle forbids: it is a fact about money until somebody explains it."""
    kind = kind or (
        EARLIER_ATTEMPT_PAID
        if attempt != payment.attempts
        else contradiction(claimed, payment.state)
    )
    open_discrepancy(
        session, kind, f"payment:{payment.id}:{attempt}", provider=payment.provider, payment_id=payment.id,
        amount=Money(payment.amount_minor, payment.currency), attempt=attempt, state=payment.state.value,
        claimed=claimed.value, source=source, provider_reference=provider_reference, noticed_at=f"{clock.now():%F %T}",
        said_amount=str(said) if said else None,
    )  # fmt: skip
