"""Takes in a registration list: what is right lands, what is not is kept with reasons, nothing is overwritten."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.db import chunks
from cbi.errors import Invalid
from cbi.offices import office_of
from cbi.registry import duplicates
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.facts import Candidate, Outcome
from cbi.registry.intake.files import opened
from cbi.registry.intake.landing import Arrival, fingerprints, keep_rejected, land
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping
from cbi.registry.intake.reading import Rules, candidates
from cbi.registry.intake.results import ImportResult, RowNote, count_reasons
from cbi.registry.models import Import
from cbi.registry.text import clean

CHUNK = 5_000
LONGEST_FILENAME = 200

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
    """Take in a CSV or XLSX file of households. `progress` is told how many households were just dealt with.

    A household that is known with the same facts is unchanged; with different facts it is rejected, for changes go
    through a correction. A file that brings nothing new and was taken in before changes nothing at all; nor does a dry
    run, which otherwise does everything. Raises UnusableFile in its kinds, NothingUsable, NotPermitted.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    with opened(content, encoding=mapping.encoding, delimiter=mapping.delimiter) as file:
        undo = session.begin_nested()
        try:
            taking = _Taking(
                session, actor, mapping, _plain(filename), file.digest(), dry_run=dry_run
            )
            for chunk in chunks(candidates(file, mapping, taking.rules), CHUNK):
                taking.take(chunk)
                if progress:
                    progress(len(chunk))
            result = taking.finish()
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


def _plain(filename: str) -> str:
    """The file's own name, without folders or anything that cannot be seen."""
    return clean(PurePath(filename.replace("\\", "/")).name)[:LONGEST_FILENAME] or "list"


class _Taking:
    """One import on its way: its row in `imports` is written first, and its numbers at the end."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        mapping: ColumnMapping,
        filename: str,
        digest: bytes,
        *,
        dry_run: bool,
    ) -> None:
        office = office_of(session)
        self._session, self._actor, self._keys = session, actor, office.keys
        self._mapping, self._digest = mapping, digest
        self._filename, self._dry_run = filename, dry_run
        self._id = uuid4()
        self._counts: Counter[Outcome] = Counter()
        self._warned = self._people = 0
        self._notes: list[RowNote] = []
        self.rules = Rules(
            region=office.region,
            languages=office.languages,
            today=clock.today(office.timezone),
            keyed=lambda number: self._keys.fingerprint(
                f"source_id/{mapping.source}", number
            ).hex()[:32],
        )
        session.execute(
            insert(Import).values(
                id=self._id,
                file_digest=digest,
                filename=filename,
                source=mapping.source,
                imported_by=actor.id,
                imported_at=clock.now(),
                rows_total=0,
                rows_landed=0,
                rows_rejected=0,
                rows_unchanged=0,
                rows_warned=0,
                people_landed=0,
            )
        )

    def take(self, found: Sequence[Candidate]) -> None:
        """Sort households into known, changed, wrong and new, and land the new ones."""
        arrivals: dict[str, Candidate] = {}
        marks: dict[str, bytes] = {}
        for candidate in found:
            if facts := candidate.facts:
                arrivals[facts.source_id] = candidate
                marks[facts.source_id] = self._keys.fingerprint("household", facts.canonical())
        fresh = self._without_known(arrivals, marks)
        landed = land(
            self._session, self._keys, import_id=self._id, source=self._mapping.source,
            notice=self._mapping.consent_notice or f"as told at {self._mapping.source}",
            noted_by=self._actor.id, noted_on=self.rules.today,
            arrivals=[
                Arrival(each.facts, each.own.line.number, marks[number])
                for number, each in fresh.items() if each.facts
            ],
        )  # fmt: skip
        for facts in landed:
            self._note(fresh.pop(facts.source_id), Outcome.LANDED)
            self._people += len(facts.people)
        if fresh:  # another import has brought them between the question and the answer
            self._without_known(fresh, marks)
        rejected = [candidate for candidate in found if candidate.own.reasons]
        for candidate in rejected:
            self._note(candidate, Outcome.REJECTED)
        keep_rejected(
            self._session, self._keys, self._id, (row for each in rejected for row in each.rows)
        )

    def _without_known(
        self, arrivals: Mapping[str, Candidate], marks: Mapping[str, bytes]
    ) -> dict[str, Candidate]:
        known = fingerprints(self._session, self._mapping.source, list(arrivals))
        for number, fingerprint in known.items():
            if fingerprint == marks[number]:
                self._note(arrivals[number], Outcome.UNCHANGED)
            else:
                arrivals[number].reject(_CHANGED)
        return {number: each for number, each in arrivals.items() if number not in known}

    def _note(self, candidate: Candidate, outcome: Outcome) -> None:
        self._counts[outcome] += 1
        if any(row.warnings for row in candidate.rows) and outcome != Outcome.REJECTED:
            self._warned += 1
        self._notes += [
            RowNote(row.sheet, row.line.number, outcome, tuple(row.reasons), tuple(row.warnings))
            for row in candidate.rows
            if row.reasons or row.warnings
        ]

    def finish(self) -> ImportResult:
        """Flag what is shared and write the numbers. Raises NothingUsable."""
        result = self._result()
        if not result.landed and not result.unchanged:
            raise NothingUsable(result)
        # From here to its commit an import is alone: two that bring the same telephone would each not see the other's.
        self._session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
            {"name": f"registry:{office_of(self._session).code}"},
        )
        if not result.landed and (before := self._taken_before()):
            return result.again(before)
        flags = duplicates.flag(self._session, self._id)
        self._session.execute(
            update(Import)
            .where(Import.id == self._id)
            .values(
                rows_total=result.total,
                rows_landed=result.landed,
                rows_rejected=result.rejected,
                rows_unchanged=result.unchanged,
                rows_warned=result.warnings,
                people_landed=result.people,
            )
        )
        return result.with_flags({str(kind): count for kind, count in flags.items()})

    def _taken_before(self) -> UUID | None:
        return self._session.scalar(
            select(Import.id)
            .where(
                Import.source == self._mapping.source,
                Import.file_digest == self._digest,
                Import.id != self._id,
            )
            .order_by(Import.imported_at)
            .limit(1)
        )

    def _result(self) -> ImportResult:
        counts = self._counts
        return ImportResult(
            import_id=None if self._dry_run else self._id,
            filename=self._filename,
            dry_run=self._dry_run,
            total=counts.total(),
            landed=counts[Outcome.LANDED],
            unchanged=counts[Outcome.UNCHANGED],
            rejected=counts[Outcome.REJECTED],
            warnings=self._warned,
            people=self._people,
            rows=tuple(sorted(self._notes, key=lambda note: (note.sheet or "", note.line))),
        )


_CHANGED = Reason(
    "changed",
    "",
    "This household is registered already, with other facts than these.",
    "Nothing was overwritten: record a correction if the household has changed, or delete the row.",
)
