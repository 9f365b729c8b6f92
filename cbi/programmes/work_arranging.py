"""Setting up work: activities with their place, dates and supervisor, and the groups of people who work in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import users
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid
from cbi.programmes import queries, work_people, work_queries
from cbi.programmes.models import CODE_PATTERN, Programme
from cbi.programmes.stipend_terms import ARREARS
from cbi.programmes.work_models import Basis, WorkActivity, WorkGroup, WorkMember
from cbi.programmes.work_people import Found, Named
from cbi.programmes.work_terms import WorkTerms
from cbi.registry.text import clean


class NotWork(Conflict):
    """The programme is not one of cash for work."""

    code = "work.not_cash_for_work"


class UnusableActivity(Invalid):
    """The activity, or group, cannot be as it was described."""

    code = "work.unusable_activity"


class DescribedOtherwise(Conflict):
    """There is an activity, or group, of this code, and it is another."""

    code = "work.described_otherwise"


class NotASupervisor(Invalid):
    """The user may not sign sheets of this programme."""

    code = "work.not_a_supervisor"


class InAnotherGroup(Conflict):
    """The person works in another group of the activity."""

    code = "work.in_another_group"


class NotInGroup(Conflict):
    """The person does not work in the group."""

    code = "work.not_in_group"


@dataclass(frozen=True, slots=True)
class Place:
    """What an activity is: where, when, and what is counted."""

    name: str
    area: str
    basis: Basis
    starts_on: date
    ends_on: date


def terms_of(session: Session, programme: Programme) -> WorkTerms:
    """What the programme pays for work. Raises NotWork."""
    terms = queries.definition(session, programme).work
    if terms is None:
        raise NotWork(
            f"The programme {programme.code} is not one of cash for work.",
            next_step="docs/cash-for-work.md says how to make one.",
        )
    return terms


def add_activity(
    session: Session, actor: Actor, programme: str, code: str, place: Place, supervisor: str
) -> WorkActivity:
    """Add an activity; the same again changes nothing. `supervisor` is a user name.

    Raises UnknownProgramme, NotWork, UnusableActivity, DescribedOtherwise, UnknownUser, NotASupervisor.
    """
    found = queries.find(session, programme)
    actor.require(Permission.WORK_ARRANGE, found.code)
    _check_place(terms_of(session, found), code, place)
    signer = _supervisor(session, found, supervisor)
    described = {
        "name": _text(place.name, "name"), "area": _text(place.area, "area"), "basis": place.basis,
        "starts_on": place.starts_on, "ends_on": place.ends_on,
    }  # fmt: skip
    made = session.scalar(
        insert(WorkActivity)
        .values(
            programme_id=found.id, code=code, supervisor_id=signer, added_by=actor.id,
            added_at=clock.now(), **described,
        )
        .on_conflict_do_nothing(index_elements=["programme_id", "code"])
        .returning(WorkActivity.id)
    )  # fmt: skip
    activity = work_queries.activity(session, found, code)
    if made is not None:
        record(
            session, actor, "work.activity_added", "work_activity", activity.id,
            programme=found.code, code=code,
        )  # fmt: skip
    elif any(getattr(activity, name) != value for name, value in described.items()):
        raise DescribedOtherwise(
            f"There is an activity {code} already, and it is described otherwise.",
            next_step="Give other work a code of its own.",
        )
    return activity


def change_supervisor(
    session: Session, actor: Actor, programme: str, code: str, supervisor: str
) -> None:
    """Have another user sign the activity's sheets from now on. Raises NotASupervisor, UnknownActivity."""
    found = queries.find(session, programme)
    actor.require(Permission.WORK_ARRANGE, found.code)
    activity = work_queries.activity(session, found, code)
    signer = _supervisor(session, found, supervisor)
    session.execute(
        update(WorkActivity).where(WorkActivity.id == activity.id).values(supervisor_id=signer)
    )
    record(
        session, actor, "work.supervisor_changed", "work_activity", activity.id, user=str(signer)
    )


def add_group(
    session: Session, actor: Actor, programme: str, activity: str, code: str, name: str
) -> WorkGroup:
    """Add a group to an activity; the same again changes nothing. Raises UnknownActivity, DescribedOtherwise."""
    found = queries.find(session, programme)
    actor.require(Permission.WORK_ARRANGE, found.code)
    _check_code(code)
    where = work_queries.activity(session, found, activity)
    words = _text(name, "name")
    made = session.scalar(
        insert(WorkGroup)
        .values(
            activity_id=where.id, code=code, name=words, added_by=actor.id, added_at=clock.now()
        )
        .on_conflict_do_nothing(index_elements=["activity_id", "code"])
        .returning(WorkGroup.id)
    )
    group = work_queries.group(session, where, code)
    if made is not None:
        record(session, actor, "work.group_added", "work_group", group.id, code=code)
    elif group.name != words:
        raise DescribedOtherwise(
            f"There is a group {code} in {activity} already, and it has another name.",
            next_step="Give another group a code of its own.",
        )
    return group


