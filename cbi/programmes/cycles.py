"""Opening a payment cycle: every household is decided, and what each is owed is fixed, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.programmes import following, legal_basis, queries
from cbi.programmes.deciding import decide_all
from cbi.programmes.definition import Definition
from cbi.programmes.fund_terms import uncovered
from cbi.programmes.history import check_seen
from cbi.programmes.models import Cycle, Programme, ProgrammeFund
from cbi.programmes.opening import Opening
from cbi.programmes.periods import Every, Period
from cbi.programmes.schedule import period_of
from cbi.registry.consent import standing
from cbi.registry.households.recording import keep_still
from cbi.registry.linkage import finding


class PeriodNotScheduled(Invalid):
    """The programme does not run in that period."""

    code = "programmes.period_not_scheduled"


class FundNotValid(Conflict):
    """No fund of the programme may be spent on one of the period's days."""

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


def open_cycle(
    session: Session, actor: Actor, programme: str, period: str, *, seen: int | None = None
) -> OpenedCycle:
    """Decide every household registered by now and write down what each is owed; once per programme and period.

    `programme` is its code, `period` a month such as 2026-01 (or a quarter or week, as it is paid). Opening it again
    changes nothing, whatever has been registered since. `seen`: the version of the rules that whoever opens it looked at.
    Raises UnknownProgramme, UnusablePeriod, PeriodNotScheduled, FundNotValid, BasisWaits, StillComparing, ChangedMeanwhile.
    """
    actor.require(Permission.CYCLE_OPEN, programme)
    found = queries.find(session, programme)
    # Neither the rules nor the funds' dates may change while they are being used. The order is that of `apply`.
    drawn_on = _funds(session, found)
    definition = settled(session, found)
    month = period_of(definition.schedule, period)
    this = and_(Cycle.programme_id == found.id, Cycle.period == str(month))
    if not session.scalar(select(exists().where(this))):
        check_seen(found.code, found.version, seen)
        _check_month(session, found, definition, drawn_on, month)
        legal_basis.check_accepted(session, found, definition)
        keep_still(session)  # whoever moves is in one household when this cycle looks
        standing.wait_for_words(session)
        finding.catch_up(session)
        following.catch_up(session)
        cycle_id = _insert(session, actor, found, month)
        if cycle_id is not None:
            decide_all(session, Opening(cycle_id, found.id, month, found.version, definition))
            opened = _opened(session, this, already_open=False)
            _record(session, actor, found, month, opened)
            return opened
    return _opened(session, this, already_open=True)


def settled(session: Session, programme: Programme) -> Definition:
    """The rules as they are until this transaction ends.

    Two cycles of one programme wait for each other: what one owes for good, the other must see. So do cycles of
    programmes that share a ceiling. They are locked in one order.
    """
    this = Programme.id == programme.id
    before = queries.definition(session, programme)
    while True:
        together = or_(this, Programme.code.in_(before.counting))
        locked = select(Programme).where(together).order_by(Programme.id)
        session.scalars(
            locked.with_for_update(key_share=True).execution_options(populate_existing=True)
        ).all()
        definition = queries.definition(session, programme)
        if set(definition.counting) <= set(before.counting):
            return definition
        before = definition  # the file was changed while we waited, and counts with others now


def _funds(session: Session, programme: Programme) -> Sequence[Fund]:
    """The funds that the programme draws on, by code, kept as they are until this transaction ends."""
    drawn_on = select(ProgrammeFund.fund_id).where(ProgrammeFund.programme_id == programme.id)
    return session.scalars(
        select(Fund)
        .where(Fund.id.in_(drawn_on))
        .order_by(Fund.code.collate("C"))  # as `apply` sorts them, whatever the database's language
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    ).all()


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
    session: Session,
    programme: Programme,
    definition: Definition,
    drawn_on: Sequence[Fund],
    month: Period,
) -> None:
    schedule = definition.schedule
    once = schedule.every == Every.ONCE
    if month.every != schedule.every or (month.length != schedule.first.length and not once):
        given = f"is a {month.every}" if month.length == 1 else f"is {month.length} {month.every}s"
        if month.every is Every.ONCE:
            given = "is a period of days"
        raise PeriodNotScheduled(
            f"The programme {programme.code} is paid {schedule.often}; {month} {given}.",
            next_step="Write: once"
            if once
            else f"Write the {schedule.every} as in {schedule.first}.",
        )
    if not schedule.first <= month <= schedule.last:
        opened = session.scalars(
            select(Cycle.period).where(Cycle.programme_id == programme.id).order_by(Cycle.period)
        ).all()
        raise PeriodNotScheduled(
            f"The programme {programme.code} runs from {schedule.first} to {schedule.last}; {month} is outside.",
            next_step=f"Opened so far: {', '.join(opened) or 'none'}.",
        )
    if month not in schedule.periods:
        near = [each for each in schedule.periods if each.next > month and each < month.next]
        raise PeriodNotScheduled(
            f"The programme {programme.code} is paid {schedule.often} from {schedule.first} on; {month} lies across two.",
            next_step=f"Write one of these: {', '.join(map(str, near))}",
        )
    valid = [(fund.valid_from, fund.valid_to) for fund in drawn_on]
    if uncovered(valid, month.starts_on, month.ends_on):
        dates = ", ".join(
            f"{fund.code} from {fund.valid_from} to {fund.valid_to}" for fund in drawn_on
        )
        raise FundNotValid(
            f"The programme's funds are valid on these days, which do not cover {month}: {dates}.",
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
