"""A control is waived by two people, for a time: one asks and names whose risk it is, another grants; either ends it."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Function, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import Forbidden, Invalid, NotFound
from cbi.offices import office_of
from cbi.payments.models import MAKER, PaymentRun, RunPart
from cbi.payments.signing import waiver_seals
from cbi.payments.signing.controls import CONTROLS, NEVER, Control
from cbi.payments.signing.waiver_models import LONGEST_DAYS, Waiver, WaiverDecision
from cbi.programmes.models import Programme
from cbi.registry import naming
from cbi.registry.models import Household

ASKED, GRANTED, REFUSED, REVOKED = "asked", "granted", "refused", "revoked"


class UnusableWaiver(Invalid):
    """It cannot be asked for like this."""

    code = "waiver.unusable"


class NeverWaived(Forbidden):
    """Nobody can waive this control."""

    code = "waiver.never"


class UnknownWaiver(NotFound):
    """There is no such waiver, or it does not wait for this."""

    code = "waiver.unknown"


class OwnWaiver(Forbidden):
    """Whoever asked for a waiver does not grant it, and nobody waives a control of a run that they made."""

    code = "waiver.own"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked for. `run` is a number; `households` registration numbers (none: whatever the control finds).

    `at_most`: up to how much passes, in the control's measure; None: any. Both days are included.
    """

    control: str
    programme: str
    reason: str
    evidence: str
    risk_owner: UUID
    first_day: date
    last_day: date
    run: int | None = None
    period: str | None = None
    households: tuple[str, ...] = ()
    at_most: int | None = None


def ask(session: Session, actor: Actor, terms: Terms, code: str) -> Waiver:
    """Ask that a control lets something pass, with a fresh one-time code. It holds once a second person grants it.

    Raises NeverWaived, UnusableWaiver, OwnWaiver, NotPermitted, UnusableReason, WrongCode.
    """
    control = _control(terms.control)
    programme = session.scalar(select(Programme).where(Programme.code == terms.programme))
    if programme is None:
        raise UnusableWaiver(f"There is no programme {terms.programme[:40]}.")
    actor.require(control.asked_with, programme.code)
    _check_days(session, terms)
    run = _run(session, terms, programme)
    if run:
        _check_apart(session, actor, run.id)
    owner = session.get(User, terms.risk_owner)
    if owner is None or owner.disabled_at is not None:
        raise UnusableWaiver("Nobody of that name works here.", next_step="Name whose risk it is.")
    if terms.at_most is not None and terms.at_most <= control.at_most:
        raise UnusableWaiver(
            f"Up to {control.at_most} passes without a waiver.", next_step="Give a higher limit."
        )
    concerns = _concerns(session, terms, control)
    reason, evidence = reasons.plain(terms.reason), reasons.plain(terms.evidence)
    totp.step_up(session, actor, code)
    made = Waiver(
        control=control.code, programme_id=programme.id, run_id=run and run.id, period=terms.period or None,
        concerns=concerns, at_most=terms.at_most, reason=reason, evidence=evidence, risk_owner_id=owner.id,
        first_day=terms.first_day, last_day=terms.last_day, asked_by=actor.id, asked_at=clock.now(),
    )  # fmt: skip
    made.seal = waiver_seals.of_waiver(session, made)
    session.add(made)
    session.flush()
    session.refresh(made)
    record(
        session,
        actor,
        f"waiver.{ASKED}",
        "waiver",
        made.id,
        seal=made.seal.hex(),
        **waiver_seals.facts(made),
    )
    return made


def grant(session: Session, actor: Actor, number: int, code: str) -> Waiver:
    """Let a colleague's waiver hold on its days, with a fresh one-time code.

    Raises UnknownWaiver, OwnWaiver, NotPermitted, WrongCode.
    """
    waiver = _found(session, number)
    programme = session.get_one(Programme, waiver.programme_id).code
    actor.require(_control(waiver.control).granted_with, programme)
    if waiver.asked_by == actor.id:
        raise OwnWaiver(
            "You asked for this waiver, so somebody else grants it.", next_step="Ask a colleague."
        )
    if waiver.run_id:
        _check_apart(session, actor, waiver.run_id)
    if waiver.last_day < clock.today(office_of(session).timezone):
        raise UnknownWaiver(
            f"Waiver {number} would have ended on {waiver.last_day}.",
            next_step="Whoever needs it asks anew.",
            number=number,
        )
    totp.step_up(session, actor, code)
    _decide(session, actor, waiver, GRANTED, None)
    return waiver


def refuse(session: Session, actor: Actor, number: int, reason: str) -> Waiver:
    """Say no to a colleague's waiver, and why. Raises UnknownWaiver, OwnWaiver, NotPermitted, UnusableReason."""
    waiver = _found(session, number)
    programme = session.get_one(Programme, waiver.programme_id).code
    actor.require(_control(waiver.control).granted_with, programme)
    if waiver.asked_by == actor.id:
        raise OwnWaiver(
            "You asked for this waiver. What you no longer need, you revoke.",
            next_step=f"cbi waiver revoke {number}",
        )
    said = reasons.plain(reason)
    _decide(session, actor, waiver, REFUSED, said)
    refusing.note(
        session, actor, ("waiver", number), said, by=waiver.asked_by, at=waiver.asked_at, said=waiver.reason
    )  # fmt: skip
    return waiver


