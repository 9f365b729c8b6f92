"""Two people open a closed month again, with a reason. Its close stays where it is, and says so."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.errors import Conflict, Forbidden, NotFound
from cbi.ledger import closed
from cbi.ledger.models import MonthClose
from cbi.month_end.checklist import month_of
from cbi.month_end.closing import newest, note, one_at_a_time

ASKED, REOPENED = "month_close.reopening_asked", "month_close.reopened"
DROPPED = "month_close.reopening_dropped"


class NotClosed(NotFound):
    """The month is not closed."""

    code = "month_close.not_closed"


class LaterClosed(Conflict):
    """A later month is closed, and would stand on one that is open."""

    code = "month_close.later_closed"


class NobodyAsked(Conflict):
    """Nobody has asked to open it again."""

    code = "month_close.nobody_asked"


class OwnReopening(Forbidden):
    """Nobody confirms what they asked for."""

    code = "month_close.own_reopening"


def ask(session: Session, actor: Actor, month: str, reason: str) -> MonthClose:
    """Ask to open the month that was closed last, and say why. Nothing is open yet; asking again changes nothing.

    Raises UnusableMonth, NotClosed, LaterClosed, UnusableReason.
    """
    actor.require(Permission.BOOKS_CLOSE)
    close = _standing(session, month)
    why = reasons.plain(reason)
    if _set(
        session, close, reopen_reason=why, reopen_asked_by=actor.id, reopen_asked_at=clock.now()
    ):
        note(session, actor, ASKED, close)
    return close


def confirm(session: Session, actor: Actor, month: str, code: str) -> MonthClose:
    """Open a month again as a colleague asked, with a fresh one-time code.

    Raises UnusableMonth, NotClosed, LaterClosed, NobodyAsked, OwnReopening, WrongCode.
    """
    actor.require(Permission.BOOKS_CLOSE)
    close = _standing(session, month)
    if close.reopen_asked_by is None:
        raise NobodyAsked(
            f"Nobody has asked to open {close.month:%Y-%m} again.",
            next_step=f"One person asks: cbi books reopen {close.month:%Y-%m}",
        )
    if close.reopen_asked_by == actor.id:
        raise OwnReopening(
            "You asked for it, so somebody else confirms it.",
            next_step="Ask a colleague who may close the books.",
        )
    totp.step_up(session, actor, code)
    if _set(session, close, reopened_by=actor.id, reopened_at=clock.now()):
        note(session, actor, REOPENED, close)
    return close


def drop(session: Session, actor: Actor, close: MonthClose) -> bool:
    """The month stays closed: what was asked for was refused or taken back, and can be asked for anew. Whether it waited."""
    dropped = session.scalar(
        update(MonthClose)
        .where(
            MonthClose.month == close.month, MonthClose.number == close.number, MonthClose.reopened_at.is_(None),
            MonthClose.reopen_asked_at == close.reopen_asked_at,
        )
        .values(reopen_reason=None, reopen_asked_by=None, reopen_asked_at=None)
        .returning(MonthClose.number)
    )  # fmt: skip
    if dropped is not None:
        note(session, actor, DROPPED, close)
    return dropped is not None


def _standing(session: Session, month: str) -> MonthClose:
    """The close of the month, which is the last that is closed."""
    chosen = month_of(session, month)
    one_at_a_time(session)
    last = closed.latest(session)
    if last is not None and last > chosen.first:
        raise LaterClosed(
            f"{last:%Y-%m} is closed, too, and comes after {chosen.name}.",
            next_step=f"Open the later months first, from the last one on: {last:%Y-%m}.",
        )
    if last != chosen.first:
        raise NotClosed(f"{chosen.name} is not closed.", next_step="See: cbi books closes")
    close = newest(session, chosen.first)
    assert close is not None  # nothing is proposed of a month that is closed
    return close


def _set(session: Session, close: MonthClose, **values: object) -> bool:
    """Set what is not set yet; whether it was so."""
    first = getattr(MonthClose, next(iter(values)))
    done = session.scalar(
        update(MonthClose)
        .where(MonthClose.month == close.month, MonthClose.number == close.number, first.is_(None))
        .values(**values)
        .returning(MonthClose.number)
    )
    session.refresh(close)
    return done is not None
