"""What does not go on by itself: why, since when, how much money it holds up, and what to do next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import standstill
from cbi.audit.proved import Proved
from cbi.audit.queries import unsealed
from cbi.helpline import queries as complaints
from cbi.helpline.models import Complaint
from cbi.helpline.states import ComplaintState
from cbi.messaging import queries as texts
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.outcomes.holding import Hold
from cbi.payments.runs import progress, scheduled, waiting
from cbi.payments.runs.progress import Board
from cbi.payments.runs.waiting import Act
from cbi.payments.sending import stalled
from cbi.payments.states import PaymentState
from cbi.payments.unpaid import again, unpaid
from cbi.payments.unpaid.undecided import waiting_since
from cbi.reconciliation import queries as reconciliation
from cbi.redemption.queries import codes_in_trouble
from cbi.redemption.shortages import short_of_cash
from cbi.redemption.states import CodeState
from cbi.registry import standing

SOON = timedelta(days=7)
"""How long before a code's last day somebody should see that it was not cashed."""

UNPROVED = timedelta(days=2)
"""How long nobody may have proved the promises, once that was done at all."""

LATE = timedelta(minutes=10)
"""How long background work may leave something lying."""


class Reason(StrEnum):
    """Why something is stuck."""

    CYCLE_DUE = "cycle_due"
    NO_RUN = "no_run"
    LOCK = "lock"
    CERTIFY = "certify"
    AUTHORISE = "authorise"
    SIGN = "sign"
    RELEASE = "release"
    PROVIDER_TAKES_NOTHING = "provider_takes_nothing"
    NOT_HANDED_OVER = "not_handed_over"
    HELD = "held"
    HELD_BY_PAIRS = "held_by_pairs"
    UNKNOWN = "unknown"
    FAILED = "failed"
    RETURNED = "returned"
    EXPIRED = "expired"
    CODES_LOCKED = "codes_locked"
    CODES_EXPIRING = "codes_expiring"
    NO_CASH = "no_cash"
    TEXTS_FAILED = "texts_failed"
    TEXTS_UNKNOWN = "texts_unknown"
    DISCREPANCIES = "discrepancies"
    COMPLAINTS_OVERDUE = "complaints_overdue"
    DUPLICATES = "duplicates"
    NOT_MERGED = "not_merged"
    CALLBACKS_UNREAD = "callbacks_unread"
    TEXTS_LATE = "texts_late"
    NOT_SEALED = "not_sealed"
    STANDS_STILL = "stands_still"
    PROMISE_BROKEN = "promise_broken"
    NOT_PROVED = "not_proved"


@dataclass(frozen=True, slots=True)
class Stuck:
    """One thing that is stuck. `link` is a page of ours, `command` what to type where there is no page.

    `since` is when it began; `until` when it goes on, or is over, by itself. `who` could do something about it.
    `office` is a provider's, with a counter.
    """

    reason: Reason
    count: int
    total: Money | None = None
    since: datetime | None = None
    until: datetime | None = None
    run: int | None = None
    run_id: UUID | None = None
    programme: str | None = None
    period: str | None = None
    provider: str | None = None
    office: str | None = None
    who: tuple[str, ...] = ()
    link: str | None = None
    command: str | None = None


def stuck(session: Session, actor: Actor, board: Board, last: Proved | None = None) -> list[Stuck]:
    """Everything that is stuck and that the actor may know of.

    `board` holds what they may know of payments, `last` the last night's proof.
    """
    found = list(_standing_still(session, actor))
    if last:
        found += _promises(last)
    if actor.may_somewhere(Permission.RUN_READ):
        theirs = board.of(actor.programmes(Permission.RUN_READ))
        found += _due(session, actor)
        found += _cycles(theirs)
        found += _runs(session, actor, theirs)
    if actor.may_somewhere(Permission.PAYMENT_READ):
        found += _payments(session, board)
        found += _codes(session, board)
    if actor.may(Permission.FUND_READ) or actor.may(Permission.COUNTER_MANAGE):
        found += _no_cash(session, actor)
    if actor.may(Permission.PAYMENT_READ):
        found += _texts(session)
    if actor.may_somewhere(Permission.DISCREPANCY_READ):
        found += _discrepancies(session, actor)
    if actor.may_somewhere(Permission.COMPLAINT_HANDLE):
        found += _complaints(session, actor)
    if actor.may(Permission.REGISTRY_DECIDE):
        found += _duplicates(session)
    if actor.may(Permission.PROOF_READ):
        found += _background(session)
    return found


