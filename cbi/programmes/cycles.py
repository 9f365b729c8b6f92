"""Opening a payment cycle: every household is decided, and what each is owed is fixed, in one transaction."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.programmes import queries
from cbi.programmes.deciding import decide_all
from cbi.programmes.definition import Definition
from cbi.programmes.models import Cycle, Programme
from cbi.programmes.periods import Period


class PeriodNotScheduled(Invalid):
    """The programme does not run in that month."""

    code = "programmes.period_not_scheduled"


class FundNotValid(Conflict):
    """The programme's fund may not be spent in that month."""

    code = "programmes.fund_not_valid"


@dataclass(frozen=True, slots=True)
class OpenedCycle:
    """What opening a cycle came to: households in and not in, and what is owed. The same when it was open already."""

    id: UUID
    eligible: int
    ineligible: int
    entitlements: int
    total: Money
    already_open: bool


def open_cycle(session: Session, actor: Actor, programme: str, period: str) -> OpenedCycle:
    """Decide every household registered by now and write down what each is owed; once per programme and period.

    `programme` is its code, `period` a month such as 2026-01. Opening it again changes nothing, whatever has been
    registered since. Raises UnknownProgramme, UnusablePeriod, PeriodNotScheduled, FundNotValid.
    """
    actor.require(Permission.CYCLE_OPEN, programme)
    found = queries.find(session, programme)
    # Neither the rules nor the fund's dates may change while they are being used. The order is that of `apply`.
    fund = session.get_one(
        Fund, found.fund_id, with_for_update={"read": True}, populate_existing=True
    )
    session.refresh(found, with_for_update={"read": True})
    month = Period.parse(period)
    this = and_(Cycle.programme_id == found.id, Cycle.period == str(month))
    if not session.scalar(select(exists().where(this))):
        definition = queries.definition(session, found)
        _check_month(session, found, definition, fund, month)
        cycle_id = _insert(session, actor, found, month)
        if cycle_id is not None:
            decide_all(session, cycle_id, found.id, str(month), definition)
            opened = _opened(session, this, already_open=False)
            _record(session, actor, found, month, opened)
            return opened
    return _opened(session, this, already_open=True)


def _insert(session: Session, actor: Actor, programme: Programme, month: Period) -> UUID | None:
    """The new cycle's id; None when somebody else opened it at the same moment (this waits until they are done)."""
    return session.scalar(
        insert(Cycle)
        .values(
            id=uuid4(),
            programme_id=programme.id,
            version=programme.version,
            period=str(month),
            starts_on=month.starts_on,
            ends_on=month.ends_on,
            opened_by=actor.id,
            opened_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["programme_id", "period"])
        .returning(Cycle.id)
    )


def _check_month(
    session: Session, programme: Programme, definition: Definition, fund: Fund, month: Period
) -> None:
    schedule = definition.schedule
    if not schedule.first <= month <= schedule.last:
        opened = session.scalars(
            select(Cycle.period).where(Cycle.programme_id == programme.id).order_by(Cycle.period)
        ).all()
        raise PeriodNotScheduled(
            f"The programme {programme.code} runs from {schedule.first} to {schedule.last}; {month} is outside.",
            next_step=f"Opened so far: {', '.join(opened) or 'none'}.",
        )
    if month.starts_on < fund.valid_from or month.ends_on > fund.valid_to:
        raise FundNotValid(
            f"The fund {fund.code} is valid from {fund.valid_from} to {fund.valid_to}, which does not cover {month}.",
            next_step="Extend the fund in the programme file when the donor has agreed to it.",
        )


def _opened(session: Session, this: ColumnElement[bool], *, already_open: bool) -> OpenedCycle:
    line = queries.cycles(session, this)[0]
    return OpenedCycle(
        id=line.id,
        eligible=line.eligible,
        ineligible=line.ineligible,
        entitlements=line.entitlements,
        total=line.total,
        already_open=already_open,
    )


def _record(
    session: Session, actor: Actor, programme: Programme, month: Period, opened: OpenedCycle
) -> None:
    record(
        session,
        actor,
        "cycle.opened",
        "cycle",
        opened.id,
        programme=programme.code,
        version=programme.version,
        period=str(month),
        eligible=opened.eligible,
        ineligible=opened.ineligible,
        total=opened.total.decimal,
        currency=opened.total.currency,
    )
