"""What counts towards a run's signatures: what its makers, its programme and its households got locked in seven days."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Numeric, and_, case, cast, exists, func, select
from sqlalchemy.orm import Session, aliased

from cbi import clock
from cbi.db import planned_for_sets
from cbi.ledger import reference_rates
from cbi.ledger.reference_rates import Quoted
from cbi.money import Money
from cbi.payments.models import MAKER, Payment, PaymentRun, RunPart
from cbi.payments.states import RunState

DAYS = 7
NOT_COUNTED = (RunState.DRAFT, RunState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Sum:
    """What a run and others of the same seven days add up to. `runs` are the numbers of the others."""

    total: Money
    runs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """The sums that choose a run's band, in the policy's currency. `household`: the most one household gets, if it matters.

    `rates`: what amounts in other currencies were worth, each rounded up, so that none counts for less than it is.
    """

    run: Money
    maker: Sum
    programme: Sum
    household: Money | None = None
    rates: tuple[Quoted, ...] = ()

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
        """Plain values, as they are kept; of currencies only where there are several."""
        several = {
            "currency": self.run.currency,
            "rates": [quoted.plain() for quoted in self.rates],
        }
        return {
            "run": self.run.minor,
            "maker": [self.maker.total.minor, list(self.maker.runs)],
            "programme": [self.programme.total.minor, list(self.programme.runs)],
            "household": None if self.household is None else self.household.minor,
        } | (several if self.rates else {})


def most(*counted: Counted | None) -> Money:
    """The largest amount of what was counted one after the other; the last where the policy's currency has changed."""
    amounts = [each.amount for each in counted if each]
    same = {amount.currency for amount in amounts}
    return max(amounts) if len(same) == 1 else amounts[-1]


def currency_of(currency: str, facts: dict[str, Any]) -> str:
    """Which currency the kept sums of a run in this currency are in."""
    return str(facts.get("currency", currency))


def stored(currency: str, facts: dict[str, Any]) -> Counted:
    """What was counted of a run in this currency, from plain values."""
    currency = currency_of(currency, facts)

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
        tuple(Quoted.stored(rate) for rate in facts.get("rates", ())),
    )


class Exchange:
    """Amounts of several currencies in one of them, with every rate that was needed for it.

    `kept`: rates that were used for the same run before; they are used again, whatever has been confirmed since.
    """

    def __init__(self, session: Session, currency: str, kept: Sequence[Quoted] = ()) -> None:
        self.currency = currency
        self._session = session
        self._kept = {
            quoted.rate.other(currency): quoted
            for quoted in kept
            if currency in {quoted.rate.base, quoted.rate.quote}  # the policy's was another then
        }
        self._used: dict[str, Quoted] = {}

    def rate(self, currency: str) -> Quoted:
        """The rate between this currency and the one that is counted in. Raises NoRate, StaleRate."""
        if currency not in self._used:
            known = self._kept.get(currency)
            self._used[currency] = known or reference_rates.on(
                self._session, currency, self.currency
            )
        return self._used[currency]

    def at_least(self, minor: int, currency: str) -> Money:
        """The amount in the one currency, rounded up. Raises NoRate, StaleRate."""
        amount = Money(minor, currency)
        return amount if currency == self.currency else self.rate(currency).rate.at_least(amount)

    @property
    def used(self) -> tuple[Quoted, ...]:
        """The rates that were needed, by currency."""
        return tuple(self._used[currency] for currency in sorted(self._used))


def of(
    session: Session, run: PaymentRun, *, households: bool, currency: str | None = None, kept: Sequence[Quoted] = ()
) -> Counted:  # fmt: skip
    """Count now: runs that were locked in the last seven days and are not called off, and this one.

    With `currency`, that of the policy, runs in every currency count, at the reference rates of now or at those `kept`;
    without, runs in this run's. `households`: also what each household of this run gets in them; that looks at every
    payment, so only on request. Raises NoRate, StaleRate.
    """
    exchange = Exchange(session, currency or run.currency, kept)
    others = and_(
        PaymentRun.id != run.id, PaymentRun.state.not_in(NOT_COUNTED),
        PaymentRun.locked_at > clock.now() - timedelta(days=DAYS),
    )  # fmt: skip
    if currency is None:
        others = and_(others, PaymentRun.currency == run.currency)
    rows = session.execute(
        select(
            PaymentRun.number,
            PaymentRun.total_minor,
            PaymentRun.currency,
            (PaymentRun.programme_id == run.programme_id).label("same_programme"),
            _shares_a_maker(run).label("same_maker"),
        )
        .where(others)
        .order_by(PaymentRun.number)
    ).all()
    total = exchange.at_least(run.total_minor, run.currency)

    def added(which: str) -> Sum:
        these = [row for row in rows if getattr(row, which)]
        worth = (exchange.at_least(row.total_minor, row.currency) for row in these)
        return Sum(sum(worth, total), tuple(row.number for row in these))

    maker, programme = added("same_maker"), added("same_programme")
    currencies = {run.currency, *(row.currency for row in rows)}
    largest = _largest_household(session, run, others, currencies, exchange) if households else None
    return Counted(total, maker, programme, largest, exchange.used)


def _shares_a_maker(run: PaymentRun) -> ColumnElement[bool]:
    theirs, ours = aliased(RunPart), aliased(RunPart)
    return exists().where(
        theirs.run_id == PaymentRun.id, theirs.part == MAKER, ours.run_id == run.id, ours.part == MAKER,
        ours.user_id == theirs.user_id,
    )  # fmt: skip


def _largest_household(
    session: Session, run: PaymentRun, others: ColumnElement[bool], currencies: set[str], exchange: Exchange
) -> Money:  # fmt: skip
    ours = aliased(Payment)
    runs = select(PaymentRun.id).where((PaymentRun.id == run.id) | others)
    theirs = and_(
        Payment.run_id.in_(runs), Payment.live,
        Payment.household_id.in_(select(ours.household_id).where(ours.run_id == run.id, ours.live)),
    )  # fmt: skip
    with planned_for_sets(session):
        if len(currencies) > 1:  # no rate is asked for where these households got nothing in it
            currencies = set(session.scalars(select(Payment.currency).where(theirs).distinct()))
        worth = _in_one_currency(currencies, exchange)
        in_each = (
            select(Payment.household_id, worth.label("worth"))
            .where(theirs)
            .group_by(Payment.household_id, Payment.currency)
            .subquery()
        )
        each = (
            select(func.sum(in_each.c.worth).label("total"))
            .group_by(in_each.c.household_id)
            .subquery()
        )
        largest = session.scalar(select(func.max(each.c.total)))
    return Money(int(largest or 0), exchange.currency)


def _in_one_currency(currencies: Collection[str], exchange: Exchange) -> ColumnElement[Any]:
    """The sum of one household's payments in one currency, in minor units of the one that is counted in, rounded up."""
    total = cast(func.sum(Payment.amount_minor), Numeric)
    factors = {
        currency: exchange.rate(currency).rate.factor(currency)
        for currency in sorted(currencies)
        if currency != exchange.currency
    }
    if not factors:
        return total
    return case(
        *(
            (
                Payment.currency == currency,
                func.div(
                    total * by.numerator + (by.denominator - 1), cast(by.denominator, Numeric)
                ),
            )
            for currency, by in factors.items()
        ),
        else_=total,
    )


def has_a_maker(session: Session, run: PaymentRun) -> bool:
    """Whether a person made the run, and not the engine alone."""
    made = exists().where(RunPart.run_id == run.id, RunPart.part == MAKER)
    return bool(session.scalar(select(made)))
