"""What approvers should look at in a run: what changed against the last cycle, and whatever is unusual, as sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Select,
    String,
    Subquery,
    and_,
    cast,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session

from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs import digest
from cbi.payments.runs.sheet_models import FindingKind, RunFinding
from cbi.payments.states import RunState
from cbi.registry.models import Household
from cbi.registry.queries import ACTIVE, flagged_households

WENT_OUT = (RunState.APPROVED, RunState.RELEASING, RunState.RELEASED, RunState.CLOSED)
TIMES_MEDIAN = 3
"""An amount of more than so many times the run's median stands out."""
SHARE_PERCENT, SHARE_AMONG = 10, 20
"""One payment that is more than so much of the total stands out, among at least so many payments."""
_TOGETHER = (FindingKind.SHARED_ACCOUNT, FindingKind.SEVERAL_PAYMENTS)


@dataclass(frozen=True, slots=True)
class LastCycle:
    """The programme's last period before this one in which a run was approved, with all its approved runs."""

    period: str
    runs: Mapping[UUID, int]
    """Their numbers, by id."""
    payments: int
    total_minor: int


@dataclass(frozen=True, slots=True)
class Found:
    """How many findings of a kind there are, and what they add up to before and after."""

    payments: int
    before_minor: int
    after_minor: int


def last_cycle(session: Session, run: PaymentRun) -> LastCycle | None:
    """What a run is compared with; None for the first of its programme."""
    earlier = and_(
        PaymentRun.programme_id == run.programme_id,
        PaymentRun.period < run.period,
        PaymentRun.state.in_(WENT_OUT),
        PaymentRun.top_up_id.is_(None),  # nobody is gone who is not topped up once more
    )
    period = session.scalar(select(func.max(PaymentRun.period)).where(earlier))
    if period is None:
        return None
    runs = dict(
        session.execute(
            select(PaymentRun.id, PaymentRun.number)
            .where(earlier, PaymentRun.period == period)
            .order_by(PaymentRun.number)
        ).all()
    )
    # What was given up in one run and paid in a follow-up counts once.
    payments, total = session.execute(
        select(func.count(), func.coalesce(func.sum(Payment.amount_minor), 0)).where(
            Payment.run_id.in_(runs), Payment.live
        )
    ).one()
    return LastCycle(period, runs, payments, int(total))


def keep(session: Session, run: PaymentRun, last: LastCycle | None, median_minor: int) -> None:
    """Write down everything that is found in a run, each kind in its own order."""
    found = _everything(session, run, last, median_minor).subquery("found")
    difference = func.abs(
        func.coalesce(found.c.after_minor, 0) - func.coalesce(found.c.before_minor, 0)
    )
    place = func.row_number().over(
        partition_by=found.c.kind,
        order_by=(
            found.c.together, difference.desc(), found.c.after_minor.desc(), found.c.payment_number,
            found.c.household_id,
        ),
    )  # fmt: skip
    row: dict[str, ColumnElement[Any]] = {
        "run_id": literal(run.id), "revision": literal(run.revision), "kind": found.c.kind, "place": place,
        "household_id": found.c.household_id, "payment_number": found.c.payment_number, "together": found.c.together,
        "before_minor": found.c.before_minor, "after_minor": found.c.after_minor,
        "currency": literal(run.currency, String),
    }  # fmt: skip
    session.execute(
        insert(RunFinding).from_select([*row], select(*(v.label(name) for name, v in row.items())))
    )


def counted(session: Session, run: PaymentRun) -> dict[FindingKind, Found]:
    """What was written down for this revision, by kind."""
    return _by_kind(session, select(RunFinding).where(*_of(run)).subquery())


def looked_for(
    session: Session, run: PaymentRun, last: LastCycle | None, median_minor: int
) -> dict[FindingKind, Found]:
    """What would be written down now, by kind: for a draft, of which nothing is kept."""
    return _by_kind(session, _everything(session, run, last, median_minor).subquery())


def worst(session: Session, run: PaymentRun) -> dict[str, int]:
    """The most households that one account is for, and the most payments of one household at one account, as kept."""
    groups = (
        select(
            RunFinding.kind,
            func.count(RunFinding.household_id.distinct()).label("households"),
            func.count().label("payments"),
        )
        .where(*_of(run), RunFinding.kind.in_(_TOGETHER))
        .group_by(RunFinding.kind, RunFinding.together)
        .subquery()
    )
    most = select(groups.c.kind, func.max(groups.c.households), func.max(groups.c.payments))
    return {
        str(kind): int(households if kind == FindingKind.SHARED_ACCOUNT else payments)
        for kind, households, payments in session.execute(most.group_by(groups.c.kind))
    }


def fingerprint(session: Session, run: PaymentRun) -> bytes:
    """SHA-256 over what was written down for this revision, in order."""
    columns = [column for column in RunFinding.__table__.c if column.name not in {"run_id"}]
    parts = (func.coalesce(cast(column, String), "") for column in columns)
    # In the order of the bytes: that of letters is not the same on every server.
    by_kind = cast(RunFinding.kind, String).collate("C")
    rows = select(*parts).where(*_of(run)).order_by(by_kind, RunFinding.place)
    return digest.sha256(digest.lines(session, rows))


