"""When no rule explains a line of a statement: one person reports what it is, by the provider's written word, and another
confirms it. Only then our books hold it, and the line leaves suspense.
"""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid, NotFound
from cbi.payments.fees.fee_models import FeeCharge
from cbi.payments.models import Payment
from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.payments.unpaid.unpaid import OwnReport
from cbi.programmes.budget import fund_of
from cbi.programmes.models import Programme
from cbi.reconciliation import line_booking, line_corrections, line_more
from cbi.reconciliation.line_attempts import DoesNotFit
from cbi.reconciliation.line_corrections import CORRECTIONS
from cbi.reconciliation.models import STANDS, LineFinding, Match, StatementLine, Verdict
from cbi.reconciliation.statements import one_at_a_time


class UnknownLine(NotFound):
    """No such line of a statement."""

    code = "statement_line.unknown"


class UnknownLineFinding(NotFound):
    """Nobody has made this report."""

    code = "line_finding.unknown"


class AlreadyConfirmed(Conflict):
    """This report has been confirmed, or refused."""

    code = "line_finding.already_confirmed"


class Explained(Conflict):
    """Our books explain the line, so there is nothing to find."""

    code = "line_finding.explained"


class SaysTooLittle(Invalid):
    """The report does not name what it needs to."""

    code = "line_finding.says_too_little"


@dataclass(frozen=True, slots=True)
class Said:
    """What a line is said to be, and what that needs to be named: an attempt, a booked movement, another line, who bears
    it, which finding was mistaken, which discrepancy says that it is told in two ways.

    `fund` may be left out where the programme's first fund bears it.
    """

    verdict: Verdict
    payment_id: UUID | None = None
    attempt: int | None = None
    transfer_id: int | None = None
    other_line_id: UUID | None = None
    programme: str | None = None
    fund: str | None = None
    finding_id: UUID | None = None
    discrepancy_id: UUID | None = None


def report(session: Session, actor: Actor, line_id: UUID, said: Said, proof: str) -> LineFinding:
    """Report what a line is, by the provider's written word (`proof`: where it is). Moves nothing.

    Raises UnknownLine, NotPermitted, SaysTooLittle, Explained, DoesNotFit, UnusableReason, and what `line_booking.check`
    raises.
    """
    line = _line(session, actor, line_id, Permission.DISCREPANCY_SETTLE)
    one_at_a_time(session, line.provider)
    named = _named(session, line, said)
    actor.require(Permission.DISCREPANCY_SETTLE, _programme(session, named))
    _check(session, line, named)
    reported = session.scalars(
        insert(LineFinding)
        .values(**named, proof=reasons.plain(proof), reported_by=actor.id, reported_at=clock.now())
        .returning(LineFinding)
    ).one()
    record(
        session, actor, "statement_line.reported", "statement_line", line.id, verdict=said.verdict.value,
        finding=str(reported.id),
    )  # fmt: skip
    return reported


def confirm(
    session: Session, actor: Actor, finding_id: UUID, code: str, delivered_seen: str | None = None
) -> LineFinding:
    """Confirm a colleague's report with a fresh one-time code: our books hold what the line is.

    `delivered_seen`: of more of a payment, what was shown to be delivered after all, as `Money.decimal` has it. Raises
    UnknownLineFinding, NotPermitted, WrongCode, OwnReport, AlreadyConfirmed, Explained, DoesNotFit, SplitChanged,
    NotCovered, and what `line_booking.check` raises.
    """
    finding = session.get(LineFinding, finding_id, populate_existing=True)
    if finding is None:
        actor.require(Permission.RUN_AUTHORISE)
        raise UnknownLineFinding(
            "There is no such report.",
            next_step="The treasurer makes it first: cbi statement report-line",
        )
    line = session.get_one(StatementLine, finding.line_id)
    one_at_a_time(session, line.provider)
    named = {column: getattr(finding, column) for column in _NAMES}
    actor.require(Permission.RUN_AUTHORISE, _programme(session, named))
    totp.step_up(session, actor, code)
    if finding.reported_by == actor.id:
        raise OwnReport(
            "You reported this line, so somebody else has to confirm it.",
            next_step="Ask a colleague who may authorise payment runs.",
        )
    _check(session, line, named)
    if finding.verdict == Verdict.MORE:
        line_more.hold(session, finding, delivered_seen)
    confirmed = session.scalar(
        update(LineFinding)
        .where(
            LineFinding.id == finding.id,
            LineFinding.confirmed_by.is_(None),
            LineFinding.refusal_id.is_(None),
        )
        .values(confirmed_by=actor.id, confirmed_at=clock.now())
        .returning(LineFinding.id)
    )
    if confirmed is None:
        raise AlreadyConfirmed(
            "This report was confirmed or refused.", next_step="Look at the line."
        )
    session.refresh(finding)
    if finding.verdict in CORRECTIONS:
        line_corrections.book(session, line, finding)
    else:
        line_booking.book(session, line, finding)
    record(
        session, actor, "statement_line.confirmed", "statement_line", line.id, verdict=finding.verdict,
        finding=str(finding.id),
    )  # fmt: skip
    return finding


def programme_of(session: Session, finding: LineFinding) -> str | None:
    """The programme whose money a report is about; None: nobody's yet."""
    return _programme(session, {column: getattr(finding, column) for column in _NAMES})


def reported(session: Session, line_id: UUID) -> list[LineFinding]:
    """Everything that was reported of a line, in order."""
    found = select(LineFinding).where(
        (LineFinding.line_id == line_id) | (LineFinding.other_line_id == line_id)
    )
    return list(session.scalars(found.order_by(LineFinding.reported_at, LineFinding.id)))


