"""What the activities of a programme come to: who worked how much, what that earned, and what no cycle pays yet."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi.money import Money
from cbi.programmes.models import Cycle, Programme
from cbi.programmes.work_models import WorkActivity, WorkGroup, WorkRow, WorkSheet
from cbi.programmes.work_queries import SheetLine, sheets
from cbi.programmes.work_signed import is_in_force


@dataclass(frozen=True, slots=True)
class ActivityTotal:
    """One activity. `people` (who earned something), `half_days` and `earned` count what is signed, with its corrections.

    `waiting` sheets have come back and wait for a signature, `out` ones have not come back; `unpaid` is signed and in no
    cycle yet, and of it `late` is of periods whose cycle was opened before: the next cycle pays it.
    """

    activity: WorkActivity
    groups: int
    people: int
    half_days: int
    earned: Money
    unpaid: Money
    late: Money
    waiting: int
    out: int


def totals(session: Session, programme: Programme) -> list[ActivityTotal]:
    """Every activity of the programme, by code."""
    lines = sheets(session, programme)
    opened = opened_periods(session, programme)
    worked = _worked(session, programme)
    groups: dict[UUID, int] = dict(
        session.execute(
            select(WorkGroup.activity_id, func.count()).group_by(WorkGroup.activity_id)
        ).all()
    )
    found = session.scalars(
        select(WorkActivity)
        .where(WorkActivity.programme_id == programme.id)
        .order_by(WorkActivity.code)
    )
    return [
        _total(each, groups.get(each.id, 0), worked.get(each.id, (0, 0, 0)), lines, opened, programme.currency)
        for each in found
    ]  # fmt: skip


def opened_periods(session: Session, programme: Programme) -> frozenset[str]:
    """The periods whose cycle was opened: what is signed for them later comes into the next cycle."""
    found = session.scalars(select(Cycle.period).where(Cycle.programme_id == programme.id))
    return frozenset(found)


def _worked(session: Session, programme: Programme) -> dict[UUID, tuple[int, int, int]]:
    """By activity: people, half days and minor units of the rows that are signed and not corrected since."""
    rows = session.execute(
        select(
            WorkSheet.activity_id,
            func.count(WorkRow.person_id.distinct()).filter(WorkRow.earned_minor > 0),
            func.coalesce(func.sum(WorkRow.half_days), 0),
            func.coalesce(func.sum(WorkRow.earned_minor), 0),
        )
        .join(WorkSheet, WorkSheet.id == WorkRow.sheet_id)
        .where(WorkSheet.programme_id == programme.id, is_in_force())
        .group_by(WorkSheet.activity_id)
    )
    return {at: (people, int(halves), int(minor)) for at, people, halves, minor in rows}


def _total(
    activity: WorkActivity, groups: int, worked: tuple[int, int, int], lines: list[SheetLine],
    opened: frozenset[str], currency: str,
) -> ActivityTotal:  # fmt: skip
    its = [line for line in lines if line.activity == activity.code]
    nothing = Money.zero(currency)
    return ActivityTotal(
        activity, groups, worked[0], worked[1], Money(worked[2], currency),
        unpaid=sum((line.unpaid for line in its), nothing),
        late=sum((line.unpaid for line in its if line.period in opened), nothing),
        waiting=sum(line.version > 0 and line.signed_at is None for line in its),
        out=sum(line.version == 0 for line in its),
    )  # fmt: skip
