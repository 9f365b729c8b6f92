"""Submissions of a Kobo or ODK form as JSON: each is a household, and what it repeats for each person are its people."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from cbi.db import chunks
from cbi.registry.import_models import ImportKind
from cbi.registry.intake.files import EmptyFile
from cbi.registry.intake.json_files import objects
from cbi.registry.intake.mapping import ColumnMapping, find_path, missing_columns
from cbi.registry.intake.parts import AT_ONCE, Entry, Part, WrongKindOfMapping
from cbi.registry.intake.tables import (
    MAX_COLUMNS,
    MAX_FILE_BYTES,
    FileTooLarge,
    Line,
    Sheet,
    size_of,
    too_many_rows,
)

UUID = "_uuid"
"""The path under which a submission's own name is found, in whatever place its server puts it."""
HEADER_LINE = 1
_BLOCK = 1 << 20
_OWN_NAMES = (UUID, "meta/instanceID", "__id", "instanceID")
_ROOT_NAMES = ("meta/rootUuid", "rootUuid")
_FORMER_NAMES = ("meta/deprecatedID", "deprecatedID")
_EDITS = "__system/edits"

Json = Mapping[str, Any]
Answers = dict[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class _Household:
    own: Answers
    people: list[Answers]
    names: tuple[str, ...]
    edited: bool


class Submissions:
    """A JSON file of submissions: a list, a single one, or pages as Kobo gives them. Read as a stream, twice."""

    kind = ImportKind.SUBMISSIONS

    def __init__(self, stream: BinaryIO, mapping: ColumnMapping) -> None:
        if size_of(stream) > MAX_FILE_BYTES:
            raise FileTooLarge(
                f"The file is larger than {MAX_FILE_BYTES // 2**20} MB.",
                next_step="Export the submissions in several parts, such as one for each month.",
            )
        self._stream, self._mapping = stream, mapping
        own, people = dict[str, None](), dict[str, None]()
        for each in self._households():
            own |= dict.fromkeys(each.own)
            for answers in each.people:
                people |= dict.fromkeys(answers)
        if not own:
            raise EmptyFile("There is no submission in the file.")
        if len(own) > MAX_COLUMNS or len(people) > MAX_COLUMNS:
            raise too_many_rows()
        self._sheets = sheets(mapping, own, people)

    def _households(self) -> Iterator[_Household]:
        self._stream.seek(0)
        for each in objects(self._stream):
            yield household_of(each, self._mapping.repeat)

    def digest(self) -> bytes:
        """SHA-256 of the file as it came."""
        self._stream.seek(0)
        whole = hashlib.sha256()
        while block := self._stream.read(_BLOCK):
            whole.update(block)
        return whole.digest()

    def parts(self) -> Iterator[Part]:
        """The households, some thousand at a time."""
        return _parts(self._households(), self._mapping, self._sheets)

    @property
    def all_sheets(self) -> list[str | None]:
        """The submissions, and the repeated questions if there are any, as sheets of a copy."""
        own, people = self._sheets
        return [own.sheet, people.sheet] if people else [own.sheet]

    def headers(self) -> dict[str | None, tuple[int, int]]:
        """Where the header of each sheet of a copy stands, and how many columns it has."""
        return {each.sheet: (HEADER_LINE, len(each.columns)) for each in self._sheets if each}

    def lines(self, sheet: str | None) -> Iterator[Line]:
        """Every row of a sheet of a copy, header included."""
        own, people = self._sheets
        yield Line(HEADER_LINE, own.columns if sheet == own.sheet or not people else people.columns)
        for part in self.parts():
            for entry in part.entries:
                if sheet != own.sheet:
                    yield from entry.people
                elif entry.own:
                    yield entry.own

    def close(self) -> None:
        """Nothing is held that must be let go."""


def sheets(
    mapping: ColumnMapping, own: Iterable[str], people: Iterable[str]
) -> tuple[Sheet, Sheet | None]:
    """The sheets that answers to these questions make. Raises MissingColumns, WrongKindOfMapping."""
    if mapping.people and mapping.repeat is None:
        raise WrongKindOfMapping(
            "The mapping file is for a list of two sheets, and these are submissions of a form.",
            next_step="Say with `repeat:` which questions are asked for each person.",
        )
    found = (
        Sheet(None, tuple(own)),
        Sheet(mapping.repeat, tuple(people)) if mapping.repeat else None,
    )
    if mapping.known is not None:
        for rule, sheet in zip((mapping.households, mapping.people), found, strict=True):
            _refuse_unknown(rule.fields.values() if rule else (), sheet, mapping.known)
    return found


def _refuse_unknown(rules: Iterable[Any], sheet: Sheet | None, known: tuple[str, ...]) -> None:
    columns = sheet.columns if sheet else ()
    missing = [
        name
        for rule in rules
        for name in (*rule.names, *rule.after)
        if find_path(name, columns) is None and find_path(name, known) is None and name != UUID
    ]
    if missing:
        raise missing_columns(missing, None)


def part_of(submissions: Iterable[Json], mapping: ColumnMapping, first: int = 0) -> Part | None:
    """Submissions that are in memory as one part, or None when there are none. `first` were there before them."""
    found = [household_of(each, mapping.repeat) for each in submissions]
    own = dict.fromkeys(name for each in found for name in each.own)
    people = dict.fromkeys(name for each in found for one in each.people for name in one)
    made = sheets(mapping, own, people)
    return next(iter(_parts(found, mapping, made, at_once=len(found) or 1, first=first)), None)


def _parts(
    found: Iterable[_Household],
    mapping: ColumnMapping,
    into: tuple[Sheet, Sheet | None],
    *,
    at_once: int = AT_ONCE,
    first: int = 0,
) -> Iterator[Part]:
    own, people = into
    is_named = mapping.households.fields["source_id"].names == (UUID,)
    person = first * _PEOPLE_OF_ONE

    def entries() -> Iterator[Entry]:
        nonlocal person
        for number, each in enumerate(found, start=HEADER_LINE + 1 + first):
            lines = []
            for answers in each.people if people else ():
                person += 1
                lines.append(_line(HEADER_LINE + person, answers, people))
            names = each.names if is_named else ()
            yield Entry(_line(number, each.own, own), tuple(lines), names, each.edited)

    for some in chunks(entries(), at_once):
        yield Part(own, people, tuple(some), by_path=True)


_PEOPLE_OF_ONE = 100
"""Numbers for people that are set apart for each submission of earlier pages."""


def _line(number: int, answers: Answers, sheet: Sheet | None) -> Line:
    columns = sheet.columns if sheet else ()
    return Line(number, tuple(answers.get(name, "") for name in columns))


def household_of(submission: Json, repeat: str | None) -> _Household:
    """A submission's answers by path, and those of each person by the path within the repeat."""
    own = _flat(submission, "")
    people = list(_repeated(submission, "", repeat, {})) if repeat else []
    names, edited = names_of(own)
    if identity := _first(own, _ROOT_NAMES) or _first(own, _OWN_NAMES):
        own[UUID] = identity
    return _Household(own, people, names, edited)


def names_of(own: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    """Every name that a submission has had, its own first, and whether it stands in the place of an earlier one."""
    form = own.get("_xform_id_string", "")
    number = f"{form}#{own['_id']}" if form and own.get("_id") else ""
    former = _first(own, _FORMER_NAMES)
    names = (_first(own, _OWN_NAMES), _first(own, _ROOT_NAMES), former, number)
    return tuple(dict.fromkeys(filter(None, names))), bool(former) or own.get(_EDITS, "0") not in {
        "0",
        "",
    }


def _first(own: Mapping[str, str], paths: tuple[str, ...]) -> str:
    return next((_uuid(own[path]) for path in paths if own.get(path)), "")


def _uuid(text: str) -> str:
    return text.removeprefix("uuid:")


def _path(prefix: str, key: str) -> str:
    """Kobo writes the whole path in front of every question, ODK Central nests groups: both come to the same."""
    return key if not prefix or key.startswith(f"{prefix}/") else f"{prefix}/{key}"


def _flat(answers: Json, prefix: str) -> Answers:
    found: Answers = {}
    for key, value in answers.items():
        path = _path(prefix, key)
        if isinstance(value, dict):
            found |= _flat(value, path)
        elif isinstance(value, list):
            if value and not key.startswith("_") and all(isinstance(each, str) for each in value):
                found[path] = " ".join(value)
        else:
            found[path] = _text(value)
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    return (
        "" if text == "NaN" else text
    )  # what a form's calculation gives where nothing was answered


def _repeated(answers: Json, prefix: str, repeat: str, outer: Answers) -> Iterator[Answers]:
    """The rows of a repeat, also of one within another: each then has what the outer one says, too."""
    for key, value in answers.items():
        path = _path(prefix, key)
        if isinstance(value, dict) and repeat.startswith(f"{path}/"):
            yield from _repeated(value, path, repeat, outer)
        elif isinstance(value, list) and (path == repeat or repeat.startswith(f"{path}/")):
            for row in value:
                if isinstance(row, dict):
                    told = outer | {
                        name.removeprefix(f"{path}/"): text
                        for name, text in _flat(row, path).items()
                    }
                    yield from ([told] if path == repeat else _repeated(row, path, repeat, told))
