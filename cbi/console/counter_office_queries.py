"""How a supervisor's offices and tellers stand today, and which payment a code's public digits belong to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import NotFound
from cbi.money import Money
from cbi.offices import office_of
from cbi.redemption import limits, shortages
from cbi.redemption.counters import UnknownCounterOffice, UnknownTeller, rules_of
from cbi.redemption.limits import Standing
from cbi.redemption.models import (
    Authorisation,
    CodeIssue,
    CounterOffice,
    CounterTry,
    Payout,
    Teller,
)
from cbi.redemption.shortages import Shortage
from cbi.redemption.states import TryResult


class NoSuchCode(NotFound):
    """No code begins with these digits."""

    code = "console.no_such_code"


@dataclass(frozen=True, slots=True)
class Day:
    """How many hand-overs there were today, and what they come to: one total for each currency."""

    count: int
    totals: Sequence[Money]


@dataclass(frozen=True, slots=True)
class AtWork:
    """A teller of an office, and their day so far."""

    teller: Teller
    day: Day
    open_holds: int
    standing: Standing


def payment_of(session: Session, actor: Actor, locator: str) -> UUID:
    """The payment whose code begins with these public digits. Raises NotPermitted, NoSuchCode."""
    actor.require(Permission.COUNTER_MANAGE)
    found = session.scalar(
        select(CodeIssue.payment_id).where(CodeIssue.locator == locator, CodeIssue.live)
    )
    if found is None:
        raise NoSuchCode(
            "No code begins with these digits.",
            next_step="Type the first digits of the code, without the last seven.",
        )
    return found


def office(session: Session, actor: Actor, office_id: UUID) -> CounterOffice:
    """One office of a provider, for its supervisor. Raises NotPermitted, UnknownCounterOffice."""
    actor.require(Permission.COUNTER_MANAGE)
    return _office(session, office_id)


def office_with_cash(session: Session, actor: Actor, office_id: UUID) -> CounterOffice:
    """One office of a provider, for whoever sees where the money is. Raises NotPermitted, UnknownCounterOffice."""
    actor.require(Permission.FUND_READ)
    return _office(session, office_id)


def _office(session: Session, office_id: UUID) -> CounterOffice:
    found = session.get(CounterOffice, office_id)
    if found is None:
        raise UnknownCounterOffice(
            "There is no such office.", next_step="Choose one from the list."
        )
    return found


def teller(session: Session, actor: Actor, teller_id: UUID) -> Teller:
    """One teller of a provider. Raises NotPermitted, UnknownTeller."""
    actor.require(Permission.COUNTER_MANAGE)
    found = session.get(Teller, teller_id)
    if found is None:
        raise UnknownTeller("There is no such teller.", next_step="Choose one from the list.")
    return found


def shortage_of(session: Session, actor: Actor, office_id: UUID) -> Shortage | None:
    """That the office has not enough cash, if it said so and has paid nobody since. Raises NotPermitted."""
    found = shortages.short_of_cash(session, actor)
    return next((each for each in found if each.office_id == office_id), None)


def day_of(session: Session, office_id: UUID) -> Day:
    """What was paid at one office today, whoever paid it."""
    rows = session.execute(
        select(Payout.office_id, Payout.currency, func.count(), func.sum(Payout.amount_minor))
        .where(Payout.office_id == office_id, Payout.paid_at >= _midnight(session))
        .group_by(Payout.office_id, Payout.currency)
    )
    days = _days((office, currency, count, total) for office, currency, count, total in rows)
    return days.get(office_id, Day(0, ()))


def days_of(session: Session, actor: Actor, offices: Iterable[UUID]) -> dict[UUID, Day]:
    """What the tellers of each of these offices paid today."""
    actor.require(Permission.COUNTER_MANAGE)
    rows = session.execute(
        select(Teller.office_id, Payout.currency, func.count(), func.sum(Payout.amount_minor))
        .join(Payout, _paid_today(session))
        .where(Teller.office_id.in_(list(offices)))
        .group_by(Teller.office_id, Payout.currency)
    )
    return _days((office, currency, count, total) for office, currency, count, total in rows)


def at_work(session: Session, actor: Actor, office: CounterOffice) -> list[AtWork]:
    """The tellers of an office by name, those whose sign-in was taken away last."""
    actor.require(Permission.COUNTER_MANAGE)
    mine = Teller.office_id == office.id
    rows = session.execute(
        select(Teller.id, Payout.currency, func.count(), func.sum(Payout.amount_minor))
        .join(Payout, _paid_today(session))
        .where(mine)
        .group_by(Teller.id, Payout.currency)
    )
    days = _days((teller, currency, count, total) for teller, currency, count, total in rows)
    open_now = _open_now(session, office)
    wrong = _wrong_codes(session, office)
    rules, now, midnight = rules_of(office.provider), clock.now(), _midnight(session)
    nothing = Day(0, ())
    tellers = session.scalars(
        select(Teller).where(mine).order_by(Teller.disabled_at.is_not(None), Teller.full_name)
    )
    return [
        AtWork(
            each,
            days.get(each.id, nothing),
            open_now.get(each.id, 0),
            limits.standing(wrong.get(each.id, ()), rules, now, midnight),
        )
        for each in tellers
    ]


def _open_now(session: Session, office: CounterOffice) -> dict[UUID, int]:
    rows = session.execute(
        select(Authorisation.teller_id, func.count())
        .join(Teller, Teller.id == Authorisation.teller_id)
        .where(
            Teller.office_id == office.id,
            Authorisation.open,
            Authorisation.held_until > clock.now(),
        )
        .group_by(Authorisation.teller_id)
    )
    return {teller: count for teller, count in rows}  # noqa: C416 - rows are not pairs to mypy


def _wrong_codes(session: Session, office: CounterOffice) -> dict[UUID, Sequence[datetime]]:
    """When each teller of the office typed the wrong codes that still count."""
    since = limits.reach_back(rules_of(office.provider), clock.now(), _midnight(session))
    tries = (
        select(
            CounterTry.teller_id,
            CounterTry.at,
            CounterTry.result,
            func.max(CounterTry.id)
            .filter(CounterTry.result == TryResult.UNLOCKED)
            .over(partition_by=CounterTry.teller_id)
            .label("unlocked"),
            CounterTry.id,
        )
        .join(Teller, Teller.id == CounterTry.teller_id)
        .where(Teller.office_id == office.id, CounterTry.at >= since)
        .subquery()
    )
    rows = session.execute(
        select(tries.c.teller_id, func.array_agg(tries.c.at))
        .where(
            tries.c.result == TryResult.WRONG_CODE, tries.c.id > func.coalesce(tries.c.unlocked, 0)
        )
        .group_by(tries.c.teller_id)
    )
    return {teller: at for teller, at in rows}  # noqa: C416 - rows are not pairs to mypy


def _paid_today(session: Session) -> ColumnElement[bool]:
    return and_(Payout.teller_id == Teller.id, Payout.paid_at >= _midnight(session))


def _midnight(session: Session) -> datetime:
    timezone = office_of(session).timezone
    return datetime.combine(clock.today(timezone), time(), timezone)


def _days(rows: Iterable[tuple[UUID, str, int, int]]) -> dict[UUID, Day]:
    days: dict[UUID, Day] = {}
    for whose, currency, count, total in sorted(rows, key=lambda row: row[1]):
        so_far = days.get(whose, Day(0, ()))
        days[whose] = Day(so_far.count + count, (*so_far.totals, Money(int(total), currency)))
    return days
