"""The two records of a pair in clear, side by side, for somebody who has to tell whether they are one person."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.registry import personal, viewing
from cbi.registry.linkage import staff
from cbi.registry.linkage.models import Pair
from cbi.registry.models import Person
from cbi.registry.personal import Clear
from cbi.registry.purposes import Purpose
from cbi.registry.viewing import Field


def opened(session: Session, actor: Actor, pair: Pair) -> Mapping[UUID, Clear]:
    """Both people of a pair; that they were looked at, and for what, is written down in the same transaction.

    Raises NotPermitted, OwnRecord where either record may be the actor's own.
    """
    actor.require(Permission.PERSON_OPEN)
    people = session.scalars(
        select(Person).where(Person.id.in_([pair.first_id, pair.second_id]))
    ).all()
    for home in {person.household_id for person in people}:
        staff.refuse_own(session, actor, home)
    viewing.noted(
        session, actor, [person.id for person in people], tuple(Field), Purpose.SAME_PERSON
    )
    return personal.in_clear(session, people)
