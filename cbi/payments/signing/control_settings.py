"""What an approval policy says of controls: which block, from where on, how small or large payments and rates may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainValidator, model_validator

from cbi.money import Money
from cbi.payments.signing.controls import CONTROLS, Control
from cbi.programmes.fields import (
    AmountOfItsOwn,
    AmountOrNone,
    Code,
    Currency,
    Reading,
    nearest,
    some,
    wrong,
)
from cbi.registry.text import plain_digits

_YES_NO = {"true": True, "yes": True, "false": False, "no": False}


def _control(value: object) -> str:
    if str(value) not in CONTROLS:
        known = nearest(str(value), list(CONTROLS))
        raise wrong(f"{str(value)[:50]!r} is no control that can be set.", known)
    return str(value)


def _truth(value: object) -> bool:
    found = value if isinstance(value, bool) else _YES_NO.get(str(value).lower())
    if found is None:
        raise wrong(f"{str(value)[:50]!r} is neither yes nor no.", "Write true or false.")
    return found


def _limit(value: object) -> int:
    text = plain_digits(str(some(value)))
    if not text.isdecimal() or len(text) > 9:
        raise wrong(f"{text[:50]!r} is no limit.", "Write a whole number, such as 1.")
    return int(text)


def _times(value: object) -> str:
    text = plain_digits(str(some(value)))
    try:
        times = Fraction(text)
    except (ValueError, ZeroDivisionError):
        times = Fraction(0)
    if len(text) > 9 or times <= 1:
        raise wrong(f"{text[:50]!r} is no limit.", "Write how many times, above 1, such as 1.5.")
    return text


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Setting(_Part):
    """Whether one control blocks, and up to what it lets pass (None: as the engine comes)."""

    control: Annotated[str, PlainValidator(_control)]
    blocks: Annotated[bool, PlainValidator(_truth)] = True
    at_most: Annotated[int | None, PlainValidator(_limit)] = None


class Bounds(_Part):
    """The smallest and the largest payment of these components (none named: all) of these programmes (likewise)."""

    currency: Currency
    programmes: Annotated[tuple[Code, ...], BeforeValidator(some)] = ()
    components: Annotated[tuple[Code, ...], BeforeValidator(some)] = ()
    at_least: AmountOrNone = None
    at_most: AmountOrNone = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        low, high = self.at_least, self.at_most
        if low is None and high is None:
            raise wrong("There is neither at_least nor at_most.", "Give one of them, or both.")
        if low is not None and high is not None and high < low:
            raise wrong("It is below at_least.", "Raise it.", "at_most")
        return self

    def are_for(self, currency: str, programme: str) -> bool:
        """Whether they bind a run of this programme."""
        return self.currency == currency and programme in (self.programmes or (programme,))


class PayeeLimit(_Part):
    """The most that one person, or one telephone or account, gets within thirty days from all programmes in a currency."""

    currency: Currency
    at_most: AmountOfItsOwn


class RateLimit(_Part):
    """How many times the last rate between these currencies (none named: any two) one may be before it is typed again."""

    currencies: Annotated[tuple[Currency, ...], BeforeValidator(some)] = ()
    at_most: Annotated[str, PlainValidator(_times)]

    @model_validator(mode="after")
    def _names_two(self) -> Self:
        if len(set(self.currencies)) not in {0, 2}:
            raise wrong("A rate is between two currencies.", "Name two, or none.", "currencies")
        return self


class Controls(_Part):
    """Everything that the policy says of controls."""

    blocking: tuple[Setting, ...] = ()
    amounts: tuple[Bounds, ...] = ()
    payees: tuple[PayeeLimit, ...] = ()
    rates: tuple[RateLimit, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [each.control for each in self.blocking]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise wrong(f"{name} is set twice.", "Keep one of them.", "blocking", place)
        currencies = [each.currency for each in self.payees]
        for place, currency in enumerate(currencies):
            if currency in currencies[:place]:
                raise wrong(f"{currency} is limited twice.", "Keep one of them.", "payees", place)
        pairs = [frozenset(each.currencies) for each in self.rates]
        for place, pair in enumerate(pairs):
            if pair in pairs[:place]:
                raise wrong(
                    "These currencies are named twice.", "Keep one of them.", "rates", place
                )
        return self

    def canonical(self) -> dict[str, Any] | None:
        """Plain values, the same for the same content however it was written; None when nothing is said."""
        said: dict[str, Any] = self.model_dump(
            mode="json", exclude_none=True, exclude_defaults=True
        )
        return said or None


@dataclass(frozen=True, slots=True)
class Limit:
    """One control as it holds in an office."""

    control: Control
    blocks: bool
    at_most: int


def stored(values: Mapping[str, Any] | None) -> Controls:
    """What `canonical` wrote."""
    said = values or {}
    return Controls(
        blocking=tuple(Setting.model_validate(each) for each in said.get("blocking", ())),
        amounts=tuple(bounds_of(each) for each in said.get("amounts", ())),
        payees=tuple(payee_limit_of(each) for each in said.get("payees", ())),
        rates=tuple(RateLimit.model_validate(each) for each in said.get("rates", ())),
    )


def rate_limit(said: Controls, one: str, other: str, ordinary: Fraction) -> Fraction:
    """How many times the last rate between two currencies a new one may be: as said of them, of all, or ordinarily."""
    by_pair = {frozenset(each.currencies): Fraction(each.at_most) for each in said.rates}
    return by_pair.get(frozenset({one, other}), by_pair.get(frozenset(), ordinary))


def bounds_of(values: Any) -> Bounds:
    """Bounds from plain values, the amounts read in their own currency. Raises pydantic's ValidationError."""
    currency = values.get("currency") if isinstance(values, dict) else None
    return Bounds.model_validate(values, context=Reading.of(currency, None))


def payee_limit_of(values: Any) -> PayeeLimit:
    """A limit from plain values, the amount read in its own currency. Raises pydantic's ValidationError."""
    currency = values.get("currency") if isinstance(values, dict) else None
    return PayeeLimit.model_validate(values, context=Reading.of(currency, None))


def payee_limit(said: Controls, currency: str) -> Money | None:
    """The most that one person or account gets within thirty days in a currency; None: no limit."""
    return next((each.at_most for each in said.payees if each.currency == currency), None)


def limits(said: Controls) -> dict[str, Limit]:
    """Every control as it holds, by code."""
    settings = {each.control: each for each in said.blocking}
    found = {}
    for code, control in CONTROLS.items():
        setting = settings.get(code)
        blocks = setting.blocks if setting else control.blocks
        at_most = setting.at_most if setting and setting.at_most is not None else control.at_most
        found[code] = Limit(control, blocks, at_most)
    return found


def reaches(bounds: Bounds, smallest: Money, largest: Money) -> bool:
    """Whether any payment between these two could be outside the bounds."""
    below = bounds.at_least is not None and smallest < bounds.at_least
    above = bounds.at_most is not None and largest > bounds.at_most
    return below or above
