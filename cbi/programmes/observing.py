"""Takes down, for every household of the registry at one moment, what the rules of a programme look at."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.orm import Session

from cbi import clock
from cbi.fsp.messages import DeliveryMechanism
from cbi.programmes import lived_through, work_paying
from cbi.programmes.definition import Definition
from cbi.programmes.eligibility import Criteria, Standing
from cbi.programmes.household_models import ConditionMet
from cbi.programmes.opening import Opening
from cbi.programmes.routing import account_kind_of, mechanism_of
from cbi.programmes.taking_part import days_taken, missed
from cbi.registry import bands, needs
from cbi.registry.areas.queries import tree
from cbi.registry.consent import standing
from cbi.registry.consent.models import Scope
from cbi.registry.linkage import queries as linkage
from cbi.registry.linkage.models import PairState
from cbi.registry.models import Household, PaymentAccount, Person
from cbi.registry.queries import ACTIVE, blocked_households


def observed(opening: Opening, *, forecast: bool = False) -> Select[*tuple[Any, ...]]:
    """One row for each household with what the rules look at; the columns are named as in `Facts`.

    What this programme does not look at has no column. In a `forecast`, which pays nobody, whoever has not been compared
    with the others yet counts as everybody else: they will be before a cycle is opened.
    """
    criteria = opening.definition.criteria
    in_doubt = (
        linkage.paired_households(PairState.OPEN, PairState.SAME)
        if forecast
        else linkage.blocked_households()
    )
    blocked = union(blocked_households(), in_doubt).subquery("blocked")
    consented = standing.agreed(Person.id, Scope.ASSISTANCE)
    kind = account_kind_of(criteria.mechanisms)
    account = and_(
        PaymentAccount.person_id == Person.id,
        PaymentAccount.kind == kind,
        PaymentAccount.replaced_at.is_(None),
    )
    at_counter = mechanism_of(criteria.mechanisms) == DeliveryMechanism.CASH_OVER_COUNTER.value
    wanted = (
        select(
            Household.id.label("household_id"),
            (Household.status == ACTIVE).label("active"),
            blocked.c.household_id.is_not(None).label("possible_duplicate"),
            Household.size,
            Household.area.label("lives_in"),
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
    if opening.definition.work is not None:  # who has done no work is not asked about
        wanted = wanted.where(Household.id.in_(work_paying.working(opening)))
    for table, columns in _more(opening):
        wanted = wanted.outerjoin(table, table.c.household_id == Household.id).add_columns(*columns)
    return wanted


def as_facts(session: Session, table: FromClause, definition: Definition) -> Subquery:
    """The observed rows with areas as the rules know them. Which spellings are meant is for the pure rules to say."""
    criteria, named = definition.criteria, definition.areas_that_matter
    words: Mapping[str, frozenset[str]] = {}
    if criteria.areas is not None or named:
        lived_in = session.scalars(select(table.c.lives_in).distinct())
        words = tree(session).words(area for area in lived_in if area)
    told = {area: " ".join(sorted(of & named)) for area, of in words.items() if of & named}
    area = func.coalesce(
        func.jsonb_extract_path_text(bindparam(None, told, JSONB), table.c.lives_in), ""
    )
    return select(
        *(column for column in table.c if column.name != "lives_in"),
        _in_area(table.c.lives_in, words, criteria).label("in_area"),
        *([area.label("area")] if told else []),
    ).subquery("facts")


def _in_area(
    lives_in: ColumnElement[Any], words: Mapping[str, frozenset[str]], criteria: Criteria
) -> ColumnElement[bool]:
    if criteria.areas is None:
        return true()
    covered = [area for area, of in words.items() if criteria.covers(of)]
    return func.coalesce(lives_in == func.any(covered), false())


def _more(opening: Opening) -> Iterator[tuple[FromClause, list[ColumnElement[Any]]]]:
    """What only some programmes look at: a table with a row for some households, and its columns."""
    definition, period = opening.definition, opening.period
    taking_part = days_taken(opening.programme_id, opening.cycle_id)
    by_day = definition.stipend is not None and definition.stipend.by_day
    days: ColumnElement[int] = func.coalesce(taking_part.c.days, period.days)
    if not by_day:
        days = case((days > 0, literal(period.days, BigInteger)), else_=days)
    yield (
        taking_part,
        [
            func.coalesce(taking_part.c.standing, literal(Standing.IN.value, Text)).label(
                "standing"
            ),
            days.label("days"),
        ],
    )
    if keys := definition.needs_that_matter:
        yield _listed(needs.held(keys).subquery("needs"), "needs")
    if words := definition.bands_that_matter:
        yield _listed(bands.held(words).subquery("bands"), "bands")
    if definition.stipend is not None and definition.stipend.arrears:
        since = period.starts_before(definition.stipend.arrears)
        yield _listed(
            missed(opening.programme_id, since, period.starts_on, by_day=by_day), "missed"
        )
    if definition.grant is not None:
        yield _listed(lived_through.given(opening.programme_id), "given")
        if conditions := definition.grant.conditions:
            met = _by_household(
                ConditionMet.household_id, ConditionMet.condition, "met",
                and_(
                    ConditionMet.programme_id == opening.programme_id,
                    ConditionMet.decision == "confirmed", ConditionMet.condition.in_(conditions),
                ),
            )  # fmt: skip
            yield _listed(met, "met")
    if definition.ceilings is not None:
        yield _room(definition, definition.ceilings.lifetime.minor)


def _listed(table: Subquery, name: str) -> tuple[FromClause, list[ColumnElement[Any]]]:
    return table, [func.coalesce(table.c[name], literal("[]", Text).cast(JSONB)).label(name)]


def _by_household(household: Any, value: Any, name: str, which: ColumnElement[bool]) -> Subquery:
    each = func.jsonb_agg(aggregate_order_by(value, value))
    return select(household, each.label(name)).where(which).group_by(household).subquery(name)


def _room(definition: Definition, ceiling: int) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """What is left below a lifetime's ceiling, and what of all that counts its people brought from elsewhere."""
    counted = lived_through.counted(definition)
    left = literal(ceiling, BigInteger) - func.coalesce(counted.c.minor, 0)
    return counted, [
        func.greatest(left, 0).cast(BigInteger).label("room"),
        func.coalesce(counted.c.brought, 0).cast(BigInteger).label("brought"),
    ]
