"""The tree of places in memory: which area somebody means by a code or a name, and what lies in what."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from cbi.errors import Invalid
from cbi.registry.text import folded

_SHOWN = 8


class UnknownArea(Invalid):
    """No area has this code or name."""

    code = "areas.unknown"


class AmbiguousArea(Invalid):
    """Several areas are called so."""

    code = "areas.ambiguous"


@dataclass(frozen=True, slots=True)
class Place:
    """An area: `line` is its code and the codes of all that it lies in, its own first; `names` by language."""

    code: str
    line: tuple[str, ...]
    names: Mapping[str, str]

    @property
    def level(self) -> int:
        """How deep it lies; 0 at the top."""
        return len(self.line) - 1

    @property
    def parent(self) -> str | None:
        """The code of what it lies in."""
        return self.line[1] if len(self.line) > 1 else None

    def name(self, *languages: str) -> str:
        """What it is called in the first of these languages that it has a name in, else in any; its code without one."""
        wanted = (self.names[language] for language in languages if language in self.names)
        return next(wanted, None) or next(iter(self.names.values()), self.code)


@dataclass(frozen=True, slots=True)
class Tree:
    """All areas by their codes. `spellings`: which codes each folded code or name may mean, former names too."""

    places: Mapping[str, Place]
    spellings: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.places)

    def find(self, written: str) -> Place:
        """The area that is meant, by its code or by any of its names, in any language, capitals and accents aside.

        Where several have the name, say what it lies in before it: `Oran / Es Senia`. Raises UnknownArea, AmbiguousArea.
        """
        meant = self.meant(written)
        if len(meant) == 1:
            return meant[0]
        if not meant:
            raise UnknownArea(
                f"There is no area {written[:80]!r}.",
                next_step="Give its code, or its name as it stands in: cbi areas list",
            )
        raise AmbiguousArea(
            f"Several areas are called {written[:80]!r}: {self.told(meant)}.",
            next_step="Give the code, or say first what it lies in, such as Oran / Es Senia.",
            candidates=[place.code for place in meant[:_SHOWN]],
            told=self.told(meant),
        )

    def meant(self, written: str) -> list[Place]:
        """Every area that may be meant, the highest first; a code means that area and no other."""
        parts = [folded(part) for part in written.replace(">", "/").split("/")]
        if not all(parts):
            return []
        *outer, last = parts
        codes = self.spellings.get(last, frozenset())
        if by_code := [code for code in codes if folded(code) == last]:
            codes = frozenset(by_code)
        found = [self.places[code] for code in codes]
        found = [place for place in found if self._lies_in(place, outer)]
        return sorted(found, key=lambda place: (place.level, place.code))

    def _lies_in(self, place: Place, outer: Collection[str]) -> bool:
        """Whether each of `outer`, from the right, is one of those that the place lies in, further and further up."""
        above = iter(place.line[1:])
        return all(
            any(code in self.spellings.get(each, frozenset()) for code in above)
            for each in reversed(list(outer))
        )

    def told(self, places: Iterable[Place]) -> str:
        """These areas in words: `DZ31 Oran, DZ3101 Oran (in DZ31 Oran)`."""
        shown = []

        def called(code: str) -> str:
            return f"{code} {self.places[code].name('en', 'fr', 'es')}"

        for place in list(places)[:_SHOWN]:
            inside = f" (in {called(place.parent)})" if place.parent else ""
            shown.append(f"{called(place.code)}{inside}")
        return ", ".join(shown)

    def words(self, lived_in: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """Everything that a programme file may call the area of a household by, folded, for each area as it is written.

        It is each code and name of the area and of all that it lies in; where no area of the tree is meant, what was
        written, as without a tree.
        """
        own: dict[str, set[str]] = {}
        for word, codes in self.spellings.items():
            for code in codes:
                own.setdefault(code, set()).add(word)
        found = {}
        for written in lived_in:
            meant = self.meant(written)
            line = meant[0].line if len(meant) == 1 else ()
            found[written] = frozenset({folded(written)}).union(*(own[code] for code in line))
        return found


def grown(
    rows: Iterable[tuple[str, tuple[str, ...]]], names: Iterable[tuple[str, str, str]]
) -> Tree:
    """The tree of areas (code and line) and their names (code, language, name), the oldest names first."""
    lines = dict(rows)
    called: dict[str, dict[str, str]] = {code: {} for code in lines}
    spellings: dict[str, set[str]] = {}
    for code in lines:
        spellings.setdefault(folded(code), set()).add(code)
    for code, language, name in names:
        called[code][language] = name
        spellings.setdefault(folded(name), set()).add(code)
    places = {code: Place(code, line, called[code]) for code, line in lines.items()}
    return Tree(places, {word: frozenset(codes) for word, codes in spellings.items()})
