"""Payments that failed, came back or expired: how many wait for a decision since when, and what keeps some of them from
being tried anew.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    ScalarSelect,
    String,
    and_,
    any_,
    bindparam,
    case,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from cbi import clock
from cbi.fsp.keys import LAST_ATTEMPT
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Payment, PaymentEvent, PaymentRun
from cbi.payments.outcomes import disputes, holding
from cbi.payments.runs.progress import UNDECIDED
from cbi.payments.sending import consented
from cbi.payments.sending.elsewhere import paid_elsewhere
from cbi.payments.sending.recipients import goes_where_approved
from cbi.payments.states import PaymentState
from cbi.registry.models import Household, Person
from cbi.registry.queries import ACTIVE
from cbi.settings import settings

AGES = ((0, 7), (8, 30), (31, None))
"""How long payments wait: from and to, in whole days, both included; the last has no end."""


class Obstacle(StrEnum):
    """Why a payment cannot be tried anew. The first one also keeps it from being given up."""

    IN_DISPUTE = "in_dispute"
    PAID_IN_ITS_PLACE = "paid_in_its_place"
    FUND_NOT_VALID = "fund_not_valid"
    PROVIDER_NOT_IN_USE = "provider_not_in_use"
    ATTEMPTS_USED_UP = "attempts_used_up"
    PERSON_ERASED = "person_erased"
    HOUSEHOLD_LEFT = "household_left"
    PAYEE_CHANGED = "payee_changed"
    SAID_NO = "said_no"
    PAID_ELSEWHERE = "paid_elsewhere"
    ON_RECORD_TWICE = "on_record_twice"


SENTENCES: Mapping[Obstacle, str] = {
    Obstacle.IN_DISPUTE: "a discrepancy says that they may have been paid; settle it first",
    Obstacle.PAID_IN_ITS_PLACE: "a payment that was given up before was paid after all; give them up",
    Obstacle.FUND_NOT_VALID: "the fund may not be spent today",
    Obstacle.PROVIDER_NOT_IN_USE: "the provider is not in use here any more",
    Obstacle.ATTEMPTS_USED_UP: f"they were tried {LAST_ATTEMPT} times",
    Obstacle.PERSON_ERASED: "the recipient's data was erased",
    Obstacle.HOUSEHOLD_LEFT: "the household is not active any more",
    Obstacle.PAYEE_CHANGED: "the recipient, or their telephone or account, is not the one that was approved",
    Obstacle.SAID_NO: "the recipient has said no to what the payment takes",
    Obstacle.PAID_ELSEWHERE: "the head or collector was on record twice and is paid with another household",
    Obstacle.ON_RECORD_TWICE: "somebody of the household may be on record twice, and it would wait; find that out first",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which payments of a run a decision is about: those in these states, or of these only where some are named."""

    states: frozenset[PaymentState] = UNDECIDED
    payments: tuple[UUID, ...] | None = None

    def of(self, run: PaymentRun) -> ColumnElement[bool]:
        """Whether a payment is one of them."""
        these = UNDECIDED & self.states
        named: ColumnElement[bool] = true()
        if self.payments is not None:
            named = Payment.id == any_(bindparam(None, list(self.payments), ARRAY(Uuid)))
        return and_(Payment.run_id == run.id, Payment.live, Payment.state.in_(sorted(these)), named)


EVERY = Chosen()


@dataclass(frozen=True, slots=True)
class Line:
    """So many payments by one provider that are in one state, of one age, with what keeps them from being tried anew.

    `since` is when the first of them came to that state, `age` its place in `AGES`.
    """

    provider: str
    state: PaymentState
    obstacle: Obstacle | None
    age: int
    payments: int
    total: Money
    since: datetime


