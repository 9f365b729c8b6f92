"""Taking a sheet in again that comes back from the field: the whole of it, or nothing with the reasons row by row."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid
from cbi.money import Money
from cbi.offices import Office, office_of
from cbi.programmes import work_queries, work_sheets
from cbi.programmes.work_layout import Filled, Paper, find_columns, token_columns
from cbi.programmes.work_models import WorkRow, WorkSheet, WorkVersion
from cbi.programmes.work_pay import Done, earned
from cbi.programmes.work_reading import Context, Entry, Reader, noted
from cbi.programmes.work_results import Entered, SheetRefused, summary
from cbi.registry import returned_sheets
from cbi.registry.intake.facts import Outcome
from cbi.registry.intake.files import Table, opened
from cbi.registry.intake.mapping import missing_columns
from cbi.registry.intake.results import RowNote


class NotASheet(Invalid):
    """No row of the file has the token of a work sheet."""

    code = "work.not_a_sheet"


class NothingDiffers(Conflict):
    """The file says what is signed already."""

    code = "work.nothing_differs"


class ReasonNeeded(Invalid):
    """A signed sheet is corrected with a reason."""

    code = "work.reason_needed"


class NobodyEntered(Forbidden):
    """Sheets are entered by somebody, not by the engine."""

    code = "work.nobody_entered"


def take_in(
    session: Session,
    actor: Actor,
    content: Path | BinaryIO,
    *,
    reason: str | None = None,
    dry_run: bool = False,
) -> Entered:
    """Take in a filled sheet (XLSX or CSV). After a signature it is a correction, and needs a `reason`.

    The whole sheet or no row: a supervisor signs all of it, and the most days and one day in two places can only be
    judged over all rows. The same file again changes nothing. Raises UnusableFile kinds, NotASheet, UnknownSheet,
    NotPermitted, SheetRefused, ReasonNeeded, NothingDiffers.
    """
    with opened(content) as file:
        returned = returned_sheets.find(file, token_columns)
        if returned is None:
            raise NotASheet(
                "No row of this file has the token of a work sheet.",
                next_step="Hand in the file as it was exported (cbi work sheet export), filled in.",
            )
        table, number = returned
        sheet = work_queries.sheet(session, actor, number, Permission.WORK_ENTER, lock=True)
        if actor.id is None:
            raise NobodyEntered("A sheet is entered by somebody who can be asked about it.")
        file_digest = file.digest()
        known = session.scalar(
            select(WorkVersion).where(
                WorkVersion.sheet_id == sheet.id,
                WorkVersion.file_digest == file_digest,
                WorkVersion.version != sheet.refused,
            )
        )
        if known is not None:
            return _again(session, known)
        _alone(session)
        paper = work_sheets.paper(session, sheet)
        reader = _read(session, sheet, paper, table)
    result = _result(sheet, paper, reader, dry_run=dry_run)
    if reader.missing or any(noted(reader.rows)):
        raise SheetRefused(result)
    said, corrects = _correction(session, sheet, reason)
    rows = _rows(session, sheet, paper, reader.entries, corrects)
    if not dry_run:
        _write(session, actor, sheet, paper.version, corrects, said, file_digest, rows)
    return Entered(
        sheet=sheet.id, version=paper.version, corrects=corrects, taken=len(rows),
        half_days=result.half_days, earned=result.earned, rows=result.rows, dry_run=dry_run,
    )  # fmt: skip


def write_report(
    result: Entered, content: Path | BinaryIO, target: Path | BinaryIO, cover: Iterable[str] = (), *,
    language: str = "en",
) -> None:  # fmt: skip
    """Write a copy of the user's own file (XLSX) with the reasons beside the rows, and summary and `cover` in front."""
    returned_sheets.write_report(
        result.rows, content, target, token_columns, summary=summary(result), cover=cover, language=language
    )  # fmt: skip


