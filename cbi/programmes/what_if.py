"""What would change, before anybody saves it: other points, thresholds or amounts, for every household and in money.

Nothing is written. Answers are opened by the engine for the sum, and nobody is shown whose they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import Invalid
from cbi.ledger.chart import BUDGET, FUND
from cbi.money import Money
from cbi.offices import office_of
from cbi.programmes import definition as definitions
from cbi.programmes import queries
from cbi.programmes.definition import Definition
from cbi.programmes.eligibility import Facts
from cbi.programmes.models import Programme
from cbi.programmes.observing import as_facts, observed
from cbi.programmes.opening import Opening
from cbi.programmes.periods import Period
from cbi.programmes.value_costs import Cost, held, owed_in, periods_left
from cbi.programmes.what_if_tables import Head, Household, Table, tables
from cbi.registry.models import Household as Registered
from cbi.registry.models import Person
from cbi.registry.scorecards import landing, scoring, versions
from cbi.registry.scorecards.definition import Form, Scorecard
from cbi.registry.scorecards.models import AnswerKey, Assessment
from cbi.registry.scorecards.sealing import AnswerSealer, place
from cbi.registry.text import folded
from cbi.settings import settings

_CHUNK = 5_000
LONG_FORM = "(long form)"
"""What stands for a band where the short form would flag the household."""


class NothingToCompare(Invalid):
    """Neither another scorecard nor other rules of a programme were given."""

    code = "what_if.nothing"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would change. `assessed` households were scored anew; `unknown` of the scorecard's could not be, because the
    file asks what they were not asked, or their answers were erased. `cost` only where a programme was named.
    """

    scorecard: str | None
    programme: str | None
    assessed: int
    unknown: int
    moves: tuple[tuple[str, str, int], ...]
    """Band before, band after, households; those that stay, too."""
    tables: tuple[Table, ...]
    cost: Cost | None


def what_if(
    session: Session,
    actor: Actor,
    *,
    scorecard: Scorecard | None = None,
    programme: str | None = None,
    rules: str | None = None,
) -> WhatIf:
    """Compare what is with what another scorecard, a programme file (`rules`, its text), or both would make.

    Numbers of one to four households show only to whoever may open assessments. Raises NothingToCompare,
    ProgrammeFileErrors, UnknownScorecard, UnknownProgramme, NotPermitted.
    """
    actor.require(Permission.SCORECARD_PROPOSE)
    if scorecard is None and rules is None:
        raise NothingToCompare(
            "There is nothing to compare.",
            next_step="Give a changed scorecard file, a changed programme file (--rules), or both.",
        )
    after_rules = definitions.read(rules, settings().providers) if rules else None
    code = programme or (after_rules.programme.code if after_rules else None)
    before_bands: dict[UUID, str] = {}
    after_bands: dict[UUID, str] = {}
    key, unknown, name = "", 0, None
    if scorecard is not None:
        kept = versions.find(session, scorecard.code)
        key, name = kept.key, kept.code
        before_bands, after_bands, unknown = _rescored(session, kept, scorecard)
    moves = _moves(before_bands, after_bands)
    households = _households(session, before_bands | after_bands)
    cost = None
    if code is not None:
        found = queries.find(session, code)
        actor.require(Permission.PROGRAMME_READ, found.code)
        before = queries.definition(session, found)
        after = after_rules or before
        if before.currency != after.currency:
            raise NothingToCompare(
                "The two files pay in different currencies.", next_step="Keep the programme's."
            )
        cost, paid = _paid(session, found, before, after, key, after_bands)
        households = [_with_amounts(each, *paid) for each in households]
    elif scorecard is not None:
        orders = {band.name: order for order, band in enumerate(scorecard.bands)}
        households = [
            replace(each, moved=orders.get(each.band, -1) - orders.get(before_bands[each.id], -1))
            for each in households
            if each.id in before_bands
        ]
    small = actor.may(Permission.ASSESSMENT_OPEN)
    return WhatIf(
        name, code, len(after_bands), unknown, moves if small else _hidden(moves),
        tables(households, by_band=scorecard is not None, small=small),
        cost,
    )  # fmt: skip


def _rescored(
    session: Session, kept: versions.Kept, card: Scorecard
) -> tuple[dict[UUID, str], dict[UUID, str], int]:
    """The band of each household that was assessed with the scorecard, as it is and as the file would make it."""
    before: dict[UUID, str] = {}
    after: dict[UUID, str] = {}
    unknown = 0
    sealer = AnswerSealer(office_of(session).keys)
    asked = {form: {each.name for each in card.asked(form)} for form in Form}
    newest = (
        select(Assessment.id)
        .ext(distinct_on(Assessment.household_id))
        .where(Assessment.scorecard == kept.code, landing.counts())
        .order_by(Assessment.household_id, Assessment.id.desc())
        .subquery()
    )
    rows = session.execute(
        select(
            Assessment.household_id, Assessment.version, Assessment.form, Assessment.assessed_on,
            Assessment.band, Assessment.content, Assessment.person_id, Person.data_key,
            AnswerKey.id, AnswerKey.data_key,
        )
        .join(newest, newest.c.id == Assessment.id)
        .outerjoin(Person, Person.id == Assessment.person_id)
        .outerjoin(AnswerKey, AnswerKey.assessment_id == Assessment.id)
        .execution_options(yield_per=_CHUNK)
    )  # fmt: skip
    for household, version, form, on, band, content, person, data_key, *own in rows:
        before[household] = band or LONG_FORM
        if data_key is None:
            unknown += 1
            continue
        where = place(household, kept.code, version, form, on)
        opened = sealer.open(person, data_key, where, content, *own)
        if "answers" not in opened:
            unknown += 1
            continue
        which = Form(form) if card.short or form == Form.LONG else Form.LONG
        answers = {
            name: answer for name, answer in opened["answers"].items() if name in asked[which]
        }
        try:
            made = scoring.score(card, which, answers, opened["facts"])
        except scoring.CannotScore:
            unknown += 1
            continue
        after[household] = made.band or LONG_FORM
    return before, after, unknown


