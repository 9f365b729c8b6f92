"""Promises about people's data: what was destroyed was destroyed by two people, and stays destroyed."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry
from cbi.proofs.promise import Breaches, none_of
from cbi.protection import certificates
from cbi.protection.models import Erasure, ErasureDecision


def erasures_are_certified_by_two(session: Session) -> Breaches:
    """Every erasure's certificate is under its seal, and the audit log says who confirmed it: not who asked."""
    said = {
        entry.subject_id: entry
        for entry in session.scalars(
            select(AuditEntry).where(AuditEntry.act == "erasure.confirmed")
        )
    }
    for erasure in session.scalars(select(Erasure).order_by(Erasure.number)):
        if erasure.decision is not ErasureDecision.CONFIRMED:
            continue
        entry = said.get(str(erasure.id))
        if not certificates.is_sealed(session, erasure):
            yield f"the certificate of erasure {erasure.number} is not what was certified"
        if erasure.decided_by == erasure.asked_by:
            yield f"erasure {erasure.number} was confirmed by whoever asked for it"
        if entry is not None and entry.actor_id != erasure.decided_by:
            yield f"the audit log names somebody else for erasure {erasure.number}"


destroyed_by_two = (
    erasures_are_certified_by_two,
    none_of(
        "the key of person {id} is gone, and no erasure says so",
        "SELECT p.id FROM persons p WHERE p.data_key IS NULL AND NOT EXISTS ("
        " SELECT FROM erasure_persons e WHERE e.person_id = p.id AND e.erased_at IS NOT NULL)",
    ),
    none_of(
        "person {id} was erased, and has a key or can be found again",
        "SELECT p.id FROM persons p JOIN erasure_persons e ON e.person_id = p.id"
        " WHERE e.erased_at IS NOT NULL AND (p.data_key IS NOT NULL OR p.document_index IS NOT NULL"
        " OR p.factor IS NOT NULL OR p.name IS NOT NULL OR EXISTS (SELECT FROM payment_accounts a"
        " WHERE a.person_id = p.id AND a.value <> ''))",
    ),
    none_of(
        "erasure {number} says that {said} people were erased, and {found} were",
        "SELECT e.number, e.certificate->>'people' AS said, count(p.erased_at) AS found FROM erasures e"
        " LEFT JOIN erasure_persons p ON p.erasure_id = e.id WHERE e.certificate IS NOT NULL"
        " GROUP BY e.id HAVING count(p.erased_at) <> (e.certificate->>'people')::bigint",
    ),
)
"""For promise 8: what is kept for ever is append-only, what may not be kept is gone, and nobody undoes either."""
