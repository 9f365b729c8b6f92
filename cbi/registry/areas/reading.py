"""Reads a list of places as people have them: the common operational datasets of OCHA, or code, name and parent.

A common operational dataset (COD-AB) has a column with the P-code of each level and one with its name in each language:
ADM1_PCODE, ADM1_FR, ADM2_PCODE, ADM2_FR … in its older shape, admin1Pcode and admin1Name_fr, or adm1_pcode and adm1_name
with the language beside it in the newer one. Any number of levels may be given, on one sheet or on several.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from cbi.errors import Invalid
from cbi.registry.intake.files import File, Table
from cbi.registry.intake.tables import Line
from cbi.registry.text import clean, folded
from cbi.scope import AREA_CODE

LONGEST_NAME = 120
UNSAID = "und"
"""The language of a name of which nobody said it (as in ISO 639-2)."""

_SHOWN = 30
_LEVEL_CODE = re.compile(r"adm(?:in)?(\d+)[_ ]?p?code\Z")
_LEVEL_NAME = re.compile(
    r"adm(?:in)?(\d+)[_ ]?(?:alt(\d)[_ ]?)?(?:name)?(?:[_ ]?([a-z]{2}|ref|\d))?\Z"
)
_CODES = {"code", "pcode", "areacode"}
_PARENTS = {"parent", "parentcode", "parentpcode", "within"}
_NAME = re.compile(r"name(?:[_ (]*([a-z]{2,3})\)?)?\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a list of places, and where."""

    where: str
    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.instead}".strip()


