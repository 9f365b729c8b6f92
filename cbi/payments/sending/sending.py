"""Sending the payments of a released run to a provider: each intent is saved before the provider hears of it, and each
answer after.

This is one of the two places that commit in the middle of their work. Just before payments are given to the provider, as
many as it takes at once, they are marked as ones that the provider may have heard of. After a crash, what was not marked
goes back to wait, and what was is asked about, never sent again: nobody knows whether its money moved.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select, text, true, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, db, offices
from cbi.errors import Conflict
from cbi.fsp.adapter import SubmitsPayments
from cbi.fsp.errors import NotSent
from cbi.fsp.keys import LAST_ATTEMPT, idempotency_key, read_idempotency_key
from cbi.fsp.messages import (
    DeliveryMechanism,
    FailureReason,
    Outcome,
    Payee,
    PaymentInstruction,
    ProviderUpdate,
)
from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun, RunRoute
from cbi.payments.moves import move
from cbi.payments.outcomes.outcomes import Applied, apply
from cbi.payments.runs.runs import find
from cbi.payments.sending import answers
from cbi.payments.sending.dispatch import finish_release, next_chunk, start_chunk
from cbi.payments.sending.naming import name_attempt
from cbi.payments.sending.recipients import hold_back
from cbi.payments.states import PaymentState

log = logging.getLogger(__name__)

SENT_TOGETHER = 100
PATIENCE = 3
"""After so many payments in a row that could not be sent, or brought no answer, the provider counts as down.

