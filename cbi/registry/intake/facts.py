"""What a registration list says of a household, once every cell has been read."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from cbi.fsp.messages import DeliveryMechanism
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.tables import Line
from cbi.registry.models import FactorKind, Sex
from cbi.registry.text import folded


@dataclass(frozen=True, slots=True, repr=False)
class PersonFacts:
    """One person, `document` and `factor` normalised, `phone` in E.164; `phone` to `prefers` only the recipient has."""

    name: str
    sex: Sex
    born_on: date | None = None
    age: int | None = None
    document_kind: str | None = None
    document: str | None = None
    phone: str | None = None
    factor_kind: FactorKind | None = None
    factor: str | None = None
    prefers: DeliveryMechanism | None = None
    is_head: bool = False
    is_recipient: bool = False


_PERSON = tuple(PersonFacts.__dataclass_fields__)


@dataclass(frozen=True, slots=True, repr=False)
class HouseholdFacts:
    """One household with its people. `source_id` is what names it in its source."""

    source_id: str
    size: int
    area: str | None
    language: str
    consent_on: date | None
    people: tuple[PersonFacts, ...]
    needs: tuple[tuple[str, int], ...] = ()
    """What was written of each need, and the members concerned."""
    band: tuple[str, int, str] | None = None
    """What an assessment made of it: the scorecard, its version, and the band."""

    def canonical(self) -> str:
        """The facts as one text: equal for equal facts, whatever file, order of columns or format they came in.

        Facts that are absent leave no trace in it, so that a field which later versions know changes nothing here.
        """
        people = [_told(person, _PERSON) for person in self.people]
        people.sort(key=lambda person: json.dumps(person, sort_keys=True, default=str))
        told = _told(self, ("size", "area", "language", "consent_on")) | {"people": people}
        if self.needs:
            told["needs"] = sorted((folded(word), members) for word, members in self.needs)
        if self.band:
            told["band"] = [*self.band[:2], folded(self.band[2])]
        return json.dumps(told, sort_keys=True, default=str, ensure_ascii=False)


def _told(facts: object, names: Iterable[str]) -> dict[str, object]:
    found = ((name, getattr(facts, name)) for name in names)
    return {name: value for name, value in found if value is not None and value is not False}


class Outcome(StrEnum):
    """What became of a row."""

    LANDED = "landed"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(slots=True, repr=False)
class Row:
    """One row of the user's file with what was found in it. `reasons` keep it out, `warnings` do not."""

    sheet: str | None
    line: Line
    reasons: list[Reason] = field(default_factory=list)
    warnings: list[Reason] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    """The names of its sheet's columns."""


@dataclass(slots=True, repr=False)
class Candidate:
    """A household as the file has it: its rows, its own first, and its facts unless one of them has a reason."""

    rows: list[Row]
    number: str | None = None
    """Its registration number as it would be kept."""
    number_label: str = ""
    """The column that it stands in."""
    facts: HouseholdFacts | None = None
    names: tuple[str, ...] = ()
    """Those that a submission has had, its own first."""
    edited: bool = False
    """Whether it is a submission that stands in the place of an earlier one."""
    is_orphan: bool = False
    """Whether it is a person whose household is not in the list."""

    def reject(self, reason: Reason) -> None:
        """Keep the household and its people out."""
        self.facts = None
        for row in self.rows:
            row.reasons.append(reason)

    def is_called(self, number: str) -> None:
        """Give it the registration number that it is known by."""
        self.number = number
        if self.facts:
            self.facts = replace(self.facts, source_id=number)

    @property
    def own(self) -> Row:
        """The row of the household itself."""
        return self.rows[0]


def place(row: Row) -> str:
    """Where a row stands, in words."""
    return (
        f"row {row.line.number} of the sheet {row.sheet!r}"
        if row.sheet
        else f"line {row.line.number}"
    )
