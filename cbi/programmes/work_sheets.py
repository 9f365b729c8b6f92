"""Work sheets: one for a group and a period, with what is known so far, ready to go to the field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import IO
from uuid import UUID

from sqlalchemy import Uuid, and_, any_, bindparam, exists, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session, aliased

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid
from cbi.offices import office_of
from cbi.programmes import queries, work_files, work_queries
from cbi.programmes.models import Programme
from cbi.programmes.schedule import period_of
from cbi.programmes.work_arranging import check_paid, terms_of
from cbi.programmes.work_layout import Filled, Paper, Worker
from cbi.programmes.work_models import (
    WorkActivity,
    WorkGroup,
    WorkMember,
    WorkRow,
    WorkSheet,
    WorkSignature,
    WorkVersion,
)
from cbi.programmes.work_pay import Done
from cbi.programmes.work_reading import Elsewhere
from cbi.programmes.work_signed import is_in_force
from cbi.registry import personal, viewing
from cbi.registry.models import Household
from cbi.registry.purposes import Purpose


class NoWorkThen(Invalid):
    """The activity does not run in that period, or the programme does not."""

    code = "work.no_work_then"


class NobodyWorks(Conflict):
    """Nobody is in the group in that period."""

    code = "work.nobody_works"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a sheet is: its latest version (0: none has come back), and the latest that is signed, with its signer."""

    latest: int
    signed: int | None
    signed_by: UUID | None


def make(
    session: Session, actor: Actor, programme: str, activity: str, group: str, period: str
) -> WorkSheet:
    """The sheet of a group for a period; made when it is asked for first, with the rates of that moment.

    Raises UnknownProgramme, UnknownActivity, UnknownGroup, UnusablePeriod, NoWorkThen, UnusableActivity.
    """
    found = queries.find(session, programme)
    actor.require(Permission.WORK_ENTER, found.code)
    terms = terms_of(session, found)
    where = work_queries.activity(session, found, activity)
    check_paid(terms, where.basis)
    within = work_queries.group(session, where, group)
    schedule = queries.definition(session, found).schedule
    month = period_of(schedule, period)
    if month not in schedule.periods:
        raise NoWorkThen(
            f"The programme {found.code} is paid {schedule.often}, from {schedule.first} to {schedule.last};"
            f" {month} is none of these.",
            next_step="Choose a period within it.",
        )
    if where.ends_on < month.starts_on or where.starts_on > month.ends_on:
        raise NoWorkThen(
            f"The activity {where.code} runs from {where.starts_on} to {where.ends_on}, not in {month}.",
            next_step="Choose a period in which there is work.",
        )
    made = session.scalar(
        insert(WorkSheet)
        .values(
            programme_id=found.id, programme_version=found.version, activity_id=where.id,
            group_id=within.id, period=str(month), starts_on=month.starts_on, ends_on=month.ends_on, latest=0,
            made_by=actor.id, made_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["group_id", "period"])
        .returning(WorkSheet.id)
    )  # fmt: skip
    sheet = session.scalars(
        select(WorkSheet).where(WorkSheet.group_id == within.id, WorkSheet.period == str(month))
    ).one()
    if made is not None:
        record(
            session, actor, "work.sheet_made", "work_sheet", sheet.id, programme=found.code,
            activity=where.code, group=within.code, period=str(month),
        )  # fmt: skip
    return sheet


def paper(session: Session, sheet: WorkSheet) -> Paper:
    """The sheet as its next version goes out. Raises NobodyWorks."""
    activity = session.get_one(WorkActivity, sheet.activity_id)
    programme = session.get_one(Programme, sheet.programme_id)
    terms = queries.definition(session, programme, sheet.programme_version).work
    assert terms is not None, "a sheet is made only where there are terms of work"
    known = _known(session, sheet)
    workers = _workers(session, sheet, activity, list(known))
    if not workers:
        group = session.get_one(WorkGroup, sheet.group_id)
        raise NobodyWorks(
            f"Nobody is in the group {group.code} in {sheet.period}.",
            next_step="Add people with: cbi work group join",
        )
    return Paper(
        sheet=sheet.id, version=sheet.latest + 1, starts_on=sheet.starts_on,
        ends_on=sheet.ends_on, work_starts_on=activity.starts_on, work_ends_on=activity.ends_on,
        basis=activity.basis, terms=terms, currency=programme.currency, workers=workers,
        filled={
            person_id: Filled(row.attendance, Done(row.half_days, row.pieces))
            for person_id, row in known.items()
        },
    )  # fmt: skip


def standing(session: Session, sheet: WorkSheet) -> Standing:
    """How far a sheet is."""
    signed = session.execute(
        select(WorkSignature.version, WorkSignature.user_id)
        .where(WorkSignature.sheet_id == sheet.id)
        .order_by(WorkSignature.version.desc())
        .limit(1)
    ).one_or_none()
    return Standing(
        sheet.latest, signed.version if signed else None, signed.user_id if signed else None
    )


