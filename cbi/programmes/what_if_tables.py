"""Counts who would move in and out, and what that costs, by head, age, place and band; small numbers stay hidden."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

FEWEST = 5
"""Households that a number must count to be shown to everybody (reporting by at least five)."""
_AGES = (
    (18, "under 18"),
    (30, "18 to 29"),
    (45, "30 to 44"),
    (60, "45 to 59"),
    (200, "60 and over"),
)
UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Head:
    """What is counted of a household's head."""

    sex: str
    age: str

    @classmethod
    def of(cls, sex: str | None, age: int | None) -> "Head":
        """From sex and age in years; the year of birth tells it to within a year."""
        band = UNKNOWN if age is None else next(name for below, name in _AGES if age < below)
        return cls(str(sex) if sex else UNKNOWN, band)


@dataclass(frozen=True, slots=True)
class Household:
    """One household as it would be, or `count` of them that are alike: its band (empty: none), whether it moves
    in or up (above 0) or out or down (below), and what it gets, or what they all get, in minor units before and after.
    """

    area: str
    head: Head
    band: str
    moved: int = 0
    before: int = 0
    after: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table. Numbers of households are None where they are hidden; amounts, in minor units, follow them.

    `moved_in` and `moved_out`: into the programme's payments or out of them; without a programme, to a greater band or a
    lesser one.
    """

    name: str
    households: int | None
    moved_in: int | None
    moved_out: int | None
    before_minor: int | None
    after_minor: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """The lines by one thing, and their sum."""

    by: str
    lines: tuple[Line, ...]
    total: Line


Numbers = list[int]
"""Households, moved in, moved out, minor units before, and after."""


_WAYS: Mapping[str, Callable[[Household], str]] = {
    "sex of the head": lambda each: each.head.sex,
    "age of the head": lambda each: each.head.age,
    "area": lambda each: each.area or UNKNOWN,
    "band": lambda each: each.band or "not assessed",
}


def tables(households: Iterable[Household], *, by_band: bool, small: bool) -> tuple[Table, ...]:
    """The tables of a comparison. `small`: whether numbers of one to four are shown."""
    counted: dict[str, dict[str, Numbers]] = {by: {} for by in _WAYS if by_band or by != "band"}
    total = [0] * 5
    for each in households:
        moved = each.count if each.moved > 0 else 0, each.count if each.moved < 0 else 0
        numbers = each.count, *moved, each.before, each.after
        lines = [lines.setdefault(_WAYS[by](each), [0] * 5) for by, lines in counted.items()]
        for line in (total, *lines):
            for place, number in enumerate(numbers):
                line[place] += number
    return tuple(_table(by, lines, total, small=small) for by, lines in counted.items())


def _table(by: str, counted: Mapping[str, Numbers], total: Numbers, *, small: bool) -> Table:
    lines = [(key, counted[key]) for key in sorted(counted)]
    hidden = set() if small else _hidden([numbers for _, numbers in lines])
    return Table(
        by,
        tuple(_line(key, numbers, {place for row, place in hidden if row == at}) for at, (key, numbers) in enumerate(lines)),
        _line("Total", total, set() if small else {place for place in range(3) if 0 < total[place] < FEWEST}),
    )  # fmt: skip


def hidden_moves(moves: Sequence[tuple[str, str, int]]) -> tuple[tuple[str, str, int], ...]:
    """Band before, band after and households, with 0 for numbers that stay hidden: those of one to four, and enough beside
    them that neither the households that were scored nor the table by band tells them.
    """
    into: dict[str, list[int]] = {}
    for at, (_, becomes, _) in enumerate(moves):
        into.setdefault(becomes, []).append(at)
    groups = list(into.values())
    sums_hidden = _told_too_much([sum(moves[at][2] for at in group) for group in groups])
    hidden: set[int] = set()
    for number, group in enumerate(groups):
        counts = [moves[at][2] for at in group]
        beside = _told_too_much(counts)
        if number in sums_hidden and not beside:
            beside = {counts.index(min(counts))}  # else its own moves add up to the hidden sum
        hidden |= {group[at] for at in beside}
    return tuple(
        (was, becomes, 0 if at in hidden else count)
        for at, (was, becomes, count) in enumerate(moves)
    )


def _hidden(rows: Sequence[Numbers]) -> set[tuple[int, int]]:
    """Which numbers stay hidden, by row and column, because the sum would tell them."""
    return {
        (row, column)
        for column in range(3)
        for row in _told_too_much([numbers[column] for numbers in rows])
    }


def _told_too_much(counts: Sequence[int]) -> set[int]:
    """Which of the parts of a sum stay hidden: those of one to four, and where that is one alone, the next smallest."""
    small = {at for at, count in enumerate(counts) if 0 < count < FEWEST}
    if len(small) == 1:
        others = [(count, at) for at, count in enumerate(counts) if at not in small and count]
        small |= {min(others)[1]} if others else set()
    return small


def _line(name: str, numbers: Numbers, hidden: set[int]) -> Line:
    households, moved_in, moved_out = (
        None if place in hidden else numbers[place] for place in range(3)
    )
    # What few households get would tell what each gets.
    is_few = bool(hidden)
    return Line(
        name, households, moved_in, moved_out, None if is_few else numbers[3],
        None if is_few else numbers[4],
    )  # fmt: skip
