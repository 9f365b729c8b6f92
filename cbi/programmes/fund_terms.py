"""The donors' grants behind a programme, as its file says: how much, for when, and what each of them may pay."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from cbi.programmes.eligibility import Facts
from cbi.programmes.fields import (
    AmountOfItsOwn,
    Code,
    Codes,
    CurrencyOrNone,
    Day,
    Text,
    Yes,
    some,
    wrong,
)
from cbi.programmes.stipend_terms import For
from cbi.programmes.terms import Part
from cbi.programmes.transfer_value import Who


class Pays(Part):
    """What a fund pays: these components, `for` these households. What is left out makes no difference."""

    components: Annotated[Codes | None, BeforeValidator(some)] = None
    whom: Annotated[For | None, BeforeValidator(some)] = Field(None, alias="for")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.components is None and self.whom is None:
            what = "It does not say what the fund pays."
            raise wrong(what, "Give components, or whom it is for, or delete the line.")
        return self


def concerns(who: Who, facts: Facts) -> bool:
    """Whether something is for a household of which these facts were kept."""
    return who.concerned(facts.size, facts.area, dict(facts.needs), facts.bands) > 0


class FundTerms(Part):
    """One grant: how much was promised, for when (both days included), and what of the programme it may pay.

    One of last resort pays only what no other fund may, or has money left for.
    """

    code: Code
    name: Text
    currency: CurrencyOrNone = None
    """Of the grant, where the programme pays in another."""
    amount: AmountOfItsOwn
    valid_from: Day
    valid_to: Day
    pays: Annotated[Pays | None, BeforeValidator(some)] = None
    last_resort: Yes = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.amount.minor:
            raise wrong("The fund holds nothing.", "Write what the donor promised.", "amount")
        if self.valid_to < self.valid_from:
            what = f"The fund ends before it begins ({self.valid_from})."
            raise wrong(what, "Check both dates.", "valid_to")
        return self


def in_order(funds: tuple[FundTerms, ...]) -> tuple[FundTerms, ...]:
    """The funds as they are listed, which is their order. Refuses two of a code, and a last resort before others."""
    if not funds:
        raise wrong("The list is empty.", "Name at least one fund.")
    for place, fund in enumerate(funds):
        if fund.code in [other.code for other in funds[:place]]:
            raise wrong(
                f"Two funds have the code {fund.code!r}.", "Keep one of them.", place, "code"
            )
        if fund.last_resort and not place:
            what = "The first fund cannot be the last resort."
            raise wrong(
                what, "List the others before it, or delete the line.", place, "last_resort"
            )
        if funds[place - 1].last_resort and place and not fund.last_resort:
            what = "A fund of last resort stands before this one."
            raise wrong(what, "List the funds of last resort after all others.", place, "code")
    return funds


def uncovered(valid: Iterable[tuple[date, date]], first: date, last: date) -> date | None:
    """The first day from `first` to `last` on which none of these is valid; None where each day has one."""
    day = first
    for begins, ends in sorted(valid):
        if begins <= day <= ends:
            day = ends + timedelta(days=1)
    return day if day <= last else None
