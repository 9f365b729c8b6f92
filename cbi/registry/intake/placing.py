"""Gives each household of a list the area of the tree that is meant by what the list says of where it lives."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from sqlalchemy.orm import Session

from cbi.access.holders import areas_of
from cbi.registry.areas.queries import tree
from cbi.registry.areas.standing import AreaNeeded, OutsideYourAreas, settled
from cbi.registry.areas.tree import AmbiguousArea, UnknownArea
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.facts import Candidate


def placed(
    session: Session, brought_by: UUID | None, found: Mapping[str, Candidate]
) -> dict[str, Candidate]:
    """The households that can stand somewhere; the others are rejected, with the areas that may be meant.

    Somebody who is held to areas brings households of those areas only. Without a tree, what was written stays.
    """
    places = tree(session)
    areas = areas_of(session, brought_by) if brought_by is not None else None
    if not places and areas is None:
        return dict(found)
    standing = {}
    for number, candidate in found.items():
        assert candidate.facts is not None
        try:
            area = settled(places, areas, candidate.facts.area)
        except UnknownArea:
            candidate.reject(_UNKNOWN)
        except AmbiguousArea as refusal:
            message = f"Several areas are called so: {refusal.details['told']}."
            candidate.reject(Reason("area_ambiguous", "", message, refusal.next_step))
        except (OutsideYourAreas, AreaNeeded) as refusal:
            code = f"area_{refusal.code.rpartition('.')[2]}"
            candidate.reject(Reason(code, "", refusal.message, refusal.next_step))
        else:
            candidate.facts = replace(candidate.facts, area=area)
            standing[number] = candidate
    return standing


_UNKNOWN = Reason(
    "area_unknown",
    "",
    "The tree of places has no area of this code or name.",
    "Give the area's code, or its name as it stands in: cbi areas list",
)
