"""Promises about what was refused: it never took effect, and the audit log says the same of who refused it and why."""

from cbi.audit.refusing import REFUSED, SUBJECT, TAKEN_BACK
from cbi.proofs.promise import none_of

_ACCEPTED = {
    "month_closes": "confirmed_by",
    "tariffs": "accepted_by",
    "approval_policies": "accepted_by",
    "amount_findings": "confirmed_by",
    "unpaid_findings": "confirmed_by",
    "line_findings": "confirmed_by",
    "write_offs": "confirmed_by",
    "withdrawals": "confirmed_by",
    "enrolments": "confirmed_by",
    "suspensions": "confirmed_by",
}

_ERASED = (
    "(r.kind = 'household' AND r.key IN (SELECT q.id::text FROM household_requests q WHERE q.reason = '')"
    " OR r.kind = 'assessment' AND r.key IN (SELECT s.id::text FROM assessments s WHERE s.reason = ''))"
)
"""Whether what was refused is about people who were erased."""

append_only = (
    none_of(
        "something among {what} was refused, and took effect all the same",
        " UNION ALL ".join(
            f"SELECT '{table}' AS what FROM {table} WHERE refusal_id IS NOT NULL AND {accepted} IS NOT NULL"
            for table, accepted in _ACCEPTED.items()
        )
        + " UNION ALL SELECT 'work_sheets' FROM work_sheets w JOIN work_signatures s"
        " ON s.sheet_id = w.id AND s.version = w.refused"
        " UNION ALL SELECT 'delegations' FROM delegations d JOIN refusals r"
        " ON r.kind = 'delegation' AND r.key = d.id::text WHERE d.accepted_at IS NOT NULL",
    ),
    none_of(
        "the audit log does not agree who refused {kind} {key}, and why",
        "SELECT kind, key FROM refusals r WHERE NOT EXISTS (SELECT 1 FROM audit_entries a"
        f" WHERE a.subject_kind = '{SUBJECT}' AND a.subject_id = r.kind || '/' || r.key"
        f" AND a.act = CASE WHEN r.refused_by = r.proposed_by THEN '{TAKEN_BACK}' ELSE '{REFUSED}' END"
        " AND a.actor_id = r.refused_by AND a.details->>'refusal' = r.id::text"
        " AND (a.details->>'reason' = r.reason OR a.details->>'reason_sha256' ="
        " encode(sha256(convert_to(r.id::text || '/' || r.reason, 'UTF8')), 'hex')"
        f" OR r.reason = '' AND {_ERASED}))",
    ),
    none_of(
        "the refusal of {subject_id} is missing",
        f"SELECT subject_id FROM audit_entries a WHERE a.subject_kind = '{SUBJECT}' AND NOT EXISTS"
        " (SELECT 1 FROM refusals r WHERE r.id::text = a.details->>'refusal')",
    ),
)
