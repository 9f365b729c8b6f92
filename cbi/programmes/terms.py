"""The parts of a programme file that every kind of programme has."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

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
    IntervalOrNone,
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
from cbi.programmes.periods import EXAMPLES, TOGETHER, Every, Period
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


_FORTNIGHT = "fortnight"


class Schedule(Part):
    """The months, quarters or weeks that cycles may be opened for, both included; or `once`: days of its own, as `first`.

    With `interval`, so many months or weeks together are one period, from the first of them on; a `fortnight` is two weeks.
    `begins` and `ends` are the first and the last of them, as the file names them. With `opens_on`, a day of the period, or
    `opens_by`, such as `last working day`, each opens by itself, at `opens_at` on the office's clock.
    """

    every: HowOften
    interval: IntervalOrNone = None
    begins: Month = Field(alias="first")
    ends: Month = Field(alias="last")
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

    @model_validator(mode="before")
    @classmethod
    def _two_weeks(cls, values: Any) -> Any:
        """A fortnight is two weeks."""
        if not isinstance(values, dict) or values.get("every") != _FORTNIGHT:
            return values
        if "interval" in values:
            what = "A fortnight is two weeks already."
            raise wrong(what, "Delete this line, or write: every: week", "interval")
        return {**values, "every": str(Every.WEEK), "interval": 2}

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        self._check_days()
        self._check_interval()
        self._check_opening()
        return self

    def _check_days(self) -> None:
        for name, period in (("first", self.begins), ("last", self.ends)):
            if self.every == Every.ONCE:
                if period.every != self.every:
                    what = "What is paid once has a first and a last day."
                    raise wrong(what, f"Write it as {EXAMPLES[Every.ONCE]}.", name)
            elif (period.every, period.length) != (self.every, 1):
                what = f"{period} is not a {self.every}."
                raise wrong(what, f"Write it as {EXAMPLES[Every(self.every)]}.", name)
        if self.ends < self.begins:
            what = f"The last {self.every} comes before the first ({self.begins})."
            raise wrong(what, "Check both.", "last")
        if self.every == Every.ONCE and self.begins != self.ends:
            raise wrong("What is paid once has one period.", "Write its first and its last day.")

    def _check_interval(self) -> None:
        if self.interval is None:
            return
        if self.every not in TOGETHER:
            what = "Only months and weeks make a period together."
            raise wrong(what, "Delete this line, or write: every: month", "interval")
        period = self.first
        while period.ends_on < self.ends.ends_on:
            period = period.next
        if period != self.last:
            what = f"From {self.begins} to {self.ends} is no whole number of periods of {self.interval} {self.every}s."
            raise wrong(what, f"End with {period.last_of_them}.", "last")

    def _check_opening(self) -> None:
        if self.opens_at is not None and not self.opens_itself:
            what = "A time of day does not say on which day cycles open."
            raise wrong(what, "Add opens_on, such as: opens_on: 5", "opens_at")
        if self.opens_on is not None and self.opens_by is not None:
            what = "It opens on a day of the period, or on a day of the week."
            raise wrong(what, "Keep opens_on or opens_by.", "opens_by")

    @property
    def first(self) -> Period:
        """The first period."""
        return self.begins.together(self.interval) if self.interval else self.begins

    @property
    def last(self) -> Period:
        """The last period."""
        return self.ends.ending_here(self.interval) if self.interval else self.ends

    @property
    def periods(self) -> Iterator[Period]:
        """Every period, in order."""
        period = self.first
        while period <= self.last:
            yield period
            period = period.next

    @property
    def length(self) -> tuple[Every, int]:
        """Of how many months, quarters or weeks each period is."""
        return Every(self.every), self.interval or 1

    @property
    def often(self) -> str:
        """`every month`, `every 2 weeks`, or `once`."""
        if self.every == Every.ONCE:
            return "once"
        every, many = self.length
        return f"every {every}" if many == 1 else f"every {many} {every}s"

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
