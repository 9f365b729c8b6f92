"""The office's approval policy: one person proposes a version, another accepts it, and from then on it holds."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.models import AuditEntry
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.payments.signing import approval_policy, policy_files
from cbi.payments.signing.approval_policy import Policy
from cbi.payments.signing.signing_models import ApprovalPolicy
from cbi.programmes.models import Cycle, Programme

PROPOSED, ACCEPTED = "approval_policy.proposed", "approval_policy.accepted"


class NothingNew(Conflict):
    """The file says what holds already."""

    code = "approval_policy.nothing_new"


class UnknownPolicy(NotFound):
    """No such version waits to be accepted."""

    code = "approval_policy.unknown"


class OwnPolicy(Forbidden):
    """Whoever proposed a policy does not accept it."""

    code = "approval_policy.own"


class PolicyAltered(Conflict):
    """The policy is not what was accepted."""

    code = "approval_policy.altered"


def propose(session: Session, actor: Actor, text: str, code: str) -> ApprovalPolicy:
    """Propose the policy that a file describes, with a fresh one-time code. Nothing changes until somebody accepts it.

    Raises PolicyFileErrors, NothingNew, WrongCode.
    """
    actor.require(Permission.POLICY_CHANGE)
    known = dict(session.execute(select(Programme.code, Programme.currency)).all())
    policy = policy_files.read(text, known)
    latest = session.scalar(select(ApprovalPolicy).order_by(ApprovalPolicy.version.desc()).limit(1))
    if latest is not None and latest.digest == policy.digest() and latest.refusal_id is None:
        raise NothingNew(
            f"Version {latest.version} of the approval policy says the same.",
            next_step="" if latest.accepted_at else "A second person accepts it.",
            version=latest.version,
        )
    totp.step_up(session, actor, code)
    number = latest.version + 1 if latest else 1
    made: ApprovalPolicy | None = session.scalar(
        insert(ApprovalPolicy)
        .values(
            version=number, rules=policy.canonical(), controls=policy.controls.canonical(),
            digest=policy.digest(), proposed_by=actor.id, proposed_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(ApprovalPolicy)
    )  # fmt: skip
    if made is None:
        raise NothingNew("Somebody proposed a policy at the same moment.", next_step="Look at it.")
    _note(session, actor, PROPOSED, made)
    return made


def accept(session: Session, actor: Actor, version: int, code: str) -> ApprovalPolicy:
    """Let a proposed version hold from now on, with a fresh one-time code. Raises UnknownPolicy, OwnPolicy, WrongCode."""
    actor.require(Permission.POLICY_CHANGE)
    policy = session.get(ApprovalPolicy, version, with_for_update=True, populate_existing=True)
    newest = session.scalar(select(func.max(ApprovalPolicy.version)))
    if policy is None or policy.accepted_at or policy.refusal_id or policy.version != newest:
        raise UnknownPolicy(
            f"Version {version} of the approval policy does not wait to be accepted.",
            next_step="See: cbi approval-policy show",
            version=version,
        )
    if policy.proposed_by == actor.id:
        raise OwnPolicy(
            "You proposed this policy, so somebody else accepts it.",
            next_step="Ask a colleague who may change the approval policy.",
        )
    totp.step_up(session, actor, code)
    session.execute(
        update(ApprovalPolicy)
        .where(
            ApprovalPolicy.version == version,
            ApprovalPolicy.accepted_at.is_(None),
            ApprovalPolicy.refusal_id.is_(None),
        )
        .values(accepted_by=actor.id, accepted_at=clock.now())
    )
    session.refresh(policy)
    _note(session, actor, ACCEPTED, policy)
    return policy


def none_holds() -> ColumnElement[bool]:
    """Whether nobody ever accepted a policy: the ordinary two signatures then release any amount."""
    return ~exists().where(ApprovalPolicy.accepted_at.is_not(None))


def paying_without(session: Session) -> Sequence[str]:
    """The programmes, by code, that have opened a cycle while no policy holds."""
    paying = exists().where(Cycle.programme_id == Programme.id)
    return session.scalars(
        select(Programme.code).where(paying, none_holds()).order_by(Programme.code)
    ).all()


def in_force(session: Session) -> tuple[int, Policy] | None:
    """The version that holds now, or None where the ordinary two signatures do. Raises PolicyAltered."""
    row = session.scalar(
        select(ApprovalPolicy)
        .where(ApprovalPolicy.accepted_at.is_not(None))
        .order_by(ApprovalPolicy.version.desc())
        .limit(1)
    )
    said = session.execute(
        select(AuditEntry.actor_id, AuditEntry.details)
        .where(AuditEntry.subject_kind == "approval_policy", AuditEntry.act == ACCEPTED)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None and said is None:
        return None
    if row is None or said is None or not _is_said(row, said.actor_id, said.details):
        raise PolicyAltered(
            "The approval policy is not what was accepted: somebody altered it.",
            next_step="Sign nothing. Tell the auditor.",
        )
    return row.version, approval_policy.stored(row.rules, row.controls)


def versions(session: Session, actor: Actor) -> Sequence[ApprovalPolicy]:
    """Every version, the latest first."""
    actor.require(Permission.POLICY_READ)
    return session.scalars(select(ApprovalPolicy).order_by(ApprovalPolicy.version.desc())).all()


def _is_said(row: ApprovalPolicy, actor_id: object, details: dict[str, object]) -> bool:
    """Whether the audit log says that this person accepted this content as this version."""
    return (
        details.get("digest")
        == approval_policy.digest_of(row.rules, row.controls).hex()
        == row.digest.hex()
        and details.get("version") == row.version
        and actor_id == row.accepted_by
    )


def _note(session: Session, actor: Actor, act: str, policy: ApprovalPolicy) -> None:
    record(
        session, actor, act, "approval_policy", str(policy.version), version=policy.version,
        digest=policy.digest.hex(),
    )  # fmt: skip
    session.flush()
