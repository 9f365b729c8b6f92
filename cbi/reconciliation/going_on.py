"""Letting an office go on that stands still: once the providers' statements have told what our books may have forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons, standstill
from cbi.audit.models import AuditEntry
from cbi.audit.record import record
from cbi.audit.standstill_models import Standstill
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.fsp.adapter import ReadsStatements
from cbi.fsp.errors import AdapterUnavailable
from cbi.ledger.chart import FLOAT
from cbi.ledger.models import Account
from cbi.money import Money
from cbi.payments.models import Discrepancy, PaymentRun, RunRoute
from cbi.payments.sending import providers
from cbi.payments.states import RunState
from cbi.reconciliation import balances
from cbi.reconciliation.models import StatementFile
from cbi.reconciliation.statements import GIVEN_AGAIN
from cbi.settings import settings

ASKED, DROPPED, ENDED = "standstill.end_asked", "standstill.end_dropped", "standstill.ended"


class NotStill(NotFound):
    """The office does not stand still."""

    code = "standstill.none"


class NotYet(Conflict):
    """Statements are missing, or what they told is not decided."""

    code = "standstill.not_yet"


class NobodyAsked(Conflict):
    """Nobody has asked to go on."""

    code = "standstill.nobody_asked"


class OwnAsking(Forbidden):
    """Nobody lets the office go on as they asked for themself."""

    code = "standstill.own"


@dataclass(frozen=True, slots=True)
class Told:
    """What one provider has told since the office stands still.

    `taken_in` is when its last statement came, or one that was known was given again; None where none was since. `through`
    is the last day that its statements tell about. `lacking`: what lines are missing by its own balances, as where a
    statement was forgotten with all that came after the backup. `undecided` lines nobody can explain yet. `reads` is False
    for a provider who gives no statements.
    """

    provider: str
    reads: bool
    taken_in: datetime | None
    through: date | None
    compared: bool
    lacking: Sequence[Money]
    undecided: int

    @property
    def is_enough(self) -> bool:
        """Whether nothing of this provider keeps the office from going on."""
        return not self.reads or (
            self.taken_in is not None and self.compared and not self.lacking and not self.undecided
        )


def stop(session: Session, actor: Actor, reason: str) -> Standstill:
    """Stop the office at once, for a reason; of one that stands still, the standstill begins anew. Raises UnusableReason."""
    actor.require(Permission.BOOKS_CLOSE)
    return standstill.begin(session, actor, reason=reasons.plain(reason))


def told(session: Session, still: Standstill) -> Sequence[Told]:
    """What everybody has told who holds our money, or has payments of a run that is not closed, or had either and is in use.

    Of whoever is in use, new money and runs may be forgotten altogether.
    """
    over = (RunState.CLOSED, RunState.CANCELLED)
    routes = select(RunRoute.provider).join(PaymentRun, PaymentRun.id == RunRoute.run_id).distinct()
    floats = select(Account.provider).where(Account.code == FLOAT.code).distinct()
    names = set(session.scalars(routes.where(PaymentRun.state.not_in(over))))
    names |= set(session.scalars(floats.where(Account.debits_minor != Account.credits_minor)))
    ever = {*session.scalars(routes), *session.scalars(floats)}
    return [
        _told(session, still, name)
        for name in sorted({name for name in (*names, *(ever & set(settings().providers))) if name})
    ]


def _told(session: Session, still: Standstill, provider: str) -> Told:
    new, through, waiting = session.execute(
        select(
            func.max(StatementFile.imported_at).filter(StatementFile.imported_at >= still.began_at),
            func.max(StatementFile.last_day),
            func.count().filter(StatementFile.reconciled_at.is_(None)),
        ).where(StatementFile.provider == provider)
    ).one()
    again = session.scalar(
        select(func.max(AuditEntry.at)).where(
            AuditEntry.subject_kind == "provider", AuditEntry.subject_id == provider, AuditEntry.act == GIVEN_AGAIN,
            AuditEntry.at >= still.began_at,
        )
    )  # fmt: skip
    taken_in = max((at for at in (new, again) if at is not None), default=None)
    undecided = session.scalar(
        select(func.count()).where(
            Discrepancy.provider == provider, Discrepancy.line_id.is_not(None), Discrepancy.settled_at.is_(None),
            Discrepancy.opened_at >= still.began_at,
        )
    )  # fmt: skip
    lacking = balances.gaps(session, provider)
    return Told(provider, _reads(provider), taken_in, through, not waiting, lacking, undecided or 0)


def _reads(provider: str) -> bool:
    try:
        return isinstance(providers.adapter(provider), ReadsStatements)
    except AdapterUnavailable:
        return True  # on a new machine its settings may be missing: that is no reason to ask it nothing


def ask(session: Session, actor: Actor, reason: str) -> Standstill:
    """Ask to let the office go on, and say what was looked at; asking again changes nothing.

    Raises NotStill, NotYet, UnusableReason.
    """
    actor.require(Permission.BOOKS_CLOSE)
    still = _whole(session)
    words = reasons.plain(reason)
    done = session.execute(
        update(Standstill)
        .where(Standstill.id == still.id, Standstill.open, Standstill.asked_at.is_(None))
        .values(asked_because=words, asked_by=actor.id, asked_at=clock.now())
    )
    if isinstance(done, CursorResult) and done.rowcount:
        record(session, actor, ASKED, "standstill", still.id)
    session.refresh(still)
    return still


def confirm(session: Session, actor: Actor, code: str) -> Standstill:
    """Let the office go on as a colleague asked, with a fresh one-time code.

    Raises NotStill, NobodyAsked, OwnAsking, NotYet, WrongCode.
    """
    actor.require(Permission.BOOKS_CLOSE)
    still = _standing(session)
    if still.asked_by is None:
        raise NobodyAsked(
            "Nobody has asked to let the office go on.",
            next_step="One person asks: cbi standstill end",
        )
    if still.asked_by == actor.id:
        raise OwnAsking(
            "You asked for it, so somebody else lets the office go on.",
            next_step="Ask a colleague who may close the books.",
        )
    _whole(session)
    totp.step_up(session, actor, code)
    done = session.execute(
        update(Standstill)
        .where(Standstill.id == still.id, Standstill.open, Standstill.asked_at == still.asked_at)
        .values(open=False, ended_by=actor.id, ended_at=clock.now())
    )
    if not (isinstance(done, CursorResult) and done.rowcount):
        raise NobodyAsked(
            "It was taken back at this very moment.", next_step="See: cbi standstill show"
        )
    record(session, actor, ENDED, "standstill", still.id)
    session.refresh(still)
    return still


def drop(session: Session, actor: Actor, still: Standstill) -> bool:
    """The office goes on standing still: what was asked for was refused or taken back. Whether it waited."""
    done = session.execute(
        update(Standstill)
        .where(Standstill.id == still.id, Standstill.open, Standstill.asked_at == still.asked_at)
        .values(asked_because=None, asked_by=None, asked_at=None)
    )
    dropped = isinstance(done, CursorResult) and bool(done.rowcount)
    if dropped:
        record(session, actor, DROPPED, "standstill", still.id)
    return dropped


def _standing(session: Session) -> Standstill:
    """The standstill that lasts, locked until the transaction ends."""
    found = session.scalars(
        select(Standstill)
        .where(Standstill.open)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotStill("The office does not stand still.", next_step="Nothing has to be done.")
    return found


def _whole(session: Session) -> Standstill:
    """The standstill, unless something is missing before it may end."""
    still = _standing(session)
    lacking = [each for each in told(session, still) if not each.is_enough]
    if lacking:
        raise NotYet(
            f"Not yet: {'; '.join(map(_lacks, lacking))}.",
            next_step="Take in every statement since the backup, until today, reconcile them, and decide what they show."
            " A provider that is not set up on this machine is named in CBI_PROVIDERS first.",
        )
    return still


def _lacks(each: Told) -> str:
    if each.taken_in is None:
        return f"{each.provider} has given no statement since"
    if not each.compared:
        return f"a statement of {each.provider} is not reconciled"
    if each.lacking:
        return f"by their own balances the statements of {each.provider} lack lines: {', '.join(map(str, each.lacking))}"
    return f"{each.undecided} lines of {each.provider} are not decided"