def _standing_still(session: Session, actor: Actor) -> Iterator[Stuck]:
    if still := standstill.now(session):
        page = "/finance/standstill" if actor.may(Permission.FUND_READ) else None
        yield Stuck(Reason.STANDS_STILL, 1, since=still.began_at, link=page)


def _promises(last: Proved) -> Iterator[Stuck]:
    if last.broken:
        yield Stuck(Reason.PROMISE_BROKEN, len(last.broken), since=last.at, command="cbi verify")
    if last.at < clock.now() - UNPROVED:
        yield Stuck(Reason.NOT_PROVED, 1, since=last.at, command="cbi doctor")


def _due(session: Session, actor: Actor) -> Iterator[Stuck]:
    theirs = actor.programmes(Permission.RUN_READ)
    for each in scheduled.overdue(session):
        late = each.at < clock.now() - LATE
        if late and (theirs is None or each.programme in theirs):
            yield Stuck(
                Reason.CYCLE_DUE, 1, since=each.at, programme=each.programme, period=each.period,
                command=f"cbi cycle open {each.programme} {each.period}",
            )  # fmt: skip


def _cycles(board: Board) -> Iterator[Stuck]:
    for line in progress.progress(board):
        cycle = line.cycle
        if cycle.decided.payments and not line.in_a_run.payments:
            yield Stuck(
                Reason.NO_RUN, cycle.decided.payments, cycle.decided.total, cycle.opened_at,
                programme=cycle.programme, period=cycle.period,
                command=f"cbi run build {cycle.programme} {cycle.period}",
            )  # fmt: skip


def _runs(session: Session, actor: Actor, board: Board) -> Iterator[Stuck]:
    for wait in waiting.all_waiting(session, actor):
        act, line, after = wait.need.act, wait.line, wait.release_after
        if act is Act.RELEASE and after and clock.now() < after:
            continue  # it can still be called back
        yield Stuck(
            Reason(act.value), line.payments, line.total, after if act is Act.RELEASE else wait.last.at,
            run=line.number, run_id=line.id, programme=line.programme, period=line.period, who=wait.who,
            link=f"/approvals/{line.id}",
        )  # fmt: skip
    routes, holding = stalled.standing_routes(session, board)
    for route in routes:
        refused, run = route.until is not None, route.run
        yield Stuck(
            Reason.PROVIDER_TAKES_NOTHING if refused else Reason.NOT_HANDED_OVER, route.left.payments,
            route.left.total, route.since, route.until, run.number, run.id, run.programme, run.period,
            route.provider, command="cbi doctor",
        )  # fmt: skip
    for held in holding:
        run, twice = held.run, held.why is Hold.POSSIBLE_DUPLICATE
        yield Stuck(
            Reason.HELD_BY_PAIRS if twice else Reason.HELD, held.left.payments, held.left.total, held.since, None,
            run.number, run.id, run.programme, run.period, held.provider,
            link="/registry/pairs" if twice else f"/discrepancies?provider={held.provider}",
        )  # fmt: skip


def _payments(session: Session, board: Board) -> Iterator[Stuck]:
    for doubt in progress.in_doubt(session, board, unpaid.QUIET):
        yield Stuck(
            Reason.UNKNOWN, doubt.tally.payments, doubt.tally.total, doubt.since, provider=doubt.provider,
            link=f"/payments?state={PaymentState.UNKNOWN}&provider={doubt.provider}",
        )  # fmt: skip
    waits = [part for part in board.portions if part.state in progress.UNDECIDED]
    runs = {part.run_id: board.runs[part.run_id].programme for part in waits}
    since = waiting_since(session, runs)
    able = again.who_may(session, runs)
    for part in waits:
        run = board.runs[part.run_id]
        yield Stuck(
            Reason(part.state.value), part.rest.payments, part.rest.total,
            since.get((part.run_id, part.provider, part.state), run.release_began), run=run.number, run_id=run.id,
            programme=run.programme, period=run.period, provider=part.provider, who=able[part.run_id],
            link=f"/runs/{run.id}/undecided",
        )  # fmt: skip


