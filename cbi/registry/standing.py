"""How the registry stands: how many are in it, which lists came lately, and what waits for a person's decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import QueryableAttribute, Session

from cbi.registry.import_models import Import
from cbi.registry.linkage.models import Pair
from cbi.registry.linkage.queries import to_decide
from cbi.registry.models import DuplicateFlag, Household
from cbi.registry.queries import ACTIVE, current_flags, unmerged_flags

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


def shared(session: Session) -> Undecided | None:
    """What several households share and nobody has decided about: documents, telephones; None where nothing waits."""
    return _undecided(session, current_flags(open_only=True), DuplicateFlag.flagged_at)


def unmerged(session: Session) -> Undecided | None:
    """Documents that were found to be one person's, whose households nobody has merged; None where there is none."""
    return _undecided(session, unmerged_flags(), DuplicateFlag.decided_at)


def pairs(session: Session) -> Undecided | None:
    """Pairs of people who may be one and wait for a decision, whether or not they hold payment; None where none waits."""
    return _undecided(session, to_decide(), Pair.found_at)


def _undecided(
    session: Session, waiting: Select[Any], since: QueryableAttribute[Any]
) -> Undecided | None:
    each = waiting.with_only_columns(since.label("at")).subquery()
    count, first = session.execute(select(func.count(), func.min(each.c.at))).one()
    return Undecided(count, first) if count else None
