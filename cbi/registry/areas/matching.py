"""Finds the areas that households were registered in before there was a tree: first to be looked at, then written."""

from dataclasses import dataclass

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import CbiError, Conflict
from cbi.registry.areas.models import AreaMatch
from cbi.registry.areas.queries import living_in, tree
from cbi.registry.areas.tree import AmbiguousArea, UnknownArea
from cbi.registry.models import Household


class NoTree(Conflict):
    """The office has no tree of places."""

    code = "areas.no_tree"


@dataclass(frozen=True, slots=True)
class Spelling:
    """What stands as the area of some households: the area that it means, or why none is meant."""

    written: str
    households: int
    area: str | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Matched:
    """How the households of an office stand: in the tree already, to be matched (or matched now), and not found."""

    standing: int
    without: int
    found: tuple[Spelling, ...]
    missing: tuple[Spelling, ...]
    written: bool

    @property
    def households_found(self) -> int:
        """Households whose area was found by its name."""
        return sum(each.households for each in self.found)

    @property
    def households_missing(self) -> int:
        """Households whose area no area of the tree is called by, or several are."""
        return sum(each.households for each in self.missing)


def match(session: Session, actor: Actor, *, write: bool = False) -> Matched:
    """What the areas of the households mean in the tree; with `write`, the codes take their place.

    Repeating it changes nothing. What was written is kept beside the code that it became. Raises NoTree.
    """
    actor.require(Permission.AREAS_CHANGE)
    places = tree(session)
    if not places:
        raise NoTree(
            "This office has no tree of places.", next_step="Take one in: cbi areas import"
        )
    standing, found, missing = 0, [], []
    for written, households in session.execute(living_in()):
        assert written is not None
        if written in places.places:
            standing += households
            continue
        try:
            area = places.find(written)
        except (UnknownArea, AmbiguousArea) as refusal:
            missing.append(Spelling(written, households, None, _why(refusal)))
        else:
            found.append(Spelling(written, households, area.code))
    without = session.scalars(select(func.count()).where(Household.area.is_(None))).one()
    if write and found:
        found = _write(session, actor, found)
    return Matched(standing, without, tuple(found), tuple(missing), write)


def _why(refusal: CbiError) -> str:
    return f"{refusal.message} {refusal.next_step}"


def _write(session: Session, actor: Actor, found: list[Spelling]) -> list[Spelling]:
    """Put the codes in the place of what was written, and keep what was written."""
    moved = session.execute(
        text(
            "WITH moved AS (UPDATE households h SET area = meant.area"
            " FROM unnest(CAST(:written AS text[]), CAST(:areas AS text[])) AS meant (written, area)"
            " WHERE h.area = meant.written RETURNING meant.written)"
            " SELECT written, count(*) FROM moved GROUP BY written"
        ),
        {"written": [each.written for each in found], "areas": [each.area for each in found]},
    )
    counts: dict[str, int] = dict(moved.all())
    done = [
        Spelling(each.written, counts[each.written], each.area)
        for each in found
        if each.written in counts
    ]
    if done:
        session.execute(
            insert(AreaMatch),
            [
                {
                    "written": each.written, "area": each.area, "households": each.households,
                    "matched_by": actor.id, "matched_at": clock.now(),
                }
                for each in done
            ],
        )  # fmt: skip
        record(
            session, actor, "areas.matched", "households", "all", spellings=len(done),
            households=sum(each.households for each in done),
        )  # fmt: skip
    return done