def _codes(session: Session, board: Board) -> Iterator[Stuck]:
    zone = office_of(session).timezone
    runs = [part.run_id for part in board.portions if part.state is PaymentState.ACCEPTED]
    for codes in codes_in_trouble(session, runs, SOON) if runs else ():
        locked = codes.state is CodeState.LOCKED
        yield Stuck(
            Reason.CODES_LOCKED if locked else Reason.CODES_EXPIRING, codes.codes, codes.total,
            until=datetime.combine(codes.first_over + timedelta(days=1), time(), zone),
            link="/payments?state=code_locked" if locked else None,
        )  # fmt: skip


def _no_cash(session: Session, actor: Actor) -> Iterator[Stuck]:
    page = "/cash" if actor.may(Permission.FUND_READ) else ""
    for short in short_of_cash(session, actor):
        yield Stuck(
            Reason.NO_CASH, short.times, short.asked_for[0] if len(short.asked_for) == 1 else None, short.since,
            provider=short.provider, office=f"{short.code} {short.name}", link=f"/post-offices/{short.office_id}{page}",
        )  # fmt: skip


def _texts(session: Session) -> Iterator[Stuck]:
    told = texts.by_state(session)
    failed = told.undeliverable + told.not_sent
    if failed:
        yield Stuck(Reason.TEXTS_FAILED, failed, command="cbi messages trouble")
    if told.unknown:
        yield Stuck(Reason.TEXTS_UNKNOWN, told.unknown, command="cbi messages trouble")


def _discrepancies(session: Session, actor: Actor) -> Iterator[Stuck]:
    zone = office_of(session).timezone
    for line in reconciliation.by_provider(session, actor):
        began = clock.today(zone) - timedelta(days=line.oldest_days)
        yield Stuck(
            Reason.DISCREPANCIES, line.count, line.total, datetime.combine(began, time(), zone),
            provider=line.provider, link=f"/discrepancies?provider={line.provider}",
        )  # fmt: skip


def _complaints(session: Session, actor: Actor) -> Iterator[Stuck]:
    overdue = complaints.complaints(actor, state=ComplaintState.OPEN, overdue=True).subquery()
    count, since = session.execute(
        select(func.count(), func.min(overdue.c[Complaint.due_at.key])).select_from(overdue)
    ).one()
    if count:
        yield Stuck(
            Reason.COMPLAINTS_OVERDUE, count, since=since, command="cbi complaints list --overdue"
        )


def _duplicates(session: Session) -> Iterator[Stuck]:
    if waits := standing.shared(session):
        yield Stuck(
            Reason.DUPLICATES, waits.count, since=waits.since, command="cbi registry duplicates"
        )
    if waits := standing.unmerged(session):
        yield Stuck(
            Reason.NOT_MERGED, waits.count, since=waits.since, command="cbi registry duplicates"
        )
    if waits := standing.pairs(session):
        yield Stuck(Reason.DUPLICATES, waits.count, since=waits.since, link="/registry/pairs")


def _background(session: Session) -> Iterator[Stuck]:
    for unread in stalled.unread_callbacks(session, LATE):
        yield Stuck(
            Reason.CALLBACKS_UNREAD, unread.count, since=unread.since, provider=unread.provider, command="cbi doctor"
        )  # fmt: skip
    late = texts.late(session)
    if late:
        yield Stuck(Reason.TEXTS_LATE, late.texts, since=late.since, command="cbi doctor")
    open_end = unsealed(session, LATE)
    if open_end:
        yield Stuck(Reason.NOT_SEALED, open_end.entries, since=open_end.since, command="cbi doctor")