def _alone(session: Session) -> None:
    """From here to its commit one sheet is judged at a time: two would not see each other's days."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"work sheets:{office_of(session).code}"},
    )


def _read(session: Session, sheet: WorkSheet, paper: Paper, table: Table) -> Reader:
    office: Office = office_of(session)
    columns, missing = find_columns(paper, table.columns)
    if missing:
        raise missing_columns(missing, table.sheet)
    people = [worker.person_id for worker in paper.workers]
    context = Context(
        paper=paper, keys=office.keys, columns=columns,
        elsewhere=work_sheets.elsewhere(session, sheet, people), today=clock.today(office.timezone),
    )  # fmt: skip
    reader = Reader(context, table.sheet)
    for line in table.lines:
        reader.take(line)
    return reader


def _result(sheet: WorkSheet, paper: Paper, reader: Reader, *, dry_run: bool) -> Entered:
    total = Money.zero(paper.currency)
    for entry in reader.entries:
        total += earned(paper.terms, paper.basis, entry.filled.done, paper.currency)[0]
    return Entered(
        sheet=sheet.id, version=paper.version, corrects=None, taken=0,
        half_days=sum(entry.filled.done.half_days for entry in reader.entries), earned=total,
        rows=tuple(
            RowNote(
                row.sheet, row.line.number, Outcome.REJECTED if row.reasons else Outcome.LANDED,
                tuple(row.reasons), tuple(row.warnings),
            )
            for row in reader.rows
        ),
        missing=reader.missing, dry_run=dry_run,
    )  # fmt: skip


def _again(session: Session, known: WorkVersion) -> Entered:
    """What the same file came to before."""
    lines = work_queries.rows(session, known.sheet_id, known.version)
    currency = office_of(session).currency
    total = Money.zero(lines[0].earned.currency if lines else currency)
    for line in lines:
        total += line.earned
    return Entered(
        sheet=known.sheet_id, version=known.version, corrects=known.corrects, taken=len(lines),
        half_days=sum(line.half_days for line in lines), earned=total, rows=(), repeated=True,
    )  # fmt: skip


def _correction(
    session: Session, sheet: WorkSheet, reason: str | None
) -> tuple[str | None, int | None]:
    """The reason and the signed version that is corrected; neither before the first signature. Raises ReasonNeeded."""
    signed = work_sheets.standing(session, sheet).signed
    if signed is None:
        return None, None
    if not reason:
        raise ReasonNeeded(
            f"The sheet {sheet.id} is signed: what is changed in it now is a correction.",
            next_step='Say why, such as --reason "Two days were left out".',
        )
    return reasons.plain(reason), signed


def _rows(
    session: Session,
    sheet: WorkSheet,
    paper: Paper,
    entries: list[Entry],
    corrects: int | None,
) -> list[dict[str, object]]:
    """The rows to write: all of them, or in a correction those that differ. Raises NothingDiffers."""
    before: Mapping[UUID, WorkRow] = work_sheets.signed_rows(session, sheet.id) if corrects else {}
    rows: list[dict[str, object]] = []
    for entry in entries:
        old = before.get(entry.worker.person_id)
        done = entry.filled.done
        if old and entry.filled == Filled(old.attendance, Done(old.half_days, old.pieces)):
            continue
        if corrects and not old and not (done.half_days or done.pieces):
            continue  # somebody who joined the group since, and did nothing
        value, trace = earned(paper.terms, paper.basis, done, paper.currency)
        named = f"sheet {sheet.id} no. {entry.worker.number}: {trace}"
        if old:
            was = Money(old.earned_minor, old.currency)
            named += f", instead of {was.decimal} (corrected)"
        rows.append(
            {
                "id": uuid4(), "sheet_id": sheet.id, "version": paper.version,
                "number": entry.worker.number, "person_id": entry.worker.person_id,
                "household_id": entry.worker.household_id, "attendance": entry.filled.attendance,
                "half_days": done.half_days, "pieces": dict(done.pieces),
                "earned_minor": value.minor, "currency": paper.currency, "trace": named,
                "corrects_id": old.id if old else None,
            }
        )  # fmt: skip
    if corrects and not rows:
        raise NothingDiffers(
            f"The file says what is signed on the sheet {sheet.id} already.",
            next_step="Enter what is to be corrected.",
        )
    return rows


def _write(
    session: Session,
    actor: Actor,
    sheet: WorkSheet,
    version: int,
    corrects: int | None,
    reason: str | None,
    file_digest: bytes,
    rows: list[dict[str, object]],
) -> None:
    assert actor.id is not None
    moved = session.execute(
        update(WorkSheet)
        .where(WorkSheet.id == sheet.id, WorkSheet.latest == version - 1)
        .values(latest=version)
        .returning(WorkSheet.id)
    ).first()
    assert moved, "the sheet is locked while it is judged"
    session.add(
        WorkVersion(
            sheet_id=sheet.id, version=version, corrects=corrects, reason=reason,
            file_digest=file_digest, entered_by=actor.id, entered_at=clock.now(),
        )
    )  # fmt: skip
    session.flush()
    session.execute(insert(WorkRow), rows)
    record(
        session, actor, "work.sheet_entered", "work_sheet", sheet.id, version=version,
        corrects=corrects, rows=len(rows), reason=reason,
    )  # fmt: skip
