"""What the next cycle would make up for to a household, if what waits for a second person were confirmed."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.money import Money
from cbi.programmes import deciding, queries
from cbi.programmes.eligibility import Facts
from cbi.programmes.judging import Owed
from cbi.programmes.models import Programme
from cbi.programmes.observing import as_facts, observed
from cbi.programmes.opening import Opening
from cbi.programmes.periods import Period
from cbi.programmes.stipend_terms import ARREARS
from cbi.programmes.taking_part import missed
from cbi.programmes.value_costs import periods_left
from cbi.registry.models import Household


@dataclass(frozen=True, slots=True)
class MadeUp:
    """What the cycle of `period` owes a household for earlier ones: as things stand, and once it is confirmed.

    `trace` is how the latter comes to that. `is_in`: whether the household is in for that cycle by what is known today.
    """

    period: Period
    before: Money
    after: Money
    trace: str
    is_in: bool


def made_up(
    session: Session, programme: Programme, household_id: UUID, confirmed: int | UUID
) -> MadeUp | None:
    """By the rules and facts of today; None where no cycle is left that could make up for anything.

    `confirmed`: the number of days that wait, or the id of a suspension whose end waits.
    """
    definition = queries.definition(session, programme)
    period = next(periods_left(session, programme, definition), None)
    if period is None or definition.stipend is None or not definition.stipend.arrears:
        return None
    opening = Opening(uuid4(), programme.id, period, programme.version, definition)
    household = observed(opening).where(Household.id == household_id).subquery("household")
    facts = as_facts(session, household, definition)
    row = session.execute(
        select(*(each for each in facts.c if each.name != "household_id"))
    ).one_or_none()
    zero = Money.zero(definition.currency)
    if row is None:  # the clock was set back to before it was registered
        return MadeUp(period, zero, zero, "", is_in=False)
    then = missed(
        programme.id, period.starts_before(definition.stipend.arrears), period.starts_on,
        by_day=definition.stipend.by_day, confirmed=confirmed,
    )  # fmt: skip
    told = session.scalar(select(then.c.missed).where(then.c.household_id == household_id))
    now = dict(row._mapping)
    both = {1: Facts.of(now), 2: Facts.of(now | {"missed": told or []})}
    before, after = (each.judgement for each in deciding.combined(session, opening, both))
    nothing = Owed(ARREARS, zero, "")
    was, then_owed = (
        next((owed for owed in each.owed if owed.component == ARREARS), nothing)
        for each in (before, after)
    )
    return MadeUp(period, was.amount, then_owed.amount, then_owed.trace, is_in=not after.reasons)
