"""What a programme file says, once it is known to make sense."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from cbi.programmes import document as documents
from cbi.programmes.document import Document, named
from cbi.programmes.eligibility import Criteria
from cbi.programmes.fields import Currency, Reading, nearest, some, wrong
from cbi.programmes.grant_terms import Grant
from cbi.programmes.kinds import PARTS
from cbi.programmes.problems import Problem, ProgrammeFileErrors
from cbi.programmes.stipend_terms import Stipend
from cbi.programmes.terms import (
    Ceilings,
    Delivery,
    Eligibility,
    FundTerms,
    HouseholdSize,
    Identity,
    Part,
    Schedule,
)
from cbi.programmes.transfer_value import RateCard, Who
from cbi.programmes.work_terms import WorkTerms
from cbi.registry.text import folded


class Definition(Part):
    """A whole programme, as one version of it says."""

    programme: Identity
    fund: FundTerms
    currency: Currency
    eligibility: Eligibility = Eligibility()
    stipend: Annotated[Stipend | None, BeforeValidator(some)] = None
    grant: Annotated[Grant | None, BeforeValidator(some)] = None
    work: Annotated[WorkTerms | None, BeforeValidator(some)] = None
    ceilings: Annotated[Ceilings | None, BeforeValidator(some)] = None
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

    @model_validator(mode="after")
    def _ceilings_make_sense(self) -> Self:
        if self.ceilings is None:
            return self
        if self.work is not None:
            what = "Work that was done is owed, whatever else a household has been given."
            raise wrong(what, "Delete this part.", "ceilings")
        if self.programme.code in (self.ceilings.counting or ()):
            what = "The programme itself always counts."
            raise wrong(what, "Name only the others.", "ceilings", "counting")
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
        """What a stipend pays a household."""
        if self.stipend is None:
            raise AssertionError(f"a programme of the kind {self.programme.kind} has no rate card")
        return self.stipend.rate_card

    @property
    def needs_that_matter(self) -> frozenset[str]:
        """The named needs, folded, that its amounts depend on."""
        return frozenset(need for who in self._targeted for need in who.needs or ())

    @property
    def areas_that_matter(self) -> frozenset[str]:
        """The areas, folded, that its amounts depend on."""
        return frozenset(area for who in self._targeted for area in who.areas or ())

    @property
    def _targeted(self) -> Iterator[Who]:
        if self.stipend is not None:
            yield from (top_up.who for top_up in self.stipend.rate_card.top_ups)
        if self.grant is not None:
            yield from (part.enhanced.who for part in self.grant.parts if part.enhanced)

    @property
    def counting(self) -> tuple[str, ...]:
        """The codes of the programmes whose entitlements count towards its ceilings, its own first."""
        return (self.programme.code, *((self.ceilings.counting or ()) if self.ceilings else ()))

    def canonical(self) -> dict[str, Any]:
        """Plain values, the same for the same content however it was written; amounts are text."""
        return self.model_dump(mode="json", exclude_none=True, by_alias=True)

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
    problems = [*document.problems, *_parts_of_another_kind(document)]
    try:
        definition = Definition.model_validate(values, context=Reading.of(currency, providers))
    except ValidationError as error:
        found = [_problem(document, detail) for detail in error.errors(include_url=False)]
        raise ProgrammeFileErrors([*filter(None, found), *problems]) from None
    if problems:
        raise ProgrammeFileErrors(problems)
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


def _parts_of_another_kind(document: Document) -> Iterator[Problem]:
    """A programme says what it pays in the part of its kind's name, and in no other."""
    values = document.values if isinstance(document.values, dict) else {}
    named_so = values.get("programme")
    kind = named_so.get("kind") if isinstance(named_so, dict) else None
    wanted = PARTS.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        return
    if wanted not in values:
        what = f"It is missing: the programme is of the kind {kind}."
        yield Problem(1, 1, wanted, what, f"Add: {wanted}:")
    for other in (set(PARTS.values()) - {wanted}) & values.keys():
        what = f"The programme is of the kind {kind}, which has no such part."
        yield Problem(
            *document.name_at((other,)),
            other,
            what,
            f"Delete it, or change programme.kind ({wanted}: belongs to {kind}).",
        )


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
            part = _part(_fields(part)[step].annotation if part else None)
    return "There is no such field.", nearest(name, list(_fields(part)) if part else [])


def _fields(part: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields as the file names them."""
    return {field.alias or name: field for name, field in part.model_fields.items()}


def _part(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    parts = map(_part, getattr(annotation, "__args__", ()))
    return next(filter(None, parts), None)