def signed_rows(session: Session, sheet: int) -> dict[UUID, WorkRow]:
    """What is signed and not corrected since, by person: what a correction changes."""
    rows = session.scalars(select(WorkRow).where(WorkRow.sheet_id == sheet, is_in_force()))
    return {row.person_id: row for row in rows}


def _known(session: Session, sheet: WorkSheet) -> dict[UUID, WorkRow]:
    """What was said last of each person: on the signed versions, and over that on the latest."""
    newest = session.scalars(
        select(WorkRow).where(WorkRow.sheet_id == sheet.id, WorkRow.version == sheet.latest)
    )
    return signed_rows(session, sheet.id) | {row.person_id: row for row in newest}


def _workers(
    session: Session, sheet: WorkSheet, activity: WorkActivity, known: Sequence[UUID]
) -> list[Worker]:
    """Whoever was in the group on a day of the period on which there was work, and whoever stands on it already."""
    first = max(sheet.starts_on, activity.starts_on)
    last = min(sheet.ends_on, activity.ends_on)
    rows = session.execute(
        select(WorkMember, Household.source_id)
        .join(Household, Household.id == WorkMember.household_id)
        .where(WorkMember.group_id == sheet.group_id)
        .order_by(WorkMember.number)
    ).all()
    there = {
        member.person_id
        for member, _ in rows
        if member.joined_on <= last and (member.left_on is None or member.left_on >= first)
    } | set(known)
    names = personal.names(session, there)
    found: dict[UUID, Worker] = {}
    for member, registration in rows:
        if member.person_id not in there:
            continue
        spell = (member.joined_on, member.left_on)
        before = found.get(member.person_id)
        found[member.person_id] = Worker(
            number=before.number if before else member.number,
            person_id=member.person_id,
            household_id=member.household_id,
            registration=registration,
            name=names.get(member.person_id, ""),
            spells=(*before.spells, spell) if before else (spell,),
        )
    return list(found.values())


def elsewhere(
    session: Session, sheet: WorkSheet, people: Sequence[UUID]
) -> Mapping[UUID, Elsewhere]:
    """What other sheets of those days say of these people, signed or handed in.

    Days count on all sheets of the office; the number of days, on those of this programme and period.
    """
    other, later = aliased(WorkSheet), aliased(WorkVersion)
    is_latest = ~exists().where(later.sheet_id == WorkRow.sheet_id, later.version > WorkRow.version)
    # What a supervisor refused claims no day; handed in anew it is judged anew.
    is_refused = other.refused == WorkRow.version
    rows = session.execute(
        select(WorkRow, other)
        .join(other, other.id == WorkRow.sheet_id)
        .where(
            WorkRow.person_id == any_(bindparam(None, list(people), ARRAY(Uuid))),
            other.id != sheet.id,
            other.starts_on <= sheet.ends_on,
            other.ends_on >= sheet.starts_on,
            or_(and_(is_latest, ~is_refused), is_in_force()),
        )
    )
    days: dict[UUID, dict[tuple[int, date], int]] = {}
    most: dict[UUID, dict[int, int]] = {}
    for row, where in rows:
        by_day = days.setdefault(row.person_id, {})
        for at, mark in enumerate(row.attendance):
            key = (where.id, date.fromordinal(where.starts_on.toordinal() + at))
            # A correction that nobody has signed frees no day yet, so the larger of the two counts.
            by_day[key] = max(by_day.get(key, 0), int(mark))
        if (where.programme_id, where.period) == (sheet.programme_id, sheet.period):
            counted = most.setdefault(row.person_id, {})
            counted[where.id] = max(counted.get(where.id, 0), row.half_days)
    return {
        person_id: Elsewhere(_by_date(by_day), sum(most.get(person_id, {}).values()))
        for person_id, by_day in days.items()
    }


def _by_date(marks: Mapping[tuple[int, date], int]) -> dict[date, int]:
    total: dict[date, int] = {}
    for (_, day), mark in marks.items():
        total[day] = total.get(day, 0) + mark
    return total


def export(
    session: Session, actor: Actor, sheet: WorkSheet, target: IO[bytes], *, form: str, language: str
) -> Paper:
    """Write the sheet as it goes to the field: `form` is xlsx or csv. Raises NotPermitted, NobodyWorks.

    It holds names, so that people can be called up by it; who took it out is in the audit log.
    """
    programme = session.get_one(Programme, sheet.programme_id)
    actor.require(Permission.WORK_ENTER, programme.code)
    made = paper(session, sheet)
    keys = office_of(session).keys
    if form == "csv":
        work_files.write_csv(made, keys, target, language=language)
    else:
        activity = session.get_one(WorkActivity, sheet.activity_id)
        group = session.get_one(WorkGroup, sheet.group_id)
        title = f"{programme.name}: {activity.name} ({activity.area}), {group.name}"
        work_files.write_workbook(made, keys, target, language=language, title=title)
    people = [worker.person_id for worker in made.workers]
    viewing.noted(session, actor, people, [viewing.Field.NAME], Purpose.WORK)
    record(
        session, actor, "work.sheet_taken_out", "work_sheet", sheet.id, form=form,
        version=made.version, rows=len(made.workers),
    )  # fmt: skip
    return made
