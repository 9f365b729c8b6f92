"""Handing a released run over, part by part: which payments go next, and the intent that is saved before they do."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Uuid,
    and_,
    any_,
    bindparam,
    insert,
    literal,
    select,
    true,
)
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.access.actor import SYSTEM, Actor
from cbi.access.permissions import Permission
from cbi.audit.standstill import STANDS_STILL
from cbi.errors import Conflict, Forbidden
from cbi.lifecycle import MoveNotAllowed
from cbi.payments import attempts, clearing
from cbi.payments.models import Attempt, Payment, PaymentRun, RunRoute
from cbi.payments.moves import book_of, move, move_through
from cbi.payments.outcomes.holding import may_leave
from cbi.payments.runs.runs import find, is_maker, move_run, programme_of
from cbi.payments.sending.recipients import hold_back, to_hold_back
from cbi.payments.signing import blocking
from cbi.payments.signing.approval import check_approved, check_fund
from cbi.payments.states import RUN, PaymentState, RunState
from cbi.registry.linkage.finding import compare_members

SOURCE = "dispatch"


class TooEarly(Conflict):
    """The recall window is still open."""

    code = "payment_run.recall_window_open"


class OwnRelease(Forbidden):
    """Whoever made the run would let it go out."""

    code = "payment_run.own_release"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Payments of one route that are handed over together: those numbered `first` to `last`, both included.

    `tried`: only those with so many attempts behind them; None where nothing of the range was tried before.
    """

    run_id: UUID
    provider: str
    first: int
    last: int
    tried: int | None = None

    @property
    def within(self) -> ColumnElement[bool]:
        """Whether a payment is in its range."""
        return and_(
            Payment.run_id == self.run_id, Payment.provider == self.provider, Payment.live,
            Payment.number.between(self.first, self.last),
        )  # fmt: skip


def begin_release(session: Session, actor: Actor, run_id: UUID) -> PaymentRun:
    """Let an approved run go out; nobody does that with a run they made.

    Raises UnknownRun, NotPermitted, OwnRelease, MoveNotAllowed, TooEarly inside the recall window, FundNotValid where the
    fund ended after the last signature, ContentAltered, Blocked by a control.
    """
    run = find(session, run_id, lock=True)
    actor.require(Permission.RUN_RELEASE, programme_of(session, run).code)
    RUN.check(run.state, RunState.RELEASING)
    if is_maker(session, run, actor):
        raise OwnRelease(
            f"You made run {run.number}, so somebody else releases it.",
            next_step="Ask a colleague who may release payment runs.",
            number=run.number,
        )
    if run.state is RunState.RELEASED:
        raise MoveNotAllowed(
            f"Run {run.number} is released already.",
            next_step=f"What of it was not paid can be tried anew: cbi run undecided {run.number}",
        )
    if run.release_after is None or clock.now() < run.release_after:
        raise TooEarly(
            f"Run {run.number} can still be recalled until {run.release_after:%H:%M} UTC.",
            next_step="Release it after that.",
            number=run.number,
        )
    check_fund(session, run)
    check_approved(session, run)
    found = blocking.check(session, actor, run, blocking.RELEASE)
    kept = blocking.keep(session, run, blocking.RELEASE, found)
    move_run(session, actor, run, RunState.RELEASING, controls=kept)
    db.soon(session, "releases")
    return run


def next_chunk(session: Session, run_id: UUID, provider: str, size: int) -> Chunk | None:
    """The next payments of a route to hand over, at most `size` numbers; None when none is left that may be sent.

    Locks the route, so one worker at a time cuts chunks from it.
    """
    run = find(session, run_id)
    route = session.get_one(
        RunRoute, (run_id, provider), with_for_update=True, populate_existing=True
    )
    if run.state is not RunState.RELEASING:
        return None
    ready = select(Payment.number, Payment.attempts).where(
        Payment.run_id == run_id, Payment.provider == provider, Payment.live, Payment.state == PaymentState.READY,
        ~STANDS_STILL,
    )  # fmt: skip
    # Whether it may leave is asked of a chunk when it is started: asked here, it would be asked of all that are left.
    ahead = session.execute(
        ready.where(Payment.number > route.released_through)
        .order_by(Payment.run_id, Payment.number)
        .limit(1)
    ).one_or_none()
    if ahead is not None:
        return Chunk(
            run_id, provider, ahead.number, min(ahead.number + size - 1, route.last_number)
        )
    # Behind the mark are only those that certainly were not sent before, or were held: the least tried come first, or one
    # that is always refused would block the rest.
    behind = session.execute(
        ready.where(may_leave(provider)).order_by(Payment.attempts, Payment.number).limit(1)
    ).one_or_none()
    if behind is None:
        return None
    last = min(behind.number + size - 1, route.last_number)
    return Chunk(run_id, provider, behind.number, last, tried=behind.attempts)


