"""Members of staff and tellers who may be recipients: a finding for somebody else, and no hand of theirs on that record."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, any_, bindparam, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import QueryableAttribute, Session, aliased

from cbi import clock, ids
from cbi.access.actor import SYSTEM, Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.offices import office_of
from cbi.registry.linkage.blocking import Blocking
from cbi.registry.linkage.models import LinkKey, StaffMatch
from cbi.registry.linkage.opening import opened
from cbi.registry.linkage.sounds import words
from cbi.registry.models import Household, Person
from cbi.registry.text import clean
from cbi.scope import seeing_all

DIFFERENT, SAME = "different", "same"
COMMON = 60
"""A name that more recipients than this have says nothing about a member of staff."""


class OwnRecord(Forbidden):
    """The record may be of whoever acts."""

    code = "registry.own_record"


class UnknownStaffMatch(NotFound):
    """There is no such finding."""

    code = "registry.unknown_staff_match"


class StaffMatchDecided(Conflict):
    """The finding was decided before."""

    code = "registry.staff_match_decided"


class UnusableStaffDecision(Invalid):
    """The decision is not one of the two."""

    code = "registry.unusable_staff_decision"


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who works here or at a counter: `user` or `teller`."""

    kind: str
    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A finding with the household that it is about."""

    match: StaffMatch
    household: str


def look(session: Session, colleagues: Iterable[Colleague]) -> int:
    """Find recipients whose whole name sounds like a colleague's; returns how many findings are new.

    A name of one part, or one that many recipients have, says nothing. Repeating it changes nothing.
    """
    made = Blocking(office_of(session).keys)
    wanted: dict[int, list[tuple[Colleague, int]]] = {}
    for each in colleagues:
        sounds = sorted({word.sound for word in words(each.name)})
        pairs = list(combinations(sounds, 2))
        for first, second in pairs:
            key = made.number(f"names/{first}/{second}")
            wanted.setdefault(key, []).append((each, len(pairs)))
    if not wanted:
        return 0
    with seeing_all(session):
        return keep(session, _sounding_alike(session, wanted))


def _sounding_alike(
    session: Session, wanted: Mapping[int, Sequence[tuple[Colleague, int]]]
) -> list[tuple[Colleague, UUID]]:
    shared: dict[tuple[Colleague, UUID], int] = {}
    keys = any_(bindparam(None, list(wanted), ARRAY(LinkKey.hash.type)))
    for person, key in session.execute(
        select(LinkKey.person_id, LinkKey.hash).where(LinkKey.hash == keys)
    ):
        for colleague, _ in wanted[key]:
            shared[colleague, person] = shared.get((colleague, person), 0) + 1
    all_of = {colleague.id: count for each in wanted.values() for colleague, count in each}
    alike = [each for each, count in shared.items() if count >= all_of[each[0].id]]
    common = {
        colleague.id
        for colleague, _ in alike
        if sum(each[0].id == colleague.id for each in alike) > COMMON
    }
    people = opened(session, sorted({person for _, person in alike}))
    return [
        (colleague, person)
        for colleague, person in alike
        if colleague.id not in common and person in people
        and {word.sound for word in words(colleague.name)} == {word.sound for word in people[person].words}
    ]  # fmt: skip


def keep(session: Session, found: Sequence[tuple[Colleague, UUID]]) -> int:
    """Ask whether each of these colleagues is that person, where it was not asked yet; returns how many findings are new."""
    if not found:
        return 0
    rows = [
        {
            "id": ids.fresh(), "staff_kind": colleague.kind, "staff_id": colleague.id, "person_id": person,
            "found_at": clock.now(),
        }
        for colleague, person in found
    ]  # fmt: skip
    new = session.execute(
        upsert(StaffMatch)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(StaffMatch.id, StaffMatch.staff_kind, StaffMatch.staff_id, StaffMatch.person_id)
    ).all()
    for match_id, kind, staff_id, person in new:
        record(
            session, SYSTEM, "registry.staff_match_found", "staff_match", match_id, staff_kind=kind,
            staff=str(staff_id), person=str(person),
        )  # fmt: skip
    return len(new)


def listed(session: Session, actor: Actor) -> list[Listed]:
    """The findings that nobody has decided about, without those about whoever asks."""
    actor.require(Permission.REGISTRY_DECIDE)
    rows = session.execute(
        select(StaffMatch, Household.source_id)
        .join(Person, Person.id == StaffMatch.person_id)
        .join(Household, Household.id == Person.household_id)
        .where(StaffMatch.decision.is_(None), StaffMatch.staff_id != actor.id)
        .order_by(StaffMatch.found_at, StaffMatch.id)
    )
    return [Listed(match, number) for match, number in rows]


def decide(
    session: Session, actor: Actor, match_id: UUID, decision: str, reason: str
) -> StaffMatch:
    """Say whether a colleague is that recipient. Raises UnknownStaffMatch, OwnRecord, StaffMatchDecided, …"""
    actor.require(Permission.REGISTRY_DECIDE)
    why = reasons.plain(clean(reason))
    if decision not in (DIFFERENT, SAME):
        raise UnusableStaffDecision("A decision is “different” or “same”.")
    found = session.get(StaffMatch, match_id)
    if found is None:
        raise UnknownStaffMatch("There is no such finding.", next_step="See: cbi registry staff")
    if found.staff_id == actor.id:
        raise _own()
    decided = session.scalars(
        update(StaffMatch)
        .where(StaffMatch.id == match_id, StaffMatch.decision.is_(None))
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now(), reason=why)
        .returning(StaffMatch),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).one_or_none()
    if decided is None:
        raise StaffMatchDecided("This was decided before.", next_step="See the audit log.")
    record(
        session, actor, "registry.staff_match_decided", "staff_match", match_id, decision=decision,
        staff_kind=decided.staff_kind,
    )  # fmt: skip
    return decided


Column = ColumnElement[UUID] | QueryableAttribute[UUID]


def is_own(kind: str, staff_id: Column, household: Column) -> ColumnElement[bool]:
    """Whether a household has a member who may be this colleague."""
    member = aliased(Person)
    return exists().where(
        StaffMatch.staff_kind == kind, StaffMatch.staff_id == staff_id, member.id == StaffMatch.person_id,
        or_(StaffMatch.decision.is_(None), StaffMatch.decision == SAME), member.household_id == household,
    )  # fmt: skip


def may_be_staff(person: ColumnElement[Any] | QueryableAttribute[Any]) -> ColumnElement[bool]:
    """Whether somebody on record may be a member of staff or a teller: nobody has found that they are not."""
    found = aliased(StaffMatch)
    return exists().where(
        found.person_id == person, or_(found.decision.is_(None), found.decision == SAME)
    )


def refuse_own(session: Session, actor: Actor, household: UUID) -> None:
    """Raise OwnRecord where the household may be that of whoever acts."""
    if actor.id is None:
        return
    mine, theirs = bindparam(None, actor.id, type_=StaffMatch.staff_id.type), bindparam(
        None, household, type_=StaffMatch.person_id.type
    )  # fmt: skip
    if session.scalar(select(func.count()).where(is_own(actor.kind, mine, theirs))):
        raise _own()


def own_among(
    session: Session, actor: Actor, households: Collection[UUID] | Select[UUID]
) -> set[UUID]:
    """Which of these households may be that of whoever acts."""
    if actor.id is None:
        return set()
    mine = bindparam(None, actor.id, type_=StaffMatch.staff_id.type)
    return set(
        session.scalars(
            select(Household.id).where(
                Household.id.in_(households), is_own(actor.kind, mine, Household.id)
            )
        )
    )


def own_households(session: Session, actor: Actor) -> Sequence[UUID]:
    """The households with a member whom somebody else found to be whoever acts, also by another record of the member."""
    if actor.id is None:
        return []
    found = (
        select(StaffMatch.person_id)
        .where(
            StaffMatch.staff_kind == actor.kind, StaffMatch.staff_id == actor.id, StaffMatch.decision == SAME
        )
        .cte(recursive=True)
    )  # fmt: skip
    stays = select(Person.same_as).join(found, found.c.person_id == Person.id)
    every = found.union(stays.where(Person.same_as.is_not(None)))
    with seeing_all(session):
        return session.scalars(
            select(Person.household_id).distinct().join(every, every.c.person_id == Person.id)
        ).all()


def _own() -> OwnRecord:
    return OwnRecord(
        "This record may be your own.", next_step="Somebody else must do this; they decide whether it is yours, too."
    )  # fmt: skip
