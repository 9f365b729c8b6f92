"""Promises about controls: what blocks a run was mended or waived by two people before anybody signed, and stays so."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry
from cbi.offices import office_of
from cbi.payments.models import PaymentRun
from cbi.payments.runs.sheet_models import RunSummary
from cbi.payments.signing import (
    approval_policy,
    blocking,
    control_settings,
    waiver_register,
    waiver_seals,
    waivers,
)
from cbi.payments.signing.control_settings import Controls
from cbi.payments.signing.controls import CONTROLS
from cbi.payments.signing.signing_models import ApprovalPolicy
from cbi.payments.signing.waiver_models import ControlCheck, Waiver, WaiverDecision
from cbi.payments.signing.waiver_register import Line
from cbi.proofs.promise import Breaches, none_of

Decided = Mapping[UUID, list[WaiverDecision]]


def waivers_are_what_two_people_agreed(session: Session) -> Breaches:
    """Every waiver, and what was decided about it, is under its seal, in the audit log, and by two people."""
    said = {
        (str(each.act), each.subject_id): each
        for each in session.scalars(select(AuditEntry).where(AuditEntry.subject_kind == "waiver"))
    }
    decided = _decided(session)
    for waiver in session.scalars(select(Waiver).order_by(Waiver.number)):
        about = decided.get(waiver.id, [])
        if not waiver_seals.is_sealed(session, waiver, *about):
            yield f"waiver {waiver.number} is not what was asked or decided"
        acts = [(waivers.ASKED, waiver.asked_by, waiver.seal)]
        acts += [(each.what, each.by_id, each.seal) for each in about]
        for what, person, seal in acts:
            entry = said.pop((f"waiver.{what}", str(waiver.id)), None)
            if entry is None or entry.actor_id != person or entry.details.get("seal") != seal.hex():
                yield f"the audit log does not say that this person {what} waiver {waiver.number}"
        if any(each.what == waivers.GRANTED and each.by_id == waiver.asked_by for each in about):
            yield f"waiver {waiver.number} was granted by whoever asked for it"
    for (act, waiver_id), entry in said.items():
        if not entry.details.get("seal"):
            continue
        yield f"the audit log says {act} of waiver {entry.details.get('number', waiver_id)}, and it is gone"


def whatever_blocked_was_waived(session: Session) -> Breaches:
    """At each signature and release every control that fired was let pass by a waiver that held at that moment."""
    policies = {
        row.version: approval_policy.stored(row.rules, row.controls).controls
        for row in session.scalars(select(ApprovalPolicy))
    }
    known = {row.id: row for row in session.scalars(select(Waiver))}
    lines = {line.id: line for line in waiver_register.every(session)}
    decided = _decided(session)
    rows = session.execute(
        select(ControlCheck, PaymentRun, RunSummary)
        .join(PaymentRun, PaymentRun.id == ControlCheck.run_id)
        .outerjoin(
            RunSummary,
            (RunSummary.run_id == ControlCheck.run_id) & (RunSummary.revision == ControlCheck.revision),
        )
        .order_by(PaymentRun.number, ControlCheck.revision, ControlCheck.made_at)
    )  # fmt: skip
    for row, run, summary in rows:
        what = f"run {run.number}, {row.step}"
        if not blocking.is_sealed(session, row):
            yield f"{what}: what the controls found was altered"
            continue
        facts = row.facts
        said = policies.get(facts["policy"], Controls()) if facts["policy"] else Controls()
        for code in _fired(summary.facts if summary else None, said) - facts["found"].keys():
            yield f"{what}: the control {code} fired, and nothing was kept of it"
        for code, (_, _, *ids) in facts["found"].items():
            if not ids:
                yield f"{what}: the control {code} fired, and no waiver let it pass"
            for each in ids:
                waiver = known.get(UUID(each))
                why = _why_not(session, run, code, waiver, decided, row.made_at)
                if why:
                    number = waiver.number if waiver else each
                    yield f"{what}: waiver {number} did not let the control {code} pass: {why}"
            if ids and not _is_enough(
                session, row, run, code, [lines[UUID(i)] for i in ids if UUID(i) in lines]
            ):
                yield f"{what}: its waivers do not let so much of the control {code} pass"


def _is_enough(
    session: Session, row: ControlCheck, run: PaymentRun, code: str, lines: Sequence[Line]
) -> bool:
    """Whether one of them, or all together, let as much pass as was found."""
    worst, at_most = row.facts["found"][code][:2]
    whole = [line.at_most for line in lines if not line.concerns]
    if any(limit is None or worst <= limit for limit in whole):
        return True
    if row.revision != run.revision:  # the lists behind an earlier one say nothing of this
        return bool(lines)
    single = [line for line in lines if line.concerns]
    most = max([at_most, *(limit for limit in whole if limit is not None)])
    return bool(single) and blocking.left(session, run, CONTROLS[code], single) <= most


def _fired(facts: Mapping[str, Any] | None, said: Controls) -> set[str]:
    """The controls about lists that fire for these sealed facts; what changes from day to day cannot be found again."""
    if facts is None:
        return set()
    return {
        code
        for code, limit in control_settings.limits(said).items()
        if limit.blocks
        and limit.control.finding
        and blocking.worst_of(facts, limit.control) > limit.at_most
    }


def _why_not(
    session: Session, run: PaymentRun, code: str, waiver: Waiver | None, decided: Decided, at: datetime
) -> str:  # fmt: skip
    """Why a waiver could not serve a run at that moment; nothing when it could."""
    if waiver is None:
        return "it is gone"
    by = {each.what: each for each in decided.get(waiver.id, [])}
    granted, revoked = by.get(waivers.GRANTED), by.get(waivers.REVOKED)
    if granted is None or granted.at > at:
        return "nobody had granted it"
    if revoked is not None and revoked.at < at:
        return "it was revoked"
    day = at.astimezone(office_of(session).timezone).date()
    if not waiver.first_day <= day <= waiver.last_day:
        return f"it held from {waiver.first_day} to {waiver.last_day}"
    if waiver.control != code or waiver.programme_id != run.programme_id:
        return "it is for something else"
    if waiver.run_id not in {None, run.id} or waiver.period not in {None, run.period}:
        return "it is for another run"
    # Whoever became a maker later, of another revision, had no part in what was signed then.
    if {waiver.asked_by, granted.by_id} & waivers.makers_of(session, run.id, by=at):
        return "a maker of the run had a part in it"
    return ""


def _decided(session: Session) -> dict[UUID, list[WaiverDecision]]:
    found: dict[UUID, list[WaiverDecision]] = {}
    for each in session.scalars(select(WaiverDecision)):
        found.setdefault(each.waiver_id, []).append(each)
    return found


waived = (
    waivers_are_what_two_people_agreed,
    whatever_blocked_was_waived,
    none_of(
        "run {number}: the audit log names other findings of its controls than are kept",
        "SELECT r.number FROM audit_entries e JOIN payment_runs r ON e.subject_id = r.id::text"
        " WHERE e.subject_kind = 'payment_run' AND e.details ? 'controls' AND NOT EXISTS (SELECT 1 FROM control_checks c"
        " WHERE c.run_id = r.id AND encode(c.seal, 'hex') = e.details ->> 'controls')"
        " UNION ALL SELECT r.number FROM control_checks c JOIN payment_runs r ON r.id = c.run_id WHERE NOT EXISTS"
        " (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'payment_run' AND e.subject_id = c.run_id::text"
        " AND e.details ->> 'controls' = encode(c.seal, 'hex'))",
    ),
)
