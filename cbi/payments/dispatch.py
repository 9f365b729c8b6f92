"""Sending a released run: each intent is saved before the provider hears of it, and each answer after.

This is one of the two places that commit in the middle of their work: a crash between intent and answer must leave the
intent behind, because then nobody knows whether the money moved, and the payment is asked about, never sent again.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import String, and_, cast, func, insert, literal, select, text, true
from sqlalchemy.orm import Session

from cbi import clock, db, offices
from cbi.access.actor import SYSTEM, Actor
from cbi.access.permissions import Permission
from cbi.errors import Conflict
from cbi.fsp.adapter import SubmitsPayments
from cbi.fsp.errors import NotSent
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import (
    DeliveryMechanism,
    FailureReason,
    Outcome,
    Payee,
    PaymentInstruction,
    ProviderUpdate,
)
from cbi.money import Money
from cbi.payments.approval import check_approved
from cbi.payments.models import Attempt, Payment, PaymentRun
from cbi.payments.moves import move
from cbi.payments.outcomes import Applied, apply, name_attempt
from cbi.payments.recipients import goes_where_approved, hold_back
from cbi.payments.runs import find, move_run, programme_of
from cbi.payments.states import RUN, PaymentState, RunState

log = logging.getLogger(__name__)

SENT_TOGETHER = 100


class TooEarly(Conflict):
    """The recall window is still open."""

    code = "payment_run.recall_window_open"


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one release, or of one part of it. `held_back` could certainly not be sent and wait."""

    submitted: int = 0
    unknown: int = 0
    held_back: int = 0


def begin_release(session: Session, actor: Actor, run_id: UUID) -> PaymentRun:
    """Let an approved run go out. Raises TooEarly inside the recall window, ContentAltered when it was tampered with."""
    run = find(session, run_id, lock=True)
    actor.require(Permission.RUN_RELEASE, programme_of(session, run).code)
    RUN.check(run.state, RunState.RELEASING)
    if run.release_after is None or clock.now() < run.release_after:
        raise TooEarly(
            f"Run {run.number} can still be recalled until {run.release_after:%H:%M} UTC.",
            next_step="Release it after that.",
        )
    check_approved(session, run)
    move_run(session, actor, run, RunState.RELEASING)
    return run


def next_chunk(session: Session, run_id: UUID, size: int) -> tuple[int, int] | None:
    """First and last number of the next payments of the run to hand over, at most `size`; None when none is left.

    Locks the run, so one worker at a time cuts chunks from it. Every live payment in the range is `ready`.
    """
    run = find(session, run_id, lock=True)
    if run.state is not RunState.RELEASING:
        return None
    live = select(Payment.number).where(Payment.run_id == run_id, Payment.live)
    first = session.scalar(
        live.where(Payment.number > run.released_through, Payment.state == PaymentState.READY)
        .order_by(Payment.number)
        .limit(1)
    )
    if first is None:
        # Behind the mark are only those that certainly could not be sent before: the least tried comes first.
        first = session.scalar(
            live.where(Payment.state == PaymentState.READY)
            .order_by(
                Payment.attempts, Payment.number
            )  # or one that is always refused would block the rest
            .limit(1)
        )
        return None if first is None else (first, first)
    return first, first + size - 1


def start_chunk(session: Session, run_id: UUID, first: int, last: int) -> int:
    """Save the intent for every ready payment in the range: attempt, event, and the money in transit."""
    run = find(session, run_id, lock=True)
    between = Payment.number.between(first, last)
    started = move(
        session, run, between, PaymentState.READY, PaymentState.SENDING, source="dispatch"
    )
    number = func.lpad(cast(Payment.attempts, String), 2, "0")
    session.execute(
        insert(Attempt).from_select(
            ["payment_id", "number", "provider", "idempotency_key", "started_at"],
            select(
                Payment.id, Payment.attempts, Payment.provider,
                func.replace(cast(Payment.id, String), "-", "").concat("-").concat(number), literal(clock.now()),
            ).where(Payment.run_id == run_id, Payment.live, between, Payment.state == PaymentState.SENDING),
        )
    )  # fmt: skip
    run.released_through = max(run.released_through, last)
    session.flush()
    return started


def finish_release(session: Session, run_id: UUID) -> bool:
    """Call the run released once no payment of it waits to be handed over. False while one does."""
    run = find(session, run_id, lock=True)
    if run.state is not RunState.RELEASING:
        return run.state in {RunState.RELEASED, RunState.CLOSED}
    waiting = session.scalar(
        select(Payment.number)
        .where(
            Payment.run_id == run_id, Payment.live, Payment.state.in_([PaymentState.READY, PaymentState.SENDING])
        )
        .limit(1)
    )  # fmt: skip
    if waiting is not None:
        return False
    run.released_at = clock.now()
    move_run(session, SYSTEM, run, RunState.RELEASED)
    return True


