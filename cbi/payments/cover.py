"""Whether the money for a run is there now: its fund, the programme's budget, and each provider's float."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger import queries as books
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import PaymentRun, RunRoute
from cbi.payments.runs import routes_of
from cbi.payments.states import RunState

UNCOMMITTED = frozenset({RunState.DRAFT, RunState.LOCKED, RunState.CERTIFIED})
"""Runs whose total is still in the programme's budget."""
WAITING = UNCOMMITTED | {RunState.APPROVED}
"""Runs of which nothing has gone to a provider."""


@dataclass(frozen=True, slots=True)
class FloatLine:
    """One provider's float: what lies there, less what it is to pay for other approved runs, before and after this run."""

    provider: str
    part: Money
    held: Money
    promised: Money
    """In transit, and the parts of other runs that are approved and wait for release."""
    after: Money

    @property
    def is_short(self) -> bool:
        """Whether it does not hold what it would have to pay."""
        return self.after.minor < 0


@dataclass(frozen=True, slots=True)
class Cover:
    """Where a run's money comes from, and what is left after it."""

    fund: str
    fund_name: str
    valid_from: date
    valid_to: date
    today: date
    budget_now: Money
    budget_after: Money
    floats: tuple[FloatLine, ...]

    @property
    def is_valid(self) -> bool:
        """Whether the fund may be spent today."""
        return self.valid_from <= self.today <= self.valid_to


def of(session: Session, run: PaymentRun) -> Cover:
    """The money of a run as the books have it now: a few totals, however large the run."""
    fund = session.get_one(Fund, run.fund_id)
    budget = books.available(session, run.programme_id, run.fund_id, run.currency)
    total = Money(run.total_minor, run.currency)
    return Cover(
        fund=fund.code,
        fund_name=fund.name,
        valid_from=fund.valid_from,
        valid_to=fund.valid_to,
        today=clock.today(office_of(session).timezone),
        budget_now=budget,
        budget_after=budget - total if run.state in UNCOMMITTED else budget,
        floats=_floats(session, run),
    )


def _floats(session: Session, run: PaymentRun) -> tuple[FloatLine, ...]:
    routes = routes_of(session, run.id)
    held = books.floats(session, [route.provider for route in routes], run.currency)
    others = dict(
        session.execute(
            select(RunRoute.provider, func.sum(RunRoute.total_minor))
            .join(PaymentRun, PaymentRun.id == RunRoute.run_id)
            .where(
                PaymentRun.state == RunState.APPROVED, PaymentRun.id != run.id, PaymentRun.currency == run.currency,
                RunRoute.provider.in_([route.provider for route in routes]),
            )
            .group_by(RunRoute.provider)
        ).all()
    )  # fmt: skip
    found = []
    for route in routes:
        there = held[route.provider]
        part = Money(route.total_minor, run.currency)
        promised = there.in_transit + Money(int(others.get(route.provider, 0)), run.currency)
        still_to_go = part if run.state in WAITING else Money.zero(run.currency)
        found.append(
            FloatLine(route.provider, part, there.held, promised, there.held - promised - still_to_go)
        )  # fmt: skip
    return tuple(found)
