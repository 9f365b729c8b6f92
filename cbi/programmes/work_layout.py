"""How a work sheet looks on paper and in a spreadsheet: its columns in four languages, and who stands in its rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from cbi.programmes.work_models import Basis
from cbi.programmes.work_pay import Done
from cbi.programmes.work_terms import WorkTerms
from cbi.registry.text import folded

NUMBER, REGISTRATION, NAME, TOKEN, DAY, DAYS_WORKED = (
    "number", "registration", "name", "token", "day", "days_worked",
)  # fmt: skip

HEADINGS: Mapping[str, Mapping[str, str]] = {
    NUMBER: {"en": "No.", "fr": "N°", "ar": "رقم", "es": "N.º"},
    REGISTRATION: {
        "en": "Registration number",
        "fr": "Numéro d'enregistrement",
        "ar": "رقم التسجيل",
        "es": "Número de registro",
    },
    NAME: {"en": "Name", "fr": "Nom", "ar": "الاسم", "es": "Nombre"},
    DAY: {"en": "Day", "fr": "Jour", "ar": "يوم", "es": "Día"},
    DAYS_WORKED: {
        "en": "Days worked",
        "fr": "Jours travaillés",
        "ar": "أيام العمل",
        "es": "Días trabajados",
    },
    TOKEN: {"en": "Token", "fr": "Jeton", "ar": "رمز الصف", "es": "Ficha"},
}
_FIXED = (NUMBER, REGISTRATION, NAME)


@dataclass(frozen=True, slots=True, repr=False)
class Worker:
    """Who stands in a row. `spells` are the days in the group, first and last; a last of None has not come yet."""

    number: int
    person_id: UUID
    household_id: UUID
    registration: str
    name: str
    spells: tuple[tuple[date, date | None], ...]

    def is_in_group(self, day: date) -> bool:
        """Whether the person belonged to the group on that day."""
        return any(first <= day and (last is None or day <= last) for first, last in self.spells)


@dataclass(frozen=True, slots=True, repr=False)
class Paper:
    """One version of a sheet as it goes out and comes back."""

    sheet: int
    version: int
    starts_on: date
    ends_on: date
    work_starts_on: date
    work_ends_on: date
    """The days of the sheet's period, and those of the activity."""
    basis: Basis
    terms: WorkTerms
    currency: str
    workers: Sequence[Worker]
    filled: Mapping[UUID, "Filled"] = field(default_factory=dict)
    """What is known already, by person."""

    @property
    def days(self) -> list[date]:
        """Every day of the period."""
        count = (self.ends_on - self.starts_on).days + 1
        return [self.starts_on + timedelta(days=at) for at in range(count)]

    def is_open(self, day: date) -> bool:
        """Whether the activity runs on that day."""
        return self.work_starts_on <= day <= self.work_ends_on


@dataclass(frozen=True, slots=True)
class Filled:
    """What a row says of one person: a digit for each day (0, 1 half, 2 whole), or pieces and days as numbers."""

    attendance: str
    done: Done


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds, and its heading. `day` and `piece` say which one, where there are several."""

    holds: str
    heading: str
    day: date | None = None
    piece: str | None = None


def columns(paper: Paper, language: str) -> list[Column]:
    """The columns of a sheet, from the first."""

    def word(name: str) -> str:
        return HEADINGS[name].get(language) or HEADINGS[name]["en"]

    made = [Column(name, word(name)) for name in _FIXED]
    if paper.basis is Basis.DAYS:
        made += [Column(DAY, day_heading(word(DAY), day, paper), day=day) for day in paper.days]
    else:
        made += [
            Column("piece", f"{piece.code}: {piece.name} ({piece.unit})", piece=piece.code)
            for piece in paper.terms.pieces or ()
        ]
        made.append(Column(DAYS_WORKED, word(DAYS_WORKED)))
    return [*made, Column(TOKEN, word(TOKEN))]


def day_heading(word: str, day: date, paper: Paper) -> str:
    """`Day 5`, or `Day 5/2` where a period has days of several months.

    With a word in front no spreadsheet takes it for a date of its own liking.
    """
    several = (paper.starts_on.year, paper.starts_on.month) != (
        paper.ends_on.year, paper.ends_on.month,
    )  # fmt: skip
    return f"{word} {day.day}/{day.month}" if several else f"{word} {day.day}"


def find_columns(paper: Paper, headings: Sequence[str]) -> tuple[dict[int, Column], list[str]]:
    """Where each column stands in a file that came back, and the headings of those that are missing from it."""
    known = {
        _key(column.heading): column
        for language in HEADINGS[NAME]
        for column in columns(paper, language)
    }
    found: dict[int, Column] = {}
    for place, heading in enumerate(headings):
        column = known.get(_key(heading))
        if column is not None:
            found[place] = column
    have = {(column.holds, column.day, column.piece) for column in found.values()}
    missing = [
        column.heading
        for column in columns(paper, "en")
        if column.holds != NUMBER and (column.holds, column.day, column.piece) not in have
    ]
    return found, missing


def token_columns(headings: Sequence[str]) -> Iterator[int]:
    """Where a heading says that tokens stand below it, in any of the languages."""
    names = {_key(name) for name in HEADINGS[TOKEN].values()}
    return (place for place, heading in enumerate(headings) if _key(heading) in names)


def _key(heading: str) -> str:
    # `Day 5/2` and `Day 52` must stay apart, so the stroke is kept where folding drops it.
    return "/".join(map(folded, heading.split("/")))
