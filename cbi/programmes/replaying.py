"""Works a cycle out again from the facts that were kept beside its decisions, and compares."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Text, and_, func, literal, or_, select
from sqlalchemy.orm import Session

from cbi import db
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.programmes import queries, work_paying
from cbi.programmes.deciding import Combination, combined, judged_table, owed_table
from cbi.programmes.eligibility import Facts
from cbi.programmes.models import Cycle, DecidedFacts, EligibilityDecision, Entitlement, Programme
from cbi.programmes.opening import Opening
from cbi.programmes.periods import Period

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Differing:
    """A household of which something else comes out. `component` is empty where the decision itself differs."""

    household_id: UUID
    component: str
    kept: str
    again: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it. `not_kept` counts decisions that were made before facts were kept, and cannot be made again."""

    programme: str
    period: str
    version: int
    combinations: int
    decisions: int
    not_kept: int
    differing: int
    examples: tuple[Differing, ...]
    """At most 20 of those that differ."""


def replay(session: Session, actor: Actor, programme: str, period: str) -> Replay:
    """Decide every combination of a cycle's facts anew under the rules it was opened under, and compare each decision,
    amount and trace with what stands. It changes nothing. Raises UnknownProgramme, UnknownCycle.
    """
    actor.require(Permission.PROGRAMME_READ, programme)
    cycle, found = queries.cycle(session, queries.cycle_id(session, programme, period))
    with db.planned_for_sets(session):
        return replay_cycle(session, cycle, found)


def replay_cycle(session: Session, cycle: Cycle, programme: Programme) -> Replay:
    """The same for a cycle at hand."""
    definition = queries.definition(session, programme, cycle.version)
    opening = Opening(cycle.id, programme.id, Period.parse(cycle.period), cycle.version, definition)
    kept = session.execute(
        select(DecidedFacts.number, DecidedFacts.facts).where(DecidedFacts.cycle_id == cycle.id)
    )
    combinations = combined(session, opening, {number: Facts.of(facts) for number, facts in kept})
    decisions, not_kept = session.execute(
        select(
            func.count(),
            func.count().filter(EligibilityDecision.facts_number.is_(None)),
        ).where(EligibilityDecision.cycle_id == cycle.id)
    ).one()
    differing, examples = 0, list[Differing]()
    for each in _differing(session, opening, combinations):
        differing += 1
        if len(examples) < SHOWN:
            examples.append(each)
    return Replay(
        programme=programme.code, period=cycle.period, version=cycle.version, combinations=len(combinations),
        decisions=decisions, not_kept=not_kept, differing=differing, examples=tuple(examples),
    )  # fmt: skip


def _differing(
    session: Session, opening: Opening, combinations: list[Combination]
) -> Iterator[Differing]:
    judged = judged_table(combinations)
    decided = EligibilityDecision
    rows = session.execute(
        select(decided.household_id, decided.reasons, judged.c.reasons)
        .outerjoin(judged, decided.facts_number == judged.c.number)
        .where(
            decided.cycle_id == opening.cycle_id,
            decided.facts_number.is_not(None),
            or_(
                judged.c.number.is_(None),
                decided.reasons != judged.c.reasons,
                decided.eligible != (func.jsonb_array_length(judged.c.reasons) == 0),
            ),
        )
        .execution_options(yield_per=1000)
    )
    for household, was, now in rows:
        yield Differing(household, "", _reasons(was), _reasons(now))
    if opening.definition.work is None:
        yield from _owed_otherwise(session, opening, combinations)
        return
    currency = opening.definition.currency
    for each in work_paying.differing(session, opening.cycle_id, currency):
        yield Differing(*each)


def _owed_otherwise(
    session: Session, opening: Opening, combinations: list[Combination]
) -> Iterator[Differing]:
    """Entitlements that do not come out, come out as something else, or come out and are not there."""
    owed = owed_table(combinations)
    decided = (
        select(EligibilityDecision.household_id, EligibilityDecision.facts_number)
        .where(EligibilityDecision.cycle_id == opening.cycle_id)
        .subquery("decided")
    )
    again = (
        select(
            decided.c.household_id, owed.c.component, owed.c.amount_minor, owed.c.trace, owed.c.once
        )
        .join_from(decided, owed, decided.c.facts_number == owed.c.number)
        .subquery("again")
    )
    stands = (
        select(
            Entitlement.household_id, Entitlement.component, Entitlement.amount_minor, Entitlement.trace,
            Entitlement.once, Entitlement.currency,
        )
        .outerjoin(decided, decided.c.household_id == Entitlement.household_id)
        .where(
            Entitlement.cycle_id == opening.cycle_id, Entitlement.top_up_id.is_(None),
            # Who was decided before facts were kept has nothing to compare with; who was never decided differs.
            or_(decided.c.household_id.is_(None), decided.c.facts_number.is_not(None)),
        )
        .subquery("stands")
    )  # fmt: skip
    both = and_(
        stands.c.household_id == again.c.household_id, stands.c.component == again.c.component
    )
    same = and_(
        stands.c.amount_minor == again.c.amount_minor,
        stands.c.trace == again.c.trace,
        stands.c.once == again.c.once,
        stands.c.currency == opening.definition.currency,
    )
    rows = session.execute(
        select(
            func.coalesce(stands.c.household_id, again.c.household_id),
            func.coalesce(stands.c.component, again.c.component),
            func.coalesce(stands.c.trace, literal("nothing", Text)),
            func.coalesce(again.c.trace, literal("nothing", Text)),
        )
        .select_from(stands.join(again, both, full=True))
        .where(func.coalesce(same, False).is_(False))
        .execution_options(yield_per=1000)
    )
    for household, component, was, now in rows:
        yield Differing(household, component, was, now)


def _reasons(reasons: list[str] | None) -> str:
    if reasons is None:
        return "no facts were kept"
    return ", ".join(reasons) or "eligible"
