"""Decides every household of the registry as a set: each combination of facts once, by the pure rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    FromClause,
    String,
    Text,
    and_,
    bindparam,
    column,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from cbi import clock, db, ids
from cbi.programmes import queries, work_paying
from cbi.programmes.eligibility import Facts
from cbi.programmes.household_models import ArrearsPaid
from cbi.programmes.judging import Judgement, judge
from cbi.programmes.models import DecidedFacts, EligibilityDecision, Entitlement, Programme
from cbi.programmes.observing import as_facts, observed
from cbi.programmes.opening import Opening

_TYPES: Mapping[type, type[Boolean | BigInteger | Text]] = {
    bool: Boolean,
    int: BigInteger,
    str: Text,
}


@dataclass(frozen=True, slots=True)
class Combination:
    """One combination of facts that households have, and what the rules make of it."""

    number: int
    facts: Facts
    judgement: Judgement


def decide_all(session: Session, opening: Opening) -> None:
    """Write a decision for every household registered by now, and entitlements for those that are in.

    The facts are taken down once, so all decisions rest on the same moment. However many households there are, they
    differ in few combinations of facts; the rules see each combination once, and it is kept.
    """
    taking = observed(opening).into("observed_households", temporary=True)
    with db.planned_for_sets(session):
        session.execute(taking)
    facts = as_facts(session, taking.table, opening.definition)
    names = [each.name for each in facts.c if each.name != "household_id"]
    found = session.execute(select(*(facts.c[name] for name in names)).distinct())
    numbered = {number: Facts.of(dict(row)) for number, row in enumerate(found.mappings(), 1)}
    combinations = combined(session, opening, numbered)
    if combinations:
        session.execute(
            insert(DecidedFacts),
            [
                {"cycle_id": opening.cycle_id, "number": each.number, "facts": each.facts.kept()}
                for each in combinations
            ],
        )
        _decide(session, opening, facts, names, combinations)
        with db.planned_for_sets(session):
            _owe(session, opening, combinations)
        if opening.definition.work is not None:
            work_paying.entitle(session, opening)
    taking.table.drop(session.connection())


def combined(session: Session, opening: Opening, facts: Mapping[int, Facts]) -> list[Combination]:
    """What the rules make of each combination of facts, by its number."""
    wanted = {missed.version for each in facts.values() for missed in each.missed}
    programme = session.get_one(Programme, opening.programme_id)
    versions = {version: queries.definition(session, programme, version) for version in wanted}
    return [
        Combination(number, each, judge(each, opening.period.days, opening.definition, versions))
        for number, each in facts.items()
    ]


def owed_table(combinations: Sequence[Combination], name: str = "owed") -> FromClause:
    """What each combination is owed, as a table to join with: one row for each component."""
    rows = [
        {
            "number": each.number,
            "component": owed.component,
            "amount_minor": owed.amount.minor,
            "trace": owed.trace,
            "once": owed.once,
        }
        for each in combinations
        for owed in each.judgement.owed
    ]
    return _table(
        name, rows, number=BigInteger, component=Text, amount_minor=BigInteger, trace=Text, once=Boolean
    )  # fmt: skip


def judged_table(combinations: Sequence[Combination], names: Sequence[str] = ()) -> FromClause:
    """What is decided of each combination, as a table to join with: its number, reasons, and the facts of these names."""
    rows = []
    for each in combinations:
        kept = each.facts.kept()
        reasons = [str(reason) for reason in each.judgement.reasons]
        rows.append(
            {"number": each.number, "reasons": reasons} | {name: kept[name] for name in names}
        )
    kinds = {name: _TYPES.get(Facts.__annotations__[name], JSONB) for name in names}
    return _table("judged", rows, number=BigInteger, reasons=JSONB, **kinds)


def _decide(
    session: Session,
    opening: Opening,
    facts: FromClause,
    names: Sequence[str],
    combinations: Sequence[Combination],
) -> None:
    judged = judged_table(combinations, names)
    same = and_(*(facts.c[name] == judged.c[name] for name in names))
    session.execute(
        insert(EligibilityDecision).from_select(
            ["cycle_id", "household_id", "eligible", "reasons", "decided_at", "facts_number"],
            select(
                literal(opening.cycle_id),
                facts.c.household_id,
                func.jsonb_array_length(judged.c.reasons) == 0,
                judged.c.reasons,
                literal(clock.now(), DateTime(timezone=True)),
                judged.c.number,
            ).join_from(facts, judged, same),
            include_defaults=False,
        )
    )


def _owe(session: Session, opening: Opening, combinations: Sequence[Combination]) -> None:
    """Write what is owed by the decisions that are there, and which earlier periods it makes up for."""
    owed = owed_table(combinations)
    decided = and_(
        EligibilityDecision.cycle_id == opening.cycle_id,
        EligibilityDecision.facts_number == owed.c.number,
    )
    columns: dict[str, Any] = {
        "id": ids.fresh_in_sql(),
        "cycle_id": literal(opening.cycle_id),
        "programme_id": literal(opening.programme_id),
        "period": literal(str(opening.period), String),
        "household_id": EligibilityDecision.household_id,
        "component": owed.c.component,
        "amount_minor": owed.c.amount_minor,
        "currency": literal(opening.definition.currency, String),
        "trace": owed.c.trace,
        "once": owed.c.once,
    }
    session.execute(
        insert(Entitlement).from_select(
            list(columns),
            select(*columns.values()).select_from(EligibilityDecision).join(owed, decided),
            include_defaults=False,
        )
    )
    covers = [
        {"number": each.number, "period": period}
        for each in combinations
        for owed_so in each.judgement.owed
        for period in owed_so.covers
    ]
    if covers:
        covered = _table("covered", covers, number=BigInteger, period=Text)
        session.execute(
            insert(ArrearsPaid).from_select(
                ["programme_id", "household_id", "period", "cycle_id"],
                select(
                    literal(opening.programme_id), EligibilityDecision.household_id, covered.c.period,
                    literal(opening.cycle_id),
                )
                .select_from(EligibilityDecision)
                .join(covered, EligibilityDecision.facts_number == covered.c.number)
                .where(EligibilityDecision.cycle_id == opening.cycle_id),
                include_defaults=False,
            )
        )  # fmt: skip


def _table(name: str, rows: Sequence[Mapping[str, object]], **kinds: type[Any]) -> FromClause:
    """These rows as a table in SQL."""
    return (
        func.jsonb_to_recordset(bindparam(None, list(rows), JSONB))
        .table_valued(*(column(each, kind) for each, kind in kinds.items()))
        .render_derived(name=name, with_types=True)
    )
