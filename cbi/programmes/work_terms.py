"""What cash for work pays for, as its programme file says: days, pieces, how many at most, and not below what wage."""

import re
from typing import Annotated, Self

from pydantic import BeforeValidator, PlainValidator, model_validator

from cbi.money import LARGEST_MINOR, Money
from cbi.programmes.fields import Amount, AmountOrNone, Code, Text, some, wrong
from cbi.programmes.terms import Part
from cbi.registry.text import plain_digits

MOST_DAYS = 92
MOST_PIECES = 1_000_000
"""Of one kind, by one person, on one sheet: more is a slip of the keyboard."""
_NUMBER = re.compile(r"\d{1,7}\Z", re.ASCII)


def _number(largest: int, what: str) -> PlainValidator:
    def check(value: object) -> int:
        text = plain_digits(str(some(value)))
        if not _NUMBER.match(text) or not 1 <= int(text) <= largest:
            advice = f"Write a whole number from 1 to {largest:,}."
            raise wrong(f"{text[:40]!r} is not a number of {what}.", advice)
        return int(text)

    return PlainValidator(check)


class Piece(Part):
    """Something that is made and counted: its rate is for one unit. `per_day` is what one person makes in a day."""

    code: Code
    name: Text
    unit: Text
    rate: Amount
    per_day: Annotated[int | None, _number(MOST_PIECES, "pieces a day")] = None


class WorkTerms(Part):
    """Rates of work. A day is paid whole or half; nobody is paid for more than `max_days` in a period."""

    day_rate: AmountOrNone = None
    pieces: Annotated[tuple[Piece, ...] | None, BeforeValidator(some)] = None
    max_days: Annotated[int, _number(MOST_DAYS, "days")]
    minimum_wage: AmountOrNone = None
    """What the law, or the agency, asks to be paid for a day at least."""
    hours_per_day: Annotated[int | None, _number(24, "hours a day")] = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.day_rate is None and not self.pieces:
            raise wrong("The work pays nothing.", "Give day_rate, pieces or both.")
        if self.day_rate is not None:
            self._check_day_rate(self.day_rate)
        codes = [piece.code for piece in self.pieces or ()]
        for place, piece in enumerate(self.pieces or ()):
            if piece.code in codes[:place]:
                what = f"The piece {piece.code} is named twice."
                raise wrong(what, "Keep one of them.", "pieces", place, "code")
            self._check_piece(piece, place)
        return self

    def _check_day_rate(self, rate: Money) -> None:
        if not rate.minor:
            raise wrong("A day pays nothing.", "Write what a day pays.", "day_rate")
        if rate.minor % 2:
            what = f"Half of {rate} cannot be paid exactly, and half days are counted."
            raise wrong(what, "Write a rate that can be halved.", "day_rate")
        if rate.minor * MOST_DAYS > LARGEST_MINOR:
            raise wrong("A day pays more than any payment could be.", "Check it.", "day_rate")
        if self.minimum_wage is not None and rate < self.minimum_wage:
            what = f"A day pays {rate}, less than the minimum wage of {self.minimum_wage}."
            raise wrong(what, "Raise the rate, or correct work.minimum_wage.", "day_rate")

    def _check_piece(self, piece: Piece, place: int) -> None:
        at = ("pieces", place, "rate")
        if not piece.rate.minor or piece.rate.minor * MOST_PIECES > LARGEST_MINOR:
            raise wrong("A piece cannot pay this.", "Check the number of digits.", *at)
        if piece.per_day is None or self.minimum_wage is None:
            return
        a_day = piece.rate * piece.per_day
        if a_day < self.minimum_wage:
            what = f"{piece.per_day} {piece.code} a day pay {a_day}, less than the minimum wage of {self.minimum_wage}."
            raise wrong(what, "Raise the rate, or correct per_day.", *at)

    def piece(self, code: str) -> Piece | None:
        """The piece of that code."""
        return next((piece for piece in self.pieces or () if piece.code == code), None)