class UnusableAreas(Invalid):
    """A list of places cannot be used; nothing of it was kept. `problems` holds all that was found."""

    code = "areas.unusable_list"

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = [f"  {problem}" for problem in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            lines.append(f"  … and {len(problems) - _SHOWN} more.")
        super().__init__(
            "\n".join(["The list of places cannot be used, and nothing was changed:", *lines]),
            next_step="docs/areas.md shows how a list looks.",
            problems=[asdict(problem) for problem in problems],
        )


@dataclass(slots=True)
class Listed:
    """A place as a list has it: its code, the code of what it lies in, and its names by language."""

    code: str
    parent: str | None
    where: str
    names: dict[str, str] = field(default_factory=dict)


def read(file: File) -> list[Listed]:
    """Every place of the file, each once, in the order of the file. Raises UnusableAreas, UnusableFile in its kinds."""
    found: dict[str, Listed] = {}
    problems: list[Problem] = []
    sheets = 0
    for sheet in file.sheets:
        table = file.table(sheet)
        places = _places(table, problems)
        if places is None:
            continue
        sheets += 1
        for place in places:
            _join(found, place, problems)
    if not sheets:
        what = "No sheet has columns of codes (ADM1_PCODE and so on, or code, name and parent)."
        problems.append(Problem("the first row", what, "Name the columns so."))
    if problems:
        raise UnusableAreas(problems)
    return list(found.values())


def _places(table: Table, problems: list[Problem]) -> Iterator[Listed] | None:
    by_level = _levels(table.columns)
    if by_level:
        return _by_level(table, by_level, problems)
    keys = [folded(name) for name in table.columns]
    code = next((at for at, key in enumerate(keys) if key in _CODES), None)
    if code is None:
        return None
    parent = next((at for at, key in enumerate(keys) if key in _PARENTS), None)
    names = {
        (found[1] or UNSAID): at
        for at, column in enumerate(table.columns)
        if (found := _NAME.match(column.strip().lower()))
    }
    return _by_parent(table, code, parent, names, problems)


@dataclass(slots=True)
class _Level:
    code: int | None = None
    names: dict[str, int] = field(default_factory=dict)


def _levels(columns: Sequence[str]) -> list[_Level]:
    """The columns of each level, from the top. A name whose column says no language takes it from `lang`."""
    levels: dict[int, _Level] = {}
    for at, column in enumerate(columns):
        key = column.strip().lower()
        if found := _LEVEL_CODE.match(key):
            levels.setdefault(int(found[1]), _Level()).code = at
        elif found := _LEVEL_NAME.match(key):
            alternative, said = found[2] or "", found[3] or ""
            # `ref` is the name in Latin letters without accents; `name1` and `name2` are in `lang1` and `lang2`.
            language = f"lang{said}" if not said or said.isdigit() else said
            levels.setdefault(int(found[1]), _Level()).names[f"{language}{alternative}"] = at
    return [levels[number] for number in sorted(levels) if levels[number].code is not None]


def _by_level(table: Table, levels: Sequence[_Level], problems: list[Problem]) -> Iterator[Listed]:
    spoken = {
        column.strip().lower(): at
        for at, column in enumerate(table.columns)
        if re.fullmatch(r"lang\d?", column.strip().lower())
    }
    for line in table.lines:
        where = _where(table.sheet, line)
        above: str | None = None
        for level in levels:
            assert level.code is not None
            code = _cell(line, level.code)
            if not code:
                continue
            place = _place(code, above, where, problems)
            if place is None:
                break
            for language, at in level.names.items():
                told = _cell(line, spoken[language]) if language in spoken else ""
                said = told.lower()[:3] or (UNSAID if language.startswith("lang") else language)
                _name(place, said, _cell(line, at), problems)
            above = place.code
            yield place


def _by_parent(
    table: Table, code: int, parent: int | None, names: Mapping[str, int], problems: list[Problem]
) -> Iterator[Listed]:
    for line in table.lines:
        where = _where(table.sheet, line)
        found = _cell(line, code)
        if not found:
            problems.append(Problem(where, "There is no code.", "Give each place a code."))
            continue
        above = (_cell(line, parent) or None) if parent is not None else None
        place = _place(found, above.replace(" ", "") if above else None, where, problems)
        if place is None:
            continue
        for language, at in names.items():
            _name(place, language, _cell(line, at), problems)
        yield place


def _place(code: str, parent: str | None, where: str, problems: list[Problem]) -> Listed | None:
    plain = code.replace(" ", "")
    if not AREA_CODE.match(plain):
        what = f"{code[:60]!r} cannot be a code."
        instead = "One has up to 40 letters, digits, dots, dashes and underscores, and begins with a letter or digit."
        problems.append(Problem(where, what, instead))
        return None
    return Listed(plain, parent, where)


def _name(place: Listed, language: str, name: str, problems: list[Problem]) -> None:
    if not name:
        return
    if len(name) > LONGEST_NAME or not folded(name):
        what = f"{name[:60]!r} cannot be the name of a place."
        problems.append(Problem(place.where, what, f"Give letters, {LONGEST_NAME} at most."))
        return
    place.names[language] = name


def _join(found: dict[str, Listed], place: Listed, problems: list[Problem]) -> None:
    """Take a place in; a row that repeats it must say the same of it."""
    known = found.setdefault(folded(place.code), place)
    if known is place:
        return
    if known.code != place.code:
        what = f"The codes {known.code} ({known.where}) and {place.code} differ in signs that people overlook."
        problems.append(Problem(place.where, what, "Write one code in one way."))
    elif known.parent != place.parent:
        what = f"{place.code} lies in {place.parent or 'nothing'} here, and in {known.parent or 'nothing'} in {known.where}."
        problems.append(Problem(place.where, what, "A place lies in one other."))
    for language, name in place.names.items():
        if known.names.setdefault(language, name) != name:
            what = f"{place.code} is called {name!r} here, and {known.names[language]!r} in {known.where}."
            problems.append(Problem(place.where, what, "Give it one name in a language."))


def in_order(
    listed: Iterable[Listed], known: Mapping[str, str | None]
) -> list[tuple[Listed, tuple[str, ...]]]:
    """The places that are not known yet, each after what it lies in, with its line: itself first, the top last.

    `known` are the codes that there are, with what each lies in. Raises UnusableAreas for a place that lies in one that
    is nowhere (an orphan), in itself by any way round (a cycle), or elsewhere than on record.
    """
    listed = list(listed)
    new = {place.code: place for place in listed if place.code not in known}
    keys = {folded(code): code for code in known}
    problems: list[Problem] = []
    for place in listed:
        if (code := keys.get(folded(place.code), place.code)) != place.code:
            what = f"The code {place.code} stands on record as {code}."
            problems.append(Problem(place.where, what, "Write one code in one way."))
        elif place.code in known and place.parent not in (None, known[place.code]):
            what = f"{place.code} lies in {known[place.code] or 'nothing'} on record, and in {place.parent} here."
            instead = "A place that moves gets a new code: who stood in it, and who saw it, would else change unseen."
            problems.append(Problem(place.where, what, instead))
        elif place.parent is not None and place.parent not in new and place.parent not in known:
            what = (
                f"{place.code} lies in {place.parent}, which is neither in the list nor on record."
            )
            problems.append(Problem(place.where, what, "Add that place, or correct the code."))
    lines: dict[str, tuple[str, ...]] = {}
    for place in new.values():
        walked: dict[str, None] = {}
        at: str | None = place.code
        while at is not None and at not in lines and (at in new or at in known):
            if at in walked:
                what = f"{place.code} lies in itself: {' in '.join([*walked, at])}."
                problems.append(Problem(place.where, what, "Correct what it lies in."))
                break
            walked[at] = None
            at = new[at].parent if at in new else known[at]
        else:
            line = lines.get(at, ()) if at is not None else ()
            for code in reversed(walked):
                line = lines[code] = (code, *line)
    if problems:
        raise UnusableAreas(problems)
    return sorted(
        ((place, lines[code]) for code, place in new.items()), key=lambda each: len(each[1])
    )


def _cell(line: Line, at: int) -> str:
    return clean(line.cells[at]).replace("\n", " ") if at < len(line.cells) else ""


def _where(sheet: str | None, line: Line) -> str:
    return f"row {line.number}" + (f" of the sheet {sheet!r}" if sheet else "")
