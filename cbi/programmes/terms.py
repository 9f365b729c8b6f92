"""The parts of a programme file that every kind of programme has."""

from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from cbi.programmes.fields import (
    Amount,
    Areas,
    ClockTimeOrNone,
    Code,
    Codes,
    Day,
    DayOfPeriodOrNone,
    HowOften,
    KindOfProgramme,
    Languages,
    Mechanism,
    Month,
    Provider,
    RequiredOrNone,
    SizeOrNone,
    Text,
    some,
    wrong,
)
from cbi.programmes.periods import EXAMPLES, Every


class Part(BaseModel):
    """A part of the file: a name with indented fields below it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(Part):
    """Which programme it is. `languages` stand in order of preference."""

    code: Code
    name: Text
    kind: KindOfProgramme
    languages: Languages


class FundTerms(Part):
    """The donor's grant behind it: how much was promised, and for when (both days included)."""

    code: Code
    name: Text
    amount: Amount
    valid_from: Day
    valid_to: Day

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.amount.minor:
            raise wrong("The fund holds nothing.", "Write what the donor promised.", "amount")
        if self.valid_to < self.valid_from:
            what = f"The fund ends before it begins ({self.valid_from})."
            raise wrong(what, "Check both dates.", "valid_to")
        return self


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


class Schedule(Part):
    """The months, quarters or weeks that cycles may be opened for, both included.

    With `opens_on`, a day of the period, each opens by itself, at `opens_at` on the office's clock.
    """

    every: HowOften
    first: Month
    last: Month
    opens_on: DayOfPeriodOrNone = None
    opens_at: ClockTimeOrNone = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        for name, period in (("first", self.first), ("last", self.last)):
            if period.every != self.every:
                what = f"{period} is not a {self.every}."
                raise wrong(what, f"Write it as {EXAMPLES[Every(self.every)]}.", name)
        if self.last < self.first:
            what = f"The last {self.every} comes before the first ({self.first})."
            raise wrong(what, "Check both.", "last")
        if self.opens_at is not None and self.opens_on is None:
            what = "A time of day does not say on which day cycles open."
            raise wrong(what, "Add opens_on, such as: opens_on: 5", "opens_at")
        return self


class Route(Part):
    """Who delivers the money, and how."""

    provider: Provider
    mechanism: Mechanism


class Delivery(Route):
    """The usual way, and others (`also`) for those who asked for one of them when they were registered."""

    also: Annotated[tuple[Route, ...] | None, BeforeValidator(some)] = None

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
