"""What a minimum expenditure basket holds, as its file says: what a household needs in a month, and where it is priced."""

import hashlib
import json
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, PlainValidator, ValidationError, model_validator

from cbi.programmes import document as documents
from cbi.programmes.fields import (
    Code,
    Currency,
    Per,
    Percent,
    Reading,
    Size,
    Text,
    some,
    wrong,
)
from cbi.programmes.file_problems import told
from cbi.programmes.problems import FileErrors, ProgrammeFileErrors
from cbi.programmes.terms import Part
from cbi.registry.text import folded, plain_digits

_NUMBER = re.compile(r"\d{1,6}(\.\d{1,4})?\Z", re.ASCII)
_RATIO = re.compile(r"(\d{1,4})/(\d{1,4})\Z", re.ASCII)
_USUAL_OUTLIER = "1.5"


class BasketFileErrors(FileErrors):
    """The file cannot be used. `problems` holds all that was found, in the order of the lines."""

    code = "basket.file_errors"
    what, described = "basket file", "docs/transfer-values.md"


def _quantity(value: object) -> str:
    text = plain_digits(str(some(value)))
    ratio = _RATIO.match(text)
    if not (_NUMBER.match(text) or (ratio and int(ratio[2]))) or not Fraction(text):
        advice = 'Write a number such as 12 or "2.5", or parts such as 1/12.'
        raise wrong(f"{text[:40]!r} is not a quantity.", advice)
    return text


def _factor(value: object) -> str:
    text = _quantity(value)
    if Fraction(text) <= 1:
        raise wrong("Every price would be an outlier.", 'Write more than 1, such as "1.5".')
    return text


Quantity = Annotated[str, PlainValidator(_quantity)]
Factor = Annotated[str, PlainValidator(_factor)]


class BasketName(Part):
    """Which basket it is."""

    code: Code
    name: Text


class Market(Part):
    """A place where prices are asked, and the area that it stands for."""

    code: Code
    name: Text
    area: Text


class BasketLine(Part):
    """One item: how much of it a household (or each of its members) needs, how often, and how much of that in cash."""

    item: Code
    name: Text
    category: Text
    unit: Text
    quantity: Quantity
    per: Per = None
    times_a_month: Quantity = "1"
    cash: Percent = 100

    @property
    def by_member(self) -> bool:
        """Whether each member needs that much."""
        return self.per == "member"

    @property
    def in_a_month(self) -> Fraction:
        """How many units a month takes."""
        return Fraction(self.quantity) * Fraction(self.times_a_month)


class Basket(Part):
    """A minimum expenditure basket for a household of `household_size`, as one version of it says."""

    basket: BasketName
    currency: Currency
    household_size: Size
    outlier: Factor = _USUAL_OUTLIER
    markets: Annotated[tuple[Market, ...], BeforeValidator(some)]
    lines: Annotated[tuple[BasketLine, ...], BeforeValidator(some)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        for field, codes in (
            ("markets", [market.code for market in self.markets]),
            ("lines", [line.item for line in self.lines]),
        ):
            if not codes:
                raise wrong("The list is empty.", "Name at least one.", field)
            for place, code in enumerate(codes):
                if code in codes[:place]:
                    what = f"{code!r} is listed twice."
                    raise wrong(what, "Keep one of them.", field, place)
        if not any(line.cash for line in self.lines):
            raise wrong("Nothing in it is covered by cash.", "Check the percentages.", "lines")
        return self

    def markets_of(self, area: str | None) -> frozenset[str]:
        """The codes of the markets that stand for an area; without one, all of them."""
        return frozenset(
            market.code
            for market in self.markets
            if area is None or folded(market.area) == folded(area)
        )

    def canonical(self) -> dict[str, Any]:
        """Plain values, the same for the same content however it was written."""
        return self.model_dump(mode="json", exclude_none=True)

    def digest(self) -> bytes:
        """SHA-256 of the canonical content."""
        return digest_of(self.canonical())


def digest_of(values: object) -> bytes:
    """SHA-256 of plain values."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def read(text: str) -> Basket:
    """Read a basket file. Raises BasketFileErrors with everything that is wrong, by line."""
    try:
        document = documents.read(text)
    except ProgrammeFileErrors as error:
        raise BasketFileErrors(error.problems) from None
    problems = list(document.problems)
    values = document.values
    currency = values.get("currency") if isinstance(values, dict) else None
    try:
        basket = Basket.model_validate(values, context=Reading.of(currency, None))
    except ValidationError as error:
        found = (
            told(document, each, Basket, EXAMPLES, list_example="- {item: rice, …}")
            for each in error.errors(include_url=False)
        )
        raise BasketFileErrors([*filter(None, found), *problems]) from None
    if problems:
        raise BasketFileErrors(problems)
    return basket


def stored(values: Mapping[str, Any]) -> Basket:
    """A basket as `canonical` wrote it."""
    return Basket.model_validate(values, context=Reading.of(values["currency"], None))


EXAMPLES = {
    "basket": "basket:",
    "basket.code": "code: meb-oran",
    "basket.name": 'name: "Minimum expenditure basket, Oran"',
    "currency": "currency: DZD",
    "household_size": "household_size: 5",
    "markets": "markets:",
    "lines": "lines:",
    "code": "code: central-market",
    "name": 'name: "Central market"',
    "area": "area: Oran",
    "item": "item: rice",
    "category": "category: food",
    "unit": "unit: kg",
    "quantity": "quantity: 15",
}
"""What to add where a field is missing, as in `examples/basket.yaml`."""
