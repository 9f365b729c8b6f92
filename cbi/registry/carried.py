"""Needs and bands that went with people from one household to another: whether they still count, and what awaits a look."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    exists,
    func,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.registry.households.models import HouseholdChange, HouseholdStatus
from cbi.registry.models import Band, Household, Need


def stands(row: type[Need] | type[Band]) -> ColumnElement[bool]:
    """Whether a row counts: it was noted here, or the change that carried it here was not undone."""
    undoing = aliased(HouseholdChange)
    return or_(row.carried_by.is_(None), ~exists().where(undoing.undoes_id == row.carried_by))


def needs(whose: ColumnElement[bool] = true()) -> Select[Need]:
    """The row of each household and need that counts now, also where nobody has it any more."""
    return (
        select(Need)
        .ext(distinct_on(Need.household_id, Need.key))
        .where(whose, stands(Need))
        .order_by(Need.household_id, Need.key, Need.id.desc())
    )


def bands(whose: ColumnElement[bool] = true()) -> Select[Band]:
    """The band of each household and scorecard that counts now: of the latest day; of two of one day the one written later.

    A form that comes in late says nothing of what was found since.
    """
    return (
        select(Band)
        .ext(distinct_on(Band.household_id, Band.scorecard))
        .where(whose, stands(Band))
        .order_by(Band.household_id, Band.scorecard, Band.assessed_on.desc(), Band.id.desc())
    )


def to_reassess(actor: Actor) -> Select[*tuple[Any, ...]]:
    """Active households of which something counts that was carried over: `household_id`, `source_id`, `reassess_by`,
    `rows`, the first day first.

    Whoever notes the need or the band anew, or assesses the household, has looked.
    """
    actor.require(Permission.REGISTRY_READ)
    # Few households ever carry anything, so only theirs are looked through.
    carrying = union_all(
        *(select(row.household_id).where(row.carried_by.is_not(None)) for row in (Need, Band))
    )
    latest_needs = needs(Need.household_id.in_(carrying)).subquery()
    latest_bands = bands(Band.household_id.in_(carrying)).subquery()
    waits = union_all(
        select(latest_needs.c.household_id, latest_needs.c.reassess_by).where(
            latest_needs.c.reassess_by.is_not(None), latest_needs.c.members > 0
        ),
        select(latest_bands.c.household_id, latest_bands.c.reassess_by).where(
            latest_bands.c.reassess_by.is_not(None)
        ),
    ).subquery("waits")
    first = func.min(waits.c.reassess_by)
    return (
        select(
            Household.id.label("household_id"), Household.source_id.label("source_id"), first.label("reassess_by"),
            func.count().label("rows"),
        )
        .join(waits, waits.c.household_id == Household.id)
        .where(Household.status == HouseholdStatus.ACTIVE.value)
        .group_by(Household.id)
        .order_by(first, Household.source_id)
    )  # fmt: skip
