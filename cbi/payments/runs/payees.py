"""Who gets more within thirty days, from all programmes together, than the office lets one person or account get."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.db import planned_for_sets
from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs.counting import NOT_COUNTED
from cbi.programmes.models import Programme
from cbi.registry.models import Household

DAYS = 30
"""A window that moves with each run: a calendar month could be met on its last day and again on the next one's first."""


@dataclass(frozen=True, slots=True)
class PayeeLine:
    """One payment to somebody above the limit: its number in the run, the household's, its amount, and what the person
    and the account get within the thirty days, this run included."""

    number: int
    household: str
    amount: Money
    person: Money
    account: Money


def above(session: Session, run: PaymentRun, limit: Money) -> int:
    """How many payments of the run go to a person, or to a telephone or account, that gets more than the limit.

    Counted is what runs that were locked in the last thirty days, and this one, pay in its currency, whatever became of
    it, unless it was given up: what came back may still be sent again.
    """
    with planned_for_sets(session):
        return session.scalar(_above(run, limit, func.count())) or 0


def listed(
    session: Session, actor: Actor, run: PaymentRun, limit: Money, most: int = 200
) -> list[PayeeLine]:
    """The first of these payments, the largest sum first; never by name. That somebody looked is recorded.

    Raises NotPermitted.
    """
    actor.require(Permission.PAYMENT_READ, session.get_one(Programme, run.programme_id).code)
    wanted = _above(
        run, limit, Payment.number, Household.source_id, Payment.amount_minor, _sum(run, Payment.person_id),
        _sum(run, Payment.account_index),
    ).join(Household, Household.id == Payment.household_id)  # fmt: skip
    by = func.greatest(_sum(run, Payment.person_id), _sum(run, Payment.account_index)).desc()
    with planned_for_sets(session):
        rows = session.execute(wanted.order_by(by, Payment.number).limit(most)).all()
    record(
        session, actor, "payment_run.list_viewed", "payment_run", run.id, list="payee_limit", rows=len(rows)
    )  # fmt: skip
    return [
        PayeeLine(number, household, *(Money(int(minor), run.currency) for minor in amounts))
        for number, household, *amounts in rows
    ]


def _above(run: PaymentRun, limit: Money, *columns: Any) -> Select[*tuple[Any, ...]]:
    return select(*columns).where(
        Payment.run_id == run.id, Payment.live,
        or_(_too_much(run, Payment.person_id, limit), _too_much(run, Payment.account_index, limit)),
    )  # fmt: skip


def _too_much(
    run: PaymentRun, whose: InstrumentedAttribute[Any], limit: Money
) -> ColumnElement[bool]:
    """Whether all that is the same person's, or the same account's, comes to more than the limit."""
    theirs, ours = aliased(Payment), aliased(Payment)
    same, mine = getattr(theirs, whose.key), getattr(ours, whose.key)
    return whose.in_(
        select(same)
        .where(
            _counted(run, theirs),
            same.in_(select(mine).where(ours.run_id == run.id, ours.live)),
        )
        .group_by(same)
        .having(func.sum(theirs.amount_minor) > limit.minor)
    )


def _sum(run: PaymentRun, whose: InstrumentedAttribute[Any]) -> ColumnElement[int]:
    theirs = aliased(Payment)
    return (
        select(func.sum(theirs.amount_minor))
        .where(_counted(run, theirs), getattr(theirs, whose.key) == whose)
        .correlate(Payment)
        .scalar_subquery()
    )


def _counted(run: PaymentRun, theirs: type[Payment]) -> ColumnElement[bool]:
    other = aliased(PaymentRun)
    lately = and_(
        other.currency == run.currency, other.state.not_in(NOT_COUNTED),
        other.locked_at > clock.now() - timedelta(days=DAYS),
    )  # fmt: skip
    return and_(
        theirs.live,
        exists()
        .where(other.id == theirs.run_id, or_(other.id == run.id, lately))
        .correlate(theirs),
    )
