"""The parts of a programme file that every kind of programme has."""

import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from cbi.fsp.messages import DeliveryMechanism
from cbi.money import Money
from cbi.programmes.fields import (
    Amount,
    AmountOrNone,
    Areas,
    ClockTimeOrNone,
    Code,
    Codes,
    DayOfPeriodOrNone,
    HowOften,
    KindOfProgramme,
    Languages,
    Mechanism,
    Month,
    OpeningDayOrNone,
    PartsOrNone,
    Provider,
    RequiredOrNone,
    SizeOrNone,
    Text,
    some,
    wrong,
)
from cbi.programmes.periods import EXAMPLES, Every
from cbi.registry.text import plain_digits

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)


class Part(BaseModel):
    """A part of the file: a name with indented fields below it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(Part):
    """Which programme it is. `languages` stand in order of preference."""

    code: Code
    name: Text
    kind: KindOfProgramme
    languages: Languages


class HouseholdSize(Part):
    """How many members a household may have, both numbers included."""

    min: SizeOrNone = None
    max: SizeOrNone = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.min is not None and self.max is not None and self.max < self.min:
            what = f"No household has at least {self.min} and at most {self.max} members."
            raise wrong(what, "Make max the larger one.", "max")
        return self


class Eligibility(Part):
    """What is asked of a household beyond being active in the registry and able to receive."""

    household_size: Annotated[HouseholdSize | None, BeforeValidator(some)] = None
    areas: Annotated[Areas | None, BeforeValidator(some)] = None
    consent: RequiredOrNone = None


class Ceilings(Part):
    """The most that one household may be owed in its life, here and in the programmes that count with this one."""

    lifetime: Amount
    counting: Annotated[Codes | None, BeforeValidator(some)] = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.lifetime.minor:
            raise wrong("A ceiling of 0 pays nobody.", "Raise it, or delete this part.", "lifetime")
        return self


def _is_a_day(value: object) -> bool:
    return isinstance(value, str) and bool(_DAY.match(plain_digits(value)))


class Schedule(Part):
    """The months, quarters or weeks that cycles may be opened for, both included; or `once`: days of its own, as `first`.

    With `opens_on`, a day of the period, or `opens_by`, such as `last working day`, each opens by itself, at `opens_at` on
    the office's clock.
    """

    every: HowOften
    first: Month
    last: Month
    opens_on: DayOfPeriodOrNone = None
    opens_by: OpeningDayOrNone = None
    opens_at: ClockTimeOrNone = None

    @model_validator(mode="before")
    @classmethod
    def _days_of_its_own(cls, values: Any) -> Any:
        """What is paid once has a first and a last day, which are one period."""
        if isinstance(values, dict) and values.get("every") == Every.ONCE:
            first, last = values.get("first"), values.get("last")
            if _is_a_day(first) and _is_a_day(last):
                return {**values, "first": f"{first}--{last}", "last": f"{first}--{last}"}
        return values

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for name, period in (("first", self.first), ("last", self.last)):
            if period.every != self.every:
                if self.every == Every.ONCE:
                    what = "What is paid once has a first and a last day."
                else:
                    what = f"{period} is not a {self.every}."
                raise wrong(what, f"Write it as {EXAMPLES[Every(self.every)]}.", name)
        if self.last < self.first:
            what = f"The last {self.every} comes before the first ({self.first})."
            raise wrong(what, "Check both.", "last")
        if self.every == Every.ONCE and self.first != self.last:
            raise wrong("What is paid once has one period.", "Write its first and its last day.")
        if self.opens_at is not None and not self.opens_itself:
            what = "A time of day does not say on which day cycles open."
            raise wrong(what, "Add opens_on, such as: opens_on: 5", "opens_at")
        if self.opens_on is not None and self.opens_by is not None:
            what = "It opens on a day of the period, or on a day of the week."
            raise wrong(what, "Keep opens_on or opens_by.", "opens_by")
        return self

    @property
    def opens_itself(self) -> bool:
        """Whether its cycles open by themselves."""
        return self.opens_on is not None or self.opens_by is not None


class Route(Part):
    """Who delivers the money, and how."""

    provider: Provider
    mechanism: Mechanism


_USUAL_PARTS = 3


class Partial(Part):
    """Cash over the counter may be handed over in parts: each of `smallest` at least, in whole `notes`, so many `at_most`.

    Without `notes`, a part is a multiple of the smallest one. The last part is whatever is left.
    """

    smallest: Amount
    notes: AmountOrNone = None
    at_most: PartsOrNone = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.smallest.minor:
            raise wrong("A part of nothing is none.", "Write the smallest part.", "smallest")
        if self.notes is not None and (
            not self.notes.minor or self.smallest.minor % self.notes.minor
        ):
            what = f"The smallest part ({self.smallest}) cannot be paid in such notes."
            raise wrong(what, "Give the smallest note there is.", "notes")
        return self

    @property
    def note(self) -> Money:
        """What every part but the last is a multiple of."""
        return self.smallest if self.notes is None else self.notes

    @property
    def parts(self) -> int:
        """In how many parts one payment may be handed over, the last one included."""
        return self.at_most or _USUAL_PARTS


class Delivery(Route):
    """The usual way, and others (`also`) for those who asked for one of them when they were registered."""

    also: Annotated[tuple[Route, ...] | None, BeforeValidator(some)] = None
    partial: Annotated[Partial | None, BeforeValidator(some)] = None

    @model_validator(mode="after")
    def _parts_are_cash(self) -> Self:
        ways = {route.mechanism for route in self.routes}
        if self.partial is not None and DeliveryMechanism.CASH_OVER_COUNTER not in ways:
            what = "Only cash over the counter can be handed over in parts."
            raise wrong(what, "Delete this part.", "partial")
        return self

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for name, what in (("provider", "provider"), ("mechanism", "way of delivery")):
            given = [getattr(route, name) for route in self.routes]
            for place, value in enumerate(given[1:]):
                if value in given[: place + 1]:
                    raise wrong(
                        f"The {what} {value} is named twice.",
                        "Name each once: a recipient's choice must lead to one of them.",
                        "also", place, name,
                    )  # fmt: skip
        return self

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every way, the usual one first."""
        return (self, *(self.also or ()))
