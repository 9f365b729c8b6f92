"""A suspension, and a first and last day, go with people when their household splits or becomes one with another.

A suspension goes with them, too, when they join another household one by one (`arriving`).

Else a household would be paid again by parting. What follows is written down for the other household as its own, so that
each is looked at and resumed by itself. The registry knows nothing of programmes, so this looks for changes that nobody
has followed yet: soon after each, and before anybody is decided about, suspended or resumed. So whatever is on record here
was so before each change that waits, whatever the clock said.
"""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    SQLColumnExpression,
    Uuid,
    any_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased

from cbi import clock, ids
from cbi.access.actor import SYSTEM
from cbi.audit.record import record
from cbi.offices import office_of
from cbi.programmes import arriving
from cbi.programmes.household_models import Enrolment, FollowedChange, Suspension
from cbi.registry.households.models import (
    ChangedHousehold,
    ChangedPerson,
    ChangeKind,
    HouseholdChange,
    HouseholdStatus,
)
from cbi.scope import seeing_all

_FOLLOWED = (ChangeKind.SPLIT, ChangeKind.MERGED, ChangeKind.UNMERGED, *arriving.ARRIVALS)


def catch_up(session: Session) -> int:
    """Follow every split, merge and undoing that was not followed yet, in their order; returns how many there were."""
    with seeing_all(session):
        waiting = session.scalars(
            select(HouseholdChange)
            .where(
                HouseholdChange.kind.in_(_FOLLOWED),
                ~exists().where(FollowedChange.change_id == HouseholdChange.id),
            )
            .order_by(HouseholdChange.recorded_at, HouseholdChange.id)
        ).all()
        return sum(_follow(session, change) for change in waiting)


def _follow(session: Session, change: HouseholdChange) -> bool:
    """Whether it was ours to follow: of two that come at once the second waits here for the first, and does nothing."""
    taken = session.scalar(
        upsert(FollowedChange)
        .values(change_id=change.id, followed_at=clock.now())
        .on_conflict_do_nothing()
        .returning(FollowedChange.change_id)
    )
    if taken is None:
        return False
    homes = session.execute(
        select(
            ChangedHousehold.household_id, ChangedHousehold.version_before, ChangedHousehold.status_after
        ).where(ChangedHousehold.change_id == change.id)
    ).all()  # fmt: skip
    if change.kind is ChangeKind.SPLIT:
        (old,) = (home for home, version, _ in homes if version > 0)
        (new,) = (home for home, version, _ in homes if version == 0)
        _enrol(session, change, old, new)
        _suspend(session, change, old, new)
    elif change.kind is ChangeKind.MERGED and len(homes) > 1:
        # Of one home only: somebody was on record twice in it.
        merged = HouseholdStatus.MERGED.value
        (gone,) = (home for home, _, status in homes if status == merged)
        (kept,) = (home for home, _, status in homes if status != merged)
        _suspend(session, change, gone, kept)
    elif change.kind in arriving.ARRIVALS:
        for suspension, source, home in arriving.along(session, change):
            _suspend(session, change, source, home, Suspension.id == suspension)
    elif change.undoes_id is not None:
        _take_back(session, change, change.undoes_id)
    return True


def still_held(session: Session, ended: Collection[UUID]) -> None:
    """Of these suspensions that have just ended, write down what else holds their households since.

    Who came from a suspended household while theirs was suspended, too, brought a suspension along that there was no room
    for beside the other: each of the two is looked at by itself.
    """
    there = any_(bindparam(None, list(ended), ARRAY(Uuid)))
    undoing = aliased(HouseholdChange)
    with seeing_all(session):
        found = session.execute(
            select(Suspension, HouseholdChange)
            .join(ChangedPerson, ChangedPerson.household_after == Suspension.household_id)
            .join(HouseholdChange, HouseholdChange.id == ChangedPerson.change_id)
            .join(FollowedChange, FollowedChange.change_id == HouseholdChange.id)
            .where(
                Suspension.id == there, FollowedChange.followed_at >= Suspension.suspended_at,
                ChangedPerson.household_before != ChangedPerson.household_after,
                HouseholdChange.kind.in_((ChangeKind.MERGED, *arriving.ARRIVALS)),
                ~exists().where(undoing.undoes_id == HouseholdChange.id),
            )
            .order_by(HouseholdChange.recorded_at, HouseholdChange.id)
            .execution_options(populate_existing=True)
        ).unique()  # fmt: skip
        for was, change in found.all():
            _come_after(session, change, was)


