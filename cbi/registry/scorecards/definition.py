"""What a scorecard says once it has been read: what is asked, what counts how much, and which score is which band."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cbi.registry.scorecards.expressions import Expression
from cbi.registry.scorecards.measures import Number

Texts = Mapping[str, str]
"""A text by language."""


class Kind(StrEnum):
    """How a question is answered, or that it is worked out."""

    CHOICE = "choice"
    MANY = "many"
    NUMBER = "number"
    YES_NO = "yes-no"
    COMPUTED = "computed"


class Form(StrEnum):
    """The short form is for everybody; the long one for those whom it flags."""

    SHORT = "short"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class Option:
    """One answer of a choice, and the points that it gives."""

    code: str
    say: Texts
    points: Number


@dataclass(frozen=True, slots=True)
class Step:
    """From this value on, so many points."""

    start: Number
    points: Number


@dataclass(frozen=True, slots=True)
class Indicator:
    """One thing that counts. `points` of a yes; `options` of a choice; `steps` of a number; `formula` works points out.

    `weight` multiplies them, `most` bounds them before that. `is_` says how a computed one comes about.
    """

    name: str
    kind: Kind
    ask: Texts
    options: tuple[Option, ...] = ()
    least: int = 0
    largest: int = 0
    points: Number = 0
    steps: tuple[Step, ...] = ()
    words: Mapping[str, Number] = field(default_factory=dict)
    """Points of a computed word."""
    weight: Number = 1
    most: Number | None = None
    optional: bool = False
    is_: Expression | None = None
    points_of: Mapping[str, Number] = field(init=False, compare=False, repr=False)
    """The points of each answer, by its code."""

    def __post_init__(self) -> None:
        told = {option.code: option.points for option in self.options}
        object.__setattr__(self, "points_of", told)

    @property
    def is_asked(self) -> bool:
        """Whether a person answers it."""
        return self.kind is not Kind.COMPUTED

    @property
    def blank(self) -> object:
        """What no answer to an optional question counts as."""
        return {Kind.CHOICE: "", Kind.MANY: frozenset(), Kind.YES_NO: False}.get(self.kind, 0)


@dataclass(frozen=True, slots=True)
class Rule:
    """What counts beside points: when it holds, the household is at least in this band."""

    name: str
    when: Expression
    at_least: str
    why: Texts


@dataclass(frozen=True, slots=True)
class Band:
    """One band, from this score on."""

    name: str
    start: Number
    say: Texts


@dataclass(frozen=True, slots=True)
class ShortForm:
    """What the short form asks, when it flags for the long one, and the band of those whom it does not flag."""

    indicators: tuple[str, ...]
    long_if: Expression
    otherwise: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """One version of a scorecard. `bands` go from the least need to the greatest.

    `alone_for_days`: how long whoever made an assessment may put it right alone; `again_after_days`: from when a new
    visit is a new assessment and no correction.
    """

    code: str
    name: Texts
    indicators: tuple[Indicator, ...]
    rules: tuple[Rule, ...]
    bands: tuple[Band, ...]
    short: ShortForm | None
    alone_for_days: int
    again_after_days: int
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def of_form(self, form: Form) -> tuple[Indicator, ...]:
        """The indicators that a form goes by, in the order of the file."""
        if form is Form.LONG:
            return self.indicators
        wanted = self.short.indicators if self.short else ()
        return tuple(each for each in self.indicators if each.name in wanted)

    def asked(self, form: Form) -> tuple[Indicator, ...]:
        """The questions of a form."""
        return tuple(each for each in self.of_form(form) if each.is_asked)

    def band(self, name: str) -> Band:
        """The band of this name."""
        return next(band for band in self.bands if band.name == name)

    def order(self, name: str) -> int:
        """How far up a band is; 0 is the least need."""
        return next(place for place, band in enumerate(self.bands) if band.name == name)


def told(texts: Texts, language: str) -> str:
    """The text in that language, or in English, or in the first there is."""
    return texts.get(language) or texts.get("en") or next(iter(texts.values()), "")


Values = Callable[[str], object]
