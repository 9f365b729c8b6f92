"""Writing a change down: the households are locked, the rule says what becomes of them, and before and after are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, insert, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.access.actor import Actor
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid, NotFound
from cbi.offices import office_of
from cbi.registry.households.models import (
    ChangedHousehold,
    ChangedPerson,
    ChangeKind,
    HouseholdChange,
    MemberRole,
)
from cbi.registry.households.rules import Home, Member, Picture, Rule
from cbi.registry.models import Household, Person
from cbi.scope import seeing_all

LONGEST_EVIDENCE = 200
FOLLOWING = "following"
"""The job that lets what stages to the right hold against a household follow its people."""


class ChangedMeanwhile(Conflict):
    """Somebody else has changed the household since it was looked at."""

    code = "household.changed_meanwhile"


class UnknownHome(NotFound):
    """There is no such household."""

    code = "household.unknown"


class NotYet(Invalid):
    """What is recorded has happened already."""

    code = "household.not_yet"


@dataclass(frozen=True, slots=True)
class Story:
    """What is said of a change: what happened when, why, where the proof is, who says so and who confirmed it."""

    kind: ChangeKind
    reason: str
    happened_on: date | None = None
    """None: today."""
    evidence: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    recorded_by: UUID | None = None
    """Who asked for it, where somebody else confirms it; None: the actor."""
    request_id: int | None = None
    undoes_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Columns of people and of a household that a change brings, as they are written, by their ids."""

    people: Mapping[UUID, Mapping[str, Any]] = field(default_factory=dict)
    homes: Mapping[UUID, Mapping[str, Any]] = field(default_factory=dict)
    sealed: Mapping[UUID, bytes] = field(default_factory=dict)
    """What a correction replaced of a person's facts, under the person's key."""


NOBODY_NEW = Newcomers()


def apply(
    session: Session,
    actor: Actor,
    story: Story,
    homes: Sequence[UUID],
    rule: Rule,
    *,
    version: int | None = None,
    new: Newcomers = NOBODY_NEW,
    touched: Sequence[UUID] = (),
) -> UUID:
    """Change these households by a rule, and keep what they were; returns the change's id.

    `version` is what the first household is expected to be at, if the caller has looked. `touched` are people of whom
    something changes that no rule knows, such as a name. Raises UnknownHome, ChangedMeanwhile, NotYet, UnusableReason,
    CannotChange.
    """
    _go_alone(session)
    today = clock.today(office_of(session).timezone)
    happened_on = story.happened_on or today
    if happened_on > today:
        raise NotYet(
            f"{happened_on} has not come yet.", next_step="Record it when it has happened."
        )
    before = looked_at(session, homes)
    first = before.homes[homes[0]]
    if version is not None and first.version != version:
        raise ChangedMeanwhile(
            f"The household is at version {first.version} by now, and you looked at version {version}.",
            next_step="Look at it again, and repeat what is still right.",
            version=first.version,
        )
    after = rule(before)
    change_id = ids.fresh()
    by_two = story.recorded_by is not None and story.recorded_by != actor.id
    session.execute(
        insert(HouseholdChange).values(
            id=change_id, kind=story.kind, happened_on=happened_on, reason=reasons.plain(story.reason),
            evidence=None if story.evidence is None else reasons.plain(story.evidence, longest=LONGEST_EVIDENCE),
            details=dict(story.details), undoes_id=story.undoes_id, request_id=story.request_id,
            recorded_by=story.recorded_by if by_two else actor.id, confirmed_by=actor.id if by_two else None,
            recorded_at=clock.now(),
        )
    )  # fmt: skip
    # A household may move to where the actor sees nothing any more; what is written down is written all the same.
    with seeing_all(session):
        _write_homes(session, change_id, before, after, homes, new)
        _write_people(session, change_id, before, after, new, touched)
    for home in sorted(set(homes) | set(new.homes)):
        record(
            session, actor, f"household.{story.kind}", "household", home, change=str(change_id),
            **{name: value for name, value in story.details.items() if name in _TOLD},
        )  # fmt: skip
    return change_id


def keep_still(session: Session) -> None:
    """Let nobody's household change until this transaction ends: what it looks at and when it looked agree."""
    session.execute(
        text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 0))"),
        {"name": f"households:{office_of(session).code}"},
    )


def _go_alone(session: Session) -> None:
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"households:{office_of(session).code}"},
    )


_TOLD = ("facts", "with", "size", "face_to_face")
"""Details that the audit log repeats, which more people read than the registry."""


