"""A top-up by the rules: what a cycle's own rules make of facts that became known after it was opened."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, String, and_, cast, exists, func, insert, literal, select, true
from sqlalchemy.orm import Session

from cbi import db
from cbi.access.actor import Actor
from cbi.errors import Conflict
from cbi.money import LARGEST_MINOR
from cbi.programmes import deciding, top_ups
from cbi.programmes.eligibility import Facts
from cbi.programmes.models import Entitlement
from cbi.programmes.observing import as_facts, observed
from cbi.programmes.opening import Opening
from cbi.programmes.periods import Period
from cbi.programmes.top_up_lists import UnusableTopUp
from cbi.programmes.top_up_models import TopUp, TopUpRow
from cbi.registry.linkage import staff
from cbi.registry.naming import by_number


class NothingMore(Conflict):
    """The rules make nothing more of what is known today."""

    code = "top_up.nothing_more"


def propose(
    session: Session,
    actor: Actor,
    cycle_id: UUID,
    *,
    reason: str,
    reference: str,
    households: Collection[str] = (),
) -> TopUp:
    """Propose what households of a stipend's cycle would be owed more, decided by its rules with today's facts.

    `households`: only these (registration numbers); none named means all that the cycle owes something. Whoever would be
    owed less keeps what it is owed. Raises as `top_ups.propose`, OwnRecord and NothingMore.
    """
    cycle, programme, definition = top_ups.begin(session, actor, cycle_id)
    if definition.stipend is None:
        raise NothingMore(
            "Only a stipend is worked out anew by its rules.",
            next_step="Name the households in a list, with what each is owed on top.",
        )
    chosen = _named(session, actor, households)
    opening = Opening(cycle.id, programme.id, Period.parse(cycle.period), cycle.version, definition)
    taking = observed(opening).into("observed_again", temporary=True)
    with db.planned_for_sets(session):
        session.execute(taking)
    facts = as_facts(session, taking.table, definition)
    names = [each.name for each in facts.c if each.name != "household_id"]
    found = session.execute(select(*(facts.c[name] for name in names)).distinct())
    # The ceiling is looked at for the top-up as a whole, and arrears are the next cycle's.
    numbered = {number: Facts.of(dict(row)) for number, row in enumerate(found.mappings(), 1)}
    anew = deciding.combined(
        session, opening,
        {number: replace(each, room=LARGEST_MINOR, missed=()) for number, each in numbered.items()},
    )  # fmt: skip
    as_found = [replace(each, facts=numbered[each.number]) for each in anew]
    judged = deciding.judged_table(as_found, names)
    owed = deciding.owed_table(anew)
    same = [facts.c[name] == judged.c[name] for name in names]
    before = (
        select(Entitlement.household_id, cast(func.sum(Entitlement.amount_minor), BigInteger).label("minor"))
        .where(
            Entitlement.cycle_id == cycle.id,
            (Entitlement.component == definition.stipend.component) | Entitlement.top_up_id.is_not(None),
        )
        .group_by(Entitlement.household_id)
        .subquery("before")
    )  # fmt: skip
    all_owed = (
        select(Entitlement.household_id, cast(func.sum(Entitlement.amount_minor), BigInteger).label("minor"))
        .where(Entitlement.cycle_id == cycle.id)
        .group_by(Entitlement.household_id)
        .subquery("all_owed")
    )  # fmt: skip
    top_up_id = uuid4()
    rows = (
        select(
            literal(top_up_id), facts.c.household_id, all_owed.c.minor, owed.c.amount_minor - before.c.minor,
            literal(programme.currency, String), owed.c.trace,
        )
        .select_from(facts)
        .join(judged, and_(true(), *same))
        .join(owed, owed.c.number == judged.c.number)
        .join(before, before.c.household_id == facts.c.household_id)
        .join(all_owed, all_owed.c.household_id == facts.c.household_id)
        .where(owed.c.component == definition.stipend.component, owed.c.amount_minor > before.c.minor)
    )  # fmt: skip
    if households:
        rows = rows.where(facts.c.household_id.in_(chosen))
    with db.planned_for_sets(session):
        session.execute(
            insert(TopUpRow).from_select(
                ["top_up_id", "household_id", "before_minor", "amount_minor", "currency", "reason"], rows,
                include_defaults=False,
            )
        )  # fmt: skip
    taking.table.drop(session.connection())
    if not session.scalar(select(exists().where(TopUpRow.top_up_id == top_up_id))):
        raise NothingMore(
            f"The rules of {programme.code} {cycle.period} make nothing more of what is known today.",
            next_step="Record first what became known, such as a need of a household.",
        )
    return top_ups.finish(
        session, actor, cycle, programme, definition, top_up_id, top_ups.RULES, reason, reference
    )


def _named(session: Session, actor: Actor, households: Collection[str]) -> list[UUID]:
    known = by_number(session, households)
    homes = [each.id for each in known.values() if not isinstance(each, str)]
    own = staff.own_among(session, actor, homes)
    problems = [
        ("", each if isinstance(each, str) else f"{number} may be your own household.")
        for number, each in known.items()
        if isinstance(each, str) or each.id in own
    ]
    if problems:
        raise UnusableTopUp(problems)
    return homes
