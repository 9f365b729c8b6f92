"""Questions to the tree of places: all of it, what lies below an area, and which words stand for one."""

from collections.abc import Sequence

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import NotFound
from cbi.registry.areas.models import Area, AreaName
from cbi.registry.areas.tree import Place, Tree, grown
from cbi.registry.models import Household

_KEPT = "areas"


class NoArea(NotFound):
    """There is no such area."""

    code = "areas.no_such_area"


def tree(session: Session) -> Tree:
    """The whole tree, read once in each transaction; empty where the office has none."""
    known = session.info.get(_KEPT)
    if isinstance(known, Tree):
        return known
    found = grown(
        ((code, tuple(above)) for code, above in session.execute(select(Area.code, Area.above))),
        session.execute(
            select(AreaName.area, AreaName.language, AreaName.name).order_by(AreaName.id)
        ),
    )
    session.info[_KEPT] = found
    return found


def forget(session: Session) -> None:
    """Read the tree again when it is asked for next: it has changed."""
    session.info.pop(_KEPT, None)


def areas(session: Session, actor: Actor, *, below: str | None = None) -> list[Place]:
    """All areas, or one with everything below it, each after what it lies in. Raises NoArea."""
    if not actor.may_somewhere(Permission.PROGRAMME_READ):
        actor.require(Permission.PROGRAMME_READ)
    found = tree(session)
    if below is not None and below not in found.places:
        raise NoArea(f"There is no area with the code {below!r}.", next_step="See: cbi areas list")
    places = found.places.values() if below is None else (
        place for place in found.places.values() if below in place.line
    )  # fmt: skip
    return sorted(places, key=lambda place: place.line[::-1])


def called(session: Session, actor: Actor, code: str) -> Sequence[AreaName]:
    """Every name that an area ever had, the latest first. Raises NoArea."""
    areas(session, actor, below=code)
    return session.scalars(
        select(AreaName).where(AreaName.area == code).order_by(AreaName.id.desc())
    ).all()


def living_in() -> Select[str | None, int]:
    """What stands as the area of households, each once, with how many households it is."""
    count = func.count()
    return (
        select(Household.area, count)
        .where(Household.area.is_not(None))
        .group_by(Household.area)
        .order_by(count.desc(), Household.area)
    )


def spelled(session: Session, area: str | None) -> list[str]:
    """Everything that the area of a household may be called elsewhere, in small letters: its code, its names, itself."""
    if area is None:
        return []
    place = tree(session).places.get(area)
    words = {area, *(place.names.values() if place else ())}
    return sorted({word.lower() for word in words})
