"""What people ask about programmes: which there are, what they say, which cycles they have, who is not in."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from cbi.errors import NotFound
from cbi.money import Money
from cbi.programmes.definition import Definition, stored
from cbi.programmes.eligibility import Reason
from cbi.programmes.models import (
    Cycle,
    EligibilityDecision,
    Entitlement,
    Programme,
    ProgrammeVersion,
)
from cbi.programmes.periods import UnusablePeriod
from cbi.programmes.schedule import period_of

_LISTED = 10


class UnknownProgramme(NotFound):
    """No programme of that code."""

    code = "programmes.unknown_programme"


class UnknownCycle(NotFound):
    """No such payment cycle."""

    code = "programmes.unknown_cycle"


@dataclass(frozen=True, slots=True)
class CycleLine:
    """One cycle with what it came to."""

    id: UUID
    programme: str
    period: str
    version: int
    opened_at: datetime
    opened_by: UUID | None
    eligible: int
    ineligible: int
    entitlements: int
    total: Money


def programmes(codes: Collection[str] | None) -> Select[Programme]:
    """The programmes of these codes; None: all of them."""
    wanted = select(Programme)
    return wanted if codes is None else wanted.where(Programme.code.in_(codes))


def find(session: Session, code: str) -> Programme:
    """The programme of that code. Raises UnknownProgramme, with those there are."""
    found = session.scalar(select(Programme).where(Programme.code == code))
    if found is None:
        codes = session.scalars(select(Programme.code).order_by(Programme.code)).all()
        listed = ", ".join(codes[:_LISTED]) + (", …" if len(codes) > _LISTED else "")
        raise UnknownProgramme(
            f"There is no programme {code[:50]!r}.",
            next_step=f"There is: {listed}."
            if codes
            else "Make one with: cbi programme apply FILE",
        )
    return found


def definition(session: Session, programme: Programme, version: int | None = None) -> Definition:
    """What a version of the programme says; without a number, the latest."""
    key = (programme.id, programme.version if version is None else version)
    return stored(session.get_one(ProgrammeVersion, key).definition)


def cycle(session: Session, cycle_id: UUID) -> tuple[Cycle, Programme]:
    """The cycle and its programme. Raises UnknownCycle."""
    found = session.execute(
        select(Cycle, Programme).join(Programme).where(Cycle.id == cycle_id)
    ).one_or_none()
    if found is None:
        raise UnknownCycle(
            "There is no such payment cycle.", next_step="Open one with: cbi cycle open"
        )
    return found[0], found[1]


def cycle_id(session: Session, programme: str, period: str) -> UUID:
    """The cycle of a programme and a month. Raises UnknownProgramme, UnknownCycle with those there are."""
    found = find(session, programme)
    known = dict(
        session.execute(
            select(Cycle.period, Cycle.id)
            .where(Cycle.programme_id == found.id)
            .order_by(Cycle.period)
        ).all()
    )
    named = period if period in known else _whole_name(session, found, period)
    if named not in known:
        raise UnknownCycle(
            f"No cycle of {programme} is open for {period[:22]!r}.",
            next_step=f"Open so far: {', '.join(known) or 'none'}.",
        )
    return known[named]


def _whole_name(session: Session, programme: Programme, period: str) -> str:
    """A period that a person names in short (`once`, the first of several weeks), by its whole name."""
    try:
        return str(period_of(definition(session, programme).schedule, period))
    except UnusablePeriod:
        return period


def cycles(session: Session, *which: ColumnElement[bool]) -> list[CycleLine]:
    """The cycles of that kind with their totals, the latest period first."""
    decided = (
        select(
            EligibilityDecision.cycle_id,
            func.count().filter(EligibilityDecision.eligible).label("eligible"),
            func.count().filter(~EligibilityDecision.eligible).label("ineligible"),
        )
        .where(EligibilityDecision.cycle_id == Cycle.id)
        .group_by(EligibilityDecision.cycle_id)
        .lateral()
    )
    owed = (
        select(
            Entitlement.cycle_id,
            func.count().label("entitlements"),
            func.sum(Entitlement.amount_minor).label("total_minor"),
        )
        .where(Entitlement.cycle_id == Cycle.id)
        .group_by(Entitlement.cycle_id)
        .lateral()
    )
    rows = session.execute(
        select(
            Cycle,
            Programme.code,
            Programme.currency,
            func.coalesce(decided.c.eligible, 0),
            func.coalesce(decided.c.ineligible, 0),
            func.coalesce(owed.c.entitlements, 0),
            func.coalesce(owed.c.total_minor, 0),
        )
        .join(Programme)
        .outerjoin(decided, decided.c.cycle_id == Cycle.id)
        .outerjoin(owed, owed.c.cycle_id == Cycle.id)
        .where(*which)
        .order_by(Cycle.period.desc(), Programme.code)
    )
    return [
        CycleLine(
            id=found.id,
            programme=code,
            period=found.period,
            version=found.version,
            opened_at=found.opened_at,
            opened_by=found.opened_by,
            eligible=eligible,
            ineligible=ineligible,
            entitlements=entitlements,
            total=Money(int(total), currency),
        )
        for found, code, currency, eligible, ineligible, entitlements, total in rows
    ]


def decisions(cycle_id: UUID, *, eligible: bool | None) -> Select[EligibilityDecision]:
    """The decisions of a cycle; `eligible` None: all of them."""
    wanted = select(EligibilityDecision).where(EligibilityDecision.cycle_id == cycle_id)
    return wanted if eligible is None else wanted.where(EligibilityDecision.eligible == eligible)


def why_not(session: Session, cycle_id: UUID) -> list[tuple[Reason, int]]:
    """How many households are not in a cycle for each reason, the commonest first; one may have several."""
    each = (
        select(func.jsonb_array_elements_text(EligibilityDecision.reasons).label("reason"))
        .where(EligibilityDecision.cycle_id == cycle_id, ~EligibilityDecision.eligible)
        .subquery()
    )
    rows = session.execute(
        select(each.c.reason, func.count())
        .group_by(each.c.reason)
        .order_by(func.count().desc(), each.c.reason)
    )
    return [(Reason(code), count) for code, count in rows]


def latest_cycles(session: Session, programmes: Collection[UUID]) -> dict[str, CycleLine]:
    """The cycle with the latest days of each of these programmes, by the programme's code."""
    latest = (
        select(Cycle.id)
        .ext(distinct_on(Cycle.programme_id))
        .where(Cycle.programme_id.in_(programmes))
        .order_by(Cycle.programme_id, Cycle.starts_on.desc())
    )
    return {line.programme: line for line in cycles(session, Cycle.id.in_(latest))}
