"""Households that nobody can be paid for, and children whom nobody answers for: what is missing, and what to do next."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    Text,
    case,
    exists,
    literal,
    select,
    union_all,
)

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.registry.households.models import Guardianship, HouseholdChange, HouseholdStatus
from cbi.registry.models import Household, Person


class Trouble(StrEnum):
    """Why nobody can be paid for a household, or somebody in it has nobody to answer for them."""

    NOBODY_LEFT = "nobody_left"
    NO_COLLECTOR = "no_collector"
    ALTERNATE_WAITS = "alternate_waits"
    NO_HEAD = "no_head"
    NO_GUARDIAN = "no_guardian"


NEXT_STEPS: Mapping[Trouble, str] = {
    Trouble.NOBODY_LEFT: "Nobody is left in it. If somebody came back: cbi household returned",
    Trouble.NO_COLLECTOR: "Nobody collects for it. Name a member: cbi household role",
    Trouble.ALTERNATE_WAITS: "Its collector is gone, and there is an alternate: cbi household role",
    Trouble.NO_HEAD: "Its head is gone. Name another: cbi household role",
    Trouble.NO_GUARDIAN: "A child's guardian is gone. Name who was appointed: cbi household guardian",
}
"""What to do about each."""


def troubles(actor: Actor) -> Select[*tuple[Any, ...]]:
    """Households that something is missing in: `household_id`, `source_id`, `trouble`; see `NEXT_STEPS`."""
    actor.require(Permission.REGISTRY_READ)
    active = Household.status == HouseholdStatus.ACTIVE.value

    def has(role: SQLColumnExpression[bool]) -> ColumnElement[bool]:
        return exists().where(Person.household_id == Household.id, role)

    def which(trouble: ColumnElement[str], *where: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
        return select(
            Household.id.label("household_id"), Household.source_id.label("source_id"), trouble.label("trouble")
        ).where(*where)  # fmt: skip

    def named(trouble: Trouble) -> ColumnElement[str]:
        return literal(trouble.value, Text)

    again = Guardianship.__table__.alias("again")
    undoing = HouseholdChange.__table__.alias("undoing")
    orphaned = exists().where(
        Person.household_id == Household.id, Person.gone.is_(None), Person.id == Guardianship.child_id,
        Guardianship.ended_on.is_not(None),
        ~exists().where(again.c.child_id == Guardianship.child_id, again.c.ended_on.is_(None)),
        ~exists().where(undoing.c.undoes_id == Guardianship.begun_by),
    )  # fmt: skip
    found = union_all(
        which(
            named(Trouble.NOBODY_LEFT), Household.status == HouseholdStatus.EMPTY.value
        ),
        which(
            case(
                (has(Person.is_alternate), named(Trouble.ALTERNATE_WAITS)),
                else_=named(Trouble.NO_COLLECTOR),
            ),
            active, ~has(Person.is_recipient),
        ),
        which(named(Trouble.NO_HEAD), active, Household.version > 1, ~has(Person.is_head)),
        which(named(Trouble.NO_GUARDIAN), active, orphaned),
    ).subquery("troubles")  # fmt: skip
    return select(found)
