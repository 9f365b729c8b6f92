"""Two households, or two records of one person, become one; and the way back, which restores both exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.db import soon
from cbi.errors import Conflict, NotFound
from cbi.registry.households import carrying, rules, twins
from cbi.registry.households.models import (
    ChangedHousehold,
    ChangedPerson,
    ChangeKind,
    HouseholdChange,
    MemberRole,
)
from cbi.registry.households.recording import FOLLOWING, Story, apply
from cbi.registry.households.rules import Picture
from cbi.registry.linkage import inherited
from cbi.registry.linkage.staff import refuse_own
from cbi.registry.models import DuplicateFlag, Gone, Person
from cbi.registry.queries import is_current
from cbi.scope import seeing_all


class UnknownChange(NotFound):
    """There is no such merge."""

    code = "household.unknown_change"


class CannotUndo(Conflict):
    """The merge was undone before, or the households have changed since."""

    code = "household.cannot_undo"


def merge(
    session: Session,
    actor: Actor,
    kept: UUID,
    other: UUID,
    *,
    reason: str,
    same: Mapping[UUID, UUID] | None = None,
    size: int | None = None,
    happened_on: date | None = None,
    evidence: str | None = None,
    asked_by: UUID | None = None,
    request_id: int | None = None,
    version: int | None = None,
) -> UUID:
    """Make one household of two; returns the change's id, by which it can be undone.

    The other household is paid nothing any more; its people are members of the kept one. `same` says who of the other
    is on record in the kept one too (other's person → kept one's); those with the same document are found by
    themselves. Whoever calls has made sure that two people stand behind it: `asked_by` is the first of them, the actor
    the second. Raises NotPermitted, CannotChange, UnknownHome, ChangedMeanwhile, UnusableReason.
    """
    actor.require(Permission.HOUSEHOLD_CONFIRM)
    for home in (kept, other):
        refuse_own(session, actor, home)
    theirs = (_theirs.household_id == other, _theirs.gone.is_(None))
    twice = {**_same_document(session, kept, *theirs), **(same or {})}
    story = Story(
        ChangeKind.MERGED, reason, happened_on, evidence,
        {"with": [str(kept), str(other)], "same": len(twice)}, asked_by, request_id,
    )  # fmt: skip
    change = apply(
        session, actor, story, [kept, other],
        lambda picture: rules.merged(picture, kept, other, twice, size), version=version,
    )  # fmt: skip
    carrying.on_merge(session, actor, change, kept, other)
    twins.one_person(session, change)
    inherited.by_who_stays(session, change)
    return change


def retire(
    session: Session,
    actor: Actor,
    person: UUID,
    stays: UUID,
    *,
    reason: str,
    size: int | None = None,
    asked_by: UUID | None = None,
) -> UUID:
    """One of two records of the same person in one household is used no more; returns the change's id.

    It is undone as a merge is. Raises NotPermitted, CannotChange, UnusableReason.
    """
    actor.require(Permission.HOUSEHOLD_CONFIRM)
    home = session.scalar(select(Person.household_id).where(Person.id == stays))
    if home is None:
        raise rules.CannotChange("This person is not on record.")
    story = Story(ChangeKind.MERGED, reason, details={"same": 1}, recorded_by=asked_by)
    change = apply(
        session, actor, story, [home],
        lambda picture: rules.retired(picture, home, person, stays, size),
    )  # fmt: skip
    twins.one_person(session, change)
    inherited.by_who_stays(session, change)
    return change


def known_here(
    session: Session,
    actor: Actor,
    person: UUID,
    stays: UUID,
    story: Story,
    *,
    version: int | None = None,
) -> UUID:
    """Somebody who had left their household joins another, where they are on record already; returns the change's id.

    The record that stays is the one there, and nobody is counted once more. What goes with whoever joins a household goes
    with them. It is undone as a merge is. Raises NotPermitted, CannotChange, ChangedMeanwhile, UnusableReason.
    """
    actor.require(Permission.HOUSEHOLD_CONFIRM)
    with seeing_all(session):
        both = select(Person.id, Person.household_id).where(Person.id.in_([person, stays]))
        homes = dict(session.execute(both).all())
    for each in homes.values():
        refuse_own(session, actor, each)
    home = homes[stays]
    change = apply(
        session, actor, replace(story, details={**story.details, "same": 1}), [home, homes[person]],
        lambda picture: rules.known_here(picture, home, person, stays), version=version,
    )  # fmt: skip
    twins.one_person(session, change)
    inherited.by_who_stays(session, change)
    soon(session, FOLLOWING)
    return change


def on_record_here(session: Session, home: UUID, person: UUID) -> UUID | None:
    """Under which record of this household somebody who has left another one shows the same document."""
    left = (_theirs.id == person, _theirs.gone == Gone.LEFT, _theirs.household_id != home)
    return _same_document(session, home, *left).get(person)


def undo_merge(
    session: Session,
    actor: Actor,
    change: UUID,
    *,
    reason: str,
    asked_by: UUID | None = None,
    request_id: int | None = None,
) -> UUID:
    """Put two merged households back exactly as they were; returns the id of this change.

    Only while nothing else has changed either of them. Raises NotPermitted, UnknownChange, CannotUndo, UnusableReason.
    """
    actor.require(Permission.HOUSEHOLD_CONFIRM)
    done = session.get(HouseholdChange, change)
    if done is None or (done.kind is not ChangeKind.MERGED and done.details.get("same") != 1):
        raise UnknownChange("There is no such merge.", next_step="See: cbi household show")
    homes = session.scalars(
        select(ChangedHousehold).where(ChangedHousehold.change_id == change)
    ).all()
    for home in homes:
        refuse_own(session, actor, home.household_id)
    people = session.scalars(select(ChangedPerson).where(ChangedPerson.change_id == change)).all()

    def back(picture: Picture) -> Picture:
        if any(picture.homes[each.household_id].version != each.version_after for each in homes):
            raise CannotUndo(
                "One of the households has changed since they were merged, or the merge was undone.",
                next_step="Split the household, or say of its members what is right now.",
            )
        return _restored(picture, homes, people)

    story = Story(
        ChangeKind.UNMERGED, reason, details={"with": [str(each.household_id) for each in homes]},
        recorded_by=asked_by, request_id=request_id, undoes_id=change,
    )  # fmt: skip
    undone = apply(session, actor, story, [each.household_id for each in homes], back)
    twins.two_again(session, change, undone)
    soon(session, FOLLOWING)
    return undone


def _restored(
    picture: Picture, homes: Sequence[ChangedHousehold], people: Sequence[ChangedPerson]
) -> Picture:
    after = picture
    for home in homes:
        assert home.status_before is not None
        assert home.size_before is not None
        after = after.with_(
            replace(
                picture.homes[home.household_id], status=home.status_before, size=home.size_before,
                area=home.area_before, language=home.language_before or home.language_after,
            )
        )  # fmt: skip
    for each in people:
        assert each.household_before is not None
        was = replace(
            picture.people[each.person_id],
            home=each.household_before,
            roles=frozenset(MemberRole(role) for role in each.roles_before),
            gone=Gone(each.gone_before) if each.gone_before else None,
            same_as=None,
        )
        after = after.with_(was)
    return after


_theirs, _ours = aliased(Person, name="theirs"), aliased(Person, name="ours")


def _same_document(session: Session, kept: UUID, *whose: ColumnElement[bool]) -> dict[UUID, UUID]:
    """Which of these have the document of somebody in the kept household, unless people found it to be several's."""
    flag = aliased(DuplicateFlag)
    several = exists().where(
        flag.kind == "same_document", flag.value_index == _theirs.document_index, flag.decision == "different",
        is_current(flag),
    )  # fmt: skip
    found = (
        select(_theirs.id, _ours.id)
        .join(_ours, _ours.document_index == _theirs.document_index)
        .where(*whose, _ours.household_id == kept, _ours.gone.is_(None), ~several)
    )
    with seeing_all(session):
        return dict(session.execute(found).all())