def _come_after(session: Session, change: HouseholdChange, was: Suspension) -> None:
    """What this change brought along holds the household where the suspension that stood in its place has ended."""
    home, copy = was.household_id, aliased(Suspension)
    fresh = (
        Suspension.programme_id == was.programme_id,
        ~exists().where(copy.carried_from == Suspension.id, copy.household_id == home),
    )
    since = None if was.was_wrong else was.resumes_on
    if change.kind is ChangeKind.MERGED:
        gone = select(ChangedHousehold.household_id).where(
            ChangedHousehold.change_id == change.id, ChangedHousehold.household_id != home
        )
        for source in session.scalars(gone).all():
            _suspend(session, change, source, home, *fresh, since=since)
        return
    for suspension, source, joined in arriving.along(session, change):
        if joined == home:
            _suspend(
                session, change, source, home, Suspension.id == suspension, *fresh, since=since
            )


def _enrol(session: Session, change: HouseholdChange, old: UUID, new: UUID) -> None:
    """The household that split off takes part from and until the days that the old one does."""
    latest = (
        select(Enrolment)
        .ext(distinct_on(Enrolment.programme_id))
        .where(Enrolment.household_id == old, Enrolment.refusal_id.is_(None))
        .order_by(Enrolment.programme_id, Enrolment.id.desc())
        .subquery()
    )
    columns = (
        "programme_id", "starts_on", "ends_on", "reason", "noted_by", "noted_at", "needs_second", "confirmed_by",
        "confirmed_at",
    )  # fmt: skip
    session.execute(
        upsert(Enrolment).from_select(
            [*columns, "household_id", "carried_by"],
            select(*(latest.c[name] for name in columns), literal(new), literal(change.id)),
        )
    )


def _suspend(
    session: Session, change: HouseholdChange, source: UUID, home: UUID, *which: ColumnElement[bool],
    since: date | None = None,
) -> None:  # fmt: skip
    """A household gets nothing either where one was suspended that its people come from, until it is resumed itself.

    `since`: no earlier than on this day, up to which another suspension held it.
    """
    other, day = aliased(Suspension), _day(session, change)
    lasts = or_(Suspension.resumes_on.is_(None), Suspension.resumes_on > day)
    begins_on: SQLColumnExpression[date] = Suspension.begins_on
    if change.kind is not ChangeKind.SPLIT:  # it took part itself until then
        begins_on = func.greatest(begins_on, bindparam(None, max(day, since or day), Date))
        lasts = Suspension.resumes_on.is_(None)
    row = {
        "id": ids.fresh_in_sql(), "programme_id": Suspension.programme_id, "household_id": literal(home),
        "begins_on": begins_on, "reason": Suspension.reason, "suspended_by": Suspension.suspended_by,
        "suspended_at": Suspension.suspended_at, "resumes_on": Suspension.resumes_on,
        "was_wrong": Suspension.was_wrong, "resumed_because": Suspension.resumed_because,
        "resumed_by": Suspension.resumed_by, "resumed_at": Suspension.resumed_at,
        "needs_second": Suspension.needs_second, "confirmed_by": Suspension.confirmed_by,
        "confirmed_at": Suspension.confirmed_at, "refusal_id": Suspension.refusal_id,
        "carried_from": Suspension.id, "carried_by": literal(change.id),
    }  # fmt: skip
    carried = session.scalars(
        upsert(Suspension)
        .from_select(
            list(row),
            select(*(value.label(name) for name, value in row.items())).where(
                Suspension.household_id == source, lasts, *which,
                ~exists().where(
                    other.programme_id == Suspension.programme_id, other.household_id == home,
                    other.resumes_on.is_(None),
                ),
            ),
            include_defaults=False,
        )
        .returning(Suspension.id)
    ).all()  # fmt: skip
    if carried:
        record(
            session, SYSTEM, "enrolment.suspension_followed", "household", home, change=str(change.id),
            suspensions=len(carried),
        )  # fmt: skip


def _take_back(session: Session, change: HouseholdChange, merge: UUID) -> None:
    """What followed a merge that was undone had no ground: the household was never suspended itself."""
    day = bindparam(None, _day(session, change), Date)
    ended = session.scalars(
        update(Suspension)
        .where(Suspension.carried_by == merge, Suspension.resumes_on.is_(None))
        .values(
            resumes_on=func.greatest(Suspension.begins_on, day), was_wrong=True,
            resumed_because="the merge was undone",
            resumed_by=bindparam(None, change.confirmed_by or change.recorded_by, Uuid),
            resumed_at=change.recorded_at,
        )
        .returning(Suspension.household_id)
        .execution_options(synchronize_session=False)
    )  # fmt: skip
    for home in ended.all():
        record(
            session,
            SYSTEM,
            "enrolment.suspension_taken_back",
            "household",
            home,
            change=str(change.id),
        )


def _day(session: Session, change: HouseholdChange) -> date:
    """The day of the change in the office's calendar: when it was recorded, not when it is said to have happened."""
    return change.recorded_at.astimezone(office_of(session).timezone).date()
