"""Whom a list is about: by programme, period and place, within what whoever asks may see."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.errors import Invalid
from cbi.programmes import queries
from cbi.programmes.models import Entitlement, Programme
from cbi.registry.areas.models import Area
from cbi.registry.areas.standing import resolve
from cbi.registry.linkage.staff import is_own
from cbi.registry.models import Household, Person
from cbi.registry.queries import ACTIVE


class NobodyChosen(Invalid):
    """It was not said whom the list is about, or nobody is meant."""

    code = "export.nobody_chosen"


@dataclass(frozen=True, slots=True)
class Whom:
    """People of a programme (in one period of it), of a place with those below it, or both. `everybody`: all members of
    the households, not only those who collect.
    """

    programme: str | None = None
    period: str | None = None
    area: str | None = None
    everybody: bool = False


def settled(session: Session, actor: Actor, whom: Whom) -> Whom:
    """The same with the area's code. Raises NobodyChosen, UnknownProgramme, UnknownArea, OutsideYourAreas."""
    if not (whom.programme or whom.area) or (whom.period and not whom.programme):
        raise NobodyChosen(
            "Say whom the list is about: a programme (and a period of it), an area, or both.",
            next_step="A list of the whole registry is not made.",
        )
    area = resolve(session, actor, whom.area) if whom.area else None
    if whom.programme:
        queries.find(session, whom.programme)
    return Whom(whom.programme, whom.period or None, area, whom.everybody)


def people(whom: Whom, *hands: UUID) -> Select[UUID]:
    """The people meant, as a query of their keys. Whoever may be one of the `hands` (staff) is left out."""
    chosen = (
        select(Person.id)
        .join(Household, Household.id == Person.household_id)
        .where(Person.gone.is_(None), Person.data_key.is_not(None), *_households(whom), *not_own(*hands))
    )  # fmt: skip
    if not whom.everybody:
        chosen = chosen.where(Person.is_recipient)
    return chosen


def _households(whom: Whom) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if whom.programme:
        owed = (
            select(Entitlement.id)
            .join(Programme, Programme.id == Entitlement.programme_id)
            .where(Programme.code == whom.programme, Entitlement.household_id == Household.id)
        )
        if whom.period:
            owed = owed.where(Entitlement.period == whom.period)
        wanted.append(exists(owed.correlate(Household)))
    else:
        wanted.append(Household.status == ACTIVE)
    return [*wanted, *within(whom.area)]


def within(area: str | None) -> list[ColumnElement[bool]]:
    """That a household lives in the area, or below it; nothing where none is meant."""
    if area is None:
        return []
    below = select(Area.code).where(Area.above.contains([area]))
    return [or_(Household.area == area, Household.area.in_(below))]


def not_own(*hands: UUID) -> list[ColumnElement[bool]]:
    """That a household is that of none of these members of staff."""
    each = (bindparam(None, hand, type_=Person.id.type) for hand in set(hands))
    return [~is_own("user", mine, Household.id) for mine in each]
