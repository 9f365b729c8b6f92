"""How the registry stands: how many are in it, which lists came lately, and what waits for a person's decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi.registry.models import DuplicateFlag, Household, Import
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
    flags = current_flags(open_only=True).subquery()
    count, since = session.execute(
        select(func.count(), func.min(flags.c[DuplicateFlag.flagged_at.key])).select_from(flags)
    ).one()
    return Undecided(count, since) if count else None
