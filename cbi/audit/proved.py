"""What came of proving every promise in the night: one entry of the audit log for each day of the office's calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry
from cbi.audit.record import Doer, record

_SUBJECT, _ACT = "proof", "proof.made"


@dataclass(frozen=True, slots=True)
class Proved:
    """When the promises were last proved, and the numbers of those that were broken then."""

    day: date
    at: datetime
    broken: tuple[int, ...]


def last(session: Session) -> Proved | None:
    """The latest proof that was kept; None when there never was one."""
    entry = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.subject_kind == _SUBJECT)
        .order_by(AuditEntry.subject_id.desc())
        .limit(1)
    ).first()
    if entry is None:
        return None
    return Proved(date.fromisoformat(entry.subject_id), entry.at, tuple(entry.details["broken"]))


def keep(session: Session, actor: Doer, day: date, broken: Sequence[int]) -> bool:
    """Write down what came of a day's proof, which promises were broken by number; False when that day has one already."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('proof of the day', 0))"))
    found = last(session)
    if found and found.day >= day:
        return False
    record(session, actor, _ACT, _SUBJECT, day.isoformat(), broken=list(broken))
    return True