What comes after them waits: a thousand payments sent into a silence would be a thousand that nobody knows about.
"""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)


class TakenOver(Conflict):
    """This process lost its connection, and with it the right to send; what it had in hand is another's now."""

    code = "payment_run.taken_over"


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one pass. `held_back` could certainly not be sent and wait for another; `unknown` are asked about."""

    submitted: int = 0
    unknown: int = 0
    held_back: int = 0
    stopped: bool = False
    """Whether the provider counts as down, so that the rest waits."""


@dataclass(slots=True)
class _Pace:
    """How many payments leave at the same time: one at first, twice as many after each time that all went well, up to
    what the provider takes; one again after any trouble, so that an outage leaves few that nobody knows about.
    """

    most: int
    together: int = 1

    def after(self, *, well: bool) -> None:
        self.together = min(2 * self.together, self.most) if well else 1


Accounts = Callable[[Session, Sequence[UUID]], Mapping[UUID, str]]


def send(
    office: str, run_id: UUID, provider: str, adapter: SubmitsPayments, accounts: Accounts
) -> Sent:
    """Send every waiting payment of a releasing run's route, each in an attempt of its own. Safe to start again any time.

    Whoever holds the sender's lock knows that any payment still `sending` was left so by a crash. A provider that took
    nothing is left in peace for a while, twice as long each time, up to an hour.
    """
    done, pace = Sent(), _Pace(adapter.profile.at_once)
    with _only_sender(office, run_id, provider) as mine:
        if not mine:
            return done
        left = offices.transact(office, lambda s: _give_up_interrupted(s, run_id, provider))
        if not offices.transact(office, lambda s: _may_be_offered(s, run_id, provider)):
            return replace(done, unknown=left)
        while not (done.held_back or done.stopped) and (
            instructions := offices.transact(
                office, lambda session: _start(session, run_id, provider, accounts)
            )
        ) is not None:  # fmt: skip
            done = _send_chunk(office, run_id, provider, adapter, instructions, done, pace)
        offices.transact(office, lambda session: _note_refusals(session, run_id, provider, done))
        offices.transact(office, lambda session: finish_release(session, run_id))
    return replace(done, unknown=done.unknown + left)


@contextmanager
def _only_sender(office: str, run_id: UUID, provider: str) -> Iterator[bool]:
    """Whether this process may send the route: at most one does, until it ends or its connection does."""
    with db.engine(office).connect() as connection:
        key = {"key": f"{run_id}/{provider}"}
        mine = bool(
            connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"), key)
        )
        connection.commit()
        try:
            yield mine
        finally:
            if mine:
                connection.execute(
                    text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), key
                )
                connection.commit()


def _may_be_offered(session: Session, run_id: UUID, provider: str) -> bool:
    route = session.get_one(RunRoute, (run_id, provider))
    return route.not_before is None or route.not_before <= clock.now()


def _note_refusals(session: Session, run_id: UUID, provider: str, done: Sent) -> None:
    """Let a provider that took nothing rest, longer each time; one that took something is offered the rest soon."""
    route = session.get_one(RunRoute, (run_id, provider), with_for_update=True)
    took_some = done.submitted > done.held_back + done.unknown
    if not (done.stopped or done.held_back):
        route.refusals = 0
    elif took_some:
        route.refusals = int(done.stopped)
    else:
        route.refusals += 1
    wait = min(FIRST_WAIT * 2 ** min(route.refusals - 1, 20), LONGEST_WAIT)
    route.not_before = clock.now() + wait if route.refusals else None
    session.flush()


_NEVER_HEARD_OF = Payment.heard_of < Payment.attempts


def _give_up_interrupted(session: Session, run_id: UUID, provider: str) -> int:
    """What a crash left `sending`: back to wait if the provider cannot have heard of it, else unknown."""
    run = find(session, run_id)
    _take_back(session, run, provider, _NEVER_HEARD_OF, source="restart")
    return move(
        session, run, true(), PaymentState.SENDING, PaymentState.UNKNOWN, provider=provider, source="restart"
    )  # fmt: skip


def _take_back(
    session: Session, run: PaymentRun, provider: str, chosen: ColumnElement[bool], *, source: str
) -> None:
    """Payments that certainly were not sent wait again; one whose attempts are used up has failed."""
    for last, after in ((False, PaymentState.READY), (True, PaymentState.FAILED)):
        used_up = Payment.attempts >= LAST_ATTEMPT
        move(
            session, run, and_(chosen, used_up if last else ~used_up), PaymentState.SENDING, after,
            provider=provider, source=source, failure=FailureReason.PROVIDER_ERROR if last else None,
        )  # fmt: skip


def _start(
    session: Session, run_id: UUID, provider: str, accounts: Accounts
) -> list[PaymentInstruction] | None:
    """Save the intent for the next payments and return their instructions; None when none is left."""
    chunk = next_chunk(session, run_id, provider, SENT_TOGETHER)
    if chunk is None:
        return None
    start_chunk(session, chunk)
    run = find(session, run_id)
    hold_back(session, run, chunk.within, provider=provider, source="dispatch")
    payments = session.scalars(
        select(Payment).where(chunk.within, Payment.state == PaymentState.SENDING)
    ).all()
    known = accounts(session, [payment.account_id for payment in payments])
    # Nothing can be sent to whom was erased, or whose account does not open: certain, so it blocks nobody else.
    lost = [payment.id for payment in payments if payment.account_id not in known]
    if lost:
        move(
            session, run, Payment.id.in_(lost), PaymentState.SENDING, PaymentState.FAILED, provider=provider,
            source="dispatch", failure=FailureReason.ACCOUNT_NOT_FOUND,
        )  # fmt: skip
    return [
        PaymentInstruction(
            payment_id=payment.id,
            idempotency_key=idempotency_key(payment.id, payment.attempts),
            amount=Money(payment.rest_minor, payment.currency),
            mechanism=DeliveryMechanism(payment.mechanism),
            payee=Payee(account=known[payment.account_id], name=""),
        )
        for payment in payments
        if payment.account_id in known
    ]


def _send_chunk(
    office: str,
    run_id: UUID,
    provider: str,
    adapter: SubmitsPayments,
    instructions: Sequence[PaymentInstruction],
    done: Sent,
    pace: _Pace,
) -> Sent:
    """Send them, some at a time, with no transaction open. Ends early when the provider is down. Raises TakenOver."""
    run = offices.transact(office, lambda session: find(session, run_id))
    in_a_row = 0
    waiting = list(instructions)
    while waiting and not done.stopped:
        group, waiting = waiting[: pace.together], waiting[pace.together :]
        before = done
        leaving = offices.transact(office, lambda s, g=group: _hand_to_provider(s, g))  # type: ignore[misc]
        for outcome in _submit(office, run, provider, adapter, leaving):
            refused, silent = outcome is None, outcome is Outcome.UNKNOWN
            in_a_row = in_a_row + 1 if refused or silent else 0
            done = Sent(
                done.submitted + 1, done.unknown + silent, done.held_back + refused,
                done.stopped or in_a_row == PATIENCE,
            )  # fmt: skip
        pace.after(well=(done.unknown, done.held_back) == (before.unknown, before.held_back))
    if done.stopped:
        these = [instruction.payment_id for instruction in instructions]
        rest = and_(Payment.id.in_(these), _NEVER_HEARD_OF)
        offices.transact(
            office, lambda s: _take_back(s, run, provider, rest, source="provider_down")
        )
    return done


def _hand_to_provider(
    session: Session, group: Sequence[PaymentInstruction]
) -> list[PaymentInstruction]:
    """Mark that from now on the provider may have heard of these attempts; returns those that leave. Raises TakenOver.

    One of which an earlier attempt turned out to have been paid at this very moment never leaves.
    """
    these = {read_idempotency_key(each.idempotency_key): each for each in group}
    marked = set(
        session.scalars(
            update(Payment)
            .where(
                tuple_(Payment.id, Payment.attempts).in_(these), Payment.state == PaymentState.SENDING, _NEVER_HEARD_OF,
            )
            .values(heard_of=Payment.attempts)
            .returning(Payment.id),
            execution_options={"synchronize_session": False},
        )
    )  # fmt: skip
    stay = [each.payment_id for each in group if each.payment_id not in marked]
    states = session.scalars(select(Payment.state).where(Payment.id.in_(stay)))
    if any(state is not PaymentState.PAID for state in states):
        raise TakenOver(
            "Another process has taken over the sending of this run.",
            next_step="Nothing needs doing: what this process did not send, the other one does.",
        )
    return [each for each in group if each.payment_id in marked]


def _submit(
    office: str,
    run: PaymentRun,
    provider: str,
    adapter: SubmitsPayments,
    group: Sequence[PaymentInstruction],
) -> list[Outcome | None]:
    """Send these at the same time, and save the answers. None: certain that it was not sent, and may be tried again."""
    said = answers.said(adapter, group)
    heard = {
        each.idempotency_key: (each, news)
        for each, news in zip(group, said, strict=True)
        if isinstance(news, ProviderUpdate)
    }
    _save_answers(office, run, provider, heard)
    outcomes: list[Outcome | None] = []
    for each, news in zip(group, said, strict=True):
        if isinstance(news, ProviderUpdate):
            outcomes.append(news.outcome)
        else:
            outcomes.append(_save_refusal(office, run, provider, each.payment_id, news))
    return outcomes


def _save_answers(office: str, run: PaymentRun, provider: str, heard: answers.Answers) -> None:
    """Those without a question as one set; each of the others by itself. What cannot be saved spoils no other.

    Raises, once the rest is saved, what kept an answer from being saved: that payment is asked about then.
    """

    def as_a_set(session: Session) -> set[str]:
        keys = answers.plain(session, provider, heard)
        news = [heard[key][1] for key in sorted(keys)]
        return keys if not news or answers.take_set(session, run, provider, news) else set()

    try:
        saved = offices.transact(office, as_a_set) if len(heard) > 1 else set()
    except IntegrityError:  # another attempt was given one of these names at the same moment
        saved = set()
    trouble: Exception | None = None
    for key, (_, news) in heard.items():
        if key not in saved:
            try:
                offices.transact(office, lambda s, n=news: _save_answer(s, provider, n))  # type: ignore[misc]
            except Exception as error:  # noqa: BLE001 - whatever it is, the answers after it are worth saving
                trouble = trouble or error
    if trouble:
        raise trouble


def _save_refusal(
    office: str, run: PaymentRun, provider: str, payment_id: UUID, refusal: NotSent
) -> Outcome | None:
    this = Payment.id == payment_id
    if refusal.retry_helps:
        offices.transact(office, lambda s: _take_back(s, run, provider, this, source="not_sent"))
        return None
    offices.transact(
        office,
        lambda s: move(
            s, run, this, PaymentState.SENDING, PaymentState.FAILED, provider=provider, source="not_sent",
            failure=FailureReason.PROVIDER_ERROR,
        ),
    )  # fmt: skip
    return Outcome.FAILED


def _save_answer(session: Session, provider: str, news: ProviderUpdate) -> None:
    if apply(session, news, provider=provider, source=answers.SUBMITTED) is not Applied.MOVED:
        # A callback that was faster has moved the payment, and may not have named the attempt.
        name_attempt(session, provider, news.idempotency_key, news.provider_reference)
