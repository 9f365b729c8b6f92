"""A household as it is or was on any day, who is in it, what changed, and what waits for a second person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    exists,
    or_,
    select,
)
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import NotFound
from cbi.registry import personal
from cbi.registry.households.models import (
    ChangedHousehold,
    ChangedPerson,
    Guardianship,
    HouseholdChange,
    HouseholdRequest,
    MemberRole,
)
from cbi.registry.models import Household, Person
from cbi.registry.naming import named


@dataclass(frozen=True, slots=True)
class MemberShown:
    """Somebody in a household, masked. `number` is what commands know the person by."""

    id: UUID
    number: str
    initials: str | None
    sex: str
    born_year: int | None
    roles: tuple[str, ...]
    gone: str | None
    guardian: str | None = None
    """The number of who answers for the child."""


@dataclass(frozen=True, slots=True)
class ChangeShown:
    """One change: what happened, when and why; `version` is the household's after it."""

    id: UUID
    version: int
    kind: str
    happened_on: date
    reason: str
    evidence: str | None
    details: Mapping[str, Any]
    recorded_by: UUID | None
    confirmed_by: UUID | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class HouseholdShown:
    """A household as it was at the end of a day, with all its changes until now."""

    id: UUID
    source: str
    source_id: str
    on: date | None
    """None: now."""
    status: str
    size: int
    area: str | None
    language: str
    version: int
    members: tuple[MemberShown, ...]
    changes: tuple[ChangeShown, ...]


SHORTEST = 6
"""Signs of a member's number that are enough where they mean one person."""


def number_of(person_id: UUID) -> str:
    """What a person is called in commands: the end of the id, which says nothing about them."""
    return person_id.hex[-8:]


class UnknownMember(NotFound):
    """Nobody of the household has this number, or several have."""

    code = "household.unknown_member"


def person_named(session: Session, household_id: UUID, number: str) -> UUID:
    """Whom a member's number means: the end of the id of somebody in the household, six signs at least.

    Somebody of another household is written with its number before a colon. Raises UnknownMember, UnknownHousehold.
    """
    where, _, told = number.strip().rpartition(":")
    told = told.lower().replace("-", "")
    home = named(session, where).id if where else household_id
    people = session.scalars(select(Person.id).where(Person.household_id == home))
    found = [each for each in people if len(told) >= SHORTEST and each.hex.endswith(told)]
    if len(found) == 1:
        return found[0]
    raise UnknownMember(
        f"Nobody of the household is meant by {number[:40]!r}, or several people are.",
        next_step="Write the number as in: cbi household show",
    )


def show(
    session: Session, actor: Actor, household: Household, on: date | None = None
) -> HouseholdShown:
    """The household as it is, or as it was at the end of a day as far as is known now, with initials only."""
    actor.require(Permission.REGISTRY_READ)
    changes = _changes(session, household.id)
    facts = HouseholdShown(
        household.id, household.source, household.source_id, on, household.status, household.size, household.area,
        household.language, household.version, (), tuple(changes),
    )  # fmt: skip
    if on is not None:
        facts = _facts_on(session, facts, on)
    return replace(facts, members=tuple(_members(session, household.id, on)))


def _changes(session: Session, household_id: UUID) -> list[ChangeShown]:
    rows = session.execute(
        select(HouseholdChange, ChangedHousehold.version_after)
        .join(ChangedHousehold, ChangedHousehold.change_id == HouseholdChange.id)
        .where(ChangedHousehold.household_id == household_id)
        .order_by(ChangedHousehold.version_after)
    )
    return [
        ChangeShown(
            each.id, version, each.kind.value, each.happened_on, each.reason, each.evidence, each.details,
            each.recorded_by, each.confirmed_by, each.recorded_at,
        )
        for each, version in rows
    ]  # fmt: skip


