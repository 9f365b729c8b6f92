"""Promises about closed months: what was kept is what the transfers say, and two people certified exactly that."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry
from cbi.ledger import closed
from cbi.ledger.models import MonthClose
from cbi.month_end import closing, figures, reopening
from cbi.proofs.promise import Breaches, none_of

_ACTS: dict[str, Callable[[MonthClose], UUID | None]] = {
    closing.PROPOSED: lambda close: close.proposed_by,
    closing.CONFIRMED: lambda close: close.confirmed_by,
    reopening.ASKED: lambda close: close.reopen_asked_by,
    reopening.REOPENED: lambda close: close.reopened_by,
}


def _all(session: Session) -> Sequence[MonthClose]:
    return session.scalars(select(MonthClose).order_by(MonthClose.month, MonthClose.number)).all()


def balances_are_what_was_kept(session: Session) -> Breaches:
    """Nothing was booked into a closed month, and nothing of it altered, since it was certified."""
    for close in _all(session):
        if closing.state(close) == "closed" and figures.kept(close.facts) != figures.of(
            session, close.month
        ):
            yield f"the books of {close.month:%Y-%m} are not what was kept when they were closed"


def months_follow_each_other(session: Session) -> Breaches:
    """No month between two closed ones is open."""
    standing = session.scalars(
        select(MonthClose.month).where(closed.STANDING).order_by(MonthClose.month)
    ).all()
    for before, after in pairwise(standing):
        if (after.year, after.month) != (before.year + before.month // 12, before.month % 12 + 1):
            yield f"{after:%Y-%m} is closed, and a month before it is not"


def closes_are_what_was_certified(session: Session) -> Breaches:
    """Each close is under its seal, and the audit log says the same of it: who, which act, which seal."""
    said: dict[tuple[str, str], tuple[UUID | None, Any]] = {}
    for entry in session.scalars(
        select(AuditEntry).where(AuditEntry.subject_kind == closing.SUBJECT).order_by(AuditEntry.id)
    ):
        if entry.act == reopening.DROPPED:
            said.pop((entry.subject_id, reopening.ASKED), None)
        else:
            said[entry.subject_id, entry.act] = (entry.actor_id, entry.details.get("seal"))
    kept = {}
    for close in _all(session):
        name = closing.subject_of(close)
        if not figures.is_sealed(session, close):
            yield f"what was kept of month close {name} was altered"
        for act, person in _ACTS.items():
            if (who := person(close)) is not None:
                kept[name, act] = (who, close.seal.hex())
    for about in sorted(said.keys() | kept.keys()):
        if said.get(about) != kept.get(about):
            yield f"month close {about[0]}: the audit log does not agree who took part ({about[1]})"


in_one_place = (balances_are_what_was_kept,)

append_only = (
    closes_are_what_was_certified,
    months_follow_each_other,
    none_of(
        "month close {month}/{number} was certified or opened again by one person",
        "SELECT to_char(month, 'YYYY-MM') AS month, number FROM month_closes"
        " WHERE confirmed_by = proposed_by OR reopened_by = reopen_asked_by",
    ),
    none_of(
        "the constraint {name} is missing or not valid",
        "SELECT 'uq_month_closes_standing' AS name WHERE NOT EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c"
        " ON c.oid = i.indexrelid WHERE c.relname = 'uq_month_closes_standing'"
        " AND c.relnamespace = current_schema()::regnamespace AND i.indisunique AND i.indisvalid)",
    ),
)
