"""What other amounts would cost a programme: for the households of its last cycle, and until its end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.ledger.chart import BUDGET, FUND
from cbi.ledger.models import Account
from cbi.money import Money
from cbi.offices import office_of
from cbi.programmes.definition import Definition
from cbi.programmes.eligibility import Facts
from cbi.programmes.judging import judge
from cbi.programmes.models import (
    Cycle,
    DecidedFacts,
    EligibilityDecision,
    Programme,
    ProgrammeFund,
)
from cbi.programmes.observing import as_facts, observed
from cbi.programmes.opening import Opening
from cbi.programmes.periods import Period

NOW = "households now"
"""Whom the cost was worked out for where no cycle was ever opened."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a cycle costs `now` and would cost `then`, without arrears: for the households of that cycle, or those who
    would be eligible now. `available` is what the budget has for new runs, `unallocated` what its funds can still give.

    `cycles_left` are the periods of the schedule that are not over and not opened.
    """

    whom: str
    households: int
    now: Money
    then: Money
    cycles_left: int
    available: Money
    unallocated: Money

    @property
    def more(self) -> Money:
        """What a cycle would cost more; below zero, less."""
        return self.then - self.now

    @property
    def until_the_end(self) -> tuple[Money, Money]:
        """What all cycles that are left cost now and then."""
        return self.now * self.cycles_left, self.then * self.cycles_left

    @property
    def short(self) -> Money:
        """What budget and funds together lack for the cycles that are left; nothing when they suffice."""
        lacking = self.until_the_end[1] - self.available - self.unallocated
        return lacking if lacking.minor > 0 else Money.zero(lacking.currency)

    def kept(self) -> dict[str, Any]:
        """Plain values, for the record and for programs."""
        now, then = self.until_the_end
        return {
            "whom": self.whom, "households": self.households, "cycles_left": self.cycles_left,
            **{
                name: amount.decimal
                for name, amount in (
                    ("cycle_now", self.now), ("cycle_then", self.then), ("until_the_end_now", now),
                    ("until_the_end_then", then), ("available", self.available),
                    ("unallocated", self.unallocated), ("short", self.short),
                )
            },
        }  # fmt: skip


def cost(session: Session, programme: Programme, before: Definition, after: Definition) -> Cost:
    """What changes when a programme's rules become `after`, worked out by the rules themselves: each combination of
    facts once, with its top-ups, caps, days and ceilings.
    """
    last = session.scalar(
        select(Cycle)
        .where(Cycle.programme_id == programme.id)
        .order_by(Cycle.starts_on.desc())
        .limit(1)
    )
    left = list(periods_left(session, programme, after))
    if last is None:
        period = left[0] if left else after.schedule.last
        counted, whom = _now(session, programme, after, period), NOW
    else:
        period, whom = Period.parse(last.period), f"cycle {last.period}"
        counted = _of_cycle(session, last)
    now = then = Money.zero(after.currency)
    households = 0
    for facts, count in counted:
        paid = [owed_in(facts, period.days, rules) for rules in (before, after)]
        now, then = now + paid[0] * count, then + paid[1] * count
        households += count if paid[1].minor else 0
    return Cost(
        whom=whom, households=households, now=now, then=then, cycles_left=len(left),
        available=held(session, programme, BUDGET.code, after.currency),
        unallocated=held(session, programme, FUND.code, after.currency),
    )  # fmt: skip


def owed_in(facts: Facts, days: int, rules: Definition) -> Money:
    total = Money.zero(rules.currency)
    for owed in judge(facts, days, rules, {}).owed:
        total += owed.amount
    return total


def _of_cycle(session: Session, cycle: Cycle) -> list[tuple[Facts, int]]:
    """Each combination of facts of a cycle without what was missed, and how many households had it."""
    decided = EligibilityDecision
    rows = session.execute(
        select(DecidedFacts.facts, func.count())
        .join(
            decided,
            (decided.cycle_id == DecidedFacts.cycle_id)
            & (decided.facts_number == DecidedFacts.number),
        )
        .where(DecidedFacts.cycle_id == cycle.id)
        .group_by(DecidedFacts.number, DecidedFacts.facts)
    )
    return [(_without_arrears(facts), int(count)) for facts, count in rows]


def _now(
    session: Session, programme: Programme, rules: Definition, period: Period
) -> list[tuple[Facts, int]]:
    """The same for every household as it is now."""
    opening = Opening(uuid4(), programme.id, period, programme.version, rules)
    facts = as_facts(session, observed(opening, forecast=True).subquery("observed"), rules)
    names = [each.name for each in facts.c if each.name != "household_id"]
    columns = [facts.c[name] for name in names]
    with db.planned_for_sets(session):
        rows = session.execute(
            select(*columns, func.count().label("households")).group_by(*columns)
        ).mappings()
        return [
            (_without_arrears({name: row[name] for name in names}), int(row["households"]))
            for row in rows
        ]


def _without_arrears(told: Mapping[str, Any]) -> Facts:
    return replace(Facts.of(told), missed=())


def periods_left(session: Session, programme: Programme, rules: Definition) -> Iterator[Period]:
    """The periods of the schedule that are not over and that no cycle has been opened for."""
    opened = set(session.scalars(select(Cycle.period).where(Cycle.programme_id == programme.id)))
    today = clock.today(office_of(session).timezone)
    for period in rules.schedule.periods:
        if period.ends_on >= today and str(period) not in opened:
            yield period


def held(session: Session, programme: Programme, code: str, currency: str) -> Money:
    """What the programme's budget holds, or what the funds it draws on have not given to anybody yet."""
    whose = (
        Account.programme_id == programme.id
        if code == BUDGET.code
        else Account.fund_id.in_(
            select(ProgrammeFund.fund_id).where(ProgrammeFund.programme_id == programme.id)
        )
    )
    held = session.scalar(
        select(func.sum(Account.credits_minor - Account.debits_minor)).where(
            Account.code == code, Account.currency == currency, whose
        )
    )
    return Money(int(held or 0), currency)
