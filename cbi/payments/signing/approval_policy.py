"""Who signs a payment run of which size: steps in order, chosen by sums over seven days, so that splitting helps nobody."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    model_validator,
)

from cbi.access.permissions import SIGNS, Role
from cbi.errors import Conflict
from cbi.money import Money
from cbi.payments.signing import control_settings
from cbi.payments.signing.control_settings import Controls
from cbi.programmes.fields import AmountOrNone, Code, Currency, Reading, nearest, some, wrong

MOST_STEPS = 4


class NoBand(Conflict):
    """The policy does not say who signs such a run. It is never taken for a small one."""

    code = "approval_policy.no_band"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _role(value: object) -> Role:
    if value not in set(SIGNS):
        raise wrong(f"{str(value)[:50]!r} does not sign runs.", nearest(str(value), list(SIGNS)))
    return Role(str(value))


class Step(_Part):
    """One signature: what it is called, and the role that gives it. Written alone, a role is both."""

    name: Code
    role: Annotated[Role, PlainValidator(_role), PlainSerializer(str)]

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if isinstance(value, str):
            return {"name": value, "role": value}
        if isinstance(value, dict) and "name" not in value and "role" in value:
            return {**value, "name": value["role"]}
        return value

    @model_validator(mode="after")
    def _means_what_it_says(self) -> Self:
        if self.name == "maker" or (self.name in set(Role) and self.name != self.role):
            what = f"A step of {self.role} cannot be called {self.name}."
            raise wrong(what, "Give it another name.", "name")
        return self


def steps_of(*roles: Role) -> tuple[Step, ...]:
    """Steps called like their roles."""
    return tuple(Step(name=role.value, role=role) for role in roles)


ORDINARY = steps_of(Role.CERTIFIER, Role.AUTHORISER)
"""What every run takes where no policy says otherwise."""


class Band(_Part):
    """The steps for sums up to `up_to`, and for households that get at most `household_up_to` in seven days."""

    up_to: AmountOrNone = None
    household_up_to: AmountOrNone = None
    steps: tuple[Step, ...]

    @model_validator(mode="after")
    def _can_be_signed(self) -> Self:
        if not 1 <= len(self.steps) <= MOST_STEPS:
            what = f"A run takes one to {MOST_STEPS} signatures, and here are {len(self.steps)}."
            raise wrong(what, "Name each step once.", "steps")
        names = [step.name for step in self.steps]
        for place, name in enumerate(names):
            if name in names[:place]:
                what = f"The step {name} is named twice; each is taken by somebody else."
                instead = f"Give one of them another name: {{name: second_{name}, role: {name}}}."
                raise wrong(what, instead, "steps", place)
        for field in ("up_to", "household_up_to"):
            limit = getattr(self, field)
            if limit is not None and not limit.minor:
                raise wrong("No run is so small.", "Give an amount, or delete the line.", field)
        return self

    def holds(self, amount: Money, household: Money | None) -> bool:
        """Whether both sums are within the band."""
        return (self.up_to is None or amount <= self.up_to) and (
            self.household_up_to is None or household is None or household <= self.household_up_to
        )


class Rule(_Part):
    """The bands of one currency, the smallest sums first; for some programmes, or for all that no other rule names."""

    currency: Currency
    also_for: Annotated[tuple[Currency, ...] | None, BeforeValidator(some)] = None
    """Other currencies whose runs are held against these bands, at the reference rate of the day."""
    programmes: Annotated[tuple[Code, ...], BeforeValidator(some)] = ()
    bands: tuple[Band, ...]

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if not self.bands:
            raise wrong("There is no band.", "Say who signs: bands with steps.", "bands")
        for place, (low, high) in enumerate(zip(self.bands, self.bands[1:], strict=False), 1):
            if low.up_to is None or (high.up_to is not None and high.up_to <= low.up_to):
                what = "A band must reach higher than the one before it."
                raise wrong(
                    what, "Order them by up_to; only the last may have none.", "bands", place
                )
            if _reaches_less(low.household_up_to, high.household_up_to):
                what = "Households may not get less in a band that is signed by more people."
                raise wrong(what, "Raise household_up_to.", "bands", place, "household_up_to")
            if not _in_order(low.steps, high.steps):
                what = (
                    "A higher band must ask for every step of the band below it, in the same order."
                )
                raise wrong(what, "Add the steps that are missing.", "bands", place, "steps")
        return self

    @model_validator(mode="after")
    def _names_others(self) -> Self:
        for place, currency in enumerate(self.also_for or ()):
            if currency in self.currencies[: place + 1]:
                what = f"{currency} is named twice."
                raise wrong(what, "Name each other currency once.", "also_for", place)
        return self

    @property
    def currencies(self) -> tuple[str, ...]:
        """Of the runs that it is for, its own first."""
        return (self.currency, *(self.also_for or ()))

    @property
    def counts_amounts(self) -> bool:
        """Whether any sum decides anything."""
        return self.counts_households or any(band.up_to is not None for band in self.bands)

    @property
    def counts_households(self) -> bool:
        """Whether what one household gets decides anything."""
        return any(band.household_up_to is not None for band in self.bands)


def _reaches_less(low: Money | None, high: Money | None) -> bool:
    if high is None:
        return False
    return low is None or high < low


def _in_order(few: Sequence[Step], many: Sequence[Step]) -> bool:
    rest = iter(many)
    return all(step in rest for step in few)


class Policy(_Part):
    """All rules of an office, and what it says of controls, as one version of them says."""

    rules: tuple[Rule, ...]
    controls: Controls = Controls()

    def rule(self, currency: str, programme: str) -> Rule:
        """The rule for a programme: its own, or the one for its currency. Raises NoBand."""
        of_currency = [rule for rule in self.rules if currency in rule.currencies]
        for rule in of_currency:
            if programme in rule.programmes:
                return rule
        for rule in of_currency:
            if not rule.programmes:
                return rule
        raise NoBand(
            f"The approval policy says nothing about {currency} in the programme {programme}.",
            next_step="Propose a policy with a rule for it, and have a second person accept it.",
            currency=currency,
            programme=programme,
        )

    def canonical(self) -> list[Any]:
        """Plain values, the same for the same content however it was written."""
        rules: list[Any] = self.model_dump(mode="json", exclude_none=True)["rules"]
        return rules

    def digest(self) -> bytes:
        """SHA-256 of the canonical content."""
        return digest_of(self.canonical(), self.controls.canonical())


def digest_of(rules: Iterable[Any], controls: Mapping[str, Any] | None = None) -> bytes:
    """SHA-256 of rules, and of what is said of controls, in canonical form."""
    content = [*rules, {"controls": controls}] if controls else [*rules]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def stored(rules: Iterable[Any], controls: Mapping[str, Any] | None = None) -> Policy:
    """A policy as `canonical` wrote it."""
    return Policy(
        rules=tuple(rule_of(rule) for rule in rules), controls=control_settings.stored(controls)
    )


def rule_of(values: Any) -> Rule:
    """A rule from plain values, its amounts read in its own currency. Raises pydantic's ValidationError."""
    currency = values.get("currency") if isinstance(values, dict) else None
    return Rule.model_validate(values, context=Reading.of(currency, None))


def choose(rule: Rule, amount: Money, household: Money | None) -> int:
    """The place (from 1) of the lowest band that holds both sums. Raises NoBand when they are above the last."""
    for place, band in enumerate(rule.bands, 1):
        if band.holds(amount, household):
            return place
    what = f"{amount}" if household is None else f"{amount}, or {household} for one household,"
    raise NoBand(
        f"The approval policy has no band for {what} in seven days.",
        next_step="Make the run smaller, or propose a policy that says who signs so much.",
        currency=amount.currency,
        programme="",
    )


def together(asked: Sequence[Step], now: Sequence[Step]) -> tuple[Step, ...]:
    """What is asked when more counts by now: no step that was asked for is dropped or changed."""
    by_name = {step.name: step for step in asked}
    merged = [by_name.pop(step.name, step) for step in now]
    return (*merged, *by_name.values())
