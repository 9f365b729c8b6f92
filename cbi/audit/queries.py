"""What is asked about the audit log as a whole: how much of it is not sealed yet."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from cbi import clock
from cbi.audit import chain
from cbi.audit.models import AuditEntry, AuditSeal


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Entries that nothing but privileges protects yet, and when the oldest of them was written."""

    entries: int
    since: datetime


def unsealed(session: Session, patience: timedelta) -> Unsealed | None:
    """The entries written longer ago than `patience` that are not sealed; None when there is none."""
    last = chain.head(session)
    if chain.came_from_another_server(session, last):
        waiting = ~select(AuditSeal.entry_id).where(AuditSeal.entry_id == AuditEntry.id).exists()
    else:
        waiting = tuple_(AuditEntry.written_in, AuditEntry.id) > tuple_(
            last.written_in, last.entry_id
        )
    count, since = session.execute(
        select(func.count(), func.min(AuditEntry.at)).where(
            waiting, AuditEntry.at < clock.now() - patience
        )
    ).one()
    return Unsealed(count, since) if count else None
