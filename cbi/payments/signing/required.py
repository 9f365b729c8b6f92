"""Which signatures a run takes: worked out when it is locked, again at every signature, and never fewer than before."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.audit.record import record
from cbi.errors import Conflict
from cbi.ledger.reference_rates import Quoted
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Approval, PaymentRun
from cbi.payments.runs import counting
from cbi.payments.runs.counting import Counted
from cbi.payments.signing import approval_policy, policies
from cbi.payments.signing.approval_policy import ORDINARY, Step
from cbi.payments.signing.signing_models import RequiredSignatures
from cbi.programmes.models import Programme

RAISED = "payment_run.signatures_raised"
_SAYS = ("payment_run.locked", RAISED)
"""The acts whose audit entries name the seal of what was asked."""


class RequirementAltered(Conflict):
    """Which signatures a run takes is not what was worked out."""

    code = "payment_run.requirement_altered"


@dataclass(frozen=True, slots=True)
class Required:
    """The steps of a run, in order. `policy` and `band`: what chose them; without, every run takes these.

    `counted` and `made_at` are None for a run that was locked before there were policies.
    """

    steps: tuple[Step, ...]
    policy: int | None = None
    band: int | None = None
    counted: Counted | None = None
    number: int = 0
    made_at: datetime | None = None


def keep(session: Session, run: PaymentRun) -> bytes:
    """Work out and keep what a run takes that is being locked; returns its seal. Raises what `reckon` raises."""
    return _keep(session, run, reckon(session, run), number=1)


def reckon(session: Session, run: PaymentRun, kept: Sequence[Quoted] = ()) -> Required:
    """What the run would take if it were locked now, at exchange rates that were `kept` or at those of now.

    Raises NoBand, PolicyAltered, NoRate, StaleRate.
    """
    found = policies.in_force(session)
    if found is None:
        return Required(ORDINARY, counted=counting.of(session, run, households=False))
    version, policy = found
    rule = policy.rule(run.currency, session.get_one(Programme, run.programme_id).code)
    counted = counting.of(
        session, run, households=rule.counts_households, kept=kept,
        currency=rule.currency if rule.counts_amounts else None,
    )  # fmt: skip
    band = approval_policy.choose(rule, counted.amount, counted.household)
    steps = rule.bands[band - 1].steps
    if len(steps) == 1 and not counting.has_a_maker(session, run):
        steps = approval_policy.together(steps, ORDINARY)  # two people stand behind every run
    return Required(steps, version, band, counted)


def of(session: Session, run: PaymentRun) -> Required | None:
    """What was worked out last for the run's present revision; None for a draft. Raises RequirementAltered."""
    if run.digest is None:
        return None
    row = session.scalar(
        select(RequiredSignatures)
        .where(RequiredSignatures.run_id == run.id, RequiredSignatures.revision == run.revision)
        .order_by(RequiredSignatures.number.desc())
        .limit(1)
    )
    if row is None:
        check_said(session, run, None)
        return Required(ORDINARY)
    if not is_sealed(session, row):
        raise _altered(run)
    return _told(run.currency, row)


def check_said(session: Session, run: PaymentRun, needed: Required | None) -> None:
    """Raise RequirementAltered unless the audit log names what is kept as the latest that was asked of the run."""
    said = session.scalar(
        select(AuditEntry.details["required"].astext)
        .where(
            AuditEntry.subject_kind == "payment_run", AuditEntry.subject_id == str(run.id),
            AuditEntry.act.in_(_SAYS), AuditEntry.details["digest"].astext == _hex(run.digest),
        )
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )  # fmt: skip
    row = needed and session.get(RequiredSignatures, (run.id, run.revision, needed.number))
    if said != (row.seal.hex() if row else None):
        raise _altered(run)


