"""What people ask about work: activities, groups, who is in them, sheets, and what stands on each version."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import NotFound
from cbi.money import Money
from cbi.programmes.models import CODE_PATTERN, Programme
from cbi.programmes.work_models import (
    WorkActivity,
    WorkGroup,
    WorkMember,
    WorkPay,
    WorkRow,
    WorkSheet,
    WorkSignature,
    WorkVersion,
)
from cbi.registry.models import Household


class UnknownActivity(NotFound):
    """The programme has no such activity."""

    code = "work.unknown_activity"


class UnknownGroup(NotFound):
    """The activity has no such group."""

    code = "work.unknown_group"


class UnknownSheet(NotFound):
    """There is no such sheet."""

    code = "work.unknown_sheet"


def is_code(text: str) -> bool:
    """Whether it can be the code of an activity or a group."""
    return bool(re.fullmatch(CODE_PATTERN, text))


def activity(session: Session, programme: Programme, code: str) -> WorkActivity:
    """An activity of a programme. Raises UnknownActivity, with those there are."""
    of_it = WorkActivity.programme_id == programme.id
    found = session.scalar(select(WorkActivity).where(of_it, WorkActivity.code == code))
    if found is None:
        codes = session.scalars(select(WorkActivity.code).where(of_it).order_by(WorkActivity.code))
        raise UnknownActivity(
            f"The programme {programme.code} has no activity {code[:50]!r}.",
            next_step=f"It has: {', '.join(codes) or 'none'}.",
        )
    return found


def group(session: Session, where: WorkActivity, code: str) -> WorkGroup:
    """A group of an activity. Raises UnknownGroup, with those there are."""
    of_it = WorkGroup.activity_id == where.id
    found = session.scalar(select(WorkGroup).where(of_it, WorkGroup.code == code))
    if found is None:
        codes = session.scalars(select(WorkGroup.code).where(of_it).order_by(WorkGroup.code))
        raise UnknownGroup(
            f"The activity {where.code} has no group {code[:50]!r}.",
            next_step=f"It has: {', '.join(codes) or 'none'}.",
        )
    return found


def activities(programme: Programme) -> Select[WorkActivity]:
    """The activities of a programme."""
    return select(WorkActivity).where(WorkActivity.programme_id == programme.id)


def groups(where: WorkActivity) -> Select[WorkGroup]:
    """The groups of an activity."""
    return select(WorkGroup).where(WorkGroup.activity_id == where.id)


def members(session: Session, of: WorkGroup) -> list[tuple[WorkMember, str]]:
    """Who is or was in a group, with the household's registration number, by number."""
    rows = session.execute(
        select(WorkMember, Household.source_id)
        .join(Household, Household.id == WorkMember.household_id)
        .where(WorkMember.group_id == of.id)
        .order_by(WorkMember.number)
    )
    return [(member, registration) for member, registration in rows]


def spells(
    session: Session, activity_id: UUID, people: Sequence[UUID]
) -> dict[UUID, list[WorkMember]]:
    """When these people were in which group of an activity."""
    found: dict[UUID, list[WorkMember]] = {}
    for member in session.scalars(
        select(WorkMember).where(
            WorkMember.activity_id == activity_id,
            WorkMember.person_id == any_(bindparam(None, list(people), ARRAY(Uuid))),
        )
    ):
        found.setdefault(member.person_id, []).append(member)
    return found


def sheet(
    session: Session, actor: Actor, number: int, permission: Permission, *, lock: bool = False
) -> WorkSheet:
    """The sheet of that number, for whoever holds the permission for its programme. Raises UnknownSheet, NotPermitted."""
    found = session.get(
        WorkSheet, number, with_for_update=lock or None, populate_existing=lock
    ) if number < 2**62 else None  # fmt: skip
    if found is None:
        raise UnknownSheet(f"There is no sheet {number}.", next_step="See: cbi work sheet list")
    actor.require(permission, session.get_one(Programme, found.programme_id).code)
    return found


@dataclass(frozen=True, slots=True)
class SheetLine:
    """One sheet as it stands: its latest version, who entered and signed it, and what is not in a cycle yet.

    `entered` is None where nothing has come back. Money is the earnings of the latest version's rows.
    """

    number: int
    activity: str
    group: str
    period: str
    version: int
    corrects: int | None
    reason: str | None
    rows: int
    half_days: int
    earned: Money
    entered_at: datetime | None
    entered_by: UUID | None
    signed_at: datetime | None
    signed_by: UUID | None
    is_refused: bool
    """Whether the latest version was refused, and is to be put right."""
    unpaid: Money
    """What its signed rows add that no entitlement pays yet; below zero where more was paid than is right."""


