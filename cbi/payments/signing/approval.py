"""Different people, none of whom made the run, sign exactly what will be paid; after the last its funds are committed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import String, case, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission, Role
from cbi.audit.models import AuditEntry
from cbi.errors import CbiError, Conflict, Forbidden
from cbi.ledger.chart import Entry
from cbi.ledger.models import Fund
from cbi.ledger.posting import post
from cbi.lifecycle import MoveNotAllowed
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.fees import fees
from cbi.payments.models import Approval, Payment, PaymentRun
from cbi.payments.moves import book_of
from cbi.payments.runs import counting, digest, summaries
from cbi.payments.runs.runs import TwoParts, find, move_run, part_of, programme_of, take_part
from cbi.payments.signing import blocking, delegations, required
from cbi.payments.signing.signing_models import Delegation
from cbi.payments.states import RUN, RunState
from cbi.registry.linkage import staff
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


class OwnPayment(Forbidden):
    """The run pays a household of whoever would sign it."""

    code = "payment_run.own_payment"


class OnlyPeople(Forbidden):
    """Programs do not sign."""

    code = "payment_run.only_people"


_ACTS = tuple(f"payment_run.{state}" for state in (RunState.CERTIFIED, RunState.APPROVED))
"""What the audit log calls a signature: another follows, or it was the last."""


def sign(
    session: Session, actor: Actor, run_id: UUID, step: str, code: str, *, seen: bytes | None = None
) -> PaymentRun:
    """Take the next step of a run. `code` is the signer's fresh one-time code, `seen` the digest they were shown.

    The last signature commits the run's total and fees from the programme's budget and starts the recall window. What
    the run takes is worked out again first; when more has been locked meanwhile, more people are asked.

    Raises UnknownRun, NotPermitted, NotWhatWasSeen, MoveNotAllowed where another step is next, OwnPayment, TwoParts,
    WrongCode, ContentAltered, SummaryAltered, RequirementAltered, NoBand, DelegationNotValid, Blocked, ListsUnopened;
    for the last: NotCovered, FundNotValid.
    """
    run = find(session, run_id, lock=True)
    programme = programme_of(session, run).code
    actor.require(Permission.RUN_SIGN, programme)
    _check_seen(run, seen)
    RUN.check(run.state, RunState.CERTIFIED)
    _refuse_own_payment(session, actor, run)
    if actor.kind != "user" or actor.id is None:
        raise OnlyPeople("A run is signed by a person, not by a program.")
    needed = required.of(session, run)
    assert needed is not None  # only a draft asks for nothing, and a draft cannot be signed
    required.check_said(session, run, needed)
    signed = [part for part, _ in _signatures(session, run)]
    now, more = required.risen(session, run, needed)
    wanted = next((each for each in needed.steps if each.name not in signed), None)
    if wanted is None or wanted.name != step:
        raise MoveNotAllowed(
            f"Run {run.number} does not wait for the signature of its {step}.",
            next_step="See its sheet.",
        )
    counts = counting.most(needed.counted, now.counted)
    given = delegations.authority(session, actor, wanted, programme, counts)
    is_last = len(signed) + 1 == len((more or needed).steps)
    if is_last:
        check_fund(session, run)
    _sign(session, actor, run, step, code, given, len(signed) + 1)
    if more:
        required.ask_more(session, actor, run, more)
    told: dict[str, Any] = {"step": step, "digest": _hex(run)} | (
        {"for": str(given.from_id)} if given else {}
    )
    told["controls"] = blocking.keep(session, run, step, blocking.check(session, actor, run, step))
    if is_last:
        post(session, Entry.COMMIT, book_of(run), Money(run.total_minor, run.currency), run.id)
        told |= fees.reserve(session, run)
        run.release_after = clock.now() + timedelta(minutes=settings().recall_minutes)
        move_run(session, actor, run, RunState.APPROVED, total=run.total_minor, **told)
    else:
        move_run(session, actor, run, RunState.CERTIFIED, **told)
    return run


def _refuse_own_payment(session: Session, actor: Actor, run: PaymentRun) -> None:
    homes = staff.own_households(session, actor)
    if not homes:
        return
    own = exists().where(Payment.run_id == run.id, Payment.live, Payment.household_id.in_(homes))
    if session.scalar(select(own)):
        raise OwnPayment(
            f"Run {run.number} pays a household that you belong to.",
            next_step="Ask a colleague who may sign payment runs.",
            number=run.number,
        )


def certify(
    session: Session, actor: Actor, run_id: UUID, code: str, *, seen: bytes | None = None
) -> PaymentRun:
    """Sign as certifier: the list is right. Raises what `sign` raises."""
    return sign(session, actor, run_id, Role.CERTIFIER, code, seen=seen)


def authorise(
    session: Session, actor: Actor, run_id: UUID, code: str, *, seen: bytes | None = None
) -> PaymentRun:
    """Sign as authoriser: pay it. Raises what `sign` raises."""
    return sign(session, actor, run_id, Role.AUTHORISER, code, seen=seen)


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
    """Raise Conflict unless every signature that this revision takes covers the digest that the content has now."""
    check_unaltered(session, run)
    needed = required.of(session, run)
    signed = _signatures(session, run)
    wanted = {step.name for step in needed.steps} if needed else set()
    if {part for part, _ in signed} != wanted or {each for _, each in signed} != {run.digest}:
        raise ContentAltered(
            f"Run {run.number} does not have all its signatures over its present content.",
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
    required.check_said(session, run, needed)


def is_signed(session: Session, run: PaymentRun) -> bool:
    """Whether everybody has signed the run's present content who must, and the audit log says so."""
    try:
        check_approved(session, run)
    except CbiError:
        return False
    return True


