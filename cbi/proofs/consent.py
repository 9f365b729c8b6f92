"""Promises about what people said: nobody is paid or written to against their word, and words were told as two accepted."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry
from cbi.programmes import legal_basis
from cbi.programmes.legal_models import LegalBasis
from cbi.programmes.models import Programme
from cbi.proofs.promise import Breaches, none_of
from cbi.registry.consent import notices
from cbi.registry.consent.models import Notice
from cbi.registry.consent.notice_files import digest_of

_A_MOMENT = "interval '1 minute'"
"""A text that was being written while somebody said no may still leave: it was taken before, and is on its way."""


def _said_no(person: str, scope: str, at: str) -> str:
    """Whether the latest word on record at a moment was no, in SQL; our names only."""
    return (
        f"EXISTS (SELECT FROM consents n WHERE n.person_id = {person} AND n.scope = '{scope}'"
        f" AND n.answer <> 'given' AND n.recorded_at < {at} AND NOT EXISTS (SELECT FROM household_changes u"
        f" WHERE u.undoes_id = n.carried_by AND u.recorded_at < {at}) AND NOT EXISTS (SELECT FROM consents l"
        f" WHERE l.person_id = n.person_id AND l.scope = n.scope AND l.recorded_at < {at}"
        " AND (l.said_on, l.number) > (n.said_on, n.number)))"
    )


_COLLECTED = (
    "coalesce((SELECT x.person_id FROM changed_persons x JOIN household_changes g ON g.id = x.change_id"
    " WHERE x.household_before = e.household_id AND 'collector' = ANY(x.roles_before) AND g.recorded_at >= m.at"
    " ORDER BY g.recorded_at, x.id LIMIT 1), (SELECT p.id FROM persons p WHERE p.household_id = e.household_id"
    " AND p.is_recipient))"
)
"""Who collected for the household at the moment `m.at`."""

_ASKING = (
    "SELECT c.id, c.opened_at FROM cycles c JOIN programme_versions v ON v.programme_id = c.programme_id"
    " AND v.version = c.version WHERE v.definition->'eligibility'->>'consent' = 'required'"
    " OR v.definition->'legal_basis'->>'ground' = 'consent'"
)
"""The cycles in which only those are paid who agree."""


def notices_are_what_was_accepted(session: Session) -> Breaches:
    """Every notice in use says word for word what the audit log says was accepted."""
    said = _accepted(session, "notice", "notice.accepted")
    for row in session.scalars(select(Notice).where(Notice.decision == notices.ACCEPTED)):
        name = f"{row.code}/{row.version}"
        content = {
            "notice": row.code, "asks_for": list(row.scopes), "valid_until": row.valid_until.isoformat(),
            "texts": row.texts,
        }  # fmt: skip
        if row.digest != digest_of(content) or said.pop(name, None) != (
            row.decided_by,
            row.digest.hex(),
        ):
            yield f"the notice {name} is not what the audit log says was accepted"
    for name in said:
        yield f"the notice {name} was accepted, as the audit log says, and is not there"


def bases_are_what_was_accepted(session: Session) -> Breaches:
    """Every legal basis in force says what the audit log says was accepted."""
    said = _accepted(session, legal_basis.SUBJECT, "legal_basis.accepted")
    rows = select(LegalBasis, Programme.code).join(
        Programme, Programme.id == LegalBasis.programme_id
    )
    for row, code in session.execute(rows.where(LegalBasis.decision == legal_basis.ACCEPTED)):
        name, digest = (
            legal_basis.name_of(code, row.version),
            legal_basis.digest_of(row.ground, row.because),
        )
        if row.digest != digest or said.pop(name, None) != (row.decided_by, digest.hex()):
            yield f"the legal basis {name} is not what the audit log says was accepted"
    for name in said:
        yield f"the legal basis {name} was accepted, as the audit log says, and is not there"


def _accepted(session: Session, kind: str, act: str) -> dict[str, tuple[object, object]]:
    return dict(_said(session, kind, act))


def _said(session: Session, kind: str, act: str) -> Iterator[tuple[str, tuple[object, object]]]:
    rows = select(AuditEntry).where(AuditEntry.subject_kind == kind, AuditEntry.act == act)
    for entry in session.scalars(rows):
        yield entry.subject_id, (entry.actor_id, entry.details.get("digest"))


against_nobodys_word = (
    none_of(
        "entitlement {id} was given to household {household_id} after its collector had said no",
        f"WITH asking AS ({_ASKING}) SELECT e.id, e.household_id FROM entitlements e"
        " JOIN asking a ON a.id = e.cycle_id LEFT JOIN top_ups t ON t.id = e.top_up_id"
        " CROSS JOIN LATERAL (SELECT coalesce(t.decided_at, a.opened_at) AS at) m"
        f" CROSS JOIN LATERAL (SELECT {_COLLECTED} AS id) who"
        f" WHERE {_said_no('who.id', 'assistance', 'm.at')}",
    ),
    none_of(
        "text {id} left for somebody who had said no to texts",
        "SELECT m.id FROM consents w JOIN payment_accounts a ON a.person_id = w.person_id"
        " JOIN messages m ON m.account_id = a.id WHERE w.scope = 'texts' AND w.answer <> 'given'"
        " AND m.state IN ('sent', 'delivered')"
        f" AND {_said_no('w.person_id', 'texts', f'm.handed_over_at - {_A_MOMENT}')}",
    ),
    none_of(
        "word {number} is said to a notice that two people had not accepted, or that did not ask for it",
        "SELECT c.number FROM consents c WHERE c.notice_code IS NOT NULL AND NOT EXISTS ("
        " SELECT FROM notices n WHERE n.code = c.notice_code AND n.version = c.notice_version"
        " AND n.decision = 'accepted' AND n.decided_at <= c.recorded_at AND c.scope::text = ANY(n.scopes)"
        " AND c.said_on <= n.valid_until)",
    ),
    none_of(
        "word {number} takes back a no, and the audit log does not say that anybody said so",
        "SELECT c.number FROM consents c WHERE c.answer = 'given' AND EXISTS (SELECT FROM consents n"
        " WHERE n.person_id = c.person_id AND n.scope = c.scope AND n.answer <> 'given' AND n.number < c.number)"
        " AND NOT EXISTS (SELECT FROM audit_entries e WHERE e.subject_kind = 'person'"
        " AND e.subject_id = c.person_id::text AND e.act = 'consent.given' AND e.details->'scopes' ? c.scope"
        " AND e.details->>'on' = c.said_on::text"
        " AND e.at BETWEEN c.recorded_at - interval '1 minute' AND c.recorded_at + interval '1 minute')"
        " AND NOT EXISTS (SELECT FROM changed_persons x JOIN household_changes g ON g.id = x.change_id"
        " WHERE x.person_id = c.person_id AND g.kind = 'collector'"
        " AND g.recorded_at BETWEEN c.recorded_at - interval '1 minute' AND c.recorded_at + interval '1 minute')",
    ),
    none_of(
        "word {number} was not said by the record that it is carried from",
        "SELECT c.number FROM consents c LEFT JOIN consents f ON f.id = c.carried_from WHERE c.carried_by IS NOT NULL"
        " AND ((c.scope, c.answer, c.said_on, c.how, c.notice_code, c.notice_version) IS DISTINCT FROM"
        " (f.scope, f.answer, f.said_on, f.how, f.notice_code, f.notice_version) OR NOT EXISTS ("
        " SELECT FROM changed_persons x WHERE x.change_id = c.carried_by AND x.person_id = f.person_id"
        " AND x.gone_after = 'same'))",
    ),
    none_of(
        "cycle {id} was opened under a legal basis that two people had not accepted",
        "SELECT c.id FROM cycles c JOIN programme_versions v ON v.programme_id = c.programme_id"
        " AND v.version = c.version WHERE v.definition ? 'legal_basis' AND NOT EXISTS ("
        " SELECT FROM legal_bases b WHERE b.programme_id = c.programme_id AND b.decision = 'accepted'"
        " AND b.decided_by <> b.proposed_by AND b.decided_at <= c.opened_at"
        " AND b.ground::text = v.definition->'legal_basis'->>'ground'"
        " AND b.because = v.definition->'legal_basis'->>'because')",
    ),
)
"""For promise 2: people's own word stands before everybody else's signature."""

as_accepted = (notices_are_what_was_accepted, bases_are_what_was_accepted)
"""For promise 8: what people were told, and why their data is used, stays as it was."""