def sheets(session: Session, programme: Programme, *which: ColumnElement[bool]) -> list[SheetLine]:
    """The sheets of a programme, the latest first."""
    later = aliased(WorkVersion)
    is_latest = ~exists().where(
        later.sheet_id == WorkVersion.sheet_id, later.version > WorkVersion.version
    )
    counted = (
        select(
            func.count().label("rows"),
            func.coalesce(func.sum(WorkRow.half_days), 0).label("half_days"),
            func.coalesce(func.sum(WorkRow.earned_minor), 0).label("earned_minor"),
        )
        .where(WorkRow.sheet_id == WorkVersion.sheet_id, WorkRow.version == WorkVersion.version)
        .lateral("counted")
    )
    corrected = aliased(WorkRow)
    adds = WorkRow.earned_minor - func.coalesce(corrected.earned_minor, 0)
    unpaid = (
        select(func.coalesce(func.sum(adds), 0).label("minor"))
        .select_from(WorkRow)
        .join(
            WorkSignature,
            and_(
                WorkSignature.sheet_id == WorkRow.sheet_id, WorkSignature.version == WorkRow.version
            ),
        )
        .outerjoin(corrected, corrected.id == WorkRow.corrects_id)
        .where(WorkRow.sheet_id == WorkSheet.id)
        .where(~exists().where(WorkPay.row_id == WorkRow.id))
        .lateral("unpaid")
    )
    rows = session.execute(
        select(
            WorkSheet, WorkActivity.code, WorkGroup.code, WorkVersion, WorkSignature,
            counted.c.rows, counted.c.half_days, counted.c.earned_minor, unpaid.c.minor,
        )
        .join(WorkActivity, WorkActivity.id == WorkSheet.activity_id)
        .join(WorkGroup, WorkGroup.id == WorkSheet.group_id)
        .outerjoin(WorkVersion, and_(WorkVersion.sheet_id == WorkSheet.id, is_latest))
        .outerjoin(
            WorkSignature,
            and_(
                WorkSignature.sheet_id == WorkVersion.sheet_id,
                WorkSignature.version == WorkVersion.version,
            ),
        )
        .join(counted, WorkSheet.id.is_not(None))
        .join(unpaid, WorkSheet.id.is_not(None))
        .where(WorkSheet.programme_id == programme.id, *which)
        .order_by(WorkSheet.period.desc(), WorkSheet.id)
    )  # fmt: skip
    return [
        SheetLine(
            number=found.id, activity=at, group=within, period=found.period,
            version=version.version if version else 0,
            corrects=version.corrects if version else None,
            reason=version.reason if version else None,
            rows=count, half_days=int(halves), earned=Money(int(minor), programme.currency),
            entered_at=version.entered_at if version else None,
            entered_by=version.entered_by if version else None,
            signed_at=signature.signed_at if signature else None,
            signed_by=signature.user_id if signature else None,
            is_refused=found.latest > 0 and found.refused == found.latest,
            unpaid=Money(int(unpaid_minor), programme.currency),
        )
        for found, at, within, version, signature, count, halves, minor, unpaid_minor in rows
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowLine:
    """One row of a version, without a name; `before` is the calculation of the row it corrects."""

    number: int
    registration: str
    half_days: int
    pieces: dict[str, int]
    trace: str
    earned: Money
    before: str | None


def rows(session: Session, number: int, version: int) -> list[RowLine]:
    """What stands on one version of a sheet, by number."""
    corrected = aliased(WorkRow)
    found = session.execute(
        select(WorkRow, Household.source_id, corrected.trace)
        .join(Household, Household.id == WorkRow.household_id)
        .outerjoin(corrected, corrected.id == WorkRow.corrects_id)
        .where(WorkRow.sheet_id == number, WorkRow.version == version)
        .order_by(WorkRow.number)
    )
    return [
        RowLine(
            number=row.number, registration=registration, half_days=row.half_days, pieces=row.pieces,
            trace=row.trace, earned=Money(row.earned_minor, row.currency), before=before,
        )
        for row, registration, before in found
    ]  # fmt: skip