def start_chunk(session: Session, chunk: Chunk) -> int:
    """Save the intent for every ready payment of the chunk: attempt, event, and the money in transit.

    What is in dispute may have been paid already, so it gets no new attempt; nor does a household with somebody who may be
    on record twice. Whoever came or was corrected since the run was made is compared first.
    """
    going = _going(session, chunk)
    with db.planned_by_keys(session):
        started = _start(session, chunk, going)
    _pass_by(session, chunk)
    return started


def take_chunk(session: Session, chunk: Chunk, source: str) -> tuple[int, int]:
    """`start_chunk`, and accepted at once, where the engine itself takes the payments; returns how many were begun, and
    how many of them were accepted.

    Those that may not be sent fail, each with a discrepancy. The others are begun and accepted by one statement, unless
    accepting is an event of money, too.
    """
    run, going = find(session, chunk.run_id), _going(session, chunk)
    with db.planned_by_keys(session):
        one_by_one = chunk.provider in run.debits_early
        stopped = to_hold_back(session, run, _ready(chunk))
        begun = failed = 0
        if stopped or one_by_one:
            these = Payment.id == any_(bindparam(None, list(stopped), ARRAY(Uuid)))
            if one_by_one:
                clearing.take_turn(session, book_of(run, chunk.provider))
            begun = _start(session, chunk, going if one_by_one else and_(going, these))
            failed = hold_back(session, run, chunk.within, provider=chunk.provider, source=source)
            # What stood in the way of the others is gone since.
            move(
                session, run, chunk.within, PaymentState.SENDING, PaymentState.ACCEPTED, provider=chunk.provider,
                source=source,
            )  # fmt: skip
        if not one_by_one:
            begun += move_through(
                session, run, going, (PaymentState.READY, PaymentState.SENDING, PaymentState.ACCEPTED),
                provider=chunk.provider, sources=(SOURCE, source),
            )  # fmt: skip
    _pass_by(session, chunk)
    return begun, begun - failed


def _going(session: Session, chunk: Chunk) -> ColumnElement[bool]:
    """Which of the chunk may leave now."""
    ready = _ready(chunk)
    compare_members(session, select(Payment.household_id).where(ready))
    return and_(ready, may_leave(chunk.provider))


def _ready(chunk: Chunk) -> ColumnElement[bool]:
    as_often = true() if chunk.tried is None else Payment.attempts == chunk.tried
    return and_(chunk.within, Payment.state == PaymentState.READY, as_often)


def _start(session: Session, chunk: Chunk, going: ColumnElement[bool]) -> int:
    run = find(session, chunk.run_id)
    started = move(
        session, run, going, PaymentState.READY, PaymentState.SENDING, provider=chunk.provider, source=SOURCE
    )  # fmt: skip
    note_attempts(session, and_(chunk.within, Payment.state == PaymentState.SENDING))
    return started


def _pass_by(session: Session, chunk: Chunk) -> None:
    """The next chunk is cut behind this one."""
    route = session.get_one(RunRoute, (chunk.run_id, chunk.provider))
    route.released_through = max(route.released_through, chunk.last)
    session.flush()


def note_attempts(session: Session, chosen: ColumnElement[bool]) -> None:
    """Write the present attempt of every chosen payment down, with the key that a provider would know it by."""
    session.execute(
        insert(Attempt).from_select(
            attempts.COLUMNS,
            select(
                Payment.id, Payment.attempts, Payment.provider, attempts.key_in_sql(Payment.id, Payment.attempts),
                literal(clock.now()),
            ).where(chosen),
        )
    )  # fmt: skip


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
