"""Promises about lists of people that left the house: by whose word, and that everybody in them can see it."""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry
from cbi.proofs.promise import SHOWN, Breaches, none_of
from cbi.registry.disclosing.models import Disclosure, DisclosureDecision

_APPROVED = (
    "d.decision = 'approved' AND d.decided_by <> d.proposed_by"
    " AND (d.revoked_at IS NULL OR d.revoked_at >= {at})"
)


def disclosures_are_by_two(session: Session) -> Breaches:
    """Of every approved disclosure the audit log says who proposed and who approved it, and that is as it stands."""
    acts = ("disclosure.proposed", "disclosure.approved")
    said = {
        (entry.subject_id, entry.act): entry
        for entry in session.scalars(select(AuditEntry).where(AuditEntry.act.in_(acts)))
    }
    for found in session.scalars(select(Disclosure).order_by(Disclosure.number)):
        proposed, approved = (said.get((str(found.id), act)) for act in acts)
        if proposed is None or proposed.actor_id != found.proposed_by:
            yield f"the audit log does not say that the proposer of disclosure {found.number} proposed it"
        elif proposed.details["columns"] != found.columns or (
            proposed.details["most_people"], proposed.details["until"], proposed.details["is_told"]
        ) != (found.most_people, found.until.isoformat(), found.silence is None):  # fmt: skip
            yield f"disclosure {found.number} is not what was proposed"
        if found.decision is not DisclosureDecision.APPROVED:
            continue
        if found.decided_by == found.proposed_by:
            yield f"disclosure {found.number} was approved by whoever proposed it"
        if approved is None or approved.actor_id != found.decided_by:
            yield f"the audit log does not say that the approver of disclosure {found.number} approved it"


def hashes_left_under_an_agreement(session: Session) -> Breaches:
    """Every exchange of keyed hashes since agreements are kept names one that two people had made by then."""
    rows = session.execute(
        text(
            "SELECT e.id, e.details->>'disclosure' AS number FROM audit_entries e"
            " WHERE e.act IN ('exchange.exported', 'exchange.answered', 'exchange.checked')"
            " AND e.details ? 'disclosure' AND NOT EXISTS (SELECT FROM disclosures d"
            " WHERE d.number = (e.details->>'disclosure')::bigint AND d.form = 'hashes' AND d.decided_at <= e.at"
            f" AND {_APPROVED.format(at='e.at')}) ORDER BY e.id LIMIT {SHOWN}"
        )
    )
    for row in rows:
        yield f"keyed hashes were exchanged (audit entry {row.id}) without an agreement"


left_by_the_rules = (
    disclosures_are_by_two,
    hashes_left_under_an_agreement,
    none_of(
        "list {number} was fetched, and nobody approved it who did not ask for it",
        "SELECT e.number FROM exports e JOIN export_fetches f ON f.export_id = e.id"
        " WHERE e.needs_approval AND (e.decision IS DISTINCT FROM 'approved' OR e.decided_by = e.asked_by"
        " OR e.decided_by = e.recipient_id OR e.decided_at > f.fetched_at OR NOT EXISTS ("
        " SELECT FROM audit_entries a WHERE a.act = 'export.approved' AND a.subject_id = e.id::text"
        " AND a.actor_id = e.decided_by))",
    ),
    none_of(
        "list {number} waits for no approval, and the audit log says it did",
        "SELECT e.number FROM exports e JOIN audit_entries a ON a.act = 'export.asked'"
        " AND a.subject_id = e.id::text"
        " WHERE (a.details->>'needs_approval')::boolean IS DISTINCT FROM e.needs_approval"
        " OR (a.details->>'people')::bigint <> e.people OR a.actor_id <> e.asked_by"
        " OR (a.details->>'disclosure' IS NULL) <> (e.disclosure_id IS NULL)",
    ),
    none_of(
        "list {number} left the house for somebody outside without an approved disclosure",
        "SELECT e.number FROM exports e JOIN export_fetches f ON f.export_id = e.id"
        " WHERE e.disclosure_id IS NOT NULL AND NOT EXISTS (SELECT FROM disclosures d"
        " WHERE d.id = e.disclosure_id AND d.form = 'file' AND d.decided_at <= f.fetched_at"
        " AND e.columns <@ d.columns AND e.people <= d.most_people"
        f" AND {_APPROVED.format(at='f.fetched_at')})",
    ),
    none_of(
        "list {number} was fetched by somebody else than it was for, or read out by whoever fetched it",
        "SELECT e.number FROM exports e JOIN export_fetches f ON f.export_id = e.id"
        " WHERE f.fetched_by <> e.recipient_id OR e.passphrase_by IN (e.asked_by, f.fetched_by)"
        " OR f.fetched_at >= e.expires_at OR f.fetched_at > e.revoked_at",
    ),
    none_of(
        "list {number} counts {fetches} fetches, and {found} are kept",
        "SELECT e.number, e.fetches, count(f.id) AS found FROM exports e"
        " LEFT JOIN export_fetches f ON f.export_id = e.id GROUP BY e.id HAVING count(f.id) <> e.fetches",
    ),
    none_of(
        "list {number} was fetched with {people} people, and {found} can see that they left",
        "SELECT e.number, f.people, count(v.id) AS found FROM export_fetches f"
        " JOIN exports e ON e.id = f.export_id LEFT JOIN person_views v ON v.export_id = f.export_id"
        " AND v.seen_at = f.fetched_at AND v.actor_id = f.fetched_by"
        " AND v.disclosure_id IS NOT DISTINCT FROM e.disclosure_id AND v.fields @> e.columns"
        " AND EXISTS (SELECT FROM export_persons p WHERE p.export_id = e.id AND p.person_id = v.person_id)"
        " GROUP BY f.id, e.id HAVING count(v.id) <> f.people",
    ),
)
"""For promise 8: who may know. Lists leave by the word of as many people as they take, and nobody's view is missing."""
