"""Households that another program sends as JSON: the same fields and checks as in a list, named by our own words."""

from collections.abc import Mapping, Sequence
from typing import Any

from cbi.registry.intake.mapping import (
    ALWAYS_NEEDED,
    HOUSEHOLD_FIELDS,
    PERSON_FIELDS,
    ColumnMapping,
    FieldRule,
    PeopleRule,
    Pick,
    SheetRule,
)
from cbi.registry.intake.parts import Entry, Part
from cbi.registry.intake.tables import Line, Sheet

PEOPLE = "people"
HEAD, COLLECTOR = "is_head", "is_recipient"
_NEEDED = {*ALWAYS_NEEDED} - {"phone"}
_YES = frozenset({"true"})
_OWN = Sheet(None, HOUSEHOLD_FIELDS)
_PERSON = Sheet(PEOPLE, (*PERSON_FIELDS, HEAD, COLLECTOR))


def _rule(name: str) -> FieldRule:
    return FieldRule(names=(name,), required=True if name in _NEEDED else None)


def request_mapping(source: str) -> ColumnMapping:
    """How a program's households are read; `source` is where they were registered."""
    return ColumnMapping(
        source=source,
        households=SheetRule({name: _rule(name) for name in HOUSEHOLD_FIELDS}),
        people=PeopleRule(
            {name: _rule(name) for name in PERSON_FIELDS},
            sheet=PEOPLE,
            head=Pick(HEAD, _YES),
            collector=Pick(COLLECTOR, _YES),
        ),
    )


def part_of_request(
    households: Sequence[Mapping[str, Any]],
) -> tuple[Part, dict[tuple[str | None, int], str]]:
    """The households as a part of a list, and the JSON pointer of each of its rows, by sheet and line (from 1)."""
    pointers: dict[tuple[str | None, int], str] = {}
    entries: list[Entry] = []
    person = 0
    for index, household in enumerate(households):
        pointers[None, index + 1] = pointer = f"/households/{index}"
        people = []
        for place, member in enumerate(household.get(PEOPLE) or ()):
            person += 1
            pointers[PEOPLE, person] = f"{pointer}/{PEOPLE}/{place}"
            people.append(_line(person, member, _PERSON))
        entries.append(Entry(_line(index + 1, household, _OWN), tuple(people)))
    return Part(_OWN, _PERSON, tuple(entries)), pointers


def _line(number: int, given: Mapping[str, Any], sheet: Sheet) -> Line:
    return Line(number, tuple(_text(given.get(name)) for name in sheet.columns))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
