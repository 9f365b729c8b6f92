"""Opens the payment cycles that are due and makes their runs ready to be signed: nobody has to remember the fifth."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import SYSTEM
from cbi.offices import office_of
from cbi.payments.models import PaymentRun
from cbi.payments.runs import runs
from cbi.programmes import cycles, days_off, queries, schedule
from cbi.programmes.models import Cycle, Programme, ProgrammeVersion

log = logging.getLogger(__name__)

TRIED_FOR = timedelta(days=1)
"""How long a run that cannot be built is tried again; after that a person sees why, and builds it."""

LOOKED_BACK = timedelta(days=92)
"""How long a cycle that was never opened is held against its programme."""


@dataclass(frozen=True, slots=True)
class Due:
    """A cycle that should be open and is not. `at` is when it came due."""

    programme: str
    period: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Planned:
    """What a programme's schedule says next: which cycle opens by itself, and when (UTC)."""

    programme: str
    period: str
    at: datetime


def due(session: Session) -> list[Due]:
    """Every cycle that is to be opened now, the longest overdue first."""
    begin = clock.now() - schedule.CATCH_UP
    return [each for each in overdue(session) if each.at > begin]


def overdue(session: Session) -> list[Due]:
    """Every cycle of the last three months that should have opened by itself and is not open, the longest overdue first."""
    now, zone, calendar = clock.now(), office_of(session).timezone, days_off.calendar(session)
    found = []
    for programme, since in _scheduled(session):
        terms = queries.definition(session, programme).schedule
        opened = set(
            session.scalars(select(Cycle.period).where(Cycle.programme_id == programme.id))
        )
        found += [
            Due(programme.code, str(each.period), each.at)
            for each in schedule.came_due(terms, zone, max(since, now - LOOKED_BACK), now, calendar)
            if str(each.period) not in opened
        ]
    return sorted(found, key=lambda each: (each.at, each.programme))


def planned(session: Session) -> list[Planned]:
    """The next cycle of each programme that opens by itself, the soonest first."""
    now, zone, calendar = clock.now(), office_of(session).timezone, days_off.calendar(session)
    found = []
    for programme, _ in _scheduled(session):
        terms = queries.definition(session, programme).schedule
        coming = schedule.upcoming(terms, zone, now, calendar)
        if coming:
            found.append(Planned(programme.code, str(coming.period), coming.at))
    return sorted(found, key=lambda each: (each.at, each.programme))


def _scheduled(session: Session) -> Sequence[tuple[Programme, datetime]]:
    """Programmes with a schedule that opens cycles, and since when they have had one.

    What came due before that was left to people on purpose, and stays so.
    """
    says = ProgrammeVersion.definition["schedule"]
    first = (
        select(ProgrammeVersion.programme_id, func.min(ProgrammeVersion.applied_at).label("since"))
        .where(or_(says["opens_on"].astext.is_not(None), says["opens_by"].astext.is_not(None)))
        .group_by(ProgrammeVersion.programme_id)
        .subquery()
    )
    rows = session.execute(
        select(Programme, first.c.since)
        .join(first, first.c.programme_id == Programme.id)
        .order_by(Programme.code)
    )
    return [(programme, since) for programme, since in rows]


def open_cycle(session: Session, what: Due) -> UUID:
    """Open one of them. Raises what `cycles.open_cycle` raises; opened by somebody meanwhile, it is left as it is."""
    return cycles.open_cycle(session, SYSTEM, what.programme, what.period).id


def without_run(session: Session) -> Sequence[UUID]:
    """Cycles that opened by themselves lately and have no run: not even one that somebody called off."""
    return session.scalars(
        select(Cycle.id)
        .where(
            Cycle.opened_by.is_(None), Cycle.opened_at > clock.now() - TRIED_FOR,
            ~exists().where(PaymentRun.cycle_id == Cycle.id),
        )
        .order_by(Cycle.opened_at, Cycle.id)
    ).all()  # fmt: skip


def make_run(session: Session, cycle_id: UUID) -> bool:
    """Build the cycle's runs and lock them, so that they wait for their first signature. False when nobody is owed anything.

    Raises NoFundPays where something is owed.
    """
    try:
        with session.begin_nested():  # or an empty run would stay behind
            made = runs.build_all(session, SYSTEM, cycle_id)
    except runs.NothingToPay as nothing:
        log.info("%s", nothing.message)
        return False
    for run in made:
        runs.lock(session, SYSTEM, run.id)
    return True
