"""Notices that an office's database was restored from a backup, and stops the office: what left since could leave again.

Two things tell. Where this machine has seen the office before, its witness file knows an end of the audit log that the
database does not hold. Where it has not, the database itself says where it lived when it was last looked at.
"""

import logging
from contextlib import suppress

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access.actor import SYSTEM
from cbi.audit import chain, standstill, witness
from cbi.audit.chain import Head
from cbi.audit.models import AuditEntry, AuditSeal
from cbi.audit.record import record
from cbi.audit.standstill_models import Standstill
from cbi.settings import settings

_LIVES, _HOME = "office.lives_at", "home"
_log = logging.getLogger(__name__)


def look(office: str) -> int:
    """Stop the office if its database was restored since this machine, or the database itself, was last looked at.

    Returns how many standstills began: 1 or 0. Several at once begin one. What was found here is kept for the next time;
    where it cannot be, `cbi doctor` says so.
    """
    seen = witness.seen(office)
    began, head = offices.transact(office, lambda session: _look(session, seen))
    if head is not None:
        try:
            witness.keep(office, head)
        except OSError as error:
            _log.error("%s: the witness cannot be written: %s", office, error.strerror)
    return began


def look_everywhere() -> None:
    """`look` at every office: before anything is done for one."""
    for office in offices.office_codes():
        look(office)


def _look(session: Session, seen: Head | None) -> tuple[int, Head | None]:
    """How many standstills began, and the end of the log that is to be remembered; None: what is remembered stays."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('restored?', 0))"))
    head, here, lived = chain.head(session), home(session), _lived(session)
    lost = seen is not None and not _holds(session, seen)
    moved = seen is None and lived is not None and lived != here
    began = 0
    if (lost and not _known(session, seen)) or moved:
        before = standstill.now(session)
        standstill.begin(session, SYSTEM, witnessed=seen.told if seen else None)
        began = int(before is None)
        _log.warning(
            "%s: the database was restored from a backup; nothing leaves the office",
            offices.office_of(session).code,
        )
    if lived != here:
        record(session, SYSTEM, _LIVES, _HOME, here)
    # While the entry of a standstill is not sealed, the same backup read back once more would look as if nothing were
    # missing: so what was seen stays until the log has gone on from there.
    noticed = session.scalar(select(func.max(Standstill.position))) or 0
    is_further = seen is None or lost or head.position > seen.position
    return began, head if is_further and head.position > noticed else None


def _holds(session: Session, seen: Head) -> bool:
    link = session.scalar(select(AuditSeal.chain).where(AuditSeal.position == seen.position))
    return link == seen.chain


def _known(session: Session, seen: Head | None) -> bool:
    """Whether the office stood still because of this very loss: it is not noticed twice."""
    return seen is not None and bool(
        session.scalar(select(Standstill.id).where(Standstill.witnessed == seen.told).limit(1))
    )


def _lived(session: Session) -> str | None:
    return session.scalar(
        select(AuditEntry.subject_id)
        .where(AuditEntry.subject_kind == _HOME)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    )


_MAY_KNOW = text(
    "SELECT has_function_privilege('pg_control_system()', 'execute')"
    " AND has_function_privilege('pg_control_checkpoint()', 'execute')"
)
_SERVER = text(
    "SELECT s.system_identifier || '/' || c.timeline_id FROM pg_control_system() s, pg_control_checkpoint() c"
)
_DATABASE = text("SELECT oid::text FROM pg_database WHERE datname = current_database()")


def home(session: Session) -> str:
    """Where the office's tables are: the server's own name, its timeline, the database in it, and with the embedded one
    its file. A dump that was read back, a recovery to an earlier moment and a copied folder each have another.
    """
    place = [session.execute(_DATABASE).scalar_one()]
    if session.scalar(_MAY_KNOW):  # a server that somebody else runs may keep it to itself
        place.append(session.execute(_SERVER).scalar_one())
    if settings().database_url is None:
        with suppress(OSError):
            place.append(str((settings().data_dir / "postgres" / "PG_VERSION").stat().st_ino))
    return "/".join(place)
