"""Long lists wait, sealed in parts, for a worker, who reads one part after the other and can be stopped at any moment."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import SYSTEM, Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.db import soon
from cbi.errors import Conflict
from cbi.offices import office_of, transact
from cbi.registry import duplicates
from cbi.registry.import_models import Import, ImportState
from cbi.registry.intake import heading, numbering
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping
from cbi.registry.intake.models import ImportPart
from cbi.registry.intake.opening import opened_list
from cbi.registry.intake.parts import Part, packed, unpacked
from cbi.registry.intake.taking import Taken, take

JOB = "imports"
"""What the worker is asked for when a list waits."""


class NotArriving(Conflict):
    """The list is whole by now, so nothing can be added to it."""

    code = "registry.import_not_arriving"


def store(
    session: Session,
    actor: Actor,
    content: Path | BinaryIO,
    *,
    filename: str,
    mapping: ColumnMapping = TEMPLATE,
) -> UUID:
    """Keep a list for the worker, sealed; returns the import's id. Raises UnusableFile in its kinds, NotPermitted."""
    actor.require(Permission.REGISTRY_IMPORT)
    with opened_list(content, mapping) as source:
        import_id = heading.begin(
            session, actor.id, mapping, filename=filename, digest=source.digest(), kind=source.kind,
            state=ImportState.ARRIVING,
        )  # fmt: skip
        for part in source.parts():
            add_part(session, import_id, part)
    arrived(session, actor, import_id)
    return import_id


def add_part(session: Session, import_id: UUID, part: Part) -> None:
    """Keep a part of a list that is arriving. Raises NotArriving."""
    number = session.scalar(
        update(Import)
        .where(Import.id == import_id, Import.state == ImportState.ARRIVING)
        .values(parts=Import.parts + 1, entries=Import.entries + len(part.entries))
        .returning(Import.parts)
    )
    if number is None:
        raise NotArriving(
            "Nothing can be added to this list any more.", next_step="Begin another import."
        )
    content = packed(office_of(session).keys, part, import_id, number)
    session.execute(insert(ImportPart).values(import_id=import_id, number=number, content=content))


def arrived(session: Session, actor: Actor, import_id: UUID) -> bool:
    """Say that all parts of a list are there; False: somebody has said so before."""
    row = session.execute(
        update(Import)
        .where(Import.id == import_id, Import.state == ImportState.ARRIVING)
        .values(state=ImportState.WAITING)
        .returning(Import.source, Import.parts, Import.entries)
    ).one_or_none()
    if row is None:
        return False
    record(
        session, actor, "registry.import_waits", "import", import_id, source=row.source, parts=row.parts,
        households=row.entries,
    )  # fmt: skip
    soon(session, JOB)
    return True


def waiting(session: Session) -> list[UUID]:
    """The lists that wait for a worker, the oldest first."""
    found = select(Import.id).where(Import.state == ImportState.WAITING)
    return list(session.scalars(found.order_by(Import.imported_at, Import.id)))


def work(office: str, import_id: UUID, progress: Callable[[int], None] | None = None) -> int:
    """Read what waits of a list, each part in a transaction of its own; returns how many households were read.

    It goes on where whoever worked at it before was stopped. Of two that work at once one stands back.
    """
    done = 0
    while (taken := transact(office, lambda session: take_next(session, import_id))) is not None:
        done += taken
        if progress:
            progress(taken)
    return done


def take_next(session: Session, import_id: UUID) -> int | None:
    """Take in the next part, or end the list after its last; None when there is nothing to do, or somebody does it."""
    row = session.scalars(
        select(Import)
        .where(Import.id == import_id, Import.state == ImportState.WAITING)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return None
    if row.parts_done == row.parts:
        _end(session, row)
        return 0
    number = row.parts_done + 1
    at = (ImportPart.import_id == import_id, ImportPart.number == number)
    content = session.scalars(select(ImportPart.content).where(*at)).one()
    part = unpacked(office_of(session).keys, content, import_id, number)
    took = take(session, import_id, part, heading.mapping_of(session, row), row.imported_by)
    session.execute(delete(ImportPart).where(*at))
    # From here to its commit it is alone; nobody is paid in the meantime who may be somebody else, too.
    heading.alone_until_commit(session)
    duplicates.flag_households(session, took.landed)
    heading.add(session, import_id, took.counts, parts_done=number)
    return took.counts.total


def _end(session: Session, row: Import) -> None:
    usable = row.rows_landed or row.rows_unchanged
    state = ImportState.DONE if usable else ImportState.REFUSED
    numbering.forget(session, row.id)
    heading.add(session, row.id, Taken(), state=state, finished_at=clock.now())
    record(
        session, SYSTEM, "registry.imported" if usable else "registry.import_refused", "import", row.id,
        source=row.source, total=row.rows_total, landed=row.rows_landed, unchanged=row.rows_unchanged,
        rejected=row.rows_rejected, warnings=row.rows_warned, people=row.people_landed,
    )  # fmt: skip
