"""Promises about signatures: as many as were asked, by different people, and nobody asked for fewer afterwards."""

from sqlalchemy import Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from cbi.audit.models import AuditEntry
from cbi.offices import office_of
from cbi.payments.models import Approval, PaymentRun
from cbi.payments.signing import approval_policy, delegations, policies, required
from cbi.payments.signing.signing_models import ApprovalPolicy, Delegation, RequiredSignatures
from cbi.proofs.promise import Breaches, none_of

_SIGNED = "('approved', 'releasing', 'released', 'closed')"
_STEPS = (
    # What was asked last of the run's present revision; of a run that was locked before anything was kept, the ordinary two.
    "LATERAL (SELECT coalesce((SELECT q.facts -> 'steps' FROM required_signatures q WHERE q.run_id = r.id"
    " AND q.revision = r.revision ORDER BY q.number DESC LIMIT 1),"
    ' \'[["certifier", "certifier"], ["authoriser", "authoriser"]]\'::jsonb) AS steps) s'
)


def what_was_asked_is_as_it_was_kept(session: Session) -> Breaches:
    """Every row of what was asked is under its seal, and never asks for less than the one before it."""
    before: dict[tuple[object, int], set[str]] = {}
    rows = session.scalars(
        select(RequiredSignatures).order_by(
            RequiredSignatures.run_id, RequiredSignatures.revision, RequiredSignatures.number
        )
    )
    for row in rows:
        what = f"run {row.run_id}, revision {row.revision}"
        if not required.is_sealed(session, row):
            yield f"{what}: what was kept of the signatures that it takes was altered"
        steps = {name for name, _ in row.facts["steps"]}
        if not before.get((row.run_id, row.revision), set()) <= steps:
            yield f"{what}: fewer signatures were asked for than before"
        before[row.run_id, row.revision] = steps


def policies_are_what_was_accepted(session: Session) -> Breaches:
    """Each version's content is what the audit log says that two people proposed and accepted."""
    for row in session.scalars(select(ApprovalPolicy).order_by(ApprovalPolicy.version)):
        if approval_policy.digest_of(row.rules, row.controls) != row.digest:
            yield f"version {row.version} of the approval policy was altered"
    acts = {
        policies.PROPOSED: ApprovalPolicy.proposed_by,
        policies.ACCEPTED: ApprovalPolicy.accepted_by,
    }
    for act, person in acts.items():
        said = (
            select(AuditEntry.id)
            .where(
                AuditEntry.subject_kind == "approval_policy", AuditEntry.act == act, AuditEntry.actor_id == person,
                AuditEntry.subject_id == ApprovalPolicy.version.cast(AuditEntry.subject_id.type),
                AuditEntry.details["digest"].astext == func.encode(ApprovalPolicy.digest, "hex"),
            )
            .exists()
        )  # fmt: skip
        unsaid = select(ApprovalPolicy.version).where(person.is_not(None), ~said)
        for version in session.scalars(unsaid):
            yield f"the audit log does not say that version {version} of the approval policy was {act.split('.')[1]}"


def delegations_are_what_was_accepted(session: Session) -> Breaches:
    """Whoever signed in somebody's place did so within what a third person accepted."""
    said = aliased(AuditEntry)
    rows = session.execute(
        select(Delegation, said)
        .outerjoin(
            said,
            (said.subject_kind == "delegation") & (said.act == delegations.ACCEPTED)
            & (said.subject_id == Delegation.id.cast(said.subject_id.type)),
        )
        .where(Delegation.accepted_at.is_not(None))
    )  # fmt: skip
    for given, entry in rows:
        if (
            entry is None
            or entry.actor_id != given.accepted_by
            or entry.details != delegations.facts(given)
        ):
            yield f"delegation {given.id} is not what the audit log says was accepted"
    taken_back = _audited(delegations.WITHDRAWN)
    for given_id in session.scalars(
        select(Delegation.id).where(
            Delegation.withdrawn_at.is_not(None) != taken_back.correlate(Delegation).exists()
        )
    ):
        yield f"the audit log does not say whether delegation {given_id} was withdrawn"
    zone = office_of(session).timezone
    day = Approval.approved_at.op("AT TIME ZONE")(str(zone)).cast(Delegation.first_day.type)
    outside = (
        select(PaymentRun.number, Approval.part)
        .join(Approval, Approval.run_id == PaymentRun.id)
        .join(Delegation, Delegation.id == Approval.delegation_id)
        .where(
            (Delegation.to_id != Approval.user_id) | ~_signed_while_it_held().correlate(Approval, Delegation).exists()
            | ~day.between(Delegation.first_day, Delegation.last_day)
        )
    )  # fmt: skip
    for number, part in session.execute(outside):
        yield f"run {number}: its {part} signed in the place of another outside the delegation"


def _audited(act: str, before: InstrumentedAttribute[int] | None = None) -> Select[int]:
    """What the audit log says was done with the delegation, ahead of its entry number `before`."""
    said = aliased(AuditEntry)
    found = select(said.id).where(
        said.subject_kind == "delegation", said.act == act,
        said.subject_id == Delegation.id.cast(said.subject_id.type),
    )  # fmt: skip
    return found if before is None else found.where(said.id < before)


