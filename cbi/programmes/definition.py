"""What a programme file says, once it is known to make sense."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ValidationError, model_validator

from cbi.programmes import document as documents
from cbi.programmes.document import Document
from cbi.programmes.eligibility import Criteria
from cbi.programmes.fields import Currency, Reading, some, wrong
from cbi.programmes.file_problems import told
from cbi.programmes.fund_terms import FundTerms, in_order, uncovered
from cbi.programmes.grant_terms import Grant
from cbi.programmes.kinds import PARTS
from cbi.programmes.legal_models import Ground
from cbi.programmes.legal_terms import LegalTerms
from cbi.programmes.problems import Problem, ProgrammeFileErrors
from cbi.programmes.stipend_terms import Stipend
from cbi.programmes.terms import (
    Ceilings,
    Delivery,
    Eligibility,
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
    fund: Annotated[FundTerms | None, BeforeValidator(some)] = None
    funds: Annotated[
        tuple[FundTerms, ...] | None, BeforeValidator(some), AfterValidator(in_order)
    ] = None
    currency: Currency
    legal_basis: Annotated[LegalTerms | None, BeforeValidator(some)] = None
    eligibility: Eligibility = Eligibility()
    stipend: Annotated[Stipend | None, BeforeValidator(some)] = None
    grant: Annotated[Grant | None, BeforeValidator(some)] = None
    work: Annotated[WorkTerms | None, BeforeValidator(some)] = None
    ceilings: Annotated[Ceilings | None, BeforeValidator(some)] = None
    schedule: Schedule
    delivery: Delivery

    @model_validator(mode="after")
    def _fits_the_funds(self) -> Self:
        if not self.grants:
            return self  # that is said of the whole file
        first, last = self.schedule.first, self.schedule.last
        begins = min(fund.valid_from for fund in self.grants)
        ends = max(fund.valid_to for fund in self.grants)
        if first.starts_on < begins:
            what = f"{first} begins before the fund is valid ({begins})."
            raise wrong(what, "Begin later, or correct fund.valid_from.", "schedule", "first")
        if last.ends_on > ends:
            what = f"{last} ends after the fund has ended ({ends})."
            raise wrong(what, "End earlier, or correct fund.valid_to.", "schedule", "last")
        valid = [(fund.valid_from, fund.valid_to) for fund in self.grants]
        if day := uncovered(valid, first.starts_on, last.ends_on):
            raise wrong(f"On {day} no fund is valid.", "Check their dates.", "funds")
        return self

    @model_validator(mode="after")
    def _consent_is_asked_where_it_counts(self) -> Self:
        basis = self.legal_basis
        if basis is not None and basis.ground != Ground.CONSENT and self.eligibility.consent:
            what = f"What rests on {basis.ground} does not wait for people's consent."
            advice = "Delete this line, or write: ground: consent"
            raise wrong(what, advice, "eligibility", "consent")
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
    def grants(self) -> tuple[FundTerms, ...]:
        """The funds that it draws on, in their order."""
        return self.funds or ((self.fund,) if self.fund else ())

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
            consent_required=asked.consent is not None
            or (self.legal_basis is not None and self.legal_basis.ground == Ground.CONSENT),
        )

    @property
    def rate_card(self) -> RateCard:
        """What a stipend pays a household."""
        if self.stipend is None:
            raise AssertionError(f"a programme of the kind {self.programme.kind} has no rate card")
        return self.stipend.rate_card

    @property
    def needs_that_matter(self) -> frozenset[str]:
        """The named needs, folded, that its amounts or its funds depend on."""
        return frozenset(need for who in self._targeted for need in who.needs or ())

    @property
    def bands_that_matter(self) -> frozenset[str]:
        """The bands of assessments, folded, that its amounts depend on."""
        return frozenset(band for who in self._targeted for band in who.bands or ())

    @property
    def areas_that_matter(self) -> frozenset[str]:
        """The areas, folded, that its amounts or its funds depend on."""
        return frozenset(area for who in self._targeted for area in who.areas or ())

    def knows(self, who: Who) -> bool:
        """Whether the facts that it keeps of a household can say whether something is for it."""
        return all(
            (asked or frozenset()) <= kept
            for asked, kept in (
                (who.areas, self.areas_that_matter), (who.needs, self.needs_that_matter),
                (who.bands, self.bands_that_matter),
            )
        )  # fmt: skip

    @property
    def _targeted(self) -> Iterator[Who]:
        if self.stipend is not None:
            yield from (top_up.who for top_up in self.stipend.rate_card.top_ups)
        if self.grant is not None:
            yield from (part.enhanced.who for part in self.grant.parts if part.enhanced)
        yield from (fund.pays.whom.who for fund in self.grants if fund.pays and fund.pays.whom)

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
    problems = [*document.problems, *_parts_of_another_kind(document), *_funds_in_one_way(document)]
    try:
        definition = Definition.model_validate(values, context=Reading.of(currency, providers))
    except ValidationError as error:
        found = [
            told(document, detail, Definition, EXAMPLES)
            for detail in error.errors(include_url=False)
        ]
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


def _funds_in_one_way(document: Document) -> Iterator[Problem]:
    """A programme has one fund, or a list of them."""
    values = document.values
    if not isinstance(values, dict):
        return
    if "fund" not in values and "funds" not in values:
        yield Problem(1, 1, "fund", "It is missing.", "Add: fund:")
    if "fund" in values and "funds" in values:
        what = "A programme has one fund, or a list of funds."
        yield Problem(*document.name_at(("funds",)), "funds", what, "Move the fund into the list.")


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
