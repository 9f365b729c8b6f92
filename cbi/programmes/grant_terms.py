"""What a grant pays a household once, or in parts when it has met their conditions, as its programme file says."""

from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cbi.money import LARGEST_MINOR, Money
from cbi.programmes.fields import Amount, AmountOrNone, Code, Codes, some, wrong
from cbi.programmes.stipend_terms import ARREARS, For
from cbi.programmes.terms import Part
from cbi.programmes.transfer_value import Who

LUMP_SUM = "grant"
"""The component of a grant that is paid in one."""


class Enhanced(Part):
    """Another, larger amount for some households."""

    whom: For = Field(alias="for")
    amount: Amount

    @property
    def who(self) -> Who:
        """The households that get it."""
        return self.whom.who


class Tranche(Part):
    """A part of a grant, paid once when its conditions are met. `code` marks it for good."""

    code: Code
    amount: Amount
    enhanced: Annotated[Enhanced | None, BeforeValidator(some)] = None
    requires: Annotated[Codes | None, BeforeValidator(some)] = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        _check(self.amount, self.enhanced)
        if self.code == ARREARS:
            raise wrong(f"{ARREARS!r} is a word of its own.", "Use another code.", "code")
        return self


def _check(amount: Money, enhanced: Enhanced | None) -> None:
    if not amount.minor:
        raise wrong("It pays nothing.", "Give an amount.", "amount")
    if enhanced is not None and enhanced.amount <= amount:
        what = f"The enhanced amount is not above what everybody gets ({amount})."
        raise wrong(what, "Raise it, or delete this part.", "enhanced", "amount")


def _in_order(tranches: tuple[Tranche, ...]) -> tuple[Tranche, ...]:
    if not tranches:
        raise wrong("The list is empty.", "Name at least one tranche, or give an amount.")
    codes = [tranche.code for tranche in tranches]
    for place, code in enumerate(codes):
        if code in codes[:place]:
            what = f"Two tranches have the code {code!r}."
            raise wrong(what, "Give each a code of its own: it is paid once.", place, "code")
    return tranches


class Grant(Part):
    """One amount, paid once, or tranches, paid in their order, each once and one in a cycle."""

    amount: AmountOrNone = None
    enhanced: Annotated[Enhanced | None, BeforeValidator(some)] = None
    requires: Annotated[Codes | None, BeforeValidator(some)] = None
    tranches: Annotated[
        tuple[Tranche, ...] | None, BeforeValidator(some), AfterValidator(_in_order)
    ] = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.amount is None) == (self.tranches is None):
            raise wrong("A grant has one amount, or tranches.", "Give amount or tranches.")
        if self.amount is not None:
            _check(self.amount, self.enhanced)
        elif self.enhanced is not None or self.requires is not None:
            other = "enhanced" if self.enhanced is not None else "requires"
            what = "With tranches, each of them says this for itself."
            raise wrong(what, "Move it into the tranche it belongs to.", other)
        if sum(tranche.amount.minor for tranche in self.parts) > LARGEST_MINOR:
            raise wrong(
                "A household would get more than any payment could be.", "Check the digits."
            )
        return self

    @property
    def parts(self) -> tuple[Tranche, ...]:
        """What it is paid in; a grant that is paid in one has one part."""
        if self.amount is None:
            return self.tranches or ()
        return (
            Tranche.model_construct(
                code=LUMP_SUM, amount=self.amount, enhanced=self.enhanced, requires=self.requires
            ),
        )

    @property
    def conditions(self) -> frozenset[str]:
        """Every condition that one of its parts asks for."""
        return frozenset(code for part in self.parts for code in part.requires or ())