def looked_at(session: Session, homes: Sequence[UUID]) -> Picture:
    """These households with everybody on record in them, locked against other changes until this one is done.

    They are locked in one order, so that two changes of the same two wait for each other. Raises UnknownHome.
    """
    wanted = any_(bindparam(None, sorted(homes), ARRAY(Uuid)))
    rows = session.execute(
        select(
            Household.id, Household.status, Household.size, Household.area, Household.language, Household.version
        )
        .where(Household.id == wanted)
        .order_by(Household.id)
        .with_for_update()
    ).all()  # fmt: skip
    found = {row.id: Home(*row) for row in rows}
    if missing := set(homes) - set(found):
        raise UnknownHome(f"There is no household {min(missing)}.")
    people = session.execute(
        select(
            Person.id, Person.household_id, Person.is_head, Person.is_recipient, Person.is_alternate, Person.gone,
            Person.same_as,
        ).where(Person.household_id == wanted)
    )  # fmt: skip
    return Picture(
        found,
        {
            row.id: Member(
                row.id, row.household_id, _roles(row.is_head, row.is_recipient, row.is_alternate), row.gone, row.same_as
            )
            for row in people
        },
    )  # fmt: skip


def _roles(head: bool, collector: bool, alternate: bool) -> frozenset[MemberRole]:  # noqa: FBT001 - the columns
    held = zip(MemberRole, (head, collector, alternate), strict=True)
    return frozenset(role for role, has in held if has)


def _write_homes(
    session: Session, change_id: UUID, before: Picture, after: Picture, homes: Sequence[UUID], new: Newcomers
) -> None:  # fmt: skip
    kept = []
    for home_id in dict.fromkeys([*homes, *new.homes]):
        was, now = before.homes.get(home_id), after.homes[home_id]
        version = was.version if was else 0
        values = {
            "status": now.status,
            "size": now.size,
            "area": now.area,
            "language": now.language,
        }
        if was is None:
            session.execute(
                insert(Household).values(id=home_id, version=1, **values, **new.homes[home_id])
            )
        else:
            counted_on = session.scalar(
                update(Household)
                .where(Household.id == home_id, Household.version == version)
                .values(version=version + 1, **values)
                .returning(Household.id)
                .execution_options(synchronize_session=False)
            )
            assert counted_on is not None  # the row is locked
        kept.append(
            {
                "change_id": change_id, "household_id": home_id, "version_before": version,
                "version_after": version + 1,
                **{f"{name}_before": getattr(was, name, None) for name in values},
                **{f"{name}_after": value for name, value in values.items()},
            }
        )  # fmt: skip
    session.execute(insert(ChangedHousehold), kept)
    session.expire_all()


def _write_people(
    session: Session, change_id: UUID, before: Picture, after: Picture, new: Newcomers, touched: Sequence[UUID]
) -> None:  # fmt: skip
    changed = [
        person
        for person, now in after.people.items()
        if before.people.get(person) != now or person in touched
    ]
    if not changed:
        return
    # Nobody has two heads or collectors for a moment either: the roles are laid down before others take them up.
    known = [person for person in changed if person in before.people]
    session.execute(
        update(Person)
        .where(Person.id == any_(bindparam(None, known, ARRAY(Uuid))))
        .values(is_head=False, is_recipient=False, is_alternate=False)
        .execution_options(synchronize_session=False)
    )
    kept = []
    for person in changed:
        was, now = before.people.get(person), after.people[person]
        values = {
            "household_id": now.home, "gone": now.gone, "same_as": now.same_as,
            "is_head": MemberRole.HEAD in now.roles, "is_recipient": MemberRole.COLLECTOR in now.roles,
            "is_alternate": MemberRole.ALTERNATE in now.roles,
        }  # fmt: skip
        if was is None:
            session.execute(insert(Person).values(id=person, **values, **new.people[person]))
        else:
            session.execute(
                update(Person)
                .where(Person.id == person)
                .values(**values)
                .execution_options(synchronize_session=False)
            )
        kept.append(
            {
                "change_id": change_id, "person_id": person,
                "household_before": was.home if was else None, "household_after": now.home,
                "roles_before": sorted(was.roles) if was else [], "roles_after": sorted(now.roles),
                "gone_before": was.gone if was else None, "gone_after": now.gone,
                "sealed": new.sealed.get(person),
            }
        )  # fmt: skip
    session.execute(insert(ChangedPerson), kept)
    session.expire_all()