def _of(run: PaymentRun) -> tuple[ColumnElement[bool], ...]:
    return RunFinding.run_id == run.id, RunFinding.revision == run.revision


def _by_kind(session: Session, found: Subquery) -> dict[FindingKind, Found]:
    rows = session.execute(
        select(
            found.c.kind,
            func.count(),
            func.coalesce(func.sum(found.c.before_minor), 0),
            func.coalesce(func.sum(found.c.after_minor), 0),
        ).group_by(found.c.kind)
    )
    return {
        FindingKind(kind): Found(payments, int(before), int(after))
        for kind, payments, before, after in rows
    }


def _everything(
    session: Session, run: PaymentRun, last: LastCycle | None, median_minor: int
) -> CompoundSelect[*tuple[object, ...]]:
    """Every finding as (kind, household_id, payment_number, together, before_minor, after_minor)."""
    this = _payments([run.id], "this_run")
    parts = [*_shared(this), *_households(this), *_large(this, run, median_minor)]
    if last:
        parts += _changes(this, _payments([*last.runs], "last_cycle"), _whole_cycle(session, run))
    return union_all(*parts)


def _payments(run_ids: Sequence[UUID], name: str) -> CTE:
    return (
        select(
            Payment.number, Payment.household_id, Payment.component, Payment.amount_minor,
            Payment.account_index,
        )
        .where(Payment.run_id.in_(run_ids), Payment.live)
        .cte(name)
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )  # fmt: skip


def _whole_cycle(session: Session, run: PaymentRun) -> CTE:
    """Everybody whom this cycle pays, in this run or beside it: they are not gone."""
    runs = session.scalars(select(PaymentRun.id).where(PaymentRun.cycle_id == run.cycle_id))
    return _payments(runs.all(), "this_cycle")


def _row(
    kind: FindingKind,
    this: CTE | None,
    *,
    that: CTE | None = None,
    together: ColumnElement[int] | None = None,
) -> Select[*tuple[object, ...]]:
    payments = this if this is not None else that
    assert payments is not None
    return select(
        literal(kind.value, String).label("kind"),
        payments.c.household_id.label("household_id"),
        (cast(null(), BigInteger) if this is None else this.c.number).label("payment_number"),
        (cast(null(), BigInteger) if together is None else together).label("together"),
        (cast(null(), BigInteger) if that is None else that.c.amount_minor).label("before_minor"),
        (cast(null(), BigInteger) if this is None else this.c.amount_minor).label("after_minor"),
    )


def _changes(this: CTE, that: CTE, cycle: CTE) -> list[Select[*tuple[object, ...]]]:
    same = and_(this.c.household_id == that.c.household_id, this.c.component == that.c.component)
    both = this.join(that, same)
    still_paid = exists().where(
        cycle.c.household_id == that.c.household_id, cycle.c.component == that.c.component
    )
    was, is_now = that.c.amount_minor, this.c.amount_minor
    return [
        _row(FindingKind.NEW, this).where(~exists().where(same)),
        _row(FindingKind.GONE, None, that=that).where(~still_paid),
        _row(FindingKind.AMOUNT, this, that=that).select_from(both).where(is_now != was),
        _row(FindingKind.ACCOUNT, this, that=that)
        .select_from(both)
        .where(this.c.account_index != that.c.account_index),
        # More than half as much again, or less than half: beyond what a change in the household usually makes.
        _row(FindingKind.JUMP, this, that=that)
        .select_from(both)
        .where(or_(is_now * 2 > was * 3, is_now * 2 < was)),
    ]


def _shared(this: CTE) -> list[Select[*tuple[object, ...]]]:
    """Accounts that several payments go to: of several households, or several times of one."""
    households = func.count(this.c.household_id.distinct())
    accounts = (
        select(
            this.c.account_index,
            households.label("households"),
            type_coerce(func.row_number().over(order_by=this.c.account_index), BigInteger).label(
                "together"
            ),
        )
        .group_by(this.c.account_index)
        .having(func.count() > 1)
        .cte("accounts")
    )
    kinds = zip(_TOGETHER, (accounts.c.households > 1, accounts.c.households == 1), strict=True)
    return [
        _row(kind, this, together=accounts.c.together)
        .select_from(this.join(accounts, accounts.c.account_index == this.c.account_index))
        .where(which)
        for kind, which in kinds
    ]


def _households(this: CTE) -> list[Select[*tuple[object, ...]]]:
    flagged = flagged_households().subquery("flagged")
    return [
        _row(FindingKind.OPEN_DUPLICATE, this).select_from(
            this.join(flagged, flagged.c.household_id == this.c.household_id)
        ),
        _row(FindingKind.INACTIVE, this)
        .select_from(this.join(Household, Household.id == this.c.household_id))
        .where(Household.status != ACTIVE),
    ]


def _large(this: CTE, run: PaymentRun, median_minor: int) -> list[Select[*tuple[object, ...]]]:
    amount = this.c.amount_minor
    found = [_row(FindingKind.OUTLIER, this).where(amount > TIMES_MEDIAN * median_minor)]
    if run.payment_count >= SHARE_AMONG:
        share = amount * 100 > run.total_minor * SHARE_PERCENT
        found.append(_row(FindingKind.LARGE_SHARE, this).where(share))
    return found
