"""Named needs of households: noted with day and source, never overwritten; the latest word about each counts."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, insert, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Invalid
from cbi.registry import carried
from cbi.registry.intake import checks
from cbi.registry.linkage import staff
from cbi.registry.models import Household, Need
from cbi.registry.text import clean, folded

LONGEST_SOURCE = 100


class UnusableNeed(Invalid):
    """The need cannot be written down so."""

    code = "registry.unusable_need"


def held(keys: Collection[str]) -> Select[UUID, list[list[object]]]:
    """Households with these needs (folded words) now: `[[key, members], …]` in the order of the keys."""
    latest = carried.needs(Need.key.in_(keys)).subquery()
    each = func.jsonb_build_array(latest.c.key, latest.c.members)
    return (
        select(
            latest.c.household_id,
            func.jsonb_agg(aggregate_order_by(each, latest.c.key)).label("needs"),
        )
        .where(latest.c.members > 0)
        .group_by(latest.c.household_id)
    )


def note(
    session: Session,
    actor: Actor,
    household: Household,
    word: str,
    *,
    members: int = 1,
    on: date | None = None,
    source: str = "visit",
) -> None:
    """Write down that so many members of a household have a need, as known since that day; 0: nobody any more.

    Raises UnusableNeed, UnusableReason, OwnRecord.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    staff.refuse_own(session, actor, household.id)
    try:
        word = checks.need(clean(word))
    except checks.Unusable as problem:
        raise UnusableNeed(problem.message, next_step=problem.next_step) from None
    if not 0 <= members <= household.size:
        raise UnusableNeed(
            f"The household has {household.size} members, and {members} cannot have this need.",
            next_step="Give the number of members concerned; 0 when nobody is any more.",
        )
    now = clock.now()
    session.execute(
        insert(Need).values(
            household_id=household.id, key=folded(word), word=word, members=members,
            noted_on=on or now.date(), source=reasons.plain(source, longest=LONGEST_SOURCE),
            noted_by=actor.id, noted_at=now,
        )
    )  # fmt: skip
    # What the need is stands in the registry only: the audit log is read by more people.
    record(session, actor, "registry.need_noted", "household", household.id, members=members)


def words(session: Session, actor: Actor) -> list[tuple[str, int, int]]:
    """The words in use with the households and members that have them now, the most frequent first.

    Words that differ in capitals, accents or spaces only are one.
    """
    actor.require(Permission.REGISTRY_READ)
    return _counted(session, true())


def words_of(session: Session, household_id: UUID) -> list[tuple[str, int, int]]:
    """The same for one household."""
    return _counted(session, Need.household_id == household_id)


def _counted(session: Session, whose: ColumnElement[bool]) -> list[tuple[str, int, int]]:
    latest = carried.needs(whose).subquery()
    households = func.count()
    found = session.execute(
        select(func.min(latest.c.word), households, func.sum(latest.c.members))
        .where(latest.c.members > 0)
        .group_by(latest.c.key)
        .order_by(households.desc(), func.min(latest.c.word))
    )
    return [(word, int(count), int(members)) for word, count, members in found]
