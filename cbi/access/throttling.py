"""Wrong passwords and wrong codes are counted: after five the account pauses for a quarter of an hour."""

from datetime import timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import Table, case, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.db import Base

TRIES = 5
PAUSE = timedelta(minutes=15)


def take_try(session: Session, account: type[Base], account_id: UUID) -> bool:
    """Count one try before it is judged, so that tries at the same time cannot share one; False during a pause.

    `account` is any table with `id`, `failed_tries` and `locked_until`. A refusal that follows must say `keeps_work`,
    or the count is undone with it.
    """
    table = cast(Table, account.__table__)
    now = clock.now()
    tries = case((table.c.locked_until.is_(None), table.c.failed_tries + 1), else_=1)
    taken = session.execute(
        update(table)
        .where(table.c.id == account_id)
        .where(table.c.locked_until.is_(None) | (table.c.locked_until <= now))
        .values(failed_tries=tries, locked_until=case((tries >= TRIES, now + PAUSE)))
        .returning(table.c.id)
    )
    return taken.first() is not None


def forgive(session: Session, account: type[Base], account_id: UUID) -> None:
    """Forget the wrong tries of an account whose holder has just been right."""
    table = cast(Table, account.__table__)
    session.execute(
        update(table).where(table.c.id == account_id).values(failed_tries=0, locked_until=None)
    )
