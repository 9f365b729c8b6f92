"""Households as their source has them, some thousand at a time, before anybody looked at what the cells say."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from cbi.db import chunks
from cbi.keys import Keyring, seal, unseal
from cbi.registry.intake.cells import Cells
from cbi.registry.intake.facts import Row
from cbi.registry.intake.files import File
from cbi.registry.intake.listed import Listed
from cbi.registry.intake.mapping import ColumnMapping, bind
from cbi.registry.intake.tables import CellFault, Line, Sheet, UnusableFile

AT_ONCE = 5_000
_PURPOSE = "registry/import parts"


class WrongKindOfMapping(UnusableFile):
    """The mapping file is for submissions and the file is a list, or the other way round."""

    code = "registry.wrong_kind_of_mapping"


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """One household: its own line, None for people of no household, and the lines of its people if they have any.

    `names` are those that a submission has had, its own first; `edited`: it stands in the place of an earlier one.
    """

    own: Line | None
    people: tuple[Line, ...] = ()
    names: tuple[str, ...] = ()
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Entries that stand in sheets of the same columns; `people` is None where each household is one row.

    `by_path`: a column is named by a question's path, of which the end will do, and one that nobody answered is blank.
    """

    own: Sheet
    people: Sheet | None
    entries: tuple[Entry, ...]
    by_path: bool = False


def parts_of(file: File, mapping: ColumnMapping) -> Iterator[Part]:
    """A list's households, in its order. Raises UnusableFile in its kinds, before the first or on the way."""
    if mapping.repeat is not None:
        raise WrongKindOfMapping(
            "The mapping file has `repeat:`, which is for submissions of a form (JSON), and this is a list.",
            next_step="Send the submissions as JSON, or describe the list's sheets in the mapping file.",
        )
    table = file.table(mapping.households.sheet, mapping.households.header_row)
    bound = bind(mapping.households, table.columns, table.sheet)
    listed = Listed(file, mapping.people) if mapping.people else None
    own = Sheet(table.sheet, table.columns)
    people = listed.table if listed else None

    def entries() -> Iterator[Entry]:
        for line in table.lines:
            if listed:
                number = Cells(bound, Row(table.sheet, line)).text("source_id")
                yield Entry(line, tuple(listed.pop(number)))
            else:
                yield Entry(line)
        if listed:
            yield from (Entry(None, (line,)) for line in listed.left())

    for some in chunks(entries(), AT_ONCE):
        yield Part(own, people, tuple(some))


def packed(keys: Keyring, part: Part, import_id: UUID, number: int) -> bytes:
    """The part as it may stand in the database: sealed under the office's key, for this place only."""
    told = {
        "own": [part.own.sheet, part.own.columns],
        "people": [part.people.sheet, part.people.columns] if part.people else None,
        "by_path": part.by_path,
        "entries": [
            [_told(each.own) if each.own else None, [_told(line) for line in each.people], each.names, each.edited]
            for each in part.entries
        ],
    }  # fmt: skip
    plain = zlib.compress(json.dumps(told, ensure_ascii=False).encode(), 1)
    return seal(keys.derive(_PURPOSE), plain, _place(import_id, number))


def unpacked(keys: Keyring, content: bytes, import_id: UUID, number: int) -> Part:
    """The same part again. Raises Unreadable."""
    plain = unseal(keys.derive(_PURPOSE), content, _place(import_id, number))
    told = json.loads(zlib.decompress(plain))
    people = told["people"]
    return Part(
        Sheet(told["own"][0], tuple(told["own"][1])),
        Sheet(people[0], tuple(people[1])) if people else None,
        tuple(
            Entry(_line(own) if own else None, tuple(map(_line, lines)), tuple(names), edited)
            for own, lines, names, edited in told["entries"]
        ),
        told["by_path"],
    )


def _place(import_id: UUID, number: int) -> str:
    return f"import/{import_id}/{number}"


def _told(line: Line) -> list[object]:
    return [line.number, line.cells, *([line.faults] if line.faults else [])]


def _line(told: list[object]) -> Line:
    number, cells, *faults = told
    assert isinstance(number, int)
    assert isinstance(cells, list)
    found: dict[int, CellFault] = {}
    for each in faults:
        assert isinstance(each, dict)
        found |= {int(index): CellFault(fault) for index, fault in each.items()}
    return Line(number, tuple(cells), found)