_NAMES = (
    "line_id", "verdict", "payment_id", "attempt", "transfer_id", "other_line_id", "programme_id", "fund_id",
    "finding_id", "discrepancy_id",
)  # fmt: skip


def _line(session: Session, actor: Actor, line_id: UUID, permission: Permission) -> StatementLine:
    line = session.get(StatementLine, line_id)
    if line is None:
        actor.require(permission)
        raise UnknownLine("There is no such line of a statement.", next_step="See its discrepancy.")
    return line


def _named(session: Session, line: StatementLine, said: Said) -> dict[str, object]:
    """The columns of a finding for what is said, with all that must be named."""
    told: dict[str, object] = dict.fromkeys(_NAMES)
    told |= {"line_id": line.id, "verdict": said.verdict.value}
    if said.verdict in {Verdict.NOT_OURS, Verdict.REFUNDED}:
        return told
    named = told | _names_of(session, line, said)
    if all(named[name] is None for name in _NAMES[3:]):  # a payment without an attempt says nothing
        raise SaysTooLittle(
            "The report does not name the attempt, the booked movement or the other line that it is about.",
            next_step="Name it, or report that the line is not ours.",
        )
    return named


def _names_of(session: Session, line: StatementLine, said: Said) -> dict[str, object]:
    match said.verdict:
        case Verdict.ATTEMPT | Verdict.MORE:
            present = select(Payment.attempts).where(Payment.id == said.payment_id)
            attempt = said.attempt if said.attempt is not None else session.scalar(present)
            return {"payment_id": said.payment_id, "attempt": attempt}
        case Verdict.UNMATCHED:
            stands = select(Match).where(Match.line_id == line.id, STANDS)
            match_ = session.scalars(stands).one_or_none()
            if match_ is None:
                raise Explained(
                    "This line is not matched with anything.", next_step="Look at the line."
                )
            return {"payment_id": match_.payment_id, "attempt": match_.attempt}
        case Verdict.LOST | Verdict.FEE:
            return _bearer(session, said)
        case _:
            name = _ONE_NAME[said.verdict]
            return {name: getattr(said, name)}


_ONE_NAME = {
    Verdict.BOOKED: "transfer_id",
    Verdict.OPPOSITE: "other_line_id",
    Verdict.MISTAKEN: "finding_id",
    Verdict.FIRST_STORY: "discrepancy_id",
    Verdict.LATER_STORY: "discrepancy_id",
}


def _bearer(session: Session, said: Said) -> dict[str, object]:
    programme = session.scalars(
        select(Programme).where(Programme.code == said.programme)
    ).one_or_none()
    if programme is None:
        raise SaysTooLittle(
            "There is no such programme to bear the loss.",
            next_step="Name the programme whose budget bears it: cbi fund list",
        )
    return {"programme_id": programme.id, "fund_id": fund_of(session, programme, said.fund).id}


def _programme(session: Session, named: dict[str, object]) -> str | None:
    """The programme whose money it is about; None: nobody's yet, so it takes somebody who works for the whole office."""
    about = select(Programme.code)
    if named["payment_id"] is not None:
        about = about.join(Payment, Payment.programme_id == Programme.id)
        return session.scalar(about.where(Payment.id == named["payment_id"]))
    if named["finding_id"] is not None:
        mistaken = session.get(LineFinding, named["finding_id"])
        named = {name: getattr(mistaken, name, None) for name in _NAMES}
        return _programme(session, named | {"finding_id": None})
    if named["programme_id"] is not None:
        return session.scalar(about.where(Programme.id == named["programme_id"]))
    return None


def _check(session: Session, line: StatementLine, named: dict[str, object]) -> None:
    if named["verdict"] == Verdict.UNMATCHED:
        stands = select(Match.line_id).where(
            Match.line_id == line.id, Match.payment_id == named["payment_id"],
            Match.attempt == named["attempt"], STANDS,
        )  # fmt: skip
        if session.scalar(stands) is None:
            raise DoesNotFit(
                "The line is not matched with this attempt any more.", next_step="Look at the line."
            )
        if session.get(FeeCharge, line.id) is not None:
            raise DoesNotFit(
                "The provider's fee was inside this line and is booked with it, so the match stays.",
                next_step="Report what the payment took instead: cbi payment report-amount",
            )
        return
    if named["verdict"] in CORRECTIONS:
        line_corrections.check(session, line, LineFinding(**named))
        return
    stay = suspense.stay(session, line.id)
    if stay is None:
        raise Explained(
            "Our books explain this line, or it has not been compared with them yet.",
            next_step="Compare the statement first (cbi reconcile); a wrong match is reported as such.",
        )
    _check_found_once(session, stay, named)
    line_booking.check(session, line, stay, LineFinding(**named))


def _check_found_once(session: Session, stay: SuspendedLine, named: dict[str, object]) -> None:
    again = select(LineFinding.id).where(
        LineFinding.line_id == stay.line_id,
        LineFinding.verdict == Verdict.NOT_OURS.value,
        LineFinding.taken_back_by.is_(None),
        LineFinding.confirmed_at >= stay.since,
    )
    if named["verdict"] == Verdict.NOT_OURS and session.scalar(again) is not None:
        raise Explained(
            "Two people have found that this line is not ours.",
            next_step="It leaves suspense when the provider takes it back, or when two people find what it is.",
        )
