"""When members of a suspended household join another one by one: which of its suspensions come along with them.

A suspension follows whoever was head or collector of the household, and it follows everybody once they are half: of the
people of the household that was suspended, or of those of the household that they joined. So a household is not paid
again by moving person by person, and one that takes a single relative in is not stopped for that.
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
        select(
            ChangedPerson.person_id, ChangedPerson.household_before, ChangedPerson.household_after
        ).where(
            ChangedPerson.change_id == change.id,
            ChangedPerson.household_before != ChangedPerson.household_after,
        )
    ).all()
    return [
        (suspension.id, source, home)
        for person, source, home in moved
        if source is not None
        for suspension in _open(session, change, source)
        if _led(session, suspension, person) or _half(session, suspension, home)
    ]


def _open(session: Session, change: HouseholdChange, source: UUID) -> Sequence[Suspension]:
    return session.scalars(
        select(Suspension).where(
            Suspension.household_id == source,
            Suspension.suspended_at <= change.recorded_at,
            Suspension.resumes_on.is_(None),
        )
    ).all()


def _since(suspension: Suspension) -> ColumnElement[bool]:
    """That somebody was moved, left or lost a role in the suspended household after it was suspended."""
    return exists().where(
        HouseholdChange.id == ChangedPerson.change_id,
        HouseholdChange.recorded_at >= suspension.suspended_at,
        ChangedPerson.household_before == suspension.household_id,
    )


def _led(session: Session, suspension: Suspension, person: UUID) -> bool:
    """Whether the person was head or collector of the household when it was suspended, or since."""
    led = select(ChangedPerson.id).where(
        ChangedPerson.person_id == person,
        ChangedPerson.roles_before.overlap(_LEADS),
        _since(suspension),
    )
    return session.scalar(select(led.exists())) is True


def _half(session: Session, suspension: Suspension, home: UUID) -> bool:
    """Whether half of the suspended household's people are in the other by now, or half of the other's came of it."""
    here, gone_from = aliased(Person), select(ChangedPerson.person_id).where(_since(suspension))
    came, members = session.execute(
        select(func.count().filter(here.id.in_(gone_from)), func.count()).where(
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