def signed_and_said(session: Session, run: PaymentRun) -> list[tuple[str, bool]]:
    """Each approval of the run's present revision, and whether the audit log says that this person gave it."""
    former = case((Approval.part == Role.CERTIFIER, _ACTS[0]), else_=_ACTS[1])
    step = AuditEntry.details["step"].astext
    said = exists().where(
        AuditEntry.subject_kind == "payment_run",
        AuditEntry.subject_id == cast(Approval.run_id, String),
        AuditEntry.act.in_(_ACTS),
        # Entries of runs that took the ordinary two signatures, when there were no others, name no step.
        or_(step == Approval.part, step.is_(None) & (AuditEntry.act == former)),
        AuditEntry.actor_id == Approval.user_id,
        AuditEntry.details["digest"].astext == func.encode(Approval.digest, "hex"),
    )
    rows = session.execute(
        select(Approval.part, said)
        .where(Approval.run_id == run.id, Approval.revision == run.revision)
        .order_by(Approval.place)
    )
    return [(part, bool(known)) for part, known in rows]


def _signatures(session: Session, run: PaymentRun) -> list[tuple[str, bytes]]:
    rows = session.execute(
        select(Approval.part, Approval.digest)
        .where(Approval.run_id == run.id, Approval.revision == run.revision)
        .order_by(Approval.place)
    )
    return [(part, signed) for part, signed in rows]


def _check_seen(run: PaymentRun, seen: bytes | None) -> None:
    if seen is not None and seen != run.digest:
        raise NotWhatWasSeen(
            f"Run {run.number} has changed since you opened its sheet. Nothing was signed.",
            next_step="Read the sheet as it is now, then sign that one.",
            number=run.number,
        )


def _sign(
    session: Session, actor: Actor, run: PaymentRun, step: str, code: str, given: Delegation | None, place: int
) -> None:  # fmt: skip
    totp.step_up(
        session, actor, code
    )  # first: a wrong code keeps its count, and must keep nothing else
    take_part(session, run, actor, step)
    # Whoever is stood in for has the part as well, or they could take another step of the same run in person.
    if given and part_of(session, run, given.from_id, step) != step:
        raise TwoParts(
            "Whoever you stand in for had another part in this run.",
            next_step="Ask a colleague: all who make and sign a run must be different people.",
        )
    check_unaltered(session, run)
    summaries.kept(session, run)  # what the signer was shown is what was worked out
    session.add(
        Approval(
            run_id=run.id, revision=run.revision, part=step, place=place, user_id=actor.id,
            delegation_id=given and given.id, digest=run.digest, approved_at=clock.now(),
        )
    )  # fmt: skip
    session.flush()


def check_fund(session: Session, run: PaymentRun) -> None:
    """Raise FundNotValid unless the run's fund may be spent today, by the office's calendar."""
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
