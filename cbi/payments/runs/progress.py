"""How far each open payment cycle has come: decided, in a run, approved, handed over, paid, in numbers and in money."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.money import Money
from cbi.payments.models import Attempt, Payment, PaymentRun, RunEvent
from cbi.payments.signing import policies
from cbi.payments.states import IN_DOUBT, PaymentState, RunState
from cbi.programmes.models import Cycle, Entitlement, Programme

STAYS = timedelta(days=30)
"""How long a cycle is still shown after the last of its runs was closed."""

APPROVED = frozenset({RunState.APPROVED, RunState.RELEASING, RunState.RELEASED, RunState.CLOSED})
HANDED_OVER = frozenset(PaymentState) - {PaymentState.READY, PaymentState.CANCELLED}
UNDECIDED = frozenset({PaymentState.FAILED, PaymentState.RETURNED, PaymentState.EXPIRED})
"""Not paid, and nobody has said yet what becomes of the money."""


@dataclass(frozen=True, slots=True)
class Tally:
    """So many payments, and what they add up to."""

    payments: int
    total: Money

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.payments + other.payments, self.total + other.total)

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(self.payments - other.payments, self.total - other.total)


@dataclass(frozen=True, slots=True)
class OpenCycle:
    """A cycle of which something is still to be done, with what was decided in it."""

    id: UUID
    programme: str
    period: str
    opened_at: datetime
    decided: Tally
    without_policy: bool = False
    """Whether the ordinary two signatures release whatever is owed in it, however much that is."""


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run of an open cycle. `since` is when it came to the state that it is in."""

    id: UUID
    number: int
    cycle_id: UUID
    programme: str
    period: str
    state: RunState
    since: datetime
    release_after: datetime | None
    release_began: datetime | None
    whole: Tally


@dataclass(frozen=True, slots=True)
class Portion:
    """A run's payments by one provider that are in one state.

    `in_parts` is what was handed over of them although they are not paid. Parts of payments that were given up count as
    paid, and as no payment.
    """

    run_id: UUID
    provider: str
    state: PaymentState
    tally: Tally
    in_parts: Money

    @property
    def rest(self) -> Tally:
        """The payments, without what was handed over of them."""
        return Tally(self.tally.payments, self.tally.total - self.in_parts)


@dataclass(frozen=True, slots=True)
class Board:
    """Every open cycle, its runs and their payments: read once, and looked at from all sides."""

    cycles: tuple[OpenCycle, ...]
    runs: Mapping[UUID, OpenRun]
    portions: tuple[Portion, ...]

    def of(self, programmes: Collection[str] | None) -> "Board":
        """The part of it that is about these programmes; None: all of it."""
        if programmes is None:
            return self
        runs = {run.id: run for run in self.runs.values() if run.programme in programmes}
        return replace(
            self,
            cycles=tuple(cycle for cycle in self.cycles if cycle.programme in programmes),
            runs=runs,
            portions=tuple(portion for portion in self.portions if portion.run_id in runs),
        )


@dataclass(frozen=True, slots=True)
class CycleProgress:
    """One cycle from decision to payment. Each step is a part of the one before it.

    `undecided` failed, came back or expired; `unknown` may have been paid. Both were handed over.
    """

    cycle: OpenCycle
    in_a_run: Tally
    approved: Tally
    handed_over: Tally
    paid: Tally
    undecided: Tally
    unknown: Tally


def board(session: Session, programmes: Collection[str] | None = None) -> Board:
    """The open cycles of these programmes (None: of all), with their runs that were not called off."""
    cycles = _cycles(session, programmes)
    runs = _runs(session, [cycle.id for cycle in cycles])
    return Board(cycles, runs, _portions(session, runs))


def _cycles(session: Session, programmes: Collection[str] | None) -> tuple[OpenCycle, ...]:
    lately = clock.now() - STAYS
    finished = func.coalesce(
        func.bool_and(and_(PaymentRun.state == RunState.CLOSED, PaymentRun.closed_at < lately)),
        False,
    )
    found = (
        select(
            Cycle.id, Cycle.period, Cycle.opened_at, Programme.code, Programme.currency,
            policies.none_holds().label("unruled"),
        )
        .join(Programme, Programme.id == Cycle.programme_id)
        .outerjoin(
            PaymentRun,
            and_(PaymentRun.cycle_id == Cycle.id, PaymentRun.state != RunState.CANCELLED),
        )
        .group_by(Cycle.id, Programme.id)
        .having(~finished)
        .order_by(Cycle.period.desc(), Programme.code)
    )  # fmt: skip
    if programmes is not None:
        found = found.where(Programme.code.in_(programmes))
    rows = session.execute(found).all()
    decided = {
        cycle_id: (count, int(total))
        for cycle_id, count, total in session.execute(
            select(Entitlement.cycle_id, func.count(), func.sum(Entitlement.amount_minor))
            .where(Entitlement.cycle_id.in_([row.id for row in rows]))
            .group_by(Entitlement.cycle_id)
        )
    }
    cycles = []
    for row in rows:
        count, minor = decided.get(row.id, (0, 0))
        tally = Tally(count, Money(minor, row.currency))
        cycles.append(OpenCycle(row.id, row.code, row.period, row.opened_at, tally, row.unruled))
    return tuple(cycles)


