"""What a programme would pay each household in a cycle, with the rules and bands that hold and with those tried out.

Households differ in few combinations of facts: each is judged once, and what comes of it is joined back in the database.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    BigInteger,
    Column,
    Text,
    Uuid,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from cbi import db
from cbi.ledger.chart import BUDGET, FUND
from cbi.money import Money
from cbi.programmes.definition import Definition
from cbi.programmes.eligibility import Facts
from cbi.programmes.models import Programme
from cbi.programmes.observing import as_facts, observed
from cbi.programmes.opening import Opening
from cbi.programmes.periods import Period
from cbi.programmes.value_costs import Cost, held, owed_in, periods_left
from cbi.programmes.what_if_bands import bands
from cbi.registry.text import folded
from cbi.scratch import copied, empty, scratch

_CHUNK = 1_000

amounts = scratch(
    "what_if_amounts",
    Column("household_id", Uuid),
    Column("before", BigInteger),
    Column("after", BigInteger),
)
"""Whoever gets anything, in minor units. A household may have two lines, which add up."""

_combinations = scratch(
    "what_if_combinations",
    Column("household_id", Uuid),
    Column("number", BigInteger),
    Column("band", Text),
    Column("facts", JSONB),
)
"""Which combination of facts and band (of the other scorecard) each household has; `facts` at one household of each."""

_judged = scratch(
    "what_if_judged",
    Column("number", BigInteger),
    Column("before", BigInteger),
    Column("after", BigInteger),
)
"""What the rules owe for each combination, in minor units: with the registry's bands, and with the others."""


def work_out(
    session: Session, programme: Programme, before: Definition, after: Definition, key: str
) -> Cost:
    """Add to `amounts` by what `bands` holds (of the scorecard that programmes call `key`); returns what that costs."""
    left = list(periods_left(session, programme, after))
    period = left[0] if left else after.schedule.last
    if before.digest() == after.digest():
        _owe(session, programme, after, period, key, ["before", "after"])
    else:
        _owe(session, programme, before, period, key, ["before"])
        _owe(session, programme, after, period, key, ["after"])
    session.execute(text(f"ANALYZE {amounts.name}"))
    now, then, households = session.execute(
        select(
            func.sum(amounts.c.before),
            func.sum(amounts.c.after),
            func.count().filter(amounts.c.after > 0),
        )
    ).one()
    currency = after.currency
    return Cost(
        whom=f"period {period}", households=households, now=Money(int(now or 0), currency),
        then=Money(int(then or 0), currency), cycles_left=len(left),
        available=held(session, programme, BUDGET.code, currency),
        unallocated=held(session, programme, FUND.code, currency),
    )  # fmt: skip


def _owe(
    session: Session,
    programme: Programme,
    rules: Definition,
    period: Period,
    key: str,
    sides: Sequence[str],
) -> None:
    """Add to `amounts` what the rules owe each household, on these of its sides."""
    opening = Opening(uuid4(), programme.id, period, programme.version, rules)
    with db.planned_for_sets(session):
        _combine(session, opening)
        _judge(session, opening, key)
        owed = [_judged.c[side] if side in sides else literal(0) for side in ("before", "after")]
        session.execute(
            insert(amounts).from_select(
                amounts.columns.keys(),
                select(_combinations.c.household_id, *owed)
                .join(_judged, _judged.c.number == _combinations.c.number)
                .where(or_(*(_judged.c[side] > 0 for side in sides))),
            )
        )


def _combine(session: Session, opening: Opening) -> None:
    """Number the combinations that households have now."""
    taking = observed(opening, forecast=True).into("what_if_observed", temporary=True)
    session.execute(taking)
    facts = as_facts(session, taking.table, opening.definition)
    named = {each.name: each for each in facts.c if each.name != "household_id"}
    columns = [*named.values(), bands.c.after]
    pairs = ((literal(name, Text), column) for name, column in named.items())
    told = func.jsonb_build_object(*(part for pair in pairs for part in pair))
    is_first = func.row_number().over(partition_by=columns) == 1
    empty(session, _combinations)
    session.execute(
        insert(_combinations).from_select(
            _combinations.columns.keys(),
            select(
                facts.c.household_id, func.dense_rank().over(order_by=columns), bands.c.after,
                case((is_first, told)),
            ).outerjoin_from(facts, bands, bands.c.household_id == facts.c.household_id),
        )
    )  # fmt: skip
    taking.table.drop(session.connection())


def _judge(session: Session, opening: Opening, key: str) -> None:
    empty(session, _judged)
    found = session.execute(
        select(_combinations.c.number, _combinations.c.band, _combinations.c.facts).where(
            _combinations.c.facts.is_not(None)
        ),
        execution_options={"yield_per": _CHUNK},
    )
    for some in found.partitions():
        rows = ((number, *_owed(opening, key, band, facts)) for number, band, facts in some)
        copied(session, _judged.name, _judged.columns.keys(), rows)


def _owed(opening: Opening, key: str, band: str | None, told: dict[str, Any]) -> tuple[int, int]:
    """What one combination is owed as it is, and with the other scorecard's band in its place; without arrears."""
    rules, days = opening.definition, opening.period.days
    facts = replace(Facts.of(told), missed=())
    before = owed_in(facts, days, rules).minor
    if band is None:
        return before, before
    words = _with(facts.bands, key, folded(band), rules.bands_that_matter)
    if words == facts.bands:
        return before, before
    return before, owed_in(replace(facts, bands=words), days, rules).minor


def _with(
    held: Sequence[tuple[str, str]], key: str, band: str, words: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    rest = [pair for pair in held if pair[0] != key]
    return tuple(sorted([*rest, (key, band)] if band in words else rest))
