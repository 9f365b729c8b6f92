"""When members of a suspended household join another one by one: which of its suspensions come along with them.

A suspension follows whoever was head or collector of the household, and it follows everybody once they are half: of the
people of the household that was suspended, or of those of the household that they joined. So a household is not paid
again by moving person by person, whichever way they go, and one that takes a single relative in is not stopped for that.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from cbi.programmes.household_models import Suspension
from cbi.registry.households.models import (
    ChangedPerson,
    ChangeKind,
    HouseholdChange,
    MemberRole,
)
from cbi.registry.models import Person

ARRIVALS = (ChangeKind.JOINED, ChangeKind.RETURNED)
_LEADS = [MemberRole.HEAD.value, MemberRole.COLLECTOR.value]


def along(session: Session, change: HouseholdChange) -> Sequence[tuple[UUID, UUID, UUID]]:
    """The suspensions that an arrival brings along: each with the household it was of, and the one they joined."""
    moved = session.execute(
        select(ChangedPerson.person_id, ChangedPerson.household_after).where(
            ChangedPerson.change_id == change.id,
            ChangedPerson.household_before != ChangedPerson.household_after,
        )
    ).all()
    return [
        (suspension.id, suspension.household_id, home)
        for person, home in moved
        for suspension in _following(session, change, person, home)
        if not _looked_at(session, suspension, person)
    ]


def _following(
    session: Session, change: HouseholdChange, person: UUID, home: UUID
) -> Sequence[Suspension]:
    """The suspensions that follow somebody: of one that had followed them on their way only where it holds last."""
    found = [
        suspension for suspension in _open(session, change, person)
        if _led(session, change, suspension, person) or _half(session, change, suspension, home)
    ]  # fmt: skip
    repeated = {each.carried_from for each in found}
    return [each for each in found if each.id not in repeated]


def _open(session: Session, change: HouseholdChange, person: UUID) -> Sequence[Suspension]:
    """The suspensions that nobody has ended of households in which the person was since."""
    was_there = exists().where(
        ChangedPerson.person_id == person, *_of(Suspension), _since(Suspension, change)
    )
    open_ = select(Suspension).where(Suspension.resumes_on.is_(None), was_there)
    return session.scalars(open_.order_by(Suspension.suspended_at, Suspension.id)).all()


def _looked_at(session: Session, suspension: Suspension, person: UUID) -> bool:
    """Whether somebody has ended it in another household in which it had followed the person."""
    homes = select(ChangedPerson.household_before).where(ChangedPerson.person_id == person)
    ended = select(Suspension.id).where(
        Suspension.carried_from == suspension.id, Suspension.resumes_on.is_not(None), Suspension.household_id.in_(homes)
    )  # fmt: skip
    return session.scalar(select(ended.exists())) is True


def _of(suspension: type[Suspension] | Suspension) -> tuple[ColumnElement[bool], ...]:
    """That somebody was moved, left or lost a role in the suspended household."""
    return (
        HouseholdChange.id == ChangedPerson.change_id,
        ChangedPerson.household_before == suspension.household_id,
        ChangedPerson.gone_before.is_(None),
    )


def _since(
    suspension: type[Suspension] | Suspension, change: HouseholdChange
) -> ColumnElement[bool]:
    """That it was after the household was suspended, be it by who came to it; as this change is whatever the clock says."""
    brought = aliased(HouseholdChange)
    came = select(brought.recorded_at).where(brought.id == suspension.carried_by)
    since = func.coalesce(came.correlate_except(brought).scalar_subquery(), suspension.suspended_at)
    return or_(HouseholdChange.recorded_at >= since, HouseholdChange.id == change.id)


def _led(session: Session, change: HouseholdChange, suspension: Suspension, person: UUID) -> bool:
    """Whether the person was head or collector of the household when it was suspended, or since."""
    led = select(ChangedPerson.id).where(
        ChangedPerson.person_id == person,
        ChangedPerson.roles_before.overlap(_LEADS),
        *_of(suspension),
        _since(suspension, change),
    )
    return session.scalar(select(led.exists())) is True


def _half(session: Session, change: HouseholdChange, suspension: Suspension, home: UUID) -> bool:
    """Whether half of the suspended household's people are in the other by now, or half of the other's came of it."""
    here, record = aliased(Person), aliased(Person)
    gone_from = select(ChangedPerson.person_id).where(*_of(suspension), _since(suspension, change))
    # Whoever was registered anew is here under that record.
    anew = exists().where(record.same_as == here.id, record.id.in_(gone_from))
    came, members = session.execute(
        select(func.count().filter(or_(here.id.in_(gone_from), anew)), func.count()).where(
            here.household_id == home, here.gone.is_(None)
        )
    ).one()
    of_it = session.scalar(
        select(func.count())
        .select_from(Person)
        .where(
            or_(
                (Person.household_id == suspension.household_id) & Person.gone.is_(None),
                Person.id.in_(gone_from),
            )
        )
    )
    return 2 * came >= min(members, of_it or 0)
