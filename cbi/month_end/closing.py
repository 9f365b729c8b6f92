"""Two people close a month: one proposes with what the books hold and what is open, the other confirms exactly that."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.ledger import closed
from cbi.ledger.models import MonthClose
from cbi.month_end import figures
from cbi.month_end.checklist import MUST, Check, Line, Month, month_of, walk
from cbi.offices import office_of
from cbi.payments.signing import waiver_register

PROPOSED, CONFIRMED = "month_close.proposed", "month_close.confirmed"
SUBJECT = "month_close"


class NotReady(Conflict):
    """Something of the checklist is open that must be done, or that nobody gave a reason for."""

    code = "month_close.not_ready"


class UnusableReasons(Invalid):
    """A reason is given for something that needs none, or that no reason replaces."""

    code = "month_close.unusable_reasons"


class NothingProposed(NotFound):
    """No close of this month waits for a second person."""

    code = "month_close.nothing_proposed"


class OwnClose(Forbidden):
    """Nobody confirms their own close."""

    code = "month_close.own"


class BooksMoved(Conflict):
    """The books, or what is open, are not what was proposed."""

    code = "month_close.books_moved"


def check(session: Session, actor: Actor, month: str) -> list[Line]:
    """The checklist of a month. Raises UnusableMonth."""
    actor.require(Permission.FUND_READ)
    return walk(session, month_of(session, month))


def propose(
    session: Session, actor: Actor, month: str, reasons_given: Mapping[str, str]
) -> MonthClose:
    """Propose to close a month, with a reason for every line of the checklist that stays open. Nothing is closed yet.

    Raises UnusableMonth, UnusableReasons, UnusableReason, NotReady.
    """
    actor.require(Permission.BOOKS_CLOSE)
    chosen = month_of(session, month)
    one_at_a_time(session)
    facts = _facts(session, chosen, walk(session, chosen), reasons_given)
    number = (session.scalar(_highest(chosen.first)) or 0) + 1
    made = session.scalars(
        insert(MonthClose)
        .values(
            month=chosen.first, number=number, facts=facts,
            seal=figures.seal(session, chosen.first, number, facts), proposed_by=actor.id, proposed_at=clock.now(),
        )
        .returning(MonthClose)
    ).one()  # fmt: skip
    note(session, actor, PROPOSED, made)
    return made


def confirm(session: Session, actor: Actor, month: str, code: str) -> MonthClose:
    """Close a month as a colleague proposed it, with a fresh one-time code. From then on nothing is booked into it.

    Waits for whoever is booking into the month. Raises UnusableMonth, NothingProposed, OwnClose, WrongCode, BooksMoved.
    """
    actor.require(Permission.BOOKS_CLOSE)
    chosen = month_of(session, month)
    one_at_a_time(session)
    close = newest(session, chosen.first)
    if close is None or close.confirmed_at is not None or close.refusal_id is not None:
        raise NothingProposed(
            f"Nobody has proposed to close {chosen.name}.",
            next_step=f"Walk the checklist first: cbi books check {chosen.name}",
        )
    if close.proposed_by == actor.id:
        raise OwnClose(
            "You proposed to close this month, so somebody else confirms it.",
            next_step="Ask a colleague who may close the books.",
        )
    totp.step_up(session, actor, code)
    closed.hold_alone(session, chosen.first)
    _check_unmoved(session, chosen, close)
    session.execute(
        update(MonthClose)
        .where(
            MonthClose.month == close.month, MonthClose.number == close.number, MonthClose.confirmed_at.is_(None),
            MonthClose.refusal_id.is_(None),
        )
        .values(confirmed_by=actor.id, confirmed_at=clock.now())
    )  # fmt: skip
    session.refresh(close)
    note(session, actor, CONFIRMED, close)
    return close


def closes(session: Session, actor: Actor, month: str | None = None) -> Sequence[MonthClose]:
    """Every close of this month, or of all, the latest first."""
    actor.require(Permission.FUND_READ)
    found = select(MonthClose).order_by(MonthClose.month.desc(), MonthClose.number.desc())
    if month is not None:
        found = found.where(MonthClose.month == month_of(session, month).first)
    return session.scalars(found).all()


def state(close: MonthClose) -> str:
    """How far it has come: proposed, refused, closed or reopened."""
    if close.reopened_at is not None:
        return "reopened"
    if close.refusal_id is not None:
        return "refused"
    return "proposed" if close.confirmed_at is None else "closed"


def newest(session: Session, month: date) -> MonthClose | None:
    """The latest proposal to close the month, kept from others until the transaction ends."""
    return session.scalar(
        select(MonthClose)
        .where(MonthClose.month == month, MonthClose.number == _highest(month).scalar_subquery())
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def one_at_a_time(session: Session) -> None:
    """Whoever closes or reopens waits for whoever else does: the order of the months is looked at and then relied on."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"month end:{office_of(session).code}"},
    )


def note(session: Session, actor: Actor, act: str, close: MonthClose) -> None:
    """Say in the audit log who did it, by the seal of what it was about."""
    record(session, actor, act, SUBJECT, subject_of(close), seal=close.seal.hex())


def subject_of(close: MonthClose) -> str:
    """What the audit log calls it: `2026-10/1`."""
    return f"{close.month:%Y-%m}/{close.number}"


def _highest(month: date) -> Any:
    return select(func.max(MonthClose.number)).where(MonthClose.month == month)


def _facts(
    session: Session, month: Month, lines: Sequence[Line], reasons_given: Mapping[str, str]
) -> dict[str, Any]:
    still_open = {line.check: line for line in lines if not line.done}
    given = {
        _explained(name, still_open): reasons.plain(why) for name, why in reasons_given.items()
    }
    missing = [line for line in still_open.values() if line.must or line.check not in given]
    if missing:
        raise NotReady(
            f"{month.name} cannot be closed yet: {' '.join(line.says for line in missing)}",
            next_step=" ".join(line.next_step for line in missing)
            if any(line.must for line in missing)
            else f"Do it, or say why it stays open: {', '.join(line.check for line in missing)}.",
            open=[line.check.value for line in missing],
        )
    opened = [
        {"check": check.value, "says": line.says, "reason": given[check]}
        for check, line in still_open.items()
    ]
    used = list(waiver_register.held(session, month.first, month.last))
    return figures.of(session, month.first) | {"open": opened, "waivers": used}


def _explained(name: str, still_open: Mapping[Check, Line]) -> Check:
    """The line that a reason is for."""
    explainable = sorted(set(still_open) - MUST)
    if name not in explainable:
        raise UnusableReasons(
            f"No reason is asked for {name[:40]!r}.",
            next_step=f"What is open and takes one: {', '.join(explainable) or 'nothing'}.",
        )
    return Check(name)


def _check_unmoved(session: Session, month: Month, close: MonthClose) -> None:
    """Raise BooksMoved unless the figures are those that were kept, and nothing is open that was not explained."""
    explained = {(line["check"], line["says"]) for line in close.facts["open"]}
    more = [
        line
        for line in walk(session, month)
        if not line.done and (line.check.value, line.says) not in explained
    ]
    sound = figures.is_sealed(session, close)
    if sound and not more and figures.of(session, month.first) == figures.kept(close.facts):
        return
    raise BooksMoved(
        f"What was proposed for {month.name} is not what the books say now."
        + "".join(f" {line.says}" for line in more),
        next_step=f"Look again, then propose anew: cbi books check {month.name}",
    )
