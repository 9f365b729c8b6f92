"""What people ask about runs and payments: the run sheet, what changed since the last cycle, one payment's story."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session, aliased

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.ledger import queries as books
from cbi.money import Money
from cbi.payments.models import Approval, Payment, PaymentEvent, PaymentRun, RunPart
from cbi.payments.runs import UnknownRun, routes_of
from cbi.payments.states import PaymentState, RunState
from cbi.programmes.models import Programme


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in a list."""

    id: UUID
    number: int
    programme: str
    period: str
    providers: tuple[str, ...]
    state: RunState
    payments: int
    total: Money


@dataclass(frozen=True, slots=True)
class RouteLine:
    """The part of a run that goes out by one provider."""

    provider: str
    mechanism: str
    payments: int
    total: Money
    waits_until: datetime | None
    """When a provider that took nothing is tried again."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Households that differ from the last run of the programme that was approved; `against` is its period."""

    against: str | None
    new: int
    gone: int
    amount_changed: int
    account_changed: int


@dataclass(frozen=True, slots=True)
class RunSheet:
    """What an approver sees: totals, spread, funds before and after, what changed, who signed."""

    line: RunLine
    routes: tuple[RouteLine, ...]
    digest: str | None
    smallest: Money
    median: Money
    largest: Money
    budget_now: Money
    budget_after: Money
    changes: Changes
    signed: tuple[tuple[str, UUID], ...]
    parts: tuple[tuple[str, UUID], ...]


@dataclass(frozen=True, slots=True)
class StateTotal:
    """How many payments are in one state, and what they add up to."""

    state: PaymentState
    payments: int
    total: Money


def _line(run: PaymentRun, programme: str) -> RunLine:
    return RunLine(
        run.id, run.number, programme, run.period, tuple(run.providers), run.state, run.payment_count,
        Money(run.total_minor, run.currency),
    )  # fmt: skip


def runs(session: Session, *where: ColumnElement[bool], limit: int = 100) -> list[RunLine]:
    """Runs, newest first."""
    rows = session.execute(
        select(PaymentRun, Programme.code)
        .join(Programme, Programme.id == PaymentRun.programme_id)
        .where(*where)
        .order_by(PaymentRun.number.desc())
        .limit(limit)
    )
    return [_line(run, code) for run, code in rows]


def visible(actor: Actor) -> list[ColumnElement[bool]]:
    """What narrows `runs` to the programmes whose runs the actor may see."""
    programmes = actor.programmes(Permission.RUN_READ)
    return [] if programmes is None else [Programme.code.in_(programmes)]


def run_by_number(session: Session, number: int) -> UUID:
    """The id of the run that people call by this number. Raises UnknownRun."""
    run_id = session.scalar(select(PaymentRun.id).where(PaymentRun.number == number))
    if run_id is None:
        raise UnknownRun(f"There is no payment run {number}.", next_step="See: cbi run list")
    return run_id


def run_of(session: Session, payment_id: UUID) -> UUID:
    """The run that a payment is in. Raises UnknownRun."""
    run_id = session.scalar(select(Payment.run_id).where(Payment.id == payment_id))
    if run_id is None:
        raise UnknownRun("There is no such payment.")
    return run_id


