"""Suspensions that end: at once from a day on; what that makes owed for cycles opened before waits for a second person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Boolean, ColumnElement, Date, Text, Uuid, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Forbidden, NotFound
from cbi.programmes import following, queries
from cbi.programmes.confirming import makes_up_for
from cbi.programmes.household_models import Suspension
from cbi.programmes.models import Programme
from cbi.registry.linkage.staff import refuse_own
from cbi.registry.models import Household


class UnknownResumption(NotFound):
    """No such resumption of a household waits for a second person."""

    code = "programmes.unknown_resumption"


class OwnResumption(Forbidden):
    """Whoever resumed a household does not confirm that."""

    code = "programmes.own_resumption"


@dataclass(frozen=True, slots=True)
class End:
    """How one suspension ends: from `on` the household takes part again. `reaches_back`: into cycles that are open."""

    suspension: UUID
    on: date
    reason: str
    reaches_back: bool


@dataclass(frozen=True, slots=True)
class Resumed:
    """A resumption that waits, and of which household (its registration number)."""

    suspension: Suspension
    household: str

    @property
    def key(self) -> UUID:
        return self.suspension.id

    @property
    def household_id(self) -> UUID:
        return self.suspension.household_id


def end(
    session: Session, actor: Actor, ends: Sequence[End], at: datetime, *, was_wrong: bool
) -> None:
    """End the suspensions that are open still: one that somebody else has ended stays as they ended it.

    A household that took in people of another suspended one is suspended for that from then on, and resumed once more.
    """
    _end(session, actor, ends, at, was_wrong=was_wrong)
    following.still_held(session, [each.suspension for each in ends])


def replace(session: Session, actor: Actor, ends: Sequence[End], at: datetime) -> None:
    """End suspensions on the day on which they would begin, because one from an earlier day takes their place."""
    _end(session, actor, ends, at, was_wrong=False)


def _end(
    session: Session, actor: Actor, ends: Sequence[End], at: datetime, *, was_wrong: bool
) -> None:
    columns = (
        ("id", [each.suspension for each in ends], Uuid()), ("on", [each.on for each in ends], Date()),
        ("reason", [each.reason for each in ends], Text()), ("back", [each.reaches_back for each in ends], Boolean()),
    )  # fmt: skip
    lines = (
        func.unnest(*(bindparam(None, values, ARRAY(kind)) for _, values, kind in columns))
        .table_valued(*(name for name, _, _ in columns))
        .render_derived(name="lines")
    )
    session.execute(
        update(Suspension)
        .where(Suspension.id == lines.c.id, Suspension.resumes_on.is_(None))
        .values(
            resumes_on=lines.c.on, was_wrong=was_wrong, resumed_because=lines.c.reason, resumed_by=actor.id,
            resumed_at=at, needs_second=lines.c.back,
        )
        .execution_options(synchronize_session=False)
    )  # fmt: skip


def is_waiting() -> tuple[ColumnElement[bool], ...]:
    """In SQL, whether a suspension's end waits for a second person, in a programme that makes up for what was missed."""
    return (*_waits(), makes_up_for(Suspension.programme_id))


def _waits() -> tuple[ColumnElement[bool], ...]:
    return (
        Suspension.needs_second.is_(True), Suspension.confirmed_by.is_(None), Suspension.refusal_id.is_(None),
    )  # fmt: skip


def listed(session: Session, actor: Actor, programme: str) -> list[Resumed]:
    """The resumptions that wait in a programme, the oldest first. Raises UnknownProgramme."""
    actor.require(Permission.PROGRAMME_READ, programme)
    found = queries.find(session, programme)
    rows = session.execute(
        select(Suspension, Household.source_id)
        .join(Household, Household.id == Suspension.household_id)
        .where(Suspension.programme_id == found.id, *is_waiting())
        .order_by(Suspension.resumed_at, Suspension.id)
    )
    return [Resumed(row, number) for row, number in rows]


def confirm(session: Session, actor: Actor, suspension_id: UUID) -> Suspension:
    """Confirm how a colleague ended a suspension: what it makes owed for earlier cycles goes with the next one.

    Raises UnknownResumption, NotPermitted, OwnResumption, OwnRecord.
    """
    found = session.scalar(
        select(Suspension)
        .where(Suspension.id == suspension_id, *is_waiting())
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise UnknownResumption(
            "No such resumption waits for a second person.",
            next_step="See: cbi programme resumptions",
        )
    programme = session.get_one(Programme, found.programme_id)
    actor.require(Permission.VALUE_ACCEPT, programme.code)
    refuse_own(session, actor, found.household_id)
    if actor.id is None or actor.id == found.resumed_by:
        raise OwnResumption(
            "You resumed this household, so somebody else confirms what it is owed for the time before.",
            next_step="Ask a colleague who accepts what households are owed.",
        )
    session.execute(
        update(Suspension)
        .where(Suspension.id == found.id, *_waits())
        .values(confirmed_by=actor.id, confirmed_at=clock.now())
    )
    session.refresh(found)
    record(
        session, actor, "enrolment.resumption_confirmed", "household", found.household_id, programme=programme.code,
        suspension=str(found.id), on=str(found.resumes_on), was_wrong=found.was_wrong,
    )  # fmt: skip
    return found
