"""What a programme file says, once it is known to make sense."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from cbi.money import LARGEST_MINOR
from cbi.programmes import document as documents
from cbi.programmes.document import Document, named
from cbi.programmes.eligibility import Criteria
from cbi.programmes.fields import (
    LARGEST_HOUSEHOLD,
    Amount,
    AmountOrNone,
    Areas,
    Code,
    Currency,
    Day,
    Every,
    Kind,
    Languages,
    Mechanism,
    Month,
    Provider,
    Reading,
    RequiredOrNone,
    SizeOrNone,
    Text,
    nearest,
    some,
    wrong,
)
from cbi.programmes.problems import Problem, ProgrammeFileErrors
from cbi.programmes.transfer_value import RateCard
from cbi.registry.text import folded


class Part(BaseModel):
    """A part of the file: a name with indented fields below it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(Part):
    """Which programme it is. `languages` stand in order of preference."""

    code: Code
    name: Text
    kind: Kind
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


class Stipend(Part):
    """The rate card: `base` for a household, `per_member` for each of its members, at most `cap`."""

    base: Amount = Field(default="0", validate_default=True)
    per_member: Amount = Field(default="0", validate_default=True)
    cap: AmountOrNone = None
    component: Code = "base"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.base.minor and not self.per_member.minor:
            raise wrong("The stipend pays nothing.", "Give base, per_member or both.")
        if self.cap is not None and (self.cap < self.base or not self.cap.minor):
            what = f"The cap ({self.cap}) is below what every household gets ({self.base})."
            raise wrong(what, "Raise the cap, lower the base, or delete the cap.", "cap")
        if self.base.minor + self.per_member.minor * LARGEST_HOUSEHOLD > LARGEST_MINOR:
            what = "A large household would get more than any payment could be."
            raise wrong(what, "Check the number of digits.", "per_member")
        return self


class Schedule(Part):
    """The months that cycles may be opened for, both included."""

    every: Every
    first: Month
    last: Month

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.last < self.first:
            what = f"The last month comes before the first ({self.first})."
            raise wrong(what, "Check both months.", "last")
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


class Definition(Part):
    """A whole programme, as one version of it says."""

    programme: Identity
    fund: FundTerms
    currency: Currency
    eligibility: Eligibility = Eligibility()
    stipend: Stipend
    schedule: Schedule
    delivery: Delivery

    @model_validator(mode="after")
    def _fits_the_fund(self) -> Self:
        fund, first, last = self.fund, self.schedule.first, self.schedule.last
        if first.starts_on < fund.valid_from:
            what = f"{first} begins before the fund is valid ({fund.valid_from})."
            raise wrong(what, "Begin later, or correct fund.valid_from.", "schedule", "first")
        if last.ends_on > fund.valid_to:
            what = f"{last} ends after the fund has ended ({fund.valid_to})."
            raise wrong(what, "End earlier, or correct fund.valid_to.", "schedule", "last")
        return self

    @property
    def criteria(self) -> Criteria:
        """What it asks of a household."""
        asked = self.eligibility
        size = asked.household_size or HouseholdSize()
        return Criteria(
            mechanisms=tuple(route.mechanism for route in self.delivery.routes),
            min_size=size.min,
            max_size=size.max,
            areas=frozenset(map(folded, asked.areas)) if asked.areas else None,
            consent_required=asked.consent is not None,
        )

    @property
    def rate_card(self) -> RateCard:
        """What it pays a household."""
        return RateCard(self.stipend.base, self.stipend.per_member, self.stipend.cap)

    def canonical(self) -> dict[str, Any]:
        """Plain values, the same for the same content however it was written; amounts are text."""
        return self.model_dump(mode="json", exclude_none=True)

    def digest(self) -> bytes:
        """SHA-256 of the canonical content."""
        text = json.dumps(
            self.canonical(), sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )
        return hashlib.sha256(text.encode()).digest()


def read(text: str, providers: Collection[str]) -> Definition:
    """Read a programme file. `providers`: the names of those that this deployment may use.

    Raises ProgrammeFileErrors with everything that is wrong, by line.
    """
    document = documents.read(text)
    values = document.values
    currency = values.get("currency") if isinstance(values, dict) else None
    try:
        definition = Definition.model_validate(values, context=Reading.of(currency, providers))
    except ValidationError as error:
        found = [_problem(document, detail) for detail in error.errors(include_url=False)]
        problems = [problem for problem in found if problem] + document.problems
        raise ProgrammeFileErrors(problems) from None
    if document.problems:
        raise ProgrammeFileErrors(document.problems)
    return definition


def stored(values: Mapping[str, Any]) -> Definition:
    """A definition as `canonical` wrote it. Its provider may have left the deployment since."""
    return Definition.model_validate(values, context=Reading.of(values["currency"], None))


EXAMPLES = {
    "programme": "programme:",
    "programme.code": "code: winter-2026",
    "programme.name": 'name: "Winter stipend 2026"',
    "programme.kind": "kind: stipend",
    "programme.languages": "languages: [ar, fr, en]",
    "fund": "fund:",
    "fund.code": "code: grant-26",
    "fund.name": 'name: "Winter grant 2026"',
    "fund.amount": 'amount: "5000000.00"',
    "fund.valid_from": "valid_from: 2026-01-01",
    "fund.valid_to": "valid_to: 2026-12-31",
    "currency": "currency: DZD",
    "stipend": "stipend:",
    "schedule": "schedule:",
    "schedule.every": "every: month",
    "schedule.first": "first: 2026-01",
    "schedule.last": "last: 2026-12",
    "delivery": "delivery:",
    "delivery.provider": "provider: post_office",
    "delivery.mechanism": "mechanism: cash_over_counter",
}
"""What to add where a field is missing, as in `examples/programme.yaml`."""


def _problem(document: Document, error: ErrorDetails) -> Problem | None:
    """The error in the words of the file's writer; None where the document has said it."""
    path, kind = tuple(error["loc"]), error["type"]
    if any(path[: n + 1] in document.unread for n in range(len(path))):
        return None
    place = document.value_at(path)
    if kind == "programme_file":
        context = error["ctx"]
        path = (*path, *context["at"])
        place = document.value_at(path)
        what, instead = context["what"], context["instead"]
    elif kind == "missing":
        place = document.name_at(path[:-1])
        what, instead = "It is missing.", f"Add: {EXAMPLES.get(named(path), path[-1])}"
    elif kind == "extra_forbidden":
        place = document.name_at(path)
        what, instead = _unknown_field(path, error["input"])
    elif error["input"] is None:
        what, instead = "There is nothing here.", "Fill it in, or delete the line."
    elif kind == "tuple_type":
        what, instead = "A list belongs here.", "Write it in brackets, such as [ar, fr]."
    else:
        what, instead = (
            "Fields belong here, each in a line of its own.",
            "Compare with the example.",
        )
    return Problem(*place, named(path), what, instead)


def _unknown_field(path: tuple[str | int, ...], value: object) -> tuple[str, str]:
    name = str(path[-1])
    if name.isdecimal() and value is None:
        # {per_member: 1,000} is how YAML writes two fields, the second of them named 000.
        return "A comma between braces ends a value.", "Write the amount without a comma."
    part: type[BaseModel] | None = Definition
    for step in path[:-1]:
        if isinstance(step, str):  # a place in a list has the fields of what is listed
            part = _part(part.model_fields[step].annotation if part else None)
    return "There is no such field.", nearest(name, list(part.model_fields) if part else [])


def _part(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    parts = map(_part, getattr(annotation, "__args__", ()))
    return next(filter(None, parts), None)