def _facts_on(session: Session, now: HouseholdShown, on: date) -> HouseholdShown:
    """The facts after the last change until that day; before the first one, what it found."""
    rows = session.execute(
        select(ChangedHousehold, HouseholdChange.happened_on)
        .join(HouseholdChange, HouseholdChange.id == ChangedHousehold.change_id)
        .where(ChangedHousehold.household_id == now.id)
        .order_by(HouseholdChange.happened_on, ChangedHousehold.version_after)
    ).all()
    until = [row for row, happened in rows if happened <= on]
    if until:
        last = until[-1]
        return replace(
            now, status=last.status_after, size=last.size_after, area=last.area_after,
            language=last.language_after, version=last.version_after,
        )  # fmt: skip
    if not rows or rows[0][0].status_before is None:
        return now if not rows else replace(now, version=0)
    first = rows[0][0]
    return replace(
        now, status=first.status_before or "", size=first.size_before or 0, area=first.area_before,
        language=first.language_before or "", version=first.version_before,
    )  # fmt: skip


def _members(session: Session, household_id: UUID, on: date | None) -> list[MemberShown]:
    """Who is in it, and of now also who has gone from it."""
    concerned = or_(
        Person.household_id == household_id,
        exists().where(
            ChangedPerson.person_id == Person.id,
            or_(
                ChangedPerson.household_before == household_id,
                ChangedPerson.household_after == household_id,
            ),
        ),
    )
    people = session.scalars(select(Person).where(concerned).order_by(Person.id)).all()
    names = personal.names(session, [each.id for each in people])
    history = _history(session, [each.id for each in people]) if on is not None else {}
    guardians = _guardians(session, [each.id for each in people], on)
    found = []
    for each in people:
        where: _Where = each.household_id, _roles(each), each.gone
        if on is not None:
            where = _on_that_day(history.get(each.id, ()), on) or where
        home, roles, gone = where
        if home != household_id or (on is not None and gone is not None):
            continue
        name = names.get(each.id)
        guardian = guardians.get(each.id)
        found.append(
            MemberShown(
                each.id, number_of(each.id), _initials(name) if name else None, each.sex.value, each.born_year,
                tuple(roles), gone, number_of(guardian) if guardian else None,
            )
        )  # fmt: skip
    return found


def _initials(name: str) -> str:
    return " ".join(f"{word[0]}." for word in name.split())


def _roles(person: Person) -> list[str]:
    held = zip(MemberRole, (person.is_head, person.is_recipient, person.is_alternate), strict=True)
    return [role.value for role, has in held if has]


_Where = tuple[UUID | None, list[str], str | None]


def _history(
    session: Session, people: Sequence[UUID]
) -> Mapping[UUID, list[tuple[date, ChangedPerson]]]:
    rows = session.execute(
        select(HouseholdChange.happened_on, ChangedPerson)
        .join(HouseholdChange, HouseholdChange.id == ChangedPerson.change_id)
        .where(ChangedPerson.person_id.in_(people))
        .order_by(HouseholdChange.happened_on, ChangedPerson.id)
    )
    found: dict[UUID, list[tuple[date, ChangedPerson]]] = {}
    for happened_on, row in rows:
        found.setdefault(row.person_id, []).append((happened_on, row))
    return found


def _on_that_day(history: Sequence[tuple[date, ChangedPerson]], on: date) -> _Where | None:
    """Where somebody was and what they did there; None where nothing has ever changed of them."""
    until = [row for happened, row in history if happened <= on]
    if until:
        return until[-1].household_after, until[-1].roles_after, until[-1].gone_after
    if history:
        first = history[0][1]
        return first.household_before, first.roles_before, first.gone_before
    return None


def _guardians(session: Session, people: Sequence[UUID], on: date | None) -> Mapping[UUID, UUID]:
    stands: ColumnElement[bool] = Guardianship.ended_on.is_(None)
    if on is not None:
        stands = (Guardianship.decided_on <= on) & or_(stands, Guardianship.ended_on > on)
    rows = session.execute(
        select(Guardianship.child_id, Guardianship.guardian_id)
        .where(Guardianship.child_id.in_(people), stands)
        .order_by(Guardianship.decided_on)
    )
    return dict(rows.all())


def waiting(actor: Actor) -> Select[HouseholdRequest]:
    """Requests that nobody has decided, and may still."""
    actor.require(Permission.REGISTRY_READ)
    return select(HouseholdRequest).where(
        HouseholdRequest.decision.is_(None), HouseholdRequest.lapses_at > clock.now()
    )


def numbers(session: Session, household_ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The registration numbers of these households."""
    rows = session.execute(
        select(Household.id, Household.source_id).where(Household.id.in_(household_ids))
    )
    return dict(rows.all())
