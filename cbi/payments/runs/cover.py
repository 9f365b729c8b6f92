"""Whether the money for a run is there now: its fund, the programme's budget, and each provider's float."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.ledger import queries as books
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.fees import fees
from cbi.payments.fees.fees import RouteFees
from cbi.payments.models import Payment, PaymentRun, RunRoute
from cbi.payments.runs import costs
from cbi.payments.runs.runs import routes_of
from cbi.payments.states import PaymentState, RunState

UNCOMMITTED = frozenset(costs.NOT_COMMITTED)
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
    """In transit, what other runs that are approved or being released are still to send, and what is set aside for fees."""
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
    fees: tuple[RouteFees, ...] = ()
    """What the providers will charge for it; none where no tariff says so."""
    promised: Money | None = None
    """What other runs that nobody has signed last will take from the same budget, with their fees; None: nothing."""

    @property
    def missing_for_all(self) -> Money | None:
        """What the budget lacks for this run and the others that wait for their last signature; None: nothing."""
        after = self.budget_after - self.promised if self.promised else self.budget_after
        return -after if self.promised and after.minor < 0 <= self.budget_after.minor else None

    @property
    def fees_expected(self) -> Money | None:
        """All of them together."""
        if not self.fees:
            return None
        return Money(sum(each.expected.minor for each in self.fees), self.budget_now.currency)

    @property
    def is_valid(self) -> bool:
        """Whether the fund may be spent today."""
        return self.valid_from <= self.today <= self.valid_to


def of(session: Session, run: PaymentRun) -> Cover:
    """The money of a run as the books have it now: a few totals, however large the run."""
    fund = session.get_one(Fund, run.fund_id)
    budget = books.available(session, run.programme_id, run.fund_id, run.currency)
    charged = fees.of(session, run)
    total = Money(run.total_minor + sum(each.expected.minor for each in charged), run.currency)
    return Cover(
        fund=fund.code,
        fund_name=fund.name,
        valid_from=fund.valid_from,
        valid_to=fund.valid_to,
        today=clock.today(office_of(session).timezone),
        budget_now=budget,
        budget_after=budget - total if run.state in UNCOMMITTED else budget,
        floats=_floats(session, run, charged),
        fees=charged,
        promised=_promised(session, run),
    )


def _promised(session: Session, run: PaymentRun) -> Money | None:
    if run.state not in UNCOMMITTED:
        return None
    minor = costs.promised(session, run.programme_id, run.fund_id, run.currency, besides=run.id)
    return Money(minor, run.currency) if minor else None


def _floats(
    session: Session, run: PaymentRun, charged: tuple[RouteFees, ...]
) -> tuple[FloatLine, ...]:
    routes = routes_of(session, run.id)
    held = books.floats(session, [route.provider for route in routes], run.currency)
    others, own = _still_to_send(session, run)
    own_fees = {each.provider: each for each in charged}
    found = []
    for route in routes:
        there = held[route.provider]
        part = Money(route.total_minor, run.currency)
        promised = there.in_transit + Money(others[route.provider], run.currency) + there.reserved
        still_to_go = part if run.state in WAITING else Money(own[route.provider], run.currency)
        if route.provider in own_fees:
            its = own_fees[route.provider]
            promised -= its.held  # counted with its own run
            still_to_go += its.expected if run.state in UNCOMMITTED else its.held
        found.append(
            FloatLine(route.provider, part, there.held, promised, there.held - promised - still_to_go)
        )  # fmt: skip
    return tuple(found)


def _still_to_send(session: Session, run: PaymentRun) -> tuple[Counter[str], Counter[str]]:
    """What is approved and has not gone out yet, in minor units by provider: of other runs, and of this one."""
    approved = (
        select(RunRoute.run_id, RunRoute.provider, RunRoute.total_minor)
        .join(PaymentRun, PaymentRun.id == RunRoute.run_id)
        .where(PaymentRun.state == RunState.APPROVED, PaymentRun.currency == run.currency)
    )
    # Between the release and the sending a payment's money is neither in transit nor part of a run that waits.
    releasing = (
        select(Payment.run_id, Payment.provider, func.sum(Payment.rest_minor))
        .join(PaymentRun, PaymentRun.id == Payment.run_id)
        .where(
            PaymentRun.state == RunState.RELEASING, PaymentRun.currency == run.currency,
            Payment.live, Payment.state == PaymentState.READY,
        )
        .group_by(Payment.run_id, Payment.provider)
    )  # fmt: skip
    others: Counter[str] = Counter()
    own: Counter[str] = Counter()
    for run_id, provider, minor in session.execute(approved.union_all(releasing)):
        (own if run_id == run.id else others)[provider] += int(minor)
    return others, own
