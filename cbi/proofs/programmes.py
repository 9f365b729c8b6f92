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
        "SELECT e.household_id FROM enrolments e WHERE e.confirmed_by IS NOT NULL AND (e.confirmed_by = e.noted_by"
        " OR NOT EXISTS (SELECT FROM audit_entries a WHERE a.subject_kind = 'household'"
        " AND a.act = 'enrolment.confirmed' AND a.actor_id = e.confirmed_by AND a.subject_id = e.household_id::text"
        " AND a.details ->> 'enrolment' = e.id::text AND a.details ->> 'starts_on' = coalesce(e.starts_on::text, 'None')"
        " AND a.details ->> 'ends_on' = coalesce(e.ends_on::text, 'None'))"
        # Or they went, as they were, with who split off from the household that they were confirmed for.
        " AND NOT EXISTS (SELECT FROM enrolments o JOIN changed_households c ON c.household_id = o.household_id"
        " AND c.change_id = e.carried_by WHERE o.id < e.id AND o.household_id <> e.household_id AND (o.programme_id,"
        " o.starts_on, o.ends_on, o.noted_by, o.noted_at, o.confirmed_by, o.confirmed_at) IS NOT DISTINCT FROM"
        " (e.programme_id, e.starts_on, e.ends_on, e.noted_by, e.noted_at, e.confirmed_by, e.confirmed_at)))",
    ),
    none_of(
        "household {household_id}: the end of a suspension was confirmed by whoever ended it, or not as the audit log says",
        "SELECT s.household_id FROM suspensions s WHERE s.confirmed_by IS NOT NULL AND (s.confirmed_by = s.resumed_by"
        " OR NOT EXISTS (SELECT FROM audit_entries a WHERE a.subject_kind = 'household'"
        " AND a.act = 'enrolment.resumption_confirmed' AND a.actor_id = s.confirmed_by"
        " AND a.subject_id = s.household_id::text AND a.details ->> 'suspension' = s.id::text"
        " AND a.details ->> 'on' = s.resumes_on::text AND a.details ->> 'was_wrong' = s.was_wrong::text)"
        # Or it went, as it was, with who parted from the household that it was confirmed for.
        " AND NOT EXISTS (SELECT FROM suspensions o WHERE o.id = s.carried_from AND (o.resumes_on, o.was_wrong,"
        " o.resumed_by, o.resumed_at, o.confirmed_by, o.confirmed_at) IS NOT DISTINCT FROM (s.resumes_on, s.was_wrong,"
        " s.resumed_by, s.resumed_at, s.confirmed_by, s.confirmed_at)))",
    ),
    none_of(
        "household {household_id}: {period} was made up for by the end of a suspension that nobody confirmed",
        "SELECT a.household_id, a.period FROM arrears_paid a JOIN cycles paid ON paid.id = a.cycle_id"
        " JOIN cycles c ON c.programme_id = a.programme_id AND c.period = a.period"
        " JOIN suspensions s ON s.programme_id = a.programme_id AND s.household_id = a.household_id"
        " WHERE s.needs_second AND s.confirmed_by IS NULL AND s.begins_on <= c.starts_on"
        " AND c.opened_at <= s.resumed_at AND paid.opened_at > s.resumed_at",
    ),
    none_of(
        "household {subject_id}: what reaches back since {since} takes no second person any more",
        "SELECT a.subject_id, a.details ->> 'on' AS since FROM audit_entries a"
        " JOIN programmes p ON p.code = a.details ->> 'programme' WHERE a.subject_kind = 'household'"
        " AND a.act IN ('enrolment.start', 'enrolment.end', 'enrolment.resume') AND a.details ->> 'held' = 'true'"
        " AND NOT EXISTS (SELECT FROM suspensions s WHERE a.act = 'enrolment.resume' AND s.needs_second"
        " AND s.programme_id = p.id AND s.household_id::text = a.subject_id AND s.resumed_by = a.actor_id"
        " AND s.resumes_on::text = a.details ->> 'on')"
        " AND NOT EXISTS (SELECT FROM enrolments e WHERE a.act <> 'enrolment.resume' AND e.needs_second"
        " AND e.programme_id = p.id AND e.household_id::text = a.subject_id AND e.noted_by = a.actor_id"
        " AND CASE a.act WHEN 'enrolment.start' THEN e.starts_on ELSE e.ends_on END::text = a.details ->> 'on')",
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