def revoke(session: Session, actor: Actor, number: int, reason: str) -> Waiver:
    """End a waiver at once: by whoever asked or granted, or the head of finance. Raises UnknownWaiver, NotPermitted."""
    # Whoever signs with it at this moment commits first, so that it ends after what it let pass.
    session.execute(select(func.pg_advisory_xact_lock(_lock(session))))
    waiver = _found(session, number, once_granted=True)
    granted_by = session.scalar(
        select(WaiverDecision.by_id).where(
            WaiverDecision.waiver_id == waiver.id, WaiverDecision.what == GRANTED
        )
    )
    if actor.id is None or actor.id not in {waiver.asked_by, granted_by}:
        programme = session.get_one(Programme, waiver.programme_id).code
        actor.require(Permission.RUN_SIGN_FINANCE, programme)
    _decide(session, actor, waiver, REVOKED, reasons.plain(reason))
    return waiver


def makers_of(session: Session, run_id: UUID, by: datetime | None = None) -> frozenset[UUID]:
    """Whoever built, edited or locked the run (`by` a moment): no waiver that they asked or granted serves it."""
    found = select(RunPart.user_id).where(RunPart.run_id == run_id, RunPart.part == MAKER)
    if by is not None:
        found = found.where(RunPart.since <= by)
    return frozenset(session.scalars(found))


def hold(session: Session) -> None:
    """Until the transaction ends nobody revokes a waiver."""
    session.execute(select(func.pg_advisory_xact_lock_shared(_lock(session))))


def _lock(session: Session) -> Function[int]:
    return func.hashtextextended(f"waivers:{office_of(session).code}", 0)


def _control(code: str) -> Control:
    control = CONTROLS.get(code)
    if control is None and code not in NEVER:
        raise UnusableWaiver(
            f"There is no control {code[:40]!r}.",
            next_step=f"There is: {', '.join(each.code for each in CONTROLS.values() if each.waivable)}.",
        )
    if control is None or not control.waivable:
        raise NeverWaived(
            f"Nobody can waive this: {NEVER[code] if control is None else control.sentence}.",
            next_step="Do what it asks for.",
            control=code,
        )
    return control


def _check_days(session: Session, terms: Terms) -> None:
    today = clock.today(office_of(session).timezone)
    days = (terms.last_day - terms.first_day).days + 1
    if not 1 <= days <= LONGEST_DAYS or terms.first_day < today:
        raise UnusableWaiver(
            f"From {terms.first_day} to {terms.last_day} is no time that a waiver can hold.",
            next_step=f"It begins today or later, and holds for at most {LONGEST_DAYS} days.",
        )


def _run(session: Session, terms: Terms, programme: Programme) -> PaymentRun | None:
    if terms.run is None:
        return None
    run = session.scalar(select(PaymentRun).where(PaymentRun.number == terms.run))
    if run is None or run.programme_id != programme.id or terms.period not in {None, "", run.period}:  # fmt: skip
        raise UnusableWaiver(f"{programme.code} has no run {terms.run} of that period.")
    return run


def _check_apart(session: Session, actor: Actor, run_id: UUID) -> None:
    if actor.id in makers_of(session, run_id):
        raise OwnWaiver(
            "You made this run, so others ask for its waivers and grant them.",
            next_step="Ask two colleagues.",
        )


def _concerns(session: Session, terms: Terms, control: Control) -> list[bytes]:
    wanted = set(terms.households)
    if wanted and control.finding is None:
        raise UnusableWaiver("This control is not about single households.")
    found = naming.by_number(session, wanted)
    meant = [each.id for each in found.values() if isinstance(each, Household)]
    if missing := len(found) - len(meant):
        raise UnusableWaiver(
            f"{missing} of these registration numbers stand for no household, or for several.",
            next_step="Check them. A number that two sources use is written with its source: partner-2026/0042.",
        )
    return sorted({waiver_seals.concern(session, household_id) for household_id in meant})


def _found(session: Session, number: int, *, once_granted: bool = False) -> Waiver:
    """The waiver that waits for an answer, or may also have been granted; its seals are whole."""
    waiver = session.scalar(select(Waiver).where(Waiver.number == number))
    if waiver is None:
        raise _unknown(number)
    decided = session.scalars(
        select(WaiverDecision).where(WaiverDecision.waiver_id == waiver.id)
    ).all()
    closing = {REFUSED, REVOKED} if once_granted else {GRANTED, REFUSED, REVOKED}
    if any(each.what in closing for each in decided):
        raise _unknown(number)
    if not waiver_seals.is_sealed(session, waiver, *decided):
        raise waiver_seals.altered(waiver)
    return waiver


def _decide(session: Session, actor: Actor, waiver: Waiver, what: str, reason: str | None) -> None:
    made = WaiverDecision(
        waiver_id=waiver.id, what=what, asked_by=waiver.asked_by, by_id=actor.id, reason=reason, at=clock.now()
    )  # fmt: skip
    made.seal = waiver_seals.of_decision(session, waiver, made)
    values = {column.name: getattr(made, column.name) for column in WaiverDecision.__table__.c}
    kept = session.execute(
        insert(WaiverDecision).values(**values).on_conflict_do_nothing().returning(WaiverDecision.what)
    ).one_or_none()  # fmt: skip
    if kept is None:  # somebody else was quicker
        raise _unknown(waiver.number)
    record(
        session, actor, f"waiver.{what}", "waiver", waiver.id, seal=made.seal.hex(), number=waiver.number,
        reason=reason,
    )  # fmt: skip


def _unknown(number: int) -> UnknownWaiver:
    return UnknownWaiver(
        f"There is no waiver {number} that waits for this.",
        next_step="See: cbi waiver list",
        number=number,
    )