def risen(session: Session, run: PaymentRun, needed: Required) -> tuple[Required, Required | None]:
    """What would be asked by now, and what is to be asked in the place of `needed`: None unless it is more.

    Exchange rates that were used once for the run are used again: a rate that was changed since changes nothing of it.
    """
    now = reckon(session, run, needed.counted.rates if needed.counted else ())
    steps = approval_policy.together(needed.steps, now.steps)
    if {step.name for step in steps} == {step.name for step in needed.steps}:
        return now, None
    return now, Required(steps, now.policy, now.band, now.counted, needed.number + 1)


def ask_more(session: Session, actor: Actor, run: PaymentRun, more: Required) -> None:
    """Keep what is asked from now on, and note it."""
    seal = _keep(session, run, more, more.number)
    record(
        session, actor, RAISED, "payment_run", run.id, required=seal.hex(), digest=_hex(run.digest),
        steps=[step.name for step in more.steps],
    )  # fmt: skip


def pending(
    session: Session, runs: Mapping[UUID, tuple[int, str]]
) -> dict[UUID, tuple[tuple[Step, ...], Money]]:
    """For each run (with its revision and currency) the steps that nobody has taken, and the amount that counts."""
    kept = (
        select(RequiredSignatures)
        .where(RequiredSignatures.run_id.in_(runs))
        .order_by(RequiredSignatures.revision, RequiredSignatures.number)
    )
    asked = {row.run_id: row for row in session.scalars(kept)}  # the latest of each
    signed = {
        (run_id, part)
        for run_id, revision, part in session.execute(
            select(Approval.run_id, Approval.revision, Approval.part).where(Approval.run_id.in_(runs))
        )
        if runs[run_id][0] == revision
    }  # fmt: skip
    found = {}
    for run_id, (_, currency) in runs.items():
        row = asked.get(run_id)
        steps = _steps(row.facts) if row else ORDINARY
        facts: dict[str, Any] = row.facts if row else {"amount": 0, "counted": {}}
        counts = Money(facts["amount"], counting.currency_of(currency, facts["counted"]))
        found[run_id] = tuple(s for s in steps if (run_id, s.name) not in signed), counts
    return found


def is_sealed(session: Session, row: RequiredSignatures) -> bool:
    """Whether nobody without the office's key wrote or altered it."""
    expected = _seal(session, row.run_id, row.revision, row.number, row.facts)
    return hmac.compare_digest(row.seal, expected)


def _keep(session: Session, run: PaymentRun, needed: Required, number: int) -> bytes:
    assert needed.counted is not None
    facts = {
        "steps": [[step.name, step.role.value] for step in needed.steps],
        "policy": needed.policy,
        "band": needed.band,
        "amount": needed.counted.amount.minor,
        "counted": needed.counted.plain(),
    }
    seal = _seal(session, run.id, run.revision, number, facts)
    session.add(
        RequiredSignatures(
            run_id=run.id, revision=run.revision, number=number, facts=facts, seal=seal, made_at=clock.now()
        )
    )  # fmt: skip
    session.flush()
    return seal


def _steps(facts: Mapping[str, Any]) -> tuple[Step, ...]:
    pairs: Iterable[tuple[str, str]] = facts["steps"]
    return tuple(Step(name=name, role=Role(role)) for name, role in pairs)


def _told(currency: str, row: RequiredSignatures) -> Required:
    facts = row.facts
    return Required(
        _steps(facts), facts["policy"], facts["band"], counting.stored(currency, facts["counted"]), row.number,
        row.made_at,
    )  # fmt: skip


def _altered(run: PaymentRun) -> RequirementAltered:
    return RequirementAltered(
        f"What is kept of the signatures that run {run.number} takes is not what was worked out.",
        next_step="Do not sign or release it. Tell the auditor, then return the run to draft.",
        number=run.number,
    )


def _seal(
    session: Session, run_id: UUID, revision: int, number: int, facts: Mapping[str, Any]
) -> bytes:
    text = json.dumps([str(run_id), revision, number, facts], sort_keys=True, separators=(",", ":"))
    key = office_of(session).keys.derive("required signatures")
    return hmac.digest(key, text.encode(), hashlib.sha256)


def _hex(digest: bytes | None) -> str:
    assert digest is not None
    return digest.hex()