def _moves(
    before: Mapping[UUID, str], after: Mapping[UUID, str]
) -> tuple[tuple[str, str, int], ...]:
    counted: dict[tuple[str, str], int] = {}
    for household, band in after.items():
        pair = before[household], band
        counted[pair] = counted.get(pair, 0) + 1
    return tuple((was, becomes, count) for (was, becomes), count in sorted(counted.items()))


def _hidden(moves: tuple[tuple[str, str, int], ...]) -> tuple[tuple[str, str, int], ...]:
    """The same with 0 for numbers of one to four; a 0 among moves can mean nothing else."""
    return tuple((was, becomes, count if count >= 5 else 0) for was, becomes, count in moves)


def _with_amounts(
    household: Household, now: Mapping[UUID, int], then: Mapping[UUID, int]
) -> Household:
    before, after = now.get(household.id, 0), then.get(household.id, 0)
    moved = int(before == 0 < after) - int(after == 0 < before)
    return replace(household, moved=moved, before=before, after=after)


def _households(session: Session, bands: Mapping[UUID, str]) -> list[Household]:
    """Every household with its head, its area and the band that it would be in."""
    head = (
        select(Person.household_id, Person.sex, Person.born_year)
        .ext(distinct_on(Person.household_id))
        .where(Person.gone.is_(None))
        .order_by(Person.household_id, Person.is_head.desc(), Person.is_recipient.desc(), Person.id)
        .subquery()
    )
    rows = session.execute(
        select(Registered.id, Registered.area, head.c.sex, head.c.born_year)
        .outerjoin(head, head.c.household_id == Registered.id)
        .execution_options(yield_per=_CHUNK)
    )
    year = clock.today(office_of(session).timezone).year
    return [
        Household(
            household, area or "", Head.of(sex, year - born if born else None),
            bands.get(household, ""),
        )
        for household, area, sex, born in rows
    ]  # fmt: skip


def _paid(
    session: Session,
    programme: Programme,
    before: Definition,
    after: Definition,
    key: str,
    bands: Mapping[UUID, str],
) -> tuple[Cost, tuple[dict[UUID, int], dict[UUID, int]]]:
    """What each household would get in a cycle now and then, in minor units, and what that comes to."""
    left = list(periods_left(session, programme, after))
    period = left[0] if left else after.schedule.last
    if before.digest() == after.digest():
        now, then = _owed(session, programme, before, period, key, ({}, bands))
    else:
        (now,) = _owed(session, programme, before, period, key, ({},))
        (then,) = _owed(session, programme, after, period, key, (bands,))
    currency = after.currency
    cost = Cost(
        whom=f"period {period}", households=len(then), now=Money(sum(now.values()), currency),
        then=Money(sum(then.values()), currency), cycles_left=len(left),
        available=held(session, programme, BUDGET.code, currency),
        unallocated=held(session, programme, FUND.code, currency),
    )  # fmt: skip
    return cost, (now, then)


def _owed(
    session: Session,
    programme: Programme,
    rules: Definition,
    period: Period,
    key: str,
    overrides: Sequence[Mapping[UUID, str]],
) -> list[dict[UUID, int]]:
    """What the rules owe each household, once for each set of bands to take in the registry's place.

    Households differ in few combinations of facts, and each is judged once.
    """
    found: list[dict[UUID, int]] = [{} for _ in overrides]
    words = rules.bands_that_matter
    judged: dict[tuple[int, tuple[tuple[str, str], ...] | None], int] = {}
    facts: dict[int, Facts] = {}
    for household, number, row in _observed(session, programme, rules, period):
        if number not in facts:
            facts[number] = replace(Facts.of(row), missed=())
        for override, amounts in zip(overrides, found, strict=True):
            band = override.get(household)
            bands = None if band is None else _with(facts[number].bands, key, folded(band), words)
            if (number, bands) not in judged:
                now = facts[number] if bands is None else replace(facts[number], bands=bands)
                judged[number, bands] = owed_in(now, period.days, rules).minor
            if amount := judged[number, bands]:
                amounts[household] = amount
    return found


def _with(
    bands: Sequence[tuple[str, str]], key: str, band: str, words: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    rest = [pair for pair in bands if pair[0] != key]
    return tuple(sorted([*rest, (key, band)] if band in words else rest))


def _observed(
    session: Session, programme: Programme, rules: Definition, period: Period
) -> Iterator[tuple[UUID, int, Mapping[str, Any]]]:
    """Every household with the number of its combination of facts, and the facts where they are new."""
    opening = Opening(uuid4(), programme.id, period, programme.version, rules)
    table = as_facts(session, observed(opening, forecast=True).subquery("observed"), rules)
    names = [each.name for each in table.c if each.name != "household_id"]
    columns = [table.c[name] for name in names]
    number = func.dense_rank().over(order_by=columns).label("combination")
    with db.planned_for_sets(session):
        rows = session.execute(
            select(table.c.household_id, number, *columns), execution_options={"yield_per": _CHUNK}
        )
        for household, combination, *told in rows:
            yield household, combination, dict(zip(names, told, strict=True))
