"""An office that has not enough cash: nothing is paid, nothing is lost, and whoever places money there hears of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, case, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Invalid
from cbi.money import Money
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.redemption.counter import release_hold
from cbi.redemption.counters import office_at_work
from cbi.redemption.models import Authorisation, CashShortage, CounterOffice, Payout, Teller
from cbi.redemption.till import open_till

NEAR = 5
"""How many other offices a person is told of: more than that nobody remembers."""


class NothingAskedFor(Invalid):
    """What was asked for is not more than nothing."""

    code = "redemption.nothing_asked_for"


@dataclass(frozen=True, slots=True)
class Shortage:
    """An office that said it had not enough cash, and has paid nobody since. `asked_for` has one amount a currency.

    `times` counts what was said; a payment that was asked for twice is in `asked_for` once.
    """

    office_id: UUID
    code: str
    name: str
    provider: str
    times: int
    since: datetime
    last: datetime
    asked_for: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another office where the person can get the money."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Said:
    """One time that an office said so. `teller` is None where a supervisor said it."""

    at: datetime
    teller: str | None
    amount: Money | None


def turn_away(
    session: Session,
    actor: Actor,
    *,
    authorisation_id: UUID | None = None,
    asked_for: Money | None = None,
) -> UUID:
    """Note that this teller's office has not enough cash, and give up the hold if there is one; returns the office.

    Code and payment stay as they are. Saying it again about one hold changes nothing; the amount of a hold is its own.
    Raises NotPermitted, NotAtACounter, UnknownAuthorisation, PaidAlready, NothingAskedFor.
    """
    till = open_till(session, actor)
    office_id = till.office_id
    if authorisation_id is not None:
        release_hold(session, actor, authorisation_id)
        held = session.get_one(Authorisation, authorisation_id)
        office_id, asked_for = held.office_id, Money(held.amount_minor, held.currency)
    _note(
        session, office_id, asked_for, teller_id=till.teller_id, authorisation_id=authorisation_id
    )
    return office_id


def report(
    session: Session, actor: Actor, office_id: UUID, asked_for: Money | None = None
) -> CounterOffice:
    """Note, as a supervisor, that an office has not enough cash.

    Raises NotPermitted, UnknownCounterOffice, OfficeClosed, NothingAskedFor.
    """
    actor.require(Permission.COUNTER_MANAGE)
    office = office_at_work(session, office_id)
    _note(session, office.id, asked_for, user_id=actor.id)
    record(session, actor, "counter_office.short_of_cash", "counter_office", office.id)
    return office


def _note(
    session: Session,
    office_id: UUID,
    asked_for: Money | None,
    *,
    teller_id: UUID | None = None,
    user_id: UUID | None = None,
    authorisation_id: UUID | None = None,
) -> None:
    if asked_for is not None and asked_for.minor <= 0:
        raise NothingAskedFor(
            "What was asked for is more than nothing.",
            next_step="Leave the amount out if you do not know it.",
        )
    session.execute(
        insert(CashShortage)
        .values(
            office_id=office_id, teller_id=teller_id, user_id=user_id, authorisation_id=authorisation_id,
            amount_minor=asked_for.minor if asked_for else None, currency=asked_for.currency if asked_for else None,
            at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["authorisation_id"])
    )  # fmt: skip


def short_of_cash(session: Session, actor: Actor) -> list[Shortage]:
    """The open offices that have paid nobody since they said it, the longest without cash first. Raises NotPermitted."""
    if not actor.may(Permission.COUNTER_MANAGE):
        actor.require(Permission.FUND_READ)
    since_paid = _not_paid_since()
    payment = Authorisation.payment_id
    groups = session.execute(
        select(
            CounterOffice, CashShortage.currency, func.count(), func.min(CashShortage.at), func.max(CashShortage.at),
            func.max(CashShortage.amount_minor),
        )
        .join(CashShortage, CashShortage.office_id == CounterOffice.id)
        .join(since_paid, since_paid.c.id == CashShortage.id)
        .outerjoin(Authorisation, Authorisation.id == CashShortage.authorisation_id)
        .where(CounterOffice.closed_at.is_(None))
        .group_by(
            CounterOffice.id, CashShortage.currency, payment, case((payment.is_(None), CashShortage.id))
        )
    )  # fmt: skip
    found: dict[UUID, Shortage] = {}
    for office, currency, times, since, last, minor in groups:
        one = Shortage(
            office.id, office.code, office.name, office.provider, times, since, last,
            (amount,) if (amount := _amount(minor, currency)) else (),
        )  # fmt: skip
        found[office.id] = _together(found[office.id], one) if office.id in found else one
    return sorted(found.values(), key=lambda shortage: (shortage.since, shortage.code))


def _together(one: Shortage, other: Shortage) -> Shortage:
    sums: dict[str, Money] = {}
    for amount in (*one.asked_for, *other.asked_for):
        sums[amount.currency] = sums.get(amount.currency, Money.zero(amount.currency)) + amount
    return Shortage(
        one.office_id, one.code, one.name, one.provider, one.times + other.times,
        min(one.since, other.since), max(one.last, other.last), tuple(sums[each] for each in sorted(sums)),
    )  # fmt: skip


def _not_paid_since() -> Subquery:
    """What was said by offices that have paid nobody all that was left after it: a part may be all that they had."""
    offices = select(CashShortage.office_id).distinct().subquery()
    last_payout = (
        select(func.max(Payout.paid_at))
        .where(Payout.office_id == offices.c.office_id, ~_was_a_part())
        .scalar_subquery()
    )
    last = select(offices.c.office_id, last_payout.label("paid_at")).subquery()
    return (
        select(CashShortage.id, CashShortage.office_id)
        .join(last, last.c.office_id == CashShortage.office_id)
        .where(or_(last.c.paid_at.is_(None), CashShortage.at > last.c.paid_at))
        .subquery()
    )


def _was_a_part() -> ColumnElement[bool]:
    return exists().where(
        PaymentPart.payment_id == Payout.payment_id, PaymentPart.attempt == Payout.attempt
    )


def elsewhere(session: Session, office_id: UUID) -> Sequence[Elsewhere]:
    """Open offices of the same provider in the same area that have cash as far as anybody said, the latest payer first."""
    here = session.get_one(CounterOffice, office_id)
    if not here.area:
        return []
    last_payout = (
        select(func.max(Payout.paid_at))
        .where(Payout.office_id == CounterOffice.id)
        .scalar_subquery()
    )
    rows = session.execute(
        select(CounterOffice.code, CounterOffice.name)
        .where(
            CounterOffice.provider == here.provider,
            func.lower(CounterOffice.area) == here.area.lower(),
            CounterOffice.id != here.id,
            CounterOffice.closed_at.is_(None),
            CounterOffice.id.not_in(select(_not_paid_since().c.office_id)),
        )
        .order_by(last_payout.desc().nulls_last(), CounterOffice.name, CounterOffice.code)
        .limit(NEAR)
    )
    return [Elsewhere(code, name) for code, name in rows]


def lately_said(session: Session, office_id: UUID, limit: int) -> Sequence[Said]:
    """The latest times that an office said it had not enough cash, also those that are over."""
    rows = session.execute(
        select(CashShortage, Teller.full_name)
        .outerjoin(Teller, Teller.id == CashShortage.teller_id)
        .where(CashShortage.office_id == office_id)
        .order_by(CashShortage.at.desc(), CashShortage.id.desc())
        .limit(limit)
    )
    return [
        Said(said.at, teller, _amount(said.amount_minor, said.currency)) for said, teller in rows
    ]


def _amount(minor: int | None, currency: str | None) -> Money | None:
    return Money(minor, currency) if minor is not None and currency is not None else None