def obstacle(session: Session, run: PaymentRun) -> ColumnElement[str | None]:
    """What keeps a payment of the run from being tried anew: the weightiest; NULL where nothing does."""
    free = or_(
        false(),
        *(and_(Payment.provider == name, disputes.unquestioned(name)) for name in run.providers),
    )
    person = and_(Person.id == Payment.person_id, Person.household_id == Payment.household_id)
    active = exists().where(Household.id == Payment.household_id, Household.status == ACTIVE)
    found = (
        (not_(free), Obstacle.IN_DISPUTE),
        (Payment.entitlement_id.in_(disputes.owed_back()), Obstacle.PAID_IN_ITS_PLACE),
        (literal(not _is_valid(session, run)), Obstacle.FUND_NOT_VALID),
        (Payment.provider.not_in(settings().providers), Obstacle.PROVIDER_NOT_IN_USE),
        (Payment.attempts >= LAST_ATTEMPT, Obstacle.ATTEMPTS_USED_UP),
        (exists().where(person, Person.data_key.is_(None)), Obstacle.PERSON_ERASED),
        (~active, Obstacle.HOUSEHOLD_LEFT),
        (
            not_(and_(goes_where_approved(), exists().where(person, Person.is_recipient))),
            Obstacle.PAYEE_CHANGED,
        ),
        (not_(and_(*(may for _, may in consented.stops(run)))), Obstacle.SAID_NO),
        (paid_elsewhere(), Obstacle.PAID_ELSEWHERE),
        (holding.on_record_twice(), Obstacle.ON_RECORD_TWICE),
    )
    return case(*((when, literal(each.value, String)) for when, each in found))


def _is_valid(session: Session, run: PaymentRun) -> bool:
    fund = session.get_one(Fund, run.fund_id)
    return fund.valid_from <= clock.today(office_of(session).timezone) <= fund.valid_to


def weigh(session: Session, run: PaymentRun, chosen: Chosen = EVERY) -> list[Line]:
    """What of the chosen payments waits for a decision, added up."""
    now = clock.now()
    each = (
        select(
            Payment.provider, Payment.state, obstacle(session, run).label("obstacle"),
            Payment.rest_minor.label("amount_minor"),
            func.coalesce(_came(), now).label("since"),
        )
        .where(chosen.of(run))
        .subquery()
    )  # fmt: skip
    # A payment is in the first age whose end has not passed.
    age = case(
        *(
            (each.c.since > now - timedelta(days=end + 1), literal(place, Integer))
            for place, (_, end) in enumerate(AGES)
            if end is not None
        ),
        else_=literal(len(AGES) - 1, Integer),
    )
    parts = (each.c.provider, each.c.state, each.c.obstacle, age)
    rows = session.execute(
        select(*parts, func.count(), func.sum(each.c.amount_minor), func.min(each.c.since))
        .group_by(*parts)
        .order_by(*parts)
    )
    return [
        Line(
            provider, state, Obstacle(kept) if kept else None, place, count, Money(int(minor), run.currency), since
        )
        for provider, state, kept, place, count, minor, since in rows
    ]  # fmt: skip


def _came() -> ScalarSelect[datetime]:
    """When a payment came to the state that it is in."""
    return (
        select(func.max(PaymentEvent.at))
        .where(PaymentEvent.payment_id == Payment.id, PaymentEvent.after == Payment.state)
        .scalar_subquery()
    )


def numbers(session: Session, run: PaymentRun, chosen: Chosen, kept: Obstacle) -> Sequence[int]:
    """The first payments, by their place in the run, that an obstacle keeps from being decided so."""
    return session.scalars(
        select(Payment.number)
        .where(chosen.of(run), obstacle(session, run) == kept.value)
        .order_by(Payment.number)
        .limit(_NAMED)
    ).all()


_NAMED = 10


def waiting_since(
    session: Session, run_ids: Collection[UUID]
) -> Mapping[tuple[UUID, str, PaymentState], datetime]:
    """Since when the first of these runs' undecided payments waits, by run, provider and state."""
    if not run_ids:
        return {}
    each = (
        select(Payment.run_id, Payment.provider, Payment.state, _came().label("since"))
        .where(Payment.run_id.in_(run_ids), Payment.live, Payment.state.in_(sorted(UNDECIDED)))
        .subquery()
    )
    parts = (each.c.run_id, each.c.provider, each.c.state)
    rows = session.execute(select(*parts, func.min(each.c.since)).group_by(*parts))
    return {(run_id, provider, state): since for run_id, provider, state, since in rows}
