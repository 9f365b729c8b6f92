"""That payments were tried anew or given up only by a person's decision, and that follow-up runs say what they follow."""

from cbi.proofs.parts import sent
from cbi.proofs.promise import none_of

_DECIDED = (
    "e.before IN ('failed', 'returned', 'expired') AND e.after = CASE d.remedy WHEN 'try_again' THEN 'ready'"
    " ELSE 'cancelled' END AND d.run_id = p.run_id"
)
_REST = sent("e.attempt")

decided = (
    none_of(
        "payment {payment_id} went from {before} to {after}, and nobody decided so",
        "SELECT e.payment_id, e.before, e.after FROM payment_events e JOIN payments p ON p.id = e.payment_id"
        " WHERE e.before IN ('failed', 'returned', 'expired') AND e.after IN ('ready', 'cancelled')"
        " AND NOT EXISTS (SELECT 1 FROM payment_decisions d"
        f" WHERE e.source = 'decision:' || d.id AND {_DECIDED})",
    ),
    none_of(
        "decision {id} moved {moved} payments of {total}, and says that it moved {payment_count} of {total_minor}",
        f"SELECT d.id, d.payment_count, d.total_minor, count(p.id) AS moved, coalesce(sum({_REST}), 0) AS total"
        " FROM payment_decisions d LEFT JOIN (payment_events e JOIN payments p ON p.id = e.payment_id)"
        f" ON e.source = 'decision:' || d.id AND {_DECIDED} GROUP BY d.id"
        f" HAVING (count(p.id), coalesce(sum({_REST}), 0)) <> (d.payment_count, d.total_minor)",
    ),
    none_of(
        "run {number}: user {user_id} made it and also decided what becomes of its payments",
        "SELECT r.number, d.decided_by AS user_id FROM payment_decisions d JOIN payment_runs r ON r.id = d.run_id"
        " JOIN run_parts p ON p.run_id = d.run_id AND p.user_id = d.decided_by WHERE p.part = 'maker'",
    ),
    none_of(
        "run {number}: the audit log does not say who decided about its payments ({id})",
        "SELECT r.number, d.id FROM payment_decisions d JOIN payment_runs r ON r.id = d.run_id WHERE NOT EXISTS"
        " (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'payment_run' AND e.subject_id = r.id::text"
        " AND e.act = 'payment_run.' || d.remedy AND e.actor_id = d.decided_by"
        " AND e.details ->> 'decision' = d.id::text)",
    ),
    none_of(
        "run {number} says that it pays {said} payments given up in run {earlier}; it pays {found}",
        "SELECT * FROM (SELECT r.number, x.number AS earlier, f.payment_count AS said, (SELECT count(*) FROM payments p"
        " WHERE p.run_id = f.run_id AND (p.live OR p.attempts > 0) AND EXISTS (SELECT 1 FROM payments g"
        " WHERE g.run_id = f.earlier_run_id AND g.entitlement_id = p.entitlement_id AND NOT g.live"
        " AND g.attempts > 0 AND NOT EXISTS (SELECT 1 FROM payments h JOIN payment_runs y ON y.id = h.run_id"
        " WHERE h.entitlement_id = g.entitlement_id AND NOT h.live AND h.attempts > 0"
        " AND y.number > x.number AND y.number < r.number))) AS found"
        " FROM follow_ups f JOIN payment_runs r ON r.id = f.run_id AND r.revision = f.revision"
        " JOIN payment_runs x ON x.id = f.earlier_run_id WHERE r.state NOT IN ('draft', 'cancelled')) f"
        " WHERE said <> found",
    ),
)
