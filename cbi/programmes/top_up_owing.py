"""What a top-up makes households owed: within their ceilings, beside what the cycle decided, with its calculation."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Insert,
    LargeBinary,
    SQLColumnExpression,
    String,
    Text,
    and_,
    bindparam,
    cast,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from cbi import ids, money
from cbi.errors import Conflict
from cbi.programmes import legal_basis, lived_through
from cbi.programmes.definition import Definition
from cbi.programmes.models import Cycle, Entitlement, Programme
from cbi.programmes.top_up_models import TopUp, TopUpRow
from cbi.registry.consent import standing
from cbi.registry.consent.models import Scope
from cbi.registry.models import Household, Person

_NAMED = 10


class AboveTheCeiling(Conflict):
    """A household would be owed more than a lifetime's ceiling."""

    code = "top_up.above_the_ceiling"


class NotAgreed(Conflict):
    """The programme pays only who agrees, and somebody on the list does not."""

    code = "top_up.not_agreed"


class Outdated(Conflict):
    """A household is owed something else for the cycle by now than when the top-up was proposed."""

    code = "top_up.outdated"


def component_of(number: int) -> str:
    """What entitlements of a cycle's top-up of that number are called."""
    return f"topup-{number}"


def rows_digest() -> ColumnElement[bytes]:
    """SHA-256 over a top-up's rows in one order, in SQL: whose, how much on top, and why.

    Not on top of what: once a list is accepted that is another amount, and the same list would pass for another one.
    """
    line = func.concat_ws(
        "|", cast(TopUpRow.household_id, String), TopUpRow.amount_minor, TopUpRow.currency, TopUpRow.reason
    )  # fmt: skip
    in_order = aggregate_order_by(literal("\n", Text), TopUpRow.household_id)
    together = func.string_agg(line, in_order)
    return func.sha256(func.convert_to(together, "UTF8"), type_=LargeBinary)


def trace(
    number: ColumnElement[int], period: ColumnElement[str], places: int
) -> ColumnElement[str]:
    """The calculation of a top-up's row as a person reads it, in SQL."""
    row = TopUpRow
    return func.concat(
        "top-up ", number, " to cycle ", period, ": ", _shown(row.before_minor + row.amount_minor, places),
        " instead of ", _shown(row.before_minor, places), " ", row.currency, ": ", row.reason,
    )  # fmt: skip


def _shown(minor: SQLColumnExpression[int], places: int) -> ColumnElement[str]:
    """Minor units as people write them, such as 550.00."""
    unit = literal(10**places, BigInteger)
    whole = cast(func.div(minor, unit), Text)
    if not places:
        return whole
    return func.concat(whole, ".", func.lpad(cast(func.mod(minor, unit), Text), places, "0"))


def entitling(top_up: TopUp, cycle: Cycle, programme: Programme) -> Insert:
    """One INSERT … SELECT: an entitlement for each row, with its calculation in words."""
    row = TopUpRow
    told = trace(literal(top_up.number), literal(cycle.period), money.exponent(programme.currency))
    columns: dict[str, Any] = {
        "id": ids.fresh_in_sql(), "cycle_id": literal(cycle.id), "programme_id": literal(programme.id),
        "period": literal(cycle.period, String), "household_id": row.household_id,
        "component": literal(component_of(top_up.number), String), "amount_minor": row.amount_minor,
        "currency": row.currency, "trace": told, "once": literal(value=False), "top_up_id": row.top_up_id,
    }  # fmt: skip
    return insert(Entitlement).from_select(
        list(columns),
        select(*columns.values()).where(
            row.top_up_id == bindparam("top_up", top_up.id, unique=True)
        ),
        include_defaults=False,
    )


def check_ceilings(session: Session, definition: Definition, top_up_id: UUID) -> None:
    """Refuse what goes beyond a lifetime's ceiling: what its people were ever owed counts, paid or not yet.

    Raises AboveTheCeiling.
    """
    if definition.ceilings is None:
        return
    owed = lived_through.counted(definition)
    ceiling = definition.ceilings.lifetime
    above = session.scalars(
        select(Household.source_id)
        .join(TopUpRow, TopUpRow.household_id == Household.id)
        .outerjoin(owed, owed.c.household_id == TopUpRow.household_id)
        .where(
            and_(
                TopUpRow.top_up_id == top_up_id,
                TopUpRow.amount_minor + func.coalesce(owed.c.minor, 0) > ceiling.minor,
            )
        )
        .order_by(Household.source_id)
        .limit(_NAMED)
    ).all()
    if above:
        raise AboveTheCeiling(
            f"The ceiling of {ceiling} leaves no room for this on top: {', '.join(above)}.",
            next_step="Lower what these households are to get, or leave them out.",
        )


def check_current(session: Session, top_up: TopUp) -> None:
    """Refuse what was proposed on top of other amounts than the cycle owes now. Raises Outdated."""
    owed = (
        select(Entitlement.household_id, func.sum(Entitlement.amount_minor).label("minor"))
        .where(Entitlement.cycle_id == top_up.cycle_id)
        .group_by(Entitlement.household_id)
        .subquery("owed")
    )
    other = session.scalars(
        select(Household.source_id)
        .join(TopUpRow, TopUpRow.household_id == Household.id)
        .outerjoin(owed, owed.c.household_id == TopUpRow.household_id)
        .where(
            TopUpRow.top_up_id == top_up.id,
            func.coalesce(owed.c.minor, 0) != TopUpRow.before_minor,
        )
        .order_by(Household.source_id)
        .limit(_NAMED)
    ).all()
    if other:
        raise Outdated(
            f"These households are owed something else for the cycle by now: {', '.join(other)}.",
            next_step="Refuse it, and propose it anew.",
        )


def check_consent(session: Session, top_up: TopUp) -> None:
    """Refuse a list with somebody who does not agree to be assisted, where the cycle pays only those who do.

    Raises NotAgreed.
    """
    standing.wait_for_words(session)
    against = session.scalars(
        select(Household.source_id)
        .join(TopUpRow, TopUpRow.household_id == Household.id)
        .join(Person, and_(Person.household_id == Household.id, Person.is_recipient))
        .where(
            TopUpRow.top_up_id == top_up.id,
            legal_basis.cycle_asks_for_consent(top_up.cycle_id),
            ~standing.agreed(Person.id, Scope.ASSISTANCE),
        )
        .order_by(Household.source_id)
        .limit(_NAMED)
    ).all()
    if against:
        raise NotAgreed(
            f"The collectors of these households have not agreed, or no longer: {', '.join(against)}.",
            next_step="Refuse it, and propose it without them.",
        )