def _signed_while_it_held() -> Select[int]:
    """That the approval was given after the delegation was accepted and not after it was withdrawn.

    By the order of the audit log: the clock may have been set back in between.
    """
    signed = aliased(AuditEntry)
    return select(signed.id).where(
        signed.subject_kind == "payment_run",
        signed.subject_id == Approval.run_id.cast(signed.subject_id.type),
        signed.actor_id == Approval.user_id,
        signed.details["digest"].astext == func.encode(Approval.digest, "hex"),
        signed.details["for"].astext == Delegation.from_id.cast(signed.subject_id.type),
        # Said, because of what stands two questions further out SQLAlchemy would ask anew, about any delegation.
        _audited(delegations.ACCEPTED, before=signed.id).correlate(Delegation, signed).exists(),
        ~_audited(delegations.WITHDRAWN, before=signed.id).correlate(Delegation, signed).exists(),
    )


signatures = (
    what_was_asked_is_as_it_was_kept,
    none_of(
        "run {number}: the audit log says that it takes other signatures than are kept",
        "SELECT r.number FROM audit_entries e JOIN payment_runs r ON e.subject_id = r.id::text"
        " WHERE e.subject_kind = 'payment_run' AND e.act IN ('payment_run.locked', 'payment_run.signatures_raised')"
        " AND e.details ? 'required' AND NOT EXISTS (SELECT 1 FROM required_signatures q WHERE q.run_id = r.id"
        " AND encode(q.seal, 'hex') = e.details ->> 'required')"
        " UNION ALL SELECT r.number FROM required_signatures q JOIN payment_runs r ON r.id = q.run_id WHERE NOT EXISTS"
        " (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'payment_run' AND e.subject_id = q.run_id::text"
        " AND e.details ->> 'required' = encode(q.seal, 'hex'))",
    ),
    none_of(
        "run {number} is {state} without the signature of its {step} over its digest",
        "SELECT r.number, r.state, step ->> 0 AS step FROM payment_runs r"
        f" CROSS JOIN {_STEPS} CROSS JOIN jsonb_array_elements(s.steps) AS step WHERE r.state IN {_SIGNED}"
        " AND NOT EXISTS (SELECT 1 FROM approvals a WHERE a.run_id = r.id AND a.revision = r.revision"
        " AND a.digest = r.digest AND a.part = step ->> 0)",
    ),
    none_of(
        "run {number} is {state}, and fewer than two people made and signed it",
        f"SELECT r.number, r.state FROM payment_runs r WHERE r.state IN {_SIGNED} AND (SELECT count(DISTINCT p.user_id)"
        " FROM run_parts p WHERE p.run_id = r.id AND (p.part = 'maker' OR EXISTS (SELECT 1 FROM approvals a"
        " WHERE a.run_id = r.id AND a.revision = r.revision AND a.user_id = p.user_id))) < 2",
    ),
    # A digest needs no key, so whoever alters a list can make it fit again. The audit log, which is chained under a key
    # that is not in the database, says what was signed.
    none_of(
        "run {number}: the audit log does not say that its {part} signed this digest",
        "SELECT r.number, a.part FROM approvals a JOIN payment_runs r ON r.id = a.run_id WHERE NOT EXISTS"
        " (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'payment_run' AND e.subject_id = r.id::text"
        " AND e.act IN ('payment_run.certified', 'payment_run.approved') AND coalesce(e.details ->> 'step', CASE e.act"
        " WHEN 'payment_run.certified' THEN 'certifier' ELSE 'authoriser' END) = a.part"
        " AND e.actor_id = a.user_id AND e.details ->> 'digest' = encode(a.digest, 'hex') AND e.details ->> 'for'"
        " IS NOT DISTINCT FROM (SELECT d.from_id::text FROM delegations d WHERE d.id = a.delegation_id))",
    ),
    none_of(
        "run {number}: user {user_id} signed it, or was stood in for, and also had another part in it",
        "SELECT r.number, s.user_id FROM (SELECT run_id, part, user_id FROM approvals UNION ALL"
        " SELECT a.run_id, a.part, d.from_id FROM approvals a JOIN delegations d ON d.id = a.delegation_id) s"
        " JOIN payment_runs r ON r.id = s.run_id"
        " LEFT JOIN run_parts p ON p.run_id = s.run_id AND p.user_id = s.user_id WHERE p.part IS DISTINCT FROM s.part"
        " UNION ALL SELECT r.number, e.actor_id FROM run_events e JOIN payment_runs r ON r.id = e.run_id"
        " JOIN approvals a ON a.run_id = e.run_id AND a.user_id = e.actor_id"
        " WHERE e.after IN ('draft', 'locked') AND (e.before IS NULL OR e.after = 'locked')",
    ),
    none_of(
        "run {number}: user {actor_id} made it and released it",
        "SELECT r.number, e.actor_id FROM run_events e JOIN payment_runs r ON r.id = e.run_id JOIN run_parts p"
        " ON p.run_id = e.run_id AND p.user_id = e.actor_id AND p.part = 'maker' WHERE e.before = 'approved'"
        " AND e.after = 'releasing'",
    ),
    policies_are_what_was_accepted,
    delegations_are_what_was_accepted,
)
