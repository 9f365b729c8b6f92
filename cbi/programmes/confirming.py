"""Days that reach back into cycles that were opened before: what they make owed waits for a second person."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Forbidden, NotFound
from cbi.programmes import queries
from cbi.programmes.household_models import Enrolment
from cbi.programmes.models import Cycle, Programme, ProgrammeVersion
from cbi.registry.linkage.staff import refuse_own
from cbi.registry.models import Household


class UnknownDays(NotFound):
    """No such days of a household wait for a second person."""

    code = "programmes.unknown_days"


class OwnDays(Forbidden):
    """Whoever noted a household's days does not confirm them."""

    code = "programmes.own_days"


@dataclass(frozen=True, slots=True)
class Days:
    """Days that wait, and of which household (its registration number)."""

    enrolment: Enrolment
    household: str

    @property
    def key(self) -> int:
        return self.enrolment.id

    @property
    def household_id(self) -> UUID:
        return self.enrolment.household_id


def waits(row: Enrolment) -> bool:
    """Whether these days wait for a second person."""
    return row.needs_second and row.confirmed_by is None and row.refusal_id is None


def _waits() -> tuple[ColumnElement[bool], ...]:
    unsaid = Enrolment.confirmed_by.is_(None), Enrolment.refusal_id.is_(None)
    return Enrolment.needs_second.is_(True), *unsaid


def is_waiting() -> tuple[ColumnElement[bool], ...]:
    """The same in SQL: of each household and programme the latest, because whoever noted others since asks for those."""
    later = aliased(Enrolment)
    newer = exists().where(
        later.programme_id == Enrolment.programme_id, later.household_id == Enrolment.household_id,
        later.id > Enrolment.id, later.refusal_id.is_(None),
    )  # fmt: skip
    return (*_waits(), ~newer, makes_up_for(Enrolment.programme_id))


def makes_up_for(programme_id: SQLColumnExpression[UUID]) -> ColumnElement[bool]:
    """In SQL, whether a programme makes up for what was missed, as its latest version says.

    Where it does not, nothing hangs on what reaches back; that waits once the programme begins to.
    """
    periods = func.jsonb_extract_path_text(ProgrammeVersion.definition, "stipend", "arrears")
    return exists().where(
        Programme.id == programme_id, ProgrammeVersion.programme_id == Programme.id,
        ProgrammeVersion.version == Programme.version, func.coalesce(periods, "0") != "0",
    )  # fmt: skip


def noted_by() -> Select[*tuple[object, ...]]:
    """Whoever noted a row's days, or those before them which wait, too, and on which these rest."""
    before = aliased(Enrolment)
    return select(before.noted_by).where(
        before.programme_id == Enrolment.programme_id, before.household_id == Enrolment.household_id,
        before.needs_second, before.confirmed_by.is_(None), before.refusal_id.is_(None), before.noted_by.is_not(None),
    )  # fmt: skip


def opened_until(session: Session, programme: Programme) -> date | None:
    """The last day of the cycles that are open; None where none is.

    Whether the programme makes up for what was missed is not asked: one that does not may begin to.
    """
    last = select(func.max(Cycle.ends_on)).where(Cycle.programme_id == programme.id)
    return session.scalar(last)


def moment(session: Session, programme: Programme) -> datetime:
    """Now, and never before a cycle that is open was opened, should the clock have been set back since."""
    opened = select(func.max(Cycle.opened_at)).where(Cycle.programme_id == programme.id)
    return max(clock.now(), session.scalar(opened) or clock.now())


def listed(session: Session, actor: Actor, programme: str) -> list[Days]:
    """The days that wait in a programme, the oldest first. Raises UnknownProgramme."""
    actor.require(Permission.PROGRAMME_READ, programme)
    found = queries.find(session, programme)
    rows = session.execute(
        select(Enrolment, Household.source_id)
        .join(Household, Household.id == Enrolment.household_id)
        .where(Enrolment.programme_id == found.id, *is_waiting())
        .order_by(Enrolment.id)
    )
    return [Days(row, number) for row, number in rows]


def confirm(session: Session, actor: Actor, enrolment_id: int) -> Enrolment:
    """Confirm days that others noted: what they make owed for earlier cycles goes with the next one.

    Raises UnknownDays, NotPermitted, OwnDays, OwnRecord.
    """
    found = session.scalar(
        select(Enrolment)
        .where(Enrolment.id == enrolment_id, *is_waiting())
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise UnknownDays(
            "No such days wait for a second person.", next_step="See: cbi programme days"
        )
    programme = session.get_one(Programme, found.programme_id)
    actor.require(Permission.VALUE_ACCEPT, programme.code)
    refuse_own(session, actor, found.household_id)
    hands = session.scalars(noted_by().select_from(Enrolment).where(Enrolment.id == found.id))
    if actor.id is None or actor.id in set(hands):
        raise OwnDays(
            "You noted these days, or some of them, so somebody else confirms them.",
            next_step="Ask a colleague who accepts what households are owed.",
        )
    session.execute(
        update(Enrolment)
        .where(Enrolment.id == found.id, *_waits())
        .values(confirmed_by=actor.id, confirmed_at=clock.now())
    )
    session.refresh(found)
    record(
        session, actor, "enrolment.confirmed", "household", found.household_id, programme=programme.code,
        enrolment=found.id, starts_on=str(found.starts_on), ends_on=str(found.ends_on),
    )  # fmt: skip
    return found