def join(
    session: Session, actor: Actor, group: WorkGroup, people: Sequence[Named], joined_on: date
) -> int:
    """Have registered people work in a group from that day on; returns how many were not in it yet.

    All of them or nobody. Raises UnknownWorker, AmbiguousWorker, InAnotherGroup, UnusableActivity.
    """
    activity = _arranged(session, actor, group)
    if not activity.starts_on <= joined_on <= activity.ends_on:
        raise UnusableActivity(
            f"The activity {activity.code} runs from {activity.starts_on} to {activity.ends_on}.",
            next_step="People join on one of these days.",
        )
    # One at a time for an activity: numbers have no gap, and nobody is put into two groups at once.
    session.execute(select(WorkActivity.id).where(WorkActivity.id == activity.id).with_for_update())
    known = work_people.candidates(session, [one.registration for one in people])
    found = list(dict.fromkeys(work_people.pick(one, known) for one in people))
    spells = work_queries.spells(session, activity.id, [one.person_id for one in found])
    number = session.scalars(
        select(func.coalesce(func.max(WorkMember.number), 0)).where(WorkMember.group_id == group.id)
    ).one()
    fresh: list[WorkMember] = []
    for one in found:
        if _is_fresh(spells.get(one.person_id, ()), one, group, joined_on):
            number += 1
            fresh.append(
                WorkMember(
                    activity_id=activity.id, group_id=group.id, number=number, person_id=one.person_id,
                    household_id=one.household_id, joined_on=joined_on, added_by=actor.id,
                    added_at=clock.now(),
                )
            )  # fmt: skip
    session.add_all(fresh)
    session.flush()
    if fresh:
        record(
            session, actor, "work.joined", "work_group", group.id, joined_on=joined_on.isoformat(),
            people=[str(member.person_id) for member in fresh],
        )  # fmt: skip
    return len(fresh)


def leave(session: Session, actor: Actor, group: WorkGroup, named: Named, last_day: date) -> None:
    """Note the last day of a person in a group. Raises UnknownWorker, NotInGroup."""
    activity = _arranged(session, actor, group)
    one = work_people.find(session, named)
    left = session.scalar(
        update(WorkMember)
        .where(
            WorkMember.group_id == group.id, WorkMember.person_id == one.person_id,
            WorkMember.left_on.is_(None), WorkMember.joined_on <= last_day,
        )
        .values(left_on=last_day)
        .returning(WorkMember.id)
    )  # fmt: skip
    if left is None:
        raise NotInGroup(
            f"The person is not in the group {group.code} of {activity.code} on {last_day}.",
            next_step="See who is: cbi work group list",
        )
    record(
        session, actor, "work.left", "work_group", group.id, person=str(one.person_id),
        left_on=last_day.isoformat(),
    )  # fmt: skip


def _arranged(session: Session, actor: Actor, group: WorkGroup) -> WorkActivity:
    activity = session.get_one(WorkActivity, group.activity_id)
    programme = session.get_one(Programme, activity.programme_id)
    actor.require(Permission.WORK_ARRANGE, programme.code)
    return activity


def _is_fresh(spells: Sequence[WorkMember], one: Found, group: WorkGroup, joined_on: date) -> bool:
    """Whether the person is to be added; not when they are in the group. Raises InAnotherGroup."""
    for spell in spells:
        if spell.left_on is None and spell.group_id == group.id:
            return False
        if spell.left_on is None or spell.left_on >= joined_on:
            where = "another group" if spell.group_id != group.id else "this group"
            raise InAnotherGroup(
                f"Somebody in the list is in {where} of the activity on {joined_on} (no. {spell.number} there).",
                next_step="A person works in one group of an activity at a time: note first when they left.",
                person=str(one.person_id),
            )
    return True


def check_paid(terms: WorkTerms, basis: Basis) -> None:
    """Refuse what the programme has no rate for. Raises UnusableActivity."""
    paid = terms.day_rate is not None if basis is Basis.DAYS else bool(terms.pieces)
    if not paid:
        raise UnusableActivity(
            f"The programme file has no rate for {basis.value}.",
            next_step="Add work.day_rate or work.pieces to it, or count something else.",
        )


def _check_place(terms: WorkTerms, code: str, place: Place) -> None:
    _check_code(code)
    if code == ARREARS:
        raise UnusableActivity(
            f"{code!r} marks what was missed in earlier periods.", next_step="Use another code."
        )
    check_paid(terms, place.basis)
    if place.ends_on < place.starts_on:
        raise UnusableActivity("The activity ends before it begins.", next_step="Check both days.")


def _check_code(code: str) -> None:
    if not work_queries.is_code(code):
        raise UnusableActivity(
            f"{code[:50]!r} cannot be a code.",
            next_step=f"Use small letters a to z, digits, - and _ ({CODE_PATTERN}).",
        )


def _text(value: str, what: str) -> str:
    words = clean(value).replace("\n", " ")
    if not 1 <= len(words) <= 120:
        raise UnusableActivity(f"The {what} has 1 to 120 characters.")
    return words


def _supervisor(session: Session, programme: Programme, username: str) -> UUID:
    signer = users.actor_named(session, username)
    if signer.id is None or not signer.may(Permission.WORK_SIGN, programme.code):
        raise NotASupervisor(
            f"The user {username[:40]!r} may not sign sheets of {programme.code}.",
            next_step="An administrator gives them the role work_supervisor first.",
        )
    return signer.id
