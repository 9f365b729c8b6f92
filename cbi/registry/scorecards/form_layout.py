"""How an assessment form looks: its columns in the scorecard's languages, and whose row is whose."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from cbi.registry.scorecards.definition import Form, Indicator, Kind, Option, Scorecard, told
from cbi.registry.text import folded

NUMBER, REGISTRATION, QUESTION, DAY, WHY, TOKEN = (
    "number", "registration", "question", "day", "why", "token",
)  # fmt: skip

HEADINGS: Mapping[str, Mapping[str, str]] = {
    NUMBER: {"en": "No.", "fr": "N°", "ar": "رقم", "es": "N.º"},
    REGISTRATION: {
        "en": "Registration number", "fr": "Numéro d'enregistrement", "ar": "رقم التسجيل",
        "es": "Número de registro",
    },
    DAY: {
        "en": "Assessed on", "fr": "Évalué le", "ar": "تاريخ التقييم", "es": "Evaluado el",
    },
    WHY: {
        "en": "Corrected because", "fr": "Corrigé parce que", "ar": "سبب التصحيح",
        "es": "Corregido porque",
    },
    TOKEN: {"en": "Token", "fr": "Jeton", "ar": "رمز الصف", "es": "Ficha"},
}  # fmt: skip
_NEEDED = (REGISTRATION, TOKEN)


@dataclass(frozen=True, slots=True)
class Asked:
    """A row of the form: a household by its number, and nobody's name."""

    number: int
    household_id: UUID
    registration: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A form as it goes out and comes back."""

    form_id: int
    scorecard: Scorecard
    version: int
    form: Form
    of: int
    rows: Sequence[Asked] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds and its heading. A question with several answers has one for each of them."""

    holds: str
    heading: str
    indicator: Indicator | None = None
    option: Option | None = None


def columns(scorecard: Scorecard, form: Form, language: str) -> list[Column]:
    """The columns of a form, from the first."""

    def own(name: str) -> Column:
        return Column(name, told(HEADINGS[name], language))

    made = [own(NUMBER), own(REGISTRATION)]
    for indicator in scorecard.asked(form):
        ask = told(indicator.ask, language)
        if indicator.kind is Kind.MANY:
            made += [
                Column(QUESTION, f"{ask}: {told(option.say, language)}", indicator, option)
                for option in indicator.options
            ]
        else:
            made.append(Column(QUESTION, ask, indicator))
    return [*made, own(DAY), own(WHY), own(TOKEN)]


def find_columns(
    scorecard: Scorecard, form: Form, given: Sequence[str]
) -> tuple[dict[int, Column], list[str]]:
    """Where each column stands in a file that came back, and the headings of those that are missing from it."""
    languages = dict.fromkeys([*scorecard.name, "en", "fr", "ar", "es"])
    known: dict[str, Column] = {}
    for language in languages:
        for column in columns(scorecard, form, language):
            known.setdefault(folded(column.heading), column)
    found: dict[int, Column] = {}
    for place, heading in enumerate(given):
        meant = known.get(folded(heading))
        if meant is not None and meant not in found.values():
            found[place] = meant
    have = {_what(column) for column in found.values()}
    missing = [
        column.heading
        for column in columns(scorecard, form, "en")
        if _what(column) not in have and (column.holds == QUESTION or column.holds in _NEEDED)
    ]
    return found, missing


def token_columns(given: Sequence[str]) -> Iterator[int]:
    """Where a heading says that tokens stand below it, in any of the languages."""
    names = {folded(word) for word in HEADINGS[TOKEN].values()}
    return (place for place, heading in enumerate(given) if folded(heading) in names)


def _what(column: Column) -> tuple[str, str | None, str | None]:
    return (
        column.holds,
        column.indicator.name if column.indicator else None,
        column.option.code if column.option else None,
    )
