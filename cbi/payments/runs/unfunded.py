"""What a cycle owes that is in no payment run: no fund pays it, or the recipient agrees no longer; each with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    SQLColumnExpression,
    String,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.db import planned_for_sets
from cbi.money import Money
from cbi.payments.runs import costs, funding
from cbi.payments.runs.filling import Routes, no_longer_agrees, owed
from cbi.payments.runs.funding import Source
from cbi.payments.runs.still_owed import still_owed
from cbi.programmes import queries
from cbi.programmes.models import Cycle, Entitlement, Programme
from cbi.registry.models import Household


class Reason(StrEnum):
    """Why it is in no run. The words are stable."""

    CAN_BE_BUILT = "can_be_built"
    SPENT = "spent"
    NOT_VALID = "not_valid"
    NOT_FOR_IT = "not_for_it"
    CONSENT_WITHDRAWN = "consent_withdrawn"

    @property
    def sentence(self) -> str:
        """What a programme manager reads, and can act on."""
        return _SENTENCES[self]


_SENTENCES = {
    Reason.CAN_BE_BUILT: "A run that is built now pays it.",
    Reason.SPENT: "The funds that may pay it have not enough left in their budgets, with its fee.",
    Reason.NOT_VALID: "The funds that it is for are not valid today, or not in that period.",
    Reason.NOT_FOR_IT: "No fund of the programme is for it.",
    Reason.CONSENT_WITHDRAWN: "The recipient has taken back the consent that the programme rests on.",
}


@dataclass(frozen=True, slots=True)
class Left:
    """So many entitlements that are in no run, for one reason."""

    reason: Reason
    entitlements: int
    total: Money


@dataclass(frozen=True, slots=True)
class LeftLine:
    """One of them: whose (registration number), what, how much, and why it waits."""

    household: str
    component: str
    amount: Money
    reason: Reason


def left(session: Session, actor: Actor, programme: str, period: str) -> list[Left]:
    """What a cycle owes that is in no run, by the reason. Raises UnknownProgramme, UnknownCycle."""
    actor.require(Permission.RUN_READ, programme)
    found = queries.cycle(session, queries.cycle_id(session, programme, period))
    return summed(session, *found)


def lines(
    session: Session, actor: Actor, programme: str, period: str, limit: int = 1000
) -> list[LeftLine]:
    """The first of these entitlements, by registration number. Raises as `left`."""
    actor.require(Permission.RUN_READ, programme)
    cycle, found = queries.cycle(session, queries.cycle_id(session, programme, period))
    wanted = (
        _waiting(
            session, cycle, found, Household.source_id, Entitlement.component, Entitlement.amount_minor
        )
        .join(Household, Household.id == Entitlement.household_id)
        .order_by(Household.source_id, Household.source, Entitlement.component)
        .limit(limit)
    )  # fmt: skip
    with planned_for_sets(session):
        rows = session.execute(wanted).all()
    return [
        LeftLine(number, component, Money(minor, found.currency), Reason(reason))
        for number, component, minor, reason in rows
    ]


def summed(
    session: Session, cycle: Cycle, programme: Programme, top_up: UUID | None = None
) -> list[Left]:
    """What a cycle owes that is in no run, by the reason, the one that is mended first at the top.

    A `top_up` is apart from what the cycle decided.
    """
    each = (
        _waiting(session, cycle, programme, still_owed().label("amount_minor"))
        .where(Entitlement.top_up_id.is_not_distinct_from(top_up))
        .subquery()
    )
    with planned_for_sets(session):
        rows = session.execute(
            select(each.c.reason, func.count(), func.sum(each.c.amount_minor)).group_by(
                each.c.reason
            )
        ).all()
    found = [
        Left(Reason(reason), count, Money(int(total), programme.currency))
        for reason, count, total in rows
    ]
    return sorted(found, key=lambda each: list(Reason).index(each.reason))


def _waiting(
    session: Session, cycle: Cycle, programme: Programme, *columns: SQLColumnExpression[Any]
) -> Select[*tuple[Any, ...]]:
    delivery = queries.definition(session, programme, cycle.version).delivery
    routes: Routes = {route.mechanism: route.provider for route in delivery.routes}
    found = funding.sources(session, programme, cycle)
    cost = costs.today(session, routes.values(), programme.currency).owed(routes)
    reason = case(
        (no_longer_agrees(cycle.id), literal(Reason.CONSENT_WITHDRAWN.value, String)),
        else_=_reason(found, cost),
    )
    return owed(cycle.id, routes, *columns, reason.label("reason"))


def _reason(found: Sequence[Source], cost: ColumnElement[int]) -> ColumnElement[str]:
    may = [each for each in found if each.is_valid]
    enough = [
        and_(each.grant.fits, cost <= each.left) if each.left is not None else each.grant.fits
        for each in may
    ]
    when = (
        (or_(false(), *enough), Reason.CAN_BE_BUILT),
        (or_(false(), *(each.grant.fits for each in may)), Reason.SPENT),
        (or_(false(), *(each.grant.fits for each in found)), Reason.NOT_VALID),
    )
    return case(
        *((which, literal(reason.value, String)) for which, reason in when),
        else_=literal(Reason.NOT_FOR_IT.value, String),
    )