def _runs(session: Session, cycle_ids: Collection[UUID]) -> dict[UUID, OpenRun]:
    events = (
        select(
            RunEvent.run_id,
            func.max(RunEvent.at).label("since"),
            func.max(RunEvent.at).filter(RunEvent.after == RunState.RELEASING.value).label("began"),
        )
        .where(RunEvent.run_id == PaymentRun.id)
        .group_by(RunEvent.run_id)
        .lateral()
    )
    rows = session.execute(
        select(PaymentRun, Programme.code, events.c.since, events.c.began)
        .join(Programme, Programme.id == PaymentRun.programme_id)
        .outerjoin(events, events.c.run_id == PaymentRun.id)
        .where(PaymentRun.cycle_id.in_(cycle_ids), PaymentRun.state != RunState.CANCELLED)
        .order_by(PaymentRun.number)
    )
    return {
        run.id: OpenRun(
            run.id, run.number, run.cycle_id, code, run.period, run.state, since or run.built_at, run.release_after,
            began, Tally(run.payment_count, Money(run.total_minor, run.currency)),
        )
        for run, code, since, began in rows
    }  # fmt: skip


def _portions(session: Session, runs: Mapping[UUID, OpenRun]) -> tuple[Portion, ...]:
    given_up = ~Payment.live
    state = case((given_up, PaymentState.PAID.value), else_=Payment.state)
    rows = session.execute(
        select(
            Payment.run_id, Payment.provider, state, func.count().filter(Payment.live),
            func.sum(case((given_up, Payment.parts_minor), else_=Payment.amount_minor)),
            func.sum(case((given_up | (Payment.state == PaymentState.PAID), 0), else_=Payment.parts_minor)),
        )
        .where(Payment.run_id.in_(runs), Payment.live | (Payment.parts_minor > 0))
        .group_by(Payment.run_id, Payment.provider, state)
        .order_by(Payment.run_id, Payment.provider, state)
    )  # fmt: skip
    currency = {run_id: run.whole.total.currency for run_id, run in runs.items()}
    return tuple(
        Portion(
            run_id, provider, PaymentState(found), Tally(count, Money(int(minor), currency[run_id])),
            Money(int(parts), currency[run_id]),
        )
        for run_id, provider, found, count, minor, parts in rows
    )  # fmt: skip


def progress(board: Board) -> list[CycleProgress]:
    """How far each cycle of the board has come."""
    return [_progress(board, cycle) for cycle in board.cycles]


def _progress(board: Board, cycle: OpenCycle) -> CycleProgress:
    inside = [part for part in board.portions if board.runs[part.run_id].cycle_id == cycle.id]

    def those(found: Iterable[Portion]) -> Tally:
        return sum((part.tally for part in found), Tally(0, Money.zero(cycle.decided.total.currency)))  # fmt: skip

    def in_state(*states: PaymentState) -> Tally:
        return those(part for part in inside if part.state in states)

    def in_parts(*states: PaymentState) -> Tally:
        zero = Money.zero(cycle.decided.total.currency)
        return Tally(0, sum((part.in_parts for part in inside if part.state in states), zero))

    return CycleProgress(
        cycle,
        in_a_run=those(inside),
        approved=those(part for part in inside if board.runs[part.run_id].state in APPROVED),
        handed_over=in_state(*HANDED_OVER),
        paid=in_state(PaymentState.PAID) + in_parts(*PaymentState),
        undecided=in_state(*UNDECIDED) - in_parts(*UNDECIDED),
        unknown=in_state(*IN_DOUBT),
    )


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Payments by one provider of which nobody knows for longer than they should, and since when the oldest of them."""

    provider: str
    tally: Tally
    since: datetime


def in_doubt(session: Session, board: Board, patience: timedelta) -> list[InDoubt]:
    """The board's unknown payments whose attempt began longer ago than `patience`."""
    runs = {part.run_id for part in board.portions if part.state in IN_DOUBT}
    if not runs:
        return []
    rows = session.execute(
        select(
            Payment.provider, Payment.currency, func.count(), func.sum(Payment.rest_minor),
            func.min(Attempt.started_at),
        )
        .join(Attempt, and_(Attempt.payment_id == Payment.id, Attempt.number == Payment.attempts))
        .where(
            Payment.run_id.in_(runs), Payment.state.in_(IN_DOUBT),
            Attempt.started_at < clock.now() - patience,
        )
        .group_by(Payment.provider, Payment.currency)
        .order_by(Payment.provider, Payment.currency)
    )  # fmt: skip
    return [
        InDoubt(provider, Tally(count, Money(int(minor), currency)), since)
        for provider, currency, count, minor, since in rows
    ]
