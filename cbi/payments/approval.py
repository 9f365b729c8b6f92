"""Two people, neither of whom made the run, sign exactly what will be paid; then its funds are committed."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import String, case, cast, exists, func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.models import AuditEntry
from cbi.errors import Conflict, Forbidden
from cbi.ledger.chart import Entry
from cbi.ledger.models import Fund
from cbi.ledger.posting import post
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments import digest, summaries
from cbi.payments.models import Approval, Part, PaymentRun
from cbi.payments.moves import book_of
from cbi.payments.runs import find, move_run, programme_of, take_part
from cbi.payments.states import RUN, RunState
from cbi.settings import settings


class ContentAltered(Conflict):
    """The run is not what it was when it was locked."""

    code = "payment_run.content_altered"


class FundNotValid(Conflict):
    """The fund may not be spent today."""

    code = "payment_run.fund_not_valid"


class NotWhatWasSeen(Conflict):
    """The run is another than the one whose sheet the signer was shown."""

    code = "payment_run.not_what_was_seen"


class OnlyPeople(Forbidden):
    """Programs do not sign."""

    code = "payment_run.only_people"


_ACTS = {
    Part.CERTIFIER: f"payment_run.{RunState.CERTIFIED}",
    Part.AUTHORISER: f"payment_run.{RunState.APPROVED}",
}
"""What the audit log calls each signature."""


def certify(
    session: Session, actor: Actor, run_id: UUID, code: str, *, seen: bytes | None = None
) -> PaymentRun:
    """First signature: the list is right. `code` is the signer's fresh one-time code, `seen` the digest they were shown.

    Raises UnknownRun, NotWhatWasSeen, MoveNotAllowed, TwoParts, WrongCode, ContentAltered, SummaryAltered.
    """
    run = find(session, run_id, lock=True)
    actor.require(Permission.RUN_CERTIFY, programme_of(session, run).code)
    _check_seen(run, seen)
    RUN.check(run.state, RunState.CERTIFIED)
    _sign(session, actor, run, Part.CERTIFIER, code)
    move_run(session, actor, run, RunState.CERTIFIED, digest=_hex(run))
    return run


def authorise(
    session: Session, actor: Actor, run_id: UUID, code: str, *, seen: bytes | None = None
) -> PaymentRun:
    """Second signature: pay it. Commits the run's total from the programme's budget and starts the recall window.

    Raises what `certify` raises, and NotCovered, FundNotValid.
    """
    run = find(session, run_id, lock=True)
    actor.require(Permission.RUN_AUTHORISE, programme_of(session, run).code)
    _check_seen(run, seen)
    RUN.check(run.state, RunState.APPROVED)
    _check_fund(session, run)
    _sign(session, actor, run, Part.AUTHORISER, code)
    post(session, Entry.COMMIT, book_of(run), Money(run.total_minor, run.currency), run.id)
    run.release_after = clock.now() + timedelta(minutes=settings().recall_minutes)
    move_run(session, actor, run, RunState.APPROVED, digest=_hex(run), total=run.total_minor)
    return run


def check_unaltered(session: Session, run: PaymentRun) -> None:
    """Raise ContentAltered, naming the payments where it can, unless the content is what was locked."""
    if run.digest is not None and digest.run_digest(session, run) == run.digest:
        return
    altered = digest.altered_payments(session, run.id)
    where = ", ".join(f"no. {number}" for _, number in altered) or "the list as a whole"
    raise ContentAltered(
        f"Run {run.number} is not what was signed: somebody altered it ({where}).",
        next_step="Do not release it. Tell the auditor, then return the run to draft.",
        number=run.number,
        payments=[str(payment_id) for payment_id, _ in altered],
    )


def check_approved(session: Session, run: PaymentRun) -> None:
    """Raise Conflict unless both signatures of this revision cover the digest that the content has now."""
    check_unaltered(session, run)
    signed = session.execute(
        select(Approval.part, Approval.digest).where(
            Approval.run_id == run.id, Approval.revision == run.revision
        )
    ).all()
    if {part for part, _ in signed} != {Part.CERTIFIER, Part.AUTHORISER} or {
        d for _, d in signed
    } != {run.digest}:
        raise ContentAltered(
            f"Run {run.number} does not have two signatures over its present content.",
            next_step="Do not release it. Tell the auditor, then return the run to draft.",
            number=run.number,
        )
    # A digest needs no key, so whoever rewrote the list could have made it fit again; the audit log is chained under one.
    if unsaid := [part for part, said in signed_and_said(session, run) if not said]:
        raise ContentAltered(
            f"The audit log does not say that run {run.number}'s {', '.join(unsaid)} signed this content.",
            next_step="Do not release it. Tell the auditor, then return the run to draft.",
            number=run.number,
        )


def signed_and_said(session: Session, run: PaymentRun) -> list[tuple[Part, bool]]:
    """Each approval of the run's present revision, and whether the audit log says that this person gave it."""
    said = exists().where(
        AuditEntry.subject_kind == "payment_run",
        AuditEntry.subject_id == cast(Approval.run_id, String),
        AuditEntry.act == case(_ACTS, value=Approval.part),
        AuditEntry.actor_id == Approval.user_id,
        AuditEntry.details["digest"].astext == func.encode(Approval.digest, "hex"),
    )
    rows = session.execute(
        select(Approval.part, said).where(
            Approval.run_id == run.id, Approval.revision == run.revision
        )
    )
    return [(part, bool(known)) for part, known in rows]


def _check_seen(run: PaymentRun, seen: bytes | None) -> None:
    if seen is not None and seen != run.digest:
        raise NotWhatWasSeen(
            f"Run {run.number} has changed since you opened its sheet. Nothing was signed.",
            next_step="Read the sheet as it is now, then sign that one.",
            number=run.number,
        )


def _sign(session: Session, actor: Actor, run: PaymentRun, part: Part, code: str) -> None:
    if actor.kind != "user" or actor.id is None:
        raise OnlyPeople("A run is signed by a person, not by a program.")
    totp.step_up(
        session, actor, code
    )  # first: a wrong code keeps its count, and must keep nothing else
    take_part(session, run, actor, part)
    check_unaltered(session, run)
    summaries.kept(session, run)  # what the signer was shown is what was worked out
    session.add(
        Approval(
            run_id=run.id, revision=run.revision, part=part, user_id=actor.id, digest=run.digest,
            approved_at=clock.now(),
        )
    )  # fmt: skip
    session.flush()


def _check_fund(session: Session, run: PaymentRun) -> None:
    fund = session.get_one(Fund, run.fund_id)
    today = clock.today(office_of(session).timezone)
    if not fund.valid_from <= today <= fund.valid_to:
        raise FundNotValid(
            f"The fund {fund.code} may be spent from {fund.valid_from} to {fund.valid_to}; today is {today}.",
            next_step="Ask the donor for an extension, and put the new date in the programme file.",
            fund=fund.code,
            first=fund.valid_from.isoformat(),
            last=fund.valid_to.isoformat(),
        )


def _hex(run: PaymentRun) -> str:
    assert run.digest is not None
    return run.digest.hex()
