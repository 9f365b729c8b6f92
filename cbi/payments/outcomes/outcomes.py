"""What became of a payment: the only place where news about it, from anywhere, is believed, ignored or disputed."""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, literal, select
from sqlalchemy.orm import Session

from cbi.errors import NotFound
from cbi.fsp.keys import UnusableKey, idempotency_key, read_idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.money import Money
from cbi.payments.models import Attempt, Discrepancy, Payment
from cbi.payments.moves import move, move_one
from cbi.payments.outcomes import late
from cbi.payments.outcomes.discrepancies import (
    ANOTHER_AMOUNT,
    UNKNOWN_PAYMENT,
    open_discrepancy,
    settle_set,
)
from cbi.payments.outcomes.disputes import (
    EARLIER_ATTEMPT_PAID,
    SAID_TO_HAVE_FAILED,
    dispute,
)
from cbi.payments.outcomes.known import (
    found_minor,
    known_paid,
    known_returned,
    sent_minor,
    taken_minor,
)
from cbi.payments.recovery import receivables
from cbi.payments.runs.runs import find
from cbi.payments.sending.dispatch import Chunk
from cbi.payments.sending.naming import keep_ticket, name_attempt
from cbi.payments.states import ON_ITS_WAY, PAYMENT, PaymentState


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
    if payment.attempts == attempt and payment.state in ON_ITS_WAY:
        key = idempotency_key(payment_id, attempt)
        name_attempt(session, payment.provider, key, provider_reference)
        # The totals of the books come last: every counter waits for them.
        move_one(
            session, run, payment_id, payment.state, PaymentState.PAID, provider=payment.provider, source=source,
            totals_at_last=True,
        )  # fmt: skip
        if attempt > 1:
            receivables.note_paid_twice(session, payment, source)
        return True
    if payment.attempts == attempt and payment.state is PaymentState.PAID:
        return False
    kind = "" if payment.attempts == attempt else EARLIER_ATTEMPT_PAID
    dispute(session, payment, attempt, PaymentState.PAID, source, provider_reference, kind)
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

    What is new is booked, also where our books had it otherwise (`late`); what adds nothing is ignored; what is not
    believed opens a discrepancy. `can_ask`: it said so of its own accord, and can be asked. Then a failure is not
    believed before it is: what has failed may be paid anew, and what was called back as failed may be called back as
    paid a moment later.
    """
    payment, attempt = _named(session, news, provider)
    if payment is None:
        open_discrepancy(
            session, UNKNOWN_PAYMENT, f"{provider}:{news.idempotency_key}", provider=provider,
            outcome=news.outcome.value, source=source,
        )  # fmt: skip
        return Applied.DISPUTED
    keep_ticket(session, payment.id, attempt, news.ticket)
    kind = _doubt(session, payment, attempt, news, source, can_ask=can_ask)
    if kind is not None:
        return _doubted(session, payment, attempt, news, source, kind)
    match news.outcome:
        case Outcome.PAID:
            return _paid(session, payment, attempt, news, source)
        case Outcome.RETURNED:
            return _returned(session, payment, attempt, news, source)
        case Outcome.FAILED:
            return _failed(session, payment, attempt, news, source)
        case Outcome.ACCEPTED | Outcome.UNKNOWN:
            # It says nothing final: late or repeated, it is no contradiction.
            after = STATE_OF[news.outcome]
            if attempt != payment.attempts or not PAYMENT.allows(payment.state, after):
                return Applied.NOTHING_NEW
            return _move(session, payment, after, news, source)


def _paid(
    session: Session, payment: Payment, attempt: int, news: ProviderUpdate, source: str
) -> Applied:
    if attempt == payment.attempts and payment.state in ON_ITS_WAY:
        _move(session, payment, PaymentState.PAID, news, source)
        if attempt > 1:
            receivables.note_paid_twice(session, payment, source)
        return Applied.MOVED
    if known_paid(session, payment.id, attempt):
        return Applied.NOTHING_NEW
    name_attempt(session, payment.provider, news.idempotency_key, news.provider_reference)
    moved = late.book_paid(
        session, payment, attempt, source=source, reference=news.provider_reference
    )
    return Applied.MOVED if moved else Applied.DISPUTED


def _returned(
    session: Session, payment: Payment, attempt: int, news: ProviderUpdate, source: str
) -> Applied:
    if known_returned(session, payment.id, attempt):
        return Applied.NOTHING_NEW
    name_attempt(session, payment.provider, news.idempotency_key, news.provider_reference)
    moved = late.book_returned(
        session, payment, attempt, source=source, reference=news.provider_reference
    )
    return Applied.MOVED if moved else Applied.DISPUTED


def _failed(
    session: Session, payment: Payment, attempt: int, news: ProviderUpdate, source: str
) -> Applied:
    if attempt == payment.attempts and payment.state in ON_ITS_WAY:
        _move(session, payment, PaymentState.FAILED, news, source)
        settle_set(session, _confirmed_failure(payment.id, attempt))
        session.refresh(payment)
        late.adopt(session, payment)
        return Applied.MOVED
    if source == ASKED and known_paid(session, payment.id, attempt):
        # What was paid and then "failed" came back.
        return _returned(session, payment, attempt, news, source)
    return Applied.NOTHING_NEW


def _move(
    session: Session, payment: Payment, after: PaymentState, news: ProviderUpdate, source: str
) -> Applied:
    """Move a payment by news about its present attempt that the lifecycle allows."""
    name_attempt(session, payment.provider, news.idempotency_key, news.provider_reference)
    move_one(
        session, find(session, payment.run_id), payment.id, payment.state, after, provider=payment.provider,
        source=source, provider_code=news.provider_code, failure=news.failure,
    )  # fmt: skip
    return Applied.MOVED


def _doubt(
    session: Session,
    payment: Payment,
    attempt: int,
    news: ProviderUpdate,
    source: str,
    *,
    can_ask: bool,
) -> str | None:
    """Why the news is not believed as it stands: the kind of discrepancy that it opens; None when it is."""
    if news.amount is not None:
        # Of one that took less and the rest later, it may tell of the first movement or of both.
        found = {known(session, payment.id, attempt) for known in (found_minor, taken_minor)}
        sent = sent_minor(session, payment, attempt)
        if news.amount not in {Money(minor or sent, payment.currency) for minor in found}:
            return ANOTHER_AMOUNT
    if news.outcome is not Outcome.FAILED or source == ASKED:
        return None
    if attempt == payment.attempts and payment.state in ON_ITS_WAY:
        return SAID_TO_HAVE_FAILED if can_ask else None
    if known_returned(session, payment.id, attempt):
        return None
    return SAID_TO_HAVE_FAILED if known_paid(session, payment.id, attempt) else None


def _doubted(
    session: Session, payment: Payment, attempt: int, news: ProviderUpdate, source: str, kind: str
) -> Applied:
    """Keep news that is not believed; a payment that is still open is unknown from now on, so that it is asked about."""
    dispute(
        session, payment, attempt, STATE_OF[news.outcome], source, news.provider_reference, kind, news.amount
    )  # fmt: skip
    unknown = PaymentState.UNKNOWN
    if attempt == payment.attempts and PAYMENT.allows(payment.state, unknown):
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
