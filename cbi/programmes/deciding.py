"""Decides every household of the registry as a set: each combination of facts once, by the pure rules."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    FromClause,
    Select,
    String,
    Text,
    and_,
    bindparam,
    column,
    exists,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from cbi import clock
from cbi.fsp.messages import DeliveryMechanism
from cbi.programmes.definition import Definition
from cbi.programmes.eligibility import Criteria, Facts, decide
from cbi.programmes.models import EligibilityDecision, Entitlement
from cbi.programmes.routing import account_kind_of, mechanism_of
from cbi.programmes.transfer_value import compute
from cbi.registry.models import Consent, Household, PaymentAccount, Person
from cbi.registry.queries import ACTIVE, blocked_households

_TYPES: Mapping[type, type[Boolean | BigInteger]] = {bool: Boolean, int: BigInteger}
_FACTS = {name: _TYPES[kind] for name, kind in Facts.__annotations__.items()}


def decide_all(
    session: Session, cycle_id: UUID, programme_id: UUID, period: str, definition: Definition
) -> None:
    """Write a decision for every household registered by now, and an entitlement for each that is in.

    The facts are taken down once, so all decisions rest on the same moment. However many households there are, they
    differ in a few hundred combinations of facts; `decide` and `compute` see each combination once.
    """
    criteria = definition.criteria
    taking = _observed(criteria).into("observed_households", temporary=True)
    session.execute(taking)
    observed = taking.table
    facts = _facts(session, observed, criteria)
    combinations = session.execute(select(*(facts.c[name] for name in _FACTS)).distinct())
    outcomes = _outcomes([Facts(*row) for row in combinations], definition)
    same = and_(*(facts.c[name] == outcomes.c[name] for name in _FACTS))
    session.execute(
        insert(EligibilityDecision).from_select(
            ["cycle_id", "household_id", "eligible", "reasons", "decided_at"],
            select(
                literal(cycle_id),
                facts.c.household_id,
                outcomes.c.eligible,
                outcomes.c.reasons,
                literal(clock.now(), DateTime(timezone=True)),
            ).join_from(facts, outcomes, same),
            include_defaults=False,
        )
    )
    session.execute(
        insert(Entitlement).from_select(
            [
                "id",
                "cycle_id",
                "programme_id",
                "period",
                "household_id",
                "component",
                "amount_minor",
                "currency",
                "trace",
            ],
            select(
                func.gen_random_uuid(),
                literal(cycle_id),
                literal(programme_id),
                literal(period, String),
                facts.c.household_id,
                literal(definition.stipend.component, String),
                outcomes.c.amount_minor,
                literal(definition.currency, String),
                outcomes.c.trace,
            )
            .join_from(facts, outcomes, same)
            .where(outcomes.c.eligible),
            include_defaults=False,
        )
    )
    observed.drop(session.connection())


def _observed(criteria: Criteria) -> Select[*tuple[Any, ...]]:
    """One row for each household with what the rules look at."""
    blocked = blocked_households().distinct().subquery("blocked")
    consented = exists().where(Consent.person_id == Person.id, Consent.withdrawn_at.is_(None))
    kind = account_kind_of(criteria.mechanisms)
    account = and_(
        PaymentAccount.person_id == Person.id,
        PaymentAccount.kind == kind,
        PaymentAccount.replaced_at.is_(None),
    )
    at_counter = mechanism_of(criteria.mechanisms) == DeliveryMechanism.CASH_OVER_COUNTER.value
    return (
        select(
            Household.id.label("household_id"),
            (Household.status == ACTIVE).label("active"),
            blocked.c.household_id.is_not(None).label("possible_duplicate"),
            Household.size,
            Household.area,
            Person.id.is_not(None).label("has_recipient"),
            (consented if criteria.consent_required else true()).label("has_consent"),
            at_counter.label("at_counter"),
            or_(PaymentAccount.id.is_not(None), kind.is_(None)).label("has_account"),
            Person.factor_kind.is_not(None).label("has_second_factor"),
        )
        .outerjoin(Person, and_(Person.household_id == Household.id, Person.is_recipient))
        .outerjoin(PaymentAccount, account)
        .outerjoin(blocked, blocked.c.household_id == Household.id)
        .where(Household.registered_at <= clock.now())
    )


def _facts(session: Session, observed: FromClause, criteria: Criteria) -> FromClause:
    """The same rows as `Facts`. Which spellings of an area are meant is for the pure rule to say."""
    in_area: ColumnElement[bool] = true()
    if criteria.areas is not None:
        spellings = session.scalars(select(observed.c.area).distinct())
        covered = [area for area in spellings if criteria.covers(area)]
        in_area = func.coalesce(observed.c.area == func.any(covered), false())
    return select(
        observed.c.household_id,
        *(in_area.label(name) if name == "in_area" else observed.c[name] for name in _FACTS),
    ).subquery("facts")


def _outcomes(combinations: Sequence[Facts], definition: Definition) -> FromClause:
    """What the pure rules say of each combination of facts, as a table to join with."""
    criteria = definition.criteria
    value = cache(lambda size: compute(size, definition.rate_card))
    rows = []
    for facts in combinations:
        reasons = decide(facts, criteria)
        amount, trace = (None, None) if reasons else value(facts.size)
        rows.append(
            {
                **asdict(facts),
                "eligible": not reasons,
                "reasons": [str(reason) for reason in reasons],
                "amount_minor": amount.minor if amount else None,
                "trace": trace,
            }
        )
    return (
        func.jsonb_to_recordset(bindparam("outcomes", rows, JSONB))
        .table_valued(
            *(column(name, kind) for name, kind in _FACTS.items()),
            column("eligible", Boolean),
            column("reasons", JSONB),
            column("amount_minor", BigInteger),
            column("trace", Text),
        )
        .render_derived(name="outcomes", with_types=True)
    )