def sheet(session: Session, run_id: UUID) -> RunSheet:
    """The run sheet. Raises UnknownRun."""
    found = runs(session, PaymentRun.id == run_id)
    if not found:
        raise UnknownRun("There is no such payment run.", next_step="See: cbi run list")
    run = session.get_one(PaymentRun, run_id)
    smallest, median, largest = session.execute(
        select(
            func.min(Payment.amount_minor),
            func.percentile_disc(0.5).within_group(Payment.amount_minor),
            func.max(Payment.amount_minor),
        ).where(Payment.run_id == run_id, Payment.live)
    ).one()
    budget = books.available(session, run.programme_id, run.fund_id, run.currency)
    committed = run.state not in {
        RunState.DRAFT,
        RunState.LOCKED,
        RunState.CERTIFIED,
        RunState.CANCELLED,
    }
    total = Money(run.total_minor, run.currency)
    signatures = session.execute(
        select(Approval.part, Approval.user_id)
        .where(Approval.run_id == run_id, Approval.revision == run.revision)
        .order_by(Approval.approved_at)
    )
    parts = session.execute(select(RunPart.part, RunPart.user_id).where(RunPart.run_id == run_id))
    return RunSheet(
        line=found[0],
        routes=routes(session, run),
        digest=run.digest.hex() if run.digest else None,
        smallest=Money(smallest or 0, run.currency),
        median=Money(median or 0, run.currency),
        largest=Money(largest or 0, run.currency),
        budget_now=budget,
        budget_after=budget if committed else budget - total,
        changes=changes(session, run),
        signed=tuple((part.value, user_id) for part, user_id in signatures),
        parts=tuple((part.value, user_id) for part, user_id in parts),
    )


def routes(session: Session, run: PaymentRun) -> tuple[RouteLine, ...]:
    """The run's parts, by provider, in the order of their payments."""
    return tuple(
        RouteLine(
            route.provider, route.mechanism, route.payment_count, Money(route.total_minor, run.currency),
            route.not_before,
        )
        for route in routes_of(session, run.id)
    )  # fmt: skip


def changes(session: Session, run: PaymentRun) -> Changes:
    """Households new, gone, or with another amount or account, against the last run that was approved before this one."""
    last = session.scalar(
        select(PaymentRun)
        .where(
            PaymentRun.programme_id == run.programme_id, PaymentRun.number < run.number,
            PaymentRun.period < run.period,
            PaymentRun.state.in_([RunState.APPROVED, RunState.RELEASING, RunState.RELEASED, RunState.CLOSED]),
        )
        .order_by(PaymentRun.number.desc())
        .limit(1)
    )  # fmt: skip
    if last is None:
        return Changes(None, 0, 0, 0, 0)
    now, then = aliased(Payment), aliased(Payment)
    this = select(now).where(now.run_id == run.id, now.live).subquery()
    that = select(then).where(then.run_id == last.id, then.live).subquery()
    same = and_(this.c.household_id == that.c.household_id, this.c.component == that.c.component)
    new, gone, amounts, accounts = session.execute(
        select(
            func.count().filter(that.c.id.is_(None)),
            func.count().filter(this.c.id.is_(None)),
            func.count().filter(this.c.amount_minor != that.c.amount_minor),
            func.count().filter(this.c.account_index != that.c.account_index),
        ).select_from(this.join(that, same, full=True))
    ).one()
    return Changes(last.period, new, gone, amounts, accounts)


def state_totals(session: Session, run_id: UUID) -> list[StateTotal]:
    """The run's payments by state, with their sums."""
    run = session.get_one(PaymentRun, run_id)
    rows = session.execute(
        select(Payment.state, func.count(), func.sum(Payment.amount_minor))
        .where(Payment.run_id == run_id)
        .group_by(Payment.state)
        .order_by(Payment.state)
    )
    return [
        StateTotal(state, count, Money(int(total), run.currency)) for state, count, total in rows
    ]


def story(session: Session, payment_id: UUID) -> list[tuple[datetime, str]]:
    """What happened to one payment, in order, in words."""
    events = session.scalars(
        select(PaymentEvent).where(PaymentEvent.payment_id == payment_id).order_by(PaymentEvent.id)
    )
    return [
        (event.at, f"attempt {event.attempt}: {event.before} → {event.after} ({event.source})")
        for event in events
    ]


def waiting(session: Session, *states: RunState) -> list[UUID]:
    """Runs in these states, oldest first: what a worker or an approver has to do."""
    return list(
        session.scalars(
            select(PaymentRun.id).where(PaymentRun.state.in_(states)).order_by(PaymentRun.number)
        )
    )