@contextmanager
def only_sender(office: str, run_id: UUID) -> Iterator[bool]:
    """Whether this process may send the run: at most one does, until it ends or its connection does."""
    with db.engine(office).connect() as connection:
        key = {"key": run_id.int % 2**63}
        mine = bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), key))
        connection.commit()
        try:
            yield mine
        finally:
            if mine:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
                connection.commit()


Numbers = Callable[[Session, Sequence[UUID]], Mapping[UUID, str]]


def send(office: str, run_id: UUID, adapter: SubmitsPayments, numbers: Numbers) -> Sent:
    """Send every waiting payment of a releasing run, each in an attempt of its own. Safe to start again at any time.

    Whoever holds the sender's lock knows that any payment still `sending` was left so by a crash: it becomes `unknown`.
    """
    done = Sent()
    with only_sender(office, run_id) as mine:
        if not mine:
            return done
        run, left = offices.transact(office, lambda session: _give_up_interrupted(session, run_id))
        done = replace(done, unknown=left)
        while (
            instructions := offices.transact(
                office, lambda session: _start(session, run_id, numbers)
            )
        ) is not None:
            for instruction in instructions:
                outcome = _submit(office, run, adapter, instruction)
                done = Sent(
                    done.submitted + 1,
                    done.unknown + (outcome is Outcome.UNKNOWN),
                    done.held_back + (outcome is None),
                )
            if done.held_back:
                break  # the next firing tries them again: nothing is gained by trying at once
        offices.transact(office, lambda session: finish_release(session, run_id))
    return done


def _give_up_interrupted(session: Session, run_id: UUID) -> tuple[PaymentRun, int]:
    run = find(session, run_id)
    left = move(session, run, true(), PaymentState.SENDING, PaymentState.UNKNOWN, source="restart")
    return run, left


def _start(session: Session, run_id: UUID, numbers: Numbers) -> list[PaymentInstruction] | None:
    """Save the intent for the next payments and return their instructions; None when none is left."""
    chunk = next_chunk(session, run_id, SENT_TOGETHER)
    if chunk is None:
        return None
    start_chunk(session, run_id, *chunk)
    run, within = find(session, run_id), Payment.number.between(*chunk)
    hold_back(session, run, and_(within, ~goes_where_approved()), source="dispatch")
    payments = session.scalars(
        select(Payment).where(
            Payment.run_id == run_id, within, Payment.state == PaymentState.SENDING
        )
    ).all()
    accounts = numbers(session, [payment.account_id for payment in payments])
    # Nothing can be sent to whom was erased, or whose number does not open: certain, so it blocks nobody else.
    lost = [payment.id for payment in payments if payment.account_id not in accounts]
    if lost:
        move(
            session, run, Payment.id.in_(lost), PaymentState.SENDING, PaymentState.FAILED, source="dispatch",
            failure=FailureReason.ACCOUNT_NOT_FOUND,
        )  # fmt: skip
    return [
        PaymentInstruction(
            payment_id=payment.id,
            idempotency_key=idempotency_key(payment.id, payment.attempts),
            amount=Money(payment.amount_minor, payment.currency),
            mechanism=DeliveryMechanism(payment.mechanism),
            payee=Payee(account=accounts[payment.account_id], name=""),
        )
        for payment in payments
        if payment.account_id in accounts
    ]


def _submit(
    office: str, run: PaymentRun, adapter: SubmitsPayments, instruction: PaymentInstruction
) -> Outcome | None:
    """Send one, with no transaction open, and save the answer. None: certain that nothing was sent."""
    try:
        news = adapter.submit(instruction)
    except NotSent as refusal:
        helps = refusal.retry_helps
        offices.transact(
            office,
            lambda session: move(
                session, run, Payment.id == instruction.payment_id, PaymentState.SENDING,
                PaymentState.READY if helps else PaymentState.FAILED,
                source="not_sent", failure=None if helps else FailureReason.PROVIDER_ERROR,
            ),
        )  # fmt: skip
        return None if helps else Outcome.FAILED
    except Exception as error:  # noqa: BLE001 - whatever else went wrong, we do not know whether the money moved
        log.warning("no answer from %s: %s", run.provider, adapter.redact(type(error).__name__))
        news = ProviderUpdate(instruction.idempotency_key, Outcome.UNKNOWN)
    offices.transact(office, lambda session: _save_answer(session, run, news))
    return news.outcome


def _save_answer(session: Session, run: PaymentRun, news: ProviderUpdate) -> None:
    if apply(session, news, provider=run.provider, source="submit") is not Applied.MOVED:
        # A callback that was faster has moved the payment, and may not have named the attempt.
        name_attempt(session, run.provider, news.idempotency_key, news.provider_reference)
