"""Rejected rows go back to the field in an encrypted workbook, to be mended there, and come home in it or without it.

Nobody is read a passphrase out by a second person here: whoever takes the rows may open each of them anyway. It guards
the file on its way and where it lies; so it is told by telephone, and never sent with the file.
"""

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, NotFound
from cbi.offices import office_of
from cbi.protection.exporting import envelope, passphrases
from cbi.registry.import_models import RejectedRow
from cbi.registry.intake import endings, rejected, reports
from cbi.registry.intake.models import RowWorkbook
from cbi.registry.purposes import Purpose
from cbi.settings import settings

MOST = 5_000
"""Rows that one workbook takes; what is left goes into the next."""
_DAY = timedelta(hours=24)
_NAMED = re.compile(r"rows-(\d{1,12})\D")


class NothingToMend(Conflict):
    """No rejected row waits that could go back."""

    code = "registry.nothing_to_mend"


class TooManyRows(Conflict):
    """Somebody has taken as many rows in a day as one person may."""

    code = "registry.too_many_rows_taken"


class UnknownWorkbook(NotFound):
    """There is no such workbook of rejected rows, or somebody else took it."""

    code = "registry.unknown_row_workbook"


@dataclass(frozen=True, slots=True)
class Taken:
    """Rejected rows as they leave: an encrypted ZIP file with a workbook in it. It is not kept."""

    number: int
    name: str
    content: bytes = field(repr=False)
    rows: int


def take(
    session: Session, actor: Actor, import_id: UUID | None = None, *, purpose: Purpose = Purpose.CORRECTION,
    language: str = "en",
) -> Taken:  # fmt: skip
    """The rows that wait, of one list or of all, `MOST` at a time; each is noted as seen, and whose it is can see that.

    Raises NothingToMend, TooManyRows, NotPermitted, Unreadable.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    office, now = office_of(session), clock.now()
    wanted = rejected.rows_to_mend(actor, import_id).order_by(RejectedRow.id).limit(MOST)
    ids = [row.id for row in session.scalars(wanted)]
    if not ids:
        raise NothingToMend("No row waits.", next_step="See the list: cbi registry rejected")
    _check_day(session, actor, len(ids))
    number = session.execute(
        insert(RowWorkbook)
        .values(rows=len(ids), taken_by=actor.id, taken_at=now)
        .returning(RowWorkbook.number)
    ).scalar_one()
    opened = rejected.opened(session, actor, ids, purpose, workbook=number)
    book = io.BytesIO()
    reports.write_rejected(
        opened, lambda row: endings.token_of(office.keys, row), book, language=language
    )
    content = envelope.closed(
        f"rows-{number}.xlsx", book.getvalue(), passphrases.of_rows(office.keys, number), now.astimezone(office.timezone)
    )  # fmt: skip
    record(
        session, actor, "registry.rejected_rows_taken", "row_workbook", number, rows=len(ids),
        digest=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    return Taken(number, f"rows-{number}.zip", content, len(ids))


def _check_day(session: Session, actor: Actor, rows: int) -> None:
    """Whoever takes rows at the same moment is counted, too."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"row-workbooks:{office_of(session).code}:{actor.id}"},
    )
    taken = session.scalar(
        select(func.coalesce(func.sum(RowWorkbook.rows), 0)).where(
            RowWorkbook.taken_by.is_not_distinct_from(actor.id), RowWorkbook.taken_at > clock.now() - _DAY
        )
    )  # fmt: skip
    most = settings().rejected_rows_a_day
    if (taken or 0) + rows > most:
        raise TooManyRows(
            f"One person takes {most:,} rows within a day, and you would have taken {(taken or 0) + rows:,}.",
            next_step="Hand in what you have mended, and take the others tomorrow.",
            most=most,
        )


def of_mine(session: Session, actor: Actor, limit: int = 5) -> Sequence[RowWorkbook]:
    """The last workbooks that the actor took."""
    actor.require(Permission.REGISTRY_IMPORT)
    mine = select(RowWorkbook).where(RowWorkbook.taken_by == actor.id)
    return session.scalars(mine.order_by(RowWorkbook.number.desc()).limit(limit)).all()


def passphrase(session: Session, actor: Actor, number: int) -> str:
    """The passphrase of a workbook, for whoever took it; it is made anew each time, kept nowhere. Raises UnknownWorkbook."""
    actor.require(Permission.REGISTRY_IMPORT)
    found = session.get(RowWorkbook, number)
    if found is None or actor.id is None or found.taken_by != actor.id:
        raise UnknownWorkbook(
            "There is no such workbook of yours.",
            next_step="Whoever took it tells its passphrase; or take the rows anew.",
        )
    record(session, actor, "registry.rows_passphrase_shown", "row_workbook", number)
    return passphrases.of_rows(office_of(session).keys, number)


def unsealed(session: Session, actor: Actor, content: Path | BinaryIO) -> Path | BinaryIO:
    """What somebody hands in: the workbook of an encrypted ZIP file with its own passphrase, or else the file as it is.

    Which workbook it was stands in its name. Raises UnusableEnvelope, WrongPassphrase, NotPermitted.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    if not envelope.is_sealed(content):
        return content
    if isinstance(content, Path):
        file = content.read_bytes()
    else:
        content.seek(0)
        file = content.read()
    named = _NAMED.match(envelope.name_in(file))
    if named is None:
        raise envelope.UnusableEnvelope(
            "It cannot be told which workbook of rejected rows this was.",
            next_step="Keep the workbook's name, such as rows-17.xlsx; or hand it in without encrypting it.",
        )
    _, book = envelope.opened(file, passphrases.of_rows(office_of(session).keys, int(named[1])))
    return io.BytesIO(book)
