"""Where a household stands: what was written becomes an area of the tree, and one that whoever wrote it may see."""

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.errors import Forbidden, Invalid
from cbi.registry.areas.queries import tree
from cbi.registry.areas.tree import Tree


class OutsideYourAreas(Forbidden):
    """The area is not among those that the actor's roles are for."""

    code = "areas.outside_yours"


class AreaNeeded(Invalid):
    """A household must stand in an area, so that somebody who is held to areas can see it."""

    code = "areas.needed"


def resolve(session: Session, actor: Actor, written: str | None) -> str | None:
    """The code of the area that is meant by a code or a name, if the actor may put a household there.

    In an office without a tree it is what was written. Raises UnknownArea, AmbiguousArea, OutsideYourAreas, AreaNeeded.
    """
    return settled(tree(session), actor.areas, written)


def settled(places: Tree, areas: frozenset[str] | None, written: str | None) -> str | None:
    """The same with a tree at hand, for somebody who is held to these areas (None: to none)."""
    if not written:
        if areas is not None:
            raise AreaNeeded(
                "The area is missing, and your roles are for some areas only.",
                next_step="Say where the household lives.",
            )
        return None
    if not places and areas is None:
        return written
    found = places.find(written)
    if areas is not None and areas.isdisjoint(found.line):
        raise OutsideYourAreas(
            f"{found.code} {found.name()} is outside the areas that your roles are for.",
            next_step="Somebody who works for that area, or for the whole office, can do it.",
        )
    return found.code
