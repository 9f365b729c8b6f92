"""What counts towards a run's signatures: what its makers, its programme and its households got locked in seven days."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from cbi import clock
from cbi.db import planned_for_sets
from cbi.money import Money
from cbi.payments.models import MAKER, Payment, PaymentRun, RunPart
from cbi.payments.states import RunState

DAYS = 7
_NOT_COUNTED = (RunState.DRAFT, RunState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Sum:
    """What a run and others of the same seven days add up to. `runs` are the numbers of the others."""

    total: Money
    runs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """The sums that choose a run's band, in its currency. `household`: the most that one household gets, if it matters."""

    run: Money
    maker: Sum
    programme: Sum
    household: Money | None = None

    @property
    def amount(self) -> Money:
        """The largest of the run's own total, its makers' and its programme's."""
        return max(self.run, self.maker.total, self.programme.total)

    @property
    def because(self) -> str:
        """Which of them it is: the run alone wherever the others add nothing."""
        sums = {"run": self.run, "maker": self.maker.total, "programme": self.programme.total}
        return max(sums, key=lambda name: sums[name])

    @property
    def sentence(self) -> str:
        """Why, in English."""
        others = {"maker": self.maker.runs, "programme": self.programme.runs}.get(self.because, ())
        if not others:
            return f"this run: {self.amount}"
        whose = "by the same maker" if self.because == "maker" else "of the same programme"
        count = "1 other" if len(others) == 1 else f"{len(others)} others"
        return f"this run and {count} of the last {DAYS} days {whose}: {self.amount}"

    def plain(self) -> dict[str, Any]:
        """Plain values, as they are kept."""
        return {
            "run": self.run.minor,
            "maker": [self.maker.total.minor, list(self.maker.runs)],
            "programme": [self.programme.total.minor, list(self.programme.runs)],
            "household": None if self.household is None else self.household.minor,
        }


def stored(currency: str, facts: dict[str, Any]) -> Counted:
    """What was counted, from plain values."""

    def money(minor: int) -> Money:
        return Money(minor, currency)

    def added(name: str) -> Sum:
        total, runs = facts[name]
        return Sum(money(total), tuple(runs))

    household = facts["household"]
    return Counted(
        money(facts["run"]),
        added("maker"),
        added("programme"),
        None if household is None else money(household),
    )


def of(session: Session, run: PaymentRun, *, households: bool) -> Counted:
    """Count now: runs of the same currency that were locked in the last seven days and are not called off, and this one.

    `households`: also what each household of this run gets in them; that looks at every payment, so only on request.
    """
    others = and_(
        PaymentRun.id != run.id, PaymentRun.currency == run.currency, PaymentRun.state.not_in(_NOT_COUNTED),
        PaymentRun.locked_at > clock.now() - timedelta(days=DAYS),
    )  # fmt: skip
    rows = session.execute(
        select(
            PaymentRun.number,
            PaymentRun.total_minor,
            (PaymentRun.programme_id == run.programme_id).label("same_programme"),
            _shares_a_maker(run).label("same_maker"),
        )
        .where(others)
        .order_by(PaymentRun.number)
    ).all()
    total = Money(run.total_minor, run.currency)

    def added(which: str) -> Sum:
        these = [row for row in rows if getattr(row, which)]
        minor = run.total_minor + sum(row.total_minor for row in these)
        return Sum(Money(minor, run.currency), tuple(row.number for row in these))

    return Counted(
        total,
        added("same_maker"),
        added("same_programme"),
        _largest_household(session, run, others) if households else None,
    )


def _shares_a_maker(run: PaymentRun) -> ColumnElement[bool]:
    theirs, ours = aliased(RunPart), aliased(RunPart)
    return exists().where(
        theirs.run_id == PaymentRun.id, theirs.part == MAKER, ours.run_id == run.id, ours.part == MAKER,
        ours.user_id == theirs.user_id,
    )  # fmt: skip


def _largest_household(session: Session, run: PaymentRun, others: ColumnElement[bool]) -> Money:
    ours = aliased(Payment)
    runs = select(PaymentRun.id).where((PaymentRun.id == run.id) | others)
    each = (
        select(func.sum(Payment.amount_minor).label("total"))
        .where(
            Payment.run_id.in_(runs), Payment.live,
            Payment.household_id.in_(select(ours.household_id).where(ours.run_id == run.id, ours.live)),
        )
        .group_by(Payment.household_id)
        .subquery()
    )  # fmt: skip
    with planned_for_sets(session):
        return Money(int(session.scalar(select(func.max(each.c.total))) or 0), run.currency)


def has_a_maker(session: Session, run: PaymentRun) -> bool:
    """Whether a person made the run, and not the engine alone."""
    made = exists().where(RunPart.run_id == run.id, RunPart.part == MAKER)
    return bool(session.scalar(select(made)))
