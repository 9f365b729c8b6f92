"""What the next cycle would make up for to households, if what waits for a second person were confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from cbi.money import Money
from cbi.programmes import deciding, queries
from cbi.programmes.confirming import Days
from cbi.programmes.eligibility import Facts
from cbi.programmes.judging import Judgement, Owed
from cbi.programmes.models import Programme
from cbi.programmes.observing import as_facts, observed
from cbi.programmes.opening import Opening
from cbi.programmes.periods import Period
from cbi.programmes.resuming import Resumed
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
    session: Session, programme: Programme, waiting: Sequence[tuple[int | UUID, UUID]]
) -> Mapping[int | UUID, MadeUp]:
    """By the rules and facts of today, for each by itself; none where no cycle is left that could make up for anything.

    `waiting`: the number of days that wait, or the id of a suspension whose end waits, each with its household.
    """
    definition = queries.definition(session, programme)
    period = next(periods_left(session, programme, definition), None)
    if (
        not waiting
        or period is None
        or definition.stipend is None
        or not definition.stipend.arrears
    ):
        return {}
    opening = Opening(uuid4(), programme.id, period, programme.version, definition)
    homes = any_(bindparam(None, [home for _, home in waiting], ARRAY(Uuid)))
    households = observed(opening).where(Household.id == homes).subquery("households")
    facts = {
        row["household_id"]: {name: value for name, value in row.items() if name != "household_id"}
        for row in session.execute(select(as_facts(session, households, definition))).mappings()
    }
    since = period.starts_before(definition.stipend.arrears)
    then = _then(session, opening, since, waiting)
    numbered: dict[int, Facts] = {}
    for at, (what, home) in enumerate(waiting):
        if now := facts.get(home):  # none where the clock was set back to before it was registered
            numbered |= {2 * at: Facts.of(now), 2 * at + 1: Facts.of(now | {"missed": then[what]})}
    judged = {each.number: each.judgement for each in deciding.combined(session, opening, numbered)}
    zero = Money.zero(definition.currency)
    found = {}
    for at, (what, _) in enumerate(waiting):
        before, after = judged.get(2 * at), judged.get(2 * at + 1)
        if before is None or after is None:
            found[what] = MadeUp(period, zero, zero, "", is_in=False)
        else:
            was, owed = _arrears(before, zero), _arrears(after, zero)
            found[what] = MadeUp(
                period, was.amount, owed.amount, owed.trace, is_in=not after.reasons
            )
    return found


def of_listed(
    session: Session, programme: str, listed: Sequence[Days | Resumed]
) -> Mapping[int | UUID, MadeUp]:
    """The same of all that waits in a programme, as `confirming` or `resuming` lists it."""
    found = queries.find(session, programme)
    return made_up(session, found, [(each.key, each.household_id) for each in listed])


def _then(
    session: Session, opening: Opening, since: date, waiting: Sequence[tuple[int | UUID, UUID]]
) -> Mapping[int | UUID, object]:
    """What each household would have missed, once this and nothing else of it is confirmed."""
    stipend = opening.definition.stipend
    found: dict[int | UUID, object] = {}
    left = list(waiting)
    while left:  # of one household one at a time
        these = {home: what for what, home in reversed(left)}
        told = missed(
            opening.programme_id, since, opening.period.starts_on,
            by_day=stipend is not None and stipend.by_day, confirmed=these.values(),
        )  # fmt: skip
        homes = any_(bindparam(None, list(these), ARRAY(Uuid)))
        rows = select(told.c.household_id, told.c.missed).where(told.c.household_id == homes)
        known = dict(session.execute(rows).all())
        found |= {what: known.get(home, []) for home, what in these.items()}
        left = [(what, home) for what, home in left if what not in found]
    return found


def _arrears(judged: Judgement, zero: Money) -> Owed:
    return next(
        (owed for owed in judged.owed if owed.component == ARREARS), Owed(ARREARS, zero, "")
    )
