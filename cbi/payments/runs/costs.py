"""What payments take from a budget: what is owed, and what their providers will charge for it by today's tariffs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, SQLColumnExpression, case, cast, literal, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.offices import office_of
from cbi.payments.fees import fees, tariffs
from cbi.payments.fees.tariff import Tariff
from cbi.payments.models import PaymentRun
from cbi.payments.runs.filling import Routes
from cbi.payments.runs.still_owed import still_owed
from cbi.payments.states import RunState
from cbi.programmes.routing import by_route

NOT_COMMITTED = (RunState.DRAFT, RunState.LOCKED, RunState.CERTIFIED)
"""Runs that take nothing from the budget before their last signature, and then total and fees."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What each provider charges, by the version of its tariff; nothing is said of one that has none."""

    versions: Mapping[str, int]
    tariffs: Mapping[str, Tariff]

    def of(
        self, provider: SQLColumnExpression[str | None], amount: SQLColumnExpression[int]
    ) -> ColumnElement[int]:
        """What a payment of this amount by this provider takes from the budget, in minor units."""
        whole = cast(amount, BigInteger)
        if not self.tariffs:
            return whole
        charged = (
            (provider == name, tariff.fee_minor(whole))
            for name, tariff in sorted(self.tariffs.items())
        )
        return whole + case(*charged, else_=literal(0, BigInteger))

    def owed(self, routes: Routes) -> ColumnElement[int]:
        """The same of what is still owed, for a query that has the entitlement and the person who is paid."""
        return self.of(by_route(routes), still_owed())


def today(session: Session, providers: Collection[str], currency: str) -> Costs:
    """What these providers charge today. Raises TariffAltered."""
    now = clock.today(office_of(session).timezone)
    found = tariffs.in_force(session, sorted(set(providers)), currency, now)
    return Costs(
        {name: each.version for name, each in found.items()},
        {name: each.tariff for name, each in found.items()},
    )


def as_kept(session: Session, versions: Mapping[str, int], currency: str) -> Costs:
    """What these versions of the providers' tariffs charge. Raises TariffAltered."""
    known = {
        name: {each.version: each.tariff for each in tariffs.accepted(session, name, currency)}
        for name in versions
    }
    return Costs(
        versions,
        {name: known[name][number] for name, number in versions.items() if number in known[name]},
    )


def promised(
    session: Session, programme_id: UUID, fund_id: UUID, currency: str, besides: UUID | None = None
) -> int:
    """What the runs that nobody has signed last will take from a budget, with their fees, in minor units.

    Without the run `besides`.
    """
    runs = session.scalars(
        select(PaymentRun).where(
            PaymentRun.programme_id == programme_id, PaymentRun.fund_id == fund_id, PaymentRun.currency == currency,
            PaymentRun.state.in_(NOT_COMMITTED), PaymentRun.id.is_distinct_from(besides),
        )
    )  # fmt: skip
    return sum(
        run.total_minor + sum(each.expected.minor for each in fees.of(session, run)) for run in runs
    )
