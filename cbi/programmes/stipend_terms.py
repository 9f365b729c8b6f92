"""What a stipend pays a household in each cycle, as its programme file says."""

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from cbi.money import LARGEST_MINOR
from cbi.programmes.fields import (
    LARGEST_HOUSEHOLD,
    Amount,
    AmountOrNone,
    Areas,
    Code,
    CountOrNone,
    Per,
    Percent,
    Prorate,
    Reading,
    SetBy,
    Text,
    WhichWay,
    Words,
    refuse_sorting,
    some,
    wrong,
)
from cbi.programmes.terms import HouseholdSize, Part
from cbi.programmes.transfer_value import RateCard, Rounding, TopUp, Who
from cbi.registry.text import folded


class For(Part):
    """The households that an amount is for: with one of these needs, put by an assessment into one of these bands, in one
    of these areas, and of this size. `scorecard`: only what that one says counts.
    """

    needs: Annotated[Words | None, BeforeValidator(some)] = None
    bands: Annotated[Words | None, BeforeValidator(some)] = None
    scorecard: Annotated[Text | None, BeforeValidator(some)] = None
    areas: Annotated[Areas | None, BeforeValidator(some)] = None
    household_size: Annotated[HouseholdSize | None, BeforeValidator(some)] = None

    @model_validator(mode="after")
    def _makes_sense(self, info: ValidationInfo[Reading]) -> Self:
        for name in ("needs", "bands"):
            refuse_sorting(getattr(self, name) or (), info, name)
        refuse_sorting([self.scorecard] if self.scorecard else [], info, "scorecard")
        if not any((self.needs, self.bands, self.areas, self.household_size)):
            advice = "Give needs, bands, areas or household_size."
            raise wrong("It does not say whom it is for.", advice)
        if self.scorecard is not None and (self.bands is None or not folded(self.scorecard)):
            what = "A scorecard does not say which of its bands are meant."
            raise wrong(what, "Add bands, such as: bands: [severe, high]", "scorecard")
        return self

    @property
    def who(self) -> Who:
        """The same for the rules."""
        size = self.household_size or HouseholdSize()
        return Who(
            needs=frozenset(map(folded, self.needs)) if self.needs else None,
            bands=frozenset(map(folded, self.bands)) if self.bands else None,
            scorecard=folded(self.scorecard) if self.scorecard else None,
            areas=frozenset(map(folded, self.areas)) if self.areas else None,
            min_size=size.min,
            max_size=size.max,
        )


class TopUpTerms(Part):
    """An amount on top: for the household, or `per: member` for each member who has the need."""

    name: Text
    amount: Amount
    per: Per = None
    whom: For = Field(alias="for")

    @model_validator(mode="after")
    def _makes_sense(self, info: ValidationInfo[Reading]) -> Self:
        refuse_sorting([self.name], info, "name")
        if not self.amount.minor:
            raise wrong(
                "The top-up pays nothing.", "Give an amount, or delete the top-up.", "amount"
            )
        return self

    @property
    def top_up(self) -> TopUp:
        """The same for the rules."""
        return TopUp(self.name, self.amount, self.whom.who, per_member=self.per == "member")


def _named_once(top_ups: tuple[TopUpTerms, ...]) -> tuple[TopUpTerms, ...]:
    if not top_ups:
        raise wrong("The list is empty.", "Name at least one top-up, or delete the line.")
    names = [folded(top_up.name) for top_up in top_ups]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise wrong("Two top-ups have this name.", "Name each differently.", place, "name")
    return top_ups


class Basis(Part):
    """The basket that the amounts rest on: `share` per cent of it, in one area's markets or in all of them.

    `sets` says which amounts: `base` (of the whole basket), `per_member` (of its part for each member), or `both` (of what
    is needed for a household, and of what each member needs).
    """

    basket: Code
    share: Percent
    sets: SetBy = "base"
    area: Annotated[Text | None, BeforeValidator(some)] = None
    round_to: AmountOrNone = None
    rounding: WhichWay = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.share:
            raise wrong("Nothing of the basket would be paid.", "Write more than 0.", "share")
        if self.round_to is None and self.rounding is not None:
            what = "It does not say to what is rounded."
            raise wrong(what, 'Add: round_to: "100.00"', "rounding")
        if self.round_to is not None and not self.round_to.minor:
            raise wrong("Nothing can be rounded to 0.", "Write more than 0.", "round_to")
        return self


class Stipend(Part):
    """The rate card: `base` for a household, `per_member` for each of its members, top-ups, at most `cap`.

    Then what days and denominations do to it: `prorate`, `round_to` and `rounding`, and `arrears` for periods missed.
    `basis` says which basket it rests on.
    """

    basis: Annotated[Basis | None, BeforeValidator(some)] = None
    base: Amount = Field(default="0", validate_default=True)
    per_member: Amount = Field(default="0", validate_default=True)
    top_ups: Annotated[
        tuple[TopUpTerms, ...] | None, BeforeValidator(some), AfterValidator(_named_once)
    ] = None
    cap: AmountOrNone = None
    round_to: AmountOrNone = None
    rounding: WhichWay = None
    prorate: Prorate = None
    arrears: CountOrNone = None
    component: Code = "base"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.base.minor and not self.per_member.minor and not self.top_ups:
            raise wrong("The stipend pays nothing.", "Give base, per_member or both.")
        if self.cap is not None and (self.cap < self.base or not self.cap.minor):
            what = f"The cap ({self.cap}) is below what every household gets ({self.base})."
            raise wrong(what, "Raise the cap, lower the base, or delete the cap.", "cap")
        if self._largest_minor > LARGEST_MINOR:
            what = "A large household would get more than any payment could be."
            raise wrong(what, "Check the number of digits.", "per_member")
        if self.component == ARREARS:
            what = f"{ARREARS!r} is how what was missed is marked."
            raise wrong(what, "Use another word, such as base.", "component")
        self._check_rounding()
        return self

    @property
    def _largest_minor(self) -> int:
        """What a household of the largest size with every top-up would get."""
        tops = sum(
            top_up.amount.minor * (LARGEST_HOUSEHOLD if top_up.per == "member" else 1)
            for top_up in self.top_ups or ()
        )
        return self.base.minor + self.per_member.minor * LARGEST_HOUSEHOLD + tops

    def _check_rounding(self) -> None:
        if self.round_to is None:
            if self.rounding is not None:
                raise wrong(
                    "It does not say to what is rounded.", 'Add: round_to: "50.00"', "rounding"
                )
        elif not self.round_to.minor:
            raise wrong(
                "Nothing can be rounded to 0.", "Give the smallest note there is.", "round_to"
            )
        elif self.cap is not None and self.cap.minor % self.round_to.minor:
            what = f"The cap ({self.cap}) cannot be paid in multiples of {self.round_to}."
            raise wrong(what, "Make it a multiple, so that rounding never exceeds it.", "cap")

    @property
    def rate_card(self) -> RateCard:
        """What it pays a household that takes part on every day."""
        top_ups = tuple(top_up.top_up for top_up in self.top_ups or ())
        return RateCard(self.base, self.per_member, self.cap, top_ups)

    @property
    def rounds(self) -> Rounding:
        """Which way it rounds to `round_to`."""
        return Rounding(self.rounding or Rounding.DOWN)

    @property
    def by_day(self) -> bool:
        """Whether a household that takes part on some days only gets the part that falls to them."""
        return self.prorate == "days"


ARREARS = "arrears"
"""The component of what is owed for earlier periods."""
