"""Takes in a registration list: what is right lands, what is not is kept with reasons, nothing is overwritten."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Invalid
from cbi.registry import duplicates
from cbi.registry.import_models import Import, ImportKind
from cbi.registry.intake import heading, numbering
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping
from cbi.registry.intake.opening import opened_list
from cbi.registry.intake.parts import Part
from cbi.registry.intake.results import ImportResult, RowNote, count_reasons
from cbi.registry.intake.taking import Taken, Took, take

Progress = Callable[[int], None]


class NothingUsable(Invalid):
    """No row of the file can be used, so nothing of it was kept. `result` has every row's reasons, for the report."""

    code = "registry.nothing_usable"

    def __init__(self, result: ImportResult) -> None:
        counted = count_reasons(result.rows)
        worst, rows = counted[0]
        super().__init__(
            f"None of the {result.total:,} households in the file can be used, so nothing was kept."
            f" In {rows:,} rows{f', column {worst.column!r}' if worst.column else ''}: {worst.message}",
            next_step=worst.next_step,
            reasons=[{**reason.as_json(), "rows": count} for reason, count in counted],
        )
        self.result = result


def import_file(
    session: Session,
    actor: Actor,
    content: Path | BinaryIO,
    *,
    filename: str,
    mapping: ColumnMapping = TEMPLATE,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportResult:
    """Take in a CSV or XLSX file of households, or submissions of a form as JSON.

    `progress` is told how many households were just dealt with. A household that is known with the same facts is
    unchanged; with different facts it is rejected, for changes go through a correction. A file that brings nothing new
    and was taken in before changes nothing at all; nor does a dry run, which otherwise does everything. Raises
    UnusableFile in its kinds, NothingUsable, NotPermitted.
    """
    actor.require(Permission.REGISTRY_IMPORT)

    def watch(took: Took) -> None:
        if progress:
            progress(took.counts.total)

    with opened_list(content, mapping) as source:
        return import_parts(
            session, actor, source.parts(), mapping, kind=source.kind, filename=filename,
            digest=source.digest(), dry_run=dry_run, watch=watch,
        )  # fmt: skip


def import_parts(
    session: Session,
    actor: Actor,
    parts: Iterable[Part],
    mapping: ColumnMapping,
    *,
    kind: ImportKind,
    filename: str,
    digest: bytes,
    dry_run: bool = False,
    watch: Callable[[Took], None] | None = None,
) -> ImportResult:
    """Take in households part by part, all or nothing; `watch` is told what came of each part. Raises NothingUsable."""
    actor.require(Permission.REGISTRY_IMPORT)
    undo = session.begin_nested()
    sum_, notes = Taken(), list[RowNote]()
    try:
        import_id = heading.begin(
            session, actor.id, mapping, filename=filename, digest=digest, kind=kind
        )
        for part in parts:
            took = take(session, import_id, part, mapping, actor.id)
            sum_ += took.counts
            notes += took.notes
            if watch:
                watch(took)
        result = _result(None if dry_run else import_id, filename, sum_, notes, dry_run=dry_run)
        result = _finish(session, import_id, result, sum_)
    except BaseException:
        undo.rollback()
        raise
    if result.dry_run or result.repeated:
        undo.rollback()
    else:
        undo.commit()
    if not dry_run:
        act = "registry.import_repeated" if result.repeated else "registry.imported"
        record(
            session,
            actor,
            act,
            "import",
            result.import_id,
            **result.counts(),
            source=mapping.source,
        )
    return result


def _result(
    import_id: UUID | None, filename: str, sum_: Taken, notes: list[RowNote], *, dry_run: bool
) -> ImportResult:
    return ImportResult(
        import_id=import_id,
        filename=heading.plain(filename),
        dry_run=dry_run,
        total=sum_.total,
        landed=sum_.landed,
        unchanged=sum_.unchanged,
        rejected=sum_.rejected,
        warnings=sum_.warned,
        people=sum_.people,
        rows=tuple(sorted(notes, key=lambda note: (note.sheet or "", note.line))),
    )


def _finish(session: Session, import_id: UUID, result: ImportResult, sum_: Taken) -> ImportResult:
    """Flag what is shared and write the numbers. Raises NothingUsable."""
    if not result.landed and not result.unchanged:
        raise NothingUsable(result)
    heading.alone_until_commit(session)
    if not result.landed and (before := _taken_before(session, import_id)):
        return result.again(before)
    flags = duplicates.flag(session, import_id)
    numbering.forget(session, import_id)
    heading.add(session, import_id, sum_, finished_at=clock.now())
    return result.with_flags({str(kind): count for kind, count in flags.items()})


def _taken_before(session: Session, import_id: UUID) -> UUID | None:
    this = session.get_one(Import, import_id)
    return session.scalar(
        select(Import.id)
        .where(
            Import.source == this.source,
            Import.file_digest == this.file_digest,
            Import.id != import_id,
        )
        .order_by(Import.imported_at)
        .limit(1)
    )
