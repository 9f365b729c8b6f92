"""What a provider charges for one payment: by its contract, to the minor unit, worked out alike in Python and in SQL."""

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, model_validator
from sqlalchemy import BigInteger, ColumnElement, SQLColumnExpression, case, func, literal

from cbi.money import Money
from cbi.programmes.fields import (
    Amount,
    AmountOrNone,
    Code,
    Currency,
    Day,
    Provider,
    Reading,
    Text,
    nearest,
    some,
    wrong,
)
from cbi.registry.text import plain_digits

WHOLE = 10_000
"""A basis point is one part in so many."""
LONGEST_BILLING = 366

_ADDED = {"down": 0, "nearest": WHOLE // 2, "up": WHOLE - 1}
"""What is added to the ten-thousandths of a minor unit before their rest is dropped; half a unit goes up."""


def _number(value: object, most: int, what: str) -> int:
    plain = plain_digits(str(value))
    if not (plain.isascii() and plain.isdigit() and len(plain) <= 5 and int(plain) <= most):
        raise wrong(
            f"{str(value)[:40]!r} is not {what}.", f"Write a whole number from 0 to {most}."
        )
    return int(plain)


def _word(value: object, known: tuple[str, ...]) -> str:
    if value not in known:
        raise wrong(f"{str(value)[:40]!r} is not known here.", nearest(str(value), known))
    return str(value)


Points = Annotated[
    int, PlainValidator(lambda value: _number(value, WHOLE, "a number of basis points"))
]
Days = Annotated[
    int, PlainValidator(lambda value: _number(value, LONGEST_BILLING, "a number of days"))
]
Rounding = Annotated[str, PlainValidator(lambda value: _word(value, tuple(_ADDED)))]
Settlement = Annotated[str, PlainValidator(lambda value: _word(value, ("gross", "net")))]


CodeOrNone = Annotated[Code | None, BeforeValidator(some)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FeeBand(_Part):
    """The fee for payments up to `up_to`: a fixed amount, and basis points of the whole payment."""

    up_to: AmountOrNone = None
    fixed: AmountOrNone = None
    basis_points: Points = 0


class Monthly(_Part):
    """What the provider charges once a month, whatever it paid, and which programme bears it (of which fund)."""

    amount: Amount
    programme: Code
    fund: CodeOrNone = None

    @model_validator(mode="after")
    def _is_something(self) -> Self:
        if self.amount.minor <= 0:
            raise wrong("That is no fee.", "Delete `monthly:`, or say how much it is.", "amount")
        return self


class Tariff(_Part):
    """What one provider charges in one currency, from a day on, and which paper says so.

    `rounding` says what becomes of a part of a minor unit. `settlement` net: a payment's line in the statement holds its
    fee as well. `billed_within_days`: how long after a run is closed the bill may still come.
    """

    provider: Provider
    currency: Currency
    valid_from: Day
    source: Text
    rounding: Rounding
    bands: tuple[FeeBand, ...]
    minimum: AmountOrNone = None
    maximum: AmountOrNone = None
    settlement: Settlement = "gross"
    monthly: Monthly | None = None
    billed_within_days: Days = 31

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if not self.bands:
            raise wrong("There is no band.", "Say what a payment costs: bands with fixed.", "bands")
        for place, (low, high) in enumerate(zip(self.bands, self.bands[1:], strict=False), 1):
            if low.up_to is None or (high.up_to is not None and high.up_to <= low.up_to):
                what = "A band must reach higher than the one before it."
                raise wrong(
                    what, "Order them by up_to; only the last has none.", "bands", place, "up_to"
                )
        if self.bands[-1].up_to is not None:
            what = "Nothing says what a larger payment costs."
            raise wrong(what, "Add a band without up_to.", "bands", len(self.bands) - 1, "up_to")
        if self.minimum and self.maximum and self.maximum < self.minimum:
            raise wrong("It is below the minimum.", "Exchange the two.", "maximum")
        return self

    def fee(self, amount: Money) -> Money:
        """What a payment of that amount costs, rounded as the contract says."""
        band = next(each for each in self.bands if each.up_to is None or amount <= each.up_to)
        share, rest = divmod(amount.minor, WHOLE)
        minor = share * band.basis_points
        minor += (rest * band.basis_points + _ADDED[self.rounding]) // WHOLE
        minor += _minor(band.fixed)
        if self.minimum:
            minor = max(minor, self.minimum.minor)
        if self.maximum is not None:
            minor = min(minor, self.maximum.minor)
        return Money(minor, self.currency)

    def fee_minor(self, amount: SQLColumnExpression[int]) -> ColumnElement[int]:
        """The same for a whole column: `amount` is above zero, both are in minor units.

        Ten-thousandths are taken apart before they are multiplied, so that no amount is too large for BIGINT.
        """
        fees = [
            (None if band.up_to is None else amount <= _whole(band.up_to.minor), self._of(band, amount))
            for band in self.bands
        ]  # fmt: skip
        fee = fees[-1][1]
        if whens := [(holds, fee) for holds, fee in fees if holds is not None]:
            fee = case(*whens, else_=fee)
        if self.minimum:
            fee = func.greatest(fee, _whole(self.minimum.minor))
        if self.maximum is not None:
            fee = func.least(fee, _whole(self.maximum.minor))
        return fee

    def _of(self, band: FeeBand, amount: SQLColumnExpression[int]) -> ColumnElement[int]:
        fixed = _whole(_minor(band.fixed))
        if not band.basis_points:
            return fixed
        points, whole = _whole(band.basis_points), _whole(WHOLE)
        part = (amount % whole * points + _whole(_ADDED[self.rounding])) // whole
        return amount // whole * points + part + fixed

    def canonical(self) -> dict[str, Any]:
        """Plain values, the same for the same content however it was written."""
        return self.model_dump(mode="json", exclude_none=True)

    def digest(self) -> bytes:
        """SHA-256 of the canonical content."""
        return digest_of(self.canonical())


def _minor(amount: Money | None) -> int:
    return amount.minor if amount else 0


def _whole(number: int) -> ColumnElement[int]:
    return literal(number, BigInteger)


def digest_of(rules: dict[str, Any]) -> bytes:
    """SHA-256 of a tariff in canonical form."""
    text = json.dumps(rules, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def stored(rules: dict[str, Any]) -> Tariff:
    """A tariff as `canonical` wrote it."""
    return Tariff.model_validate(rules, context=Reading.of(rules.get("currency"), None))
