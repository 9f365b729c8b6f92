"""Takes in a part of a list: what is new lands, what is wrong or changed is kept with reasons, nothing is overwritten."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from cbi import clock
from cbi.keys import Keyring, seal
from cbi.offices import office_of
from cbi.registry.import_models import RejectedRow
from cbi.registry.intake import endings, numbering
from cbi.registry.intake.banding import banded
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.facts import Candidate, HouseholdFacts, Outcome, Row
from cbi.registry.intake.landing import Arrival, changed_since, copy_rows, fingerprints, land
from cbi.registry.intake.mapping import ColumnMapping
from cbi.registry.intake.models import Ending
from cbi.registry.intake.parts import Part
from cbi.registry.intake.placing import placed
from cbi.registry.intake.reading import Rules, read
from cbi.registry.intake.results import RowNote
from cbi.registry.intake.tables import column_letter
from cbi.registry.row_tokens import Token
from cbi.scope import seeing_all

REJECTED_KEY = "registry/rejected rows"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of some households. `people`, `warned`: of those that landed, and that did and need a look."""

    landed: int = 0
    unchanged: int = 0
    rejected: int = 0
    warned: int = 0
    people: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.landed + self.unchanged + self.rejected

    def __add__(self, other: "Taken") -> "Taken":
        return Taken(
            self.landed + other.landed, self.unchanged + other.unchanged, self.rejected + other.rejected,
            self.warned + other.warned, self.people + other.people,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Took:
    """What came of one part: the numbers, and the rows that there is something to say about."""

    counts: Taken
    notes: list[RowNote]
    landed: list[UUID]
    """The households that are new."""
    outcomes: dict[int, Outcome]
    """What became of each household, by the line of its own row."""
    numbers: tuple[str, ...]
    """The registration numbers of the households that are in the registry now."""


def rules_of(session: Session, mapping: ColumnMapping) -> Rules:
    """What the office takes, for a list of that mapping."""
    office = office_of(session)
    return Rules(
        region=office.region,
        languages=office.languages,
        today=clock.today(office.timezone),
        keyed=lambda number: office.keys.fingerprint(f"source_id/{mapping.source}", number).hex()[
            :32
        ],
    )


def take(
    session: Session, import_id: UUID, part: Part, mapping: ColumnMapping, noted_by: UUID | None
) -> Took:
    """Sort the households of a part into known, changed, wrong and new, and land the new ones."""
    with seeing_all(session):  # nobody is registered twice, wherever they were registered first
        return _Taking(session, import_id, mapping, noted_by).take(part)


class _Taking:
    def __init__(
        self, session: Session, import_id: UUID, mapping: ColumnMapping, noted_by: UUID | None
    ) -> None:
        self._session, self._id = session, import_id
        self._mapping, self._noted_by = mapping, noted_by
        self._keys = office_of(session).keys
        self._rules = rules_of(session, mapping)
        self._counts: Counter[Outcome] = Counter()
        self._warned = 0
        self._notes: list[RowNote] = []
        self._outcomes: dict[int, Outcome] = {}
        self._ends: dict[str, Ending] = {}
        self._known: dict[str, Candidate] = {}
        self._tokens: dict[Token, Ending] = {}

    def take(self, part: Part) -> Took:
        source = self._mapping.source
        found = list(read(part, self._mapping, self._rules))
        numbering.call_as_known(self._session, source, found)
        numbering.refuse_repeated(self._session, self._id, found)
        arrivals: dict[str, Candidate] = {}
        marks: dict[str, bytes] = {}
        for candidate in found:
            if facts := candidate.facts:
                arrivals[facts.source_id] = candidate
                marks[facts.source_id] = self._keys.fingerprint("household", facts.canonical())
        new = banded(self._session, self._without_known(arrivals, marks))
        fresh = placed(self._session, self._noted_by, new)
        landed = self._land(fresh, marks)
        for facts in landed.values():
            self._note(fresh.pop(facts.source_id), Outcome.LANDED)
        if fresh:  # another import has brought them between the question and the answer
            self._without_known(fresh, marks)
        rejected = [candidate for candidate in found if candidate.own.reasons]
        for candidate in rejected:
            self._note(candidate, Outcome.REJECTED)
        keep_rejected(self._session, self._keys, self._id, rejected)
        numbering.keep_names(self._session, source, self._known)
        endings.by_token(self._session, self._id, source, self._tokens, self._noted_by)
        endings.by_list(self._session, self._id, source, self._ends, self._noted_by)
        people = sum(len(facts.people) for facts in landed.values())
        counts = Taken(
            self._counts[Outcome.LANDED], self._counts[Outcome.UNCHANGED], self._counts[Outcome.REJECTED],
            self._warned, people,
        )  # fmt: skip
        return Took(counts, self._notes, list(landed), self._outcomes, tuple(self._known))

    def _land(
        self, fresh: Mapping[str, Candidate], marks: Mapping[str, bytes]
    ) -> dict[UUID, HouseholdFacts]:
        return land(
            self._session, self._keys, import_id=self._id, source=self._mapping.source,
            notice=self._mapping.consent_notice or f"as told at {self._mapping.source}",
            noted_by=self._noted_by, noted_on=self._rules.today,
            arrivals=[arrival_of(each, marks[number]) for number, each in fresh.items()],
        )  # fmt: skip

    def _without_known(
        self, arrivals: Mapping[str, Candidate], marks: Mapping[str, bytes]
    ) -> dict[str, Candidate]:
        known = fingerprints(self._session, self._mapping.source, list(arrivals))
        moved_on = changed_since(self._session, source=self._mapping.source, source_ids=list(known))
        for number, fingerprint in known.items():
            if fingerprint == marks[number]:
                if number in moved_on:
                    arrivals[number].own.warnings.append(CHANGED_SINCE)
                self._note(arrivals[number], Outcome.UNCHANGED)
            else:
                arrivals[number].reject(EDITED if arrivals[number].edited else CHANGED)
        return {number: each for number, each in arrivals.items() if number not in known}

    def _note(self, candidate: Candidate, outcome: Outcome) -> None:
        self._counts[outcome] += 1
        self._outcomes[candidate.own.line.number] = outcome
        if candidate.number:
            self._ends.setdefault(candidate.number, Ending(outcome))
            if outcome != Outcome.REJECTED:
                self._known[candidate.number] = candidate
        for row in candidate.rows:
            if token := endings.token_in(row):
                self._tokens[token] = Ending(outcome)
        if any(row.warnings for row in candidate.rows) and outcome != Outcome.REJECTED:
            self._warned += 1
        self._notes += [
            RowNote(row.sheet, row.line.number, outcome, tuple(row.reasons), tuple(row.warnings))
            for row in candidate.rows
            if row.reasons or row.warnings
        ]


def arrival_of(candidate: Candidate, fingerprint: bytes) -> Arrival:
    """The household as it is about to land, with where it and its people stand."""
    assert candidate.facts is not None
    people = candidate.rows[1:] or candidate.rows
    places = tuple((row.sheet, row.line.number) for row in people)
    return Arrival(candidate.facts, candidate.own.line.number, fingerprint, places)


def keep_rejected(
    session: Session, keys: Keyring, import_id: UUID, rejected: Sequence[Candidate]
) -> None:
    """Keep rows that cannot land: their reasons in clear, what stood in them sealed under the office's key."""
    copy_rows(
        session,
        RejectedRow,
        [
            {
                "import_id": import_id,
                "sheet": row.sheet,
                "line": row.line.number,
                "reasons": Jsonb([reason.as_json() for reason in row.reasons]),
                "cells": seal_cells(keys, import_id, row, filled(row)),
                "source_id": candidate.number,
                "household_line": None if candidate.is_orphan else candidate.own.line.number,
            }
            for candidate in rejected
            for row in candidate.rows
        ],
    )


def seal_cells(keys: Keyring, import_id: UUID, row: Row, cells: Mapping[str, str]) -> bytes:
    """What stands in a row, sealed for its place."""
    plain = json.dumps(cells, ensure_ascii=False)
    return seal(
        keys.derive(REJECTED_KEY), plain, cells_place(import_id, row.sheet, row.line.number)
    )


def cells_place(import_id: UUID, sheet: str | None, line: int) -> str:
    """What the cells of a rejected row are sealed for."""
    return f"rejected/{import_id}/{sheet or ''}/{line}"


def filled(row: Row) -> dict[str, str]:
    """The cells of a row that are filled, by their columns' names."""
    names: Iterable[str] = row.columns
    named = dict(enumerate(names))
    return {
        named.get(index) or f"column {column_letter(index)}": text
        for index, text in enumerate(row.line.cells)
        if text
    }


CHANGED = Reason(
    "changed",
    "",
    "This household is registered already, with other facts than these.",
    "Nothing was overwritten: record a correction if the household has changed, or delete the row.",
)
CHANGED_SINCE = Reason(
    "changed_since",
    "",
    "The row is as it was taken in, and the household has changed since: what it is now stands in the registry.",
    "Nothing was taken from the row: nobody who left or died comes back by it. See: cbi household show",
)
EDITED = Reason(
    "edited",
    "",
    "This submission was edited after it was taken in, and says other things of the household now.",
    "Nothing was overwritten: record a correction if the household has changed.",
)
