"""Promises about what is owed: what the rules say of the facts that were kept, and what is owed once, once."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.programmes.models import Cycle, Programme
from cbi.programmes.replaying import replay_cycle
from cbi.proofs import top_ups
from cbi.proofs.promise import Breaches, none_of


def owed_by_the_rules(session: Session) -> Breaches:
    """Decide every cycle anew from its facts: the same reasons, amounts and calculations come out."""
    for cycle, programme in session.execute(
        select(Cycle, Programme).join(Programme).order_by(Cycle.opened_at)
    ).all():
        found = replay_cycle(session, cycle, programme)
        for each in found.examples:
            what = (
                f"is owed {each.kept!r} as {each.component}"
                if each.component
                else f"is decided {each.kept!r}"
            )
            yield (
                f"{programme.code} {cycle.period}: household {each.household_id} {what},"
                f" and its facts make {each.again!r}"
            )


owed_once = (
    none_of(
        "household {household_id} is owed {component} {times} times, which is owed once",
        "SELECT household_id, component, count(*) AS times FROM entitlements WHERE once"
        " GROUP BY programme_id, household_id, component HAVING count(*) > 1",
    ),
    none_of(
        "household {household_id}: what is owed for {period} again is in no arrears",
        "SELECT a.household_id, a.period FROM arrears_paid a WHERE NOT EXISTS (SELECT 1 FROM entitlements e"
        " WHERE e.cycle_id = a.cycle_id AND e.household_id = a.household_id AND e.component = 'arrears')",
    ),
    none_of(
        "household {household_id}: arrears in {period} make up for no period",
        "SELECT e.household_id, e.period FROM entitlements e WHERE e.component = 'arrears' AND NOT EXISTS"
        " (SELECT 1 FROM arrears_paid a WHERE a.cycle_id = e.cycle_id AND a.household_id = e.household_id)",
    ),
    none_of(
        "household {household_id}: two arrears make up for {period}",
        "SELECT household_id, period FROM arrears_paid GROUP BY programme_id, household_id, period"
        " HAVING count(*) > 1",
    ),
    none_of(
        "condition {condition} of household {household_id} was confirmed by whoever noted it",
        "SELECT condition, household_id FROM conditions_met WHERE decided_by = noted_by",
    ),
    none_of(
        "household {household_id}: days that reach back were confirmed by whoever noted them, or not as the audit log says",
        "SELECT e.household_id FROM enrolments e WHERE e.confirmed_by IS NOT NULL AND e.carried_by IS NULL"
        " AND (e.confirmed_by = e.noted_by OR NOT EXISTS (SELECT FROM audit_entries a WHERE a.subject_kind = 'household'"
        " AND a.act = 'enrolment.confirmed' AND a.actor_id = e.confirmed_by AND a.subject_id = e.household_id::text"
        " AND a.details ->> 'enrolment' = e.id::text AND a.details ->> 'starts_on' IS NOT DISTINCT FROM"
        " coalesce(e.starts_on::text, 'None')))",
    ),
    none_of(
        "the constraint {name} is missing or not valid",
        "SELECT name FROM (VALUES ('uq_entitlements_once'), ('pk_arrears_paid'), ('uq_suspensions_open'),"
        " ('uq_conditions_met_once')) AS wanted(name) WHERE NOT EXISTS (SELECT 1 FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = wanted.name"
        " AND c.relnamespace = current_schema()::regnamespace AND i.indisunique AND i.indisvalid)",
    ),
    owed_by_the_rules,
    *top_ups.topped_up,
)
