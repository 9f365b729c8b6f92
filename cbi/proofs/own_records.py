"""Promises about staff and tellers who may be recipients: no hand of theirs was on their own record, payment or approval.

A finding counts from when it was made until somebody else found it to be a namesake; an approval, and a top-up by the rules,
is refused only once somebody else found it to be them.
"""

from cbi.proofs.promise import Check, none_of


def _home(at: str) -> str:
    """The household that the person of a finding belonged to at that instant."""
    return (
        "coalesce((SELECT c.household_after FROM changed_persons c JOIN household_changes h ON h.id = c.change_id"
        f" WHERE c.person_id = p.id AND h.recorded_at < {at} ORDER BY c.id DESC LIMIT 1), p.registered_in, p.household_id)"
    )


def _counted(at: str) -> str:
    """Whether the finding held somebody back at that instant."""
    return f"m.found_at < {at} AND (m.decision IS DISTINCT FROM 'different' OR m.decided_at > {at})"


_MATCHES = "staff_matches m JOIN persons p ON p.id = m.person_id"


def _top_ups(done: str, by: str, at: str, which: str = "true") -> Check:
    """That nobody did so with a top-up that names their own household."""
    return none_of(
        f"top-up {{id}} was {done} by somebody whose own household it may pay",
        f"SELECT t.id FROM {_MATCHES} JOIN top_ups t ON m.staff_kind = 'user' AND t.{by} = m.staff_id"
        f" AND CASE t.basis WHEN 'list' THEN {_counted(f't.{at}')}"
        f" ELSE m.decision = 'same' AND m.decided_at < t.{at} END"
        # One row is looked up for each, however long the list is.
        f" WHERE {which} AND EXISTS (SELECT 1 FROM top_up_rows r WHERE r.top_up_id = t.id"
        f" AND r.household_id = {_home(f't.{at}')} OFFSET 0)",
    )


no_hand_on_their_own = (
    none_of(
        "payment {payment_id} was handed over by a teller who may belong to its household",
        f"SELECT o.payment_id FROM {_MATCHES} JOIN payouts o ON m.staff_kind = 'teller' AND o.teller_id = m.staff_id"
        f" JOIN payments y ON y.id = o.payment_id WHERE {_counted('o.paid_at')}"
        f" AND (y.person_id = p.id OR y.household_id = {_home('o.paid_at')})",
    ),
    none_of(
        "run {run_id} was signed by somebody whose household it pays",
        f"SELECT a.run_id FROM {_MATCHES} JOIN approvals a ON m.staff_kind = 'user' AND a.user_id = m.staff_id"
        " WHERE m.decision = 'same' AND m.decided_at < a.approved_at AND EXISTS (SELECT 1 FROM payments y"
        f" WHERE y.run_id = a.run_id AND (y.person_id = p.id OR y.household_id = {_home('a.approved_at')}))",
    ),
    none_of(
        "change {id} of a household was made by somebody who may belong to it",
        f"SELECT d.id FROM {_MATCHES} JOIN household_changes d ON m.staff_kind = 'user'"
        f" AND coalesce(d.confirmed_by, d.recorded_by) = m.staff_id WHERE {_counted('d.recorded_at')}"
        " AND EXISTS (SELECT 1 FROM changed_households w WHERE w.change_id = d.id"
        f" AND w.household_id = {_home('d.recorded_at')})",
    ),
    none_of(
        "household {household_id}: days that reach back were confirmed by somebody who may belong to it",
        f"SELECT e.household_id FROM {_MATCHES} JOIN enrolments e ON m.staff_kind = 'user'"
        f" AND e.confirmed_by = m.staff_id WHERE e.carried_by IS NULL AND {_counted('e.confirmed_at')}"
        f" AND e.household_id = {_home('e.confirmed_at')}",
    ),
    none_of(
        "household {household_id}: the end of a suspension was confirmed by somebody who may belong to it",
        f"SELECT s.household_id FROM {_MATCHES} JOIN suspensions s ON m.staff_kind = 'user'"
        f" AND s.confirmed_by = m.staff_id WHERE s.carried_by IS NULL AND {_counted('s.confirmed_at')}"
        f" AND s.household_id = {_home('s.confirmed_at')}",
    ),
    _top_ups("proposed", "proposed_by", "proposed_at"),
    _top_ups("accepted", "decided_by", "decided_at", "t.decision = 'accepted'"),
    none_of(
        "pair {pair_id}: somebody who may be one of the two had a say",
        f"SELECT v.pair_id FROM {_MATCHES} JOIN link_verdicts v ON m.staff_kind = 'user' AND v.said_by = m.staff_id"
        " JOIN link_pairs k ON k.id = v.pair_id AND p.id IN (k.first_id, k.second_id)"
        f" WHERE {_counted('v.said_at')}",
    ),
    none_of(
        "finding {id} about a colleague is not decided as the audit log says",
        "SELECT m.id FROM staff_matches m WHERE m.decision IS NOT NULL AND (m.decided_by IS NULL"
        " OR m.decided_by = m.staff_id OR NOT EXISTS (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'staff_match'"
        " AND e.subject_id = m.id::text AND e.act = 'registry.staff_match_decided' AND e.actor_id = m.decided_by"
        " AND e.details ->> 'decision' = m.decision))",
    ),
    none_of(
        "finding {subject_id} about a colleague is gone, or is about another person, or is open again",
        "SELECT e.subject_id FROM audit_entries e LEFT JOIN staff_matches m ON m.id::text = e.subject_id"
        " WHERE e.subject_kind = 'staff_match' AND ((e.act = 'registry.staff_match_found' AND (m.staff_kind,"
        " m.staff_id::text, m.person_id::text) IS DISTINCT FROM (e.details ->> 'staff_kind', e.details ->> 'staff',"
        " e.details ->> 'person'))"
        " OR (e.act = 'registry.staff_match_decided' AND m.decision IS DISTINCT FROM e.details ->> 'decision'))",
    ),
)
