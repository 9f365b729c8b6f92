"""How the registry stands: how many are in it, which lists came lately, and what waits for a person's decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from cbi.registry.import_models import Import
from cbi.registry.linkage.models import Pair
from cbi.registry.linkage.queries import open_pairs
from cbi.registry.models import DuplicateFlag, Household
from cbi.registry.queries import ACTIVE, current_flags

LISTS = 5
"""How many of the latest lists are shown."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """Possible duplicates that nobody has decided about yet, and since when the first of them waits."""

    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How many households there are, how many of them are active, and the latest lists, the newest first."""

    households: int
    active: int
    lists: Sequence[Import]


def standing(session: Session) -> Standing:
    """The registry at one look."""
    households, active = session.execute(
        select(func.count(), func.count().filter(Household.status == ACTIVE)).select_from(Household)
    ).one()
    latest = select(Import).order_by(Import.imported_at.desc(), Import.id).limit(LISTS)
    return Standing(households, active, session.scalars(latest).all())


def undecided(session: Session) -> Undecided | None:
    """Possible duplicates that wait for a decision; None when none does."""
    flags = current_flags(open_only=True).with_only_columns(DuplicateFlag.flagged_at.label("at"))
    pairs = open_pairs().with_only_columns(Pair.found_at.label("at"))
    both = union_all(flags, pairs).subquery()
    count, since = session.execute(
        select(func.count(), func.min(both.c.at)).select_from(both)
    ).one()
    return Undecided(count, since) if count else None
