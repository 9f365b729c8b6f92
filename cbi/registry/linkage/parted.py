"""A question that was open when a household split stays a question of both: nobody leaves it behind by parting."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, select
from sqlalchemy.orm import QueryableAttribute, aliased

from cbi.registry.households.models import ChangedHousehold, ChangeKind, HouseholdChange
from cbi.registry.models import Person

_PARTINGS = (ChangeKind.SPLIT, ChangeKind.MERGED)


def has_parted(
    household: ColumnElement[UUID] | QueryableAttribute[UUID],
) -> ColumnElement[bool]:
    """Whether a household ever split or merged: of all others nobody parted, and the whole question is not asked."""
    mine, change = aliased(ChangedHousehold), aliased(HouseholdChange)
    return exists().where(
        mine.household_id == household, change.id == mine.change_id, change.kind.in_(_PARTINGS)
    )


def parted_from(asked: CompoundSelect[Any] | Select[*tuple[Any, ...]]) -> Select[Any]:
    """The households, `household_id`, of each person of whom something is asked in `asked` (`person_id`, `since`), with
    those that have parted from them since, and from those again.

    Whoever was registered twice may have brought all of their family twice.
    """
    people, person = asked.subquery(), aliased(Person)
    one, other = aliased(ChangedHousehold), aliased(ChangedHousehold)
    change, undoing = aliased(HouseholdChange), aliased(HouseholdChange)
    parted = (
        select(one.household_id, other.household_id.label("other_id"), change.recorded_at)
        .join(other, and_(other.change_id == one.change_id, other.household_id != one.household_id))
        .join(change, change.id == one.change_id)
        .where(change.kind.in_(_PARTINGS), ~exists().where(undoing.undoes_id == change.id))
        .subquery()
    )
    start = select(person.household_id, people.c.since).join(
        people, people.c.person_id == person.id
    )
    reached = start.cte(recursive=True)
    further = select(parted.c.other_id, reached.c.since).join(
        reached,
        and_(
            parted.c.household_id == reached.c.household_id, parted.c.recorded_at >= reached.c.since
        ),
    )
    every = reached.union(further)
    return select(every.c.household_id)
