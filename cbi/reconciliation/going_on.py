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
from cbi.audit.record import record
from cbi.audit.standstill_models import Standstill
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.fsp.adapter import ReadsStatements
from cbi.fsp.errors import AdapterUnavailable
from cbi.ledger.chart import FLOAT
from cbi.ledger.models import Account
from cbi.payments.models import Discrepancy, PaymentRun, RunRoute
from cbi.payments.sending import providers
from cbi.payments.states import RunState
from cbi.reconciliation.models import StatementFile

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

    `taken_in` is when its last statement came, None where none came since; `through` the last day that it tells about.
    `undecided` lines of it nobody can explain yet. `reads` is False for a provider who gives no statements.
    """

    provider: str
    reads: bool
    taken_in: datetime | None
    through: date | None
    compared: bool
    undecided: int

    @property
    def is_enough(self) -> bool:
        """Whether nothing of this provider keeps the office from going on."""
        return not self.reads or (
            self.taken_in is not None and self.compared and not self.undecided
        )


def stop(session: Session, actor: Actor, reason: str) -> Standstill:
    """Stop the office at once, for a reason; one that stands still already goes on standing still. Raises UnusableReason."""
    actor.require(Permission.BOOKS_CLOSE)
    return standstill.begin(session, actor, reason=reasons.plain(reason))


def told(session: Session, still: Standstill) -> Sequence[Told]:
    """For everybody who holds our money, or had or waits for payments of a run that is not closed, what they have told."""
    over = (RunState.CLOSED, RunState.CANCELLED)
    routes = select(RunRoute.provider).join(PaymentRun, PaymentRun.id == RunRoute.run_id)
    floats = select(Account.provider).where(
        Account.code == FLOAT.code, Account.debits_minor != Account.credits_minor, Account.provider.is_not(None)
    )  # fmt: skip
    names = set(session.scalars(routes.where(PaymentRun.state.not_in(over)).distinct()))
    names |= {name for name in session.scalars(floats) if name}
    return [_told(session, still, name) for name in sorted(names)]


def _told(session: Session, still: Standstill, provider: str) -> Told:
    taken_in, through, waiting = session.execute(
        select(
            func.max(StatementFile.imported_at), func.max(StatementFile.last_day),
            func.count().filter(StatementFile.reconciled_at.is_(None)),
        ).where(StatementFile.provider == provider, StatementFile.imported_at >= still.began_at)
    ).one()  # fmt: skip
    undecided = session.scalar(
        select(func.count()).where(
            Discrepancy.provider == provider, Discrepancy.line_id.is_not(None), Discrepancy.settled_at.is_(None),
            Discrepancy.opened_at >= still.began_at,
        )
    )  # fmt: skip
    return Told(provider, _reads(provider), taken_in, through, not waiting, undecided or 0)


def _reads(provider: str) -> bool:
    try:
        return isinstance(providers.adapter(provider), ReadsStatements)
    except AdapterUnavailable:
        return False  # its contract is over, and whatever it would give could not be read


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
            next_step="Take in a statement that reaches today, reconcile it, and decide what it shows.",
        )
    return still


def _lacks(each: Told) -> str:
    if each.taken_in is None:
        return f"{each.provider} has given no statement since"
    if not each.compared:
        return f"a statement of {each.provider} is not reconciled"
    return f"{each.undecided} lines of {each.provider} are not decided"
