"""Exchange rates as exact fractions, and what they make of an amount of money."""

import math
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from cbi.errors import Invalid
from cbi.ledger.chart import Entry
from cbi.money import LARGEST_MINOR, Money, exponent

LARGEST = 10**18
"""Of a rate's numerator and denominator: what a BIGINT holds."""
CLOSE_ENOUGH = Fraction(1, 10_000)
"""How far a ticket's amounts may be from its rate: banks print a rate with five digits or more, and round what they pay."""
FARTHEST = 10
"""How many times the reference rate a deal's rate may be. Beyond it somebody wrote the rate the other way round."""
_RATE = re.compile(r"\d{1,12}(\.\d{1,12})?\Z|\d{1,18}/\d{1,18}\Z", re.ASCII)
_PLACES = 12


class UnusableRate(Invalid):
    """The text is not an exchange rate, or not one between these currencies."""

    code = "fx.unusable_rate"


@dataclass(frozen=True, slots=True)
class Rate:
    """What one whole unit of `base` is worth in whole units of `quote`: an exact fraction above zero."""

    base: str
    quote: str
    value: Fraction

    def __post_init__(self) -> None:
        exponent(self.base)
        exponent(self.quote)
        if self.base == self.quote:
            raise UnusableRate(
                f"{self.base} is not exchanged for itself.", next_step="Name two currencies."
            )
        if self.value <= 0 or max(self.value.numerator, self.value.denominator) > LARGEST:
            raise UnusableRate(
                "A rate is above zero, and has at most 18 digits.",
                next_step="Write it as the bank does, such as 145.2035 or 1/655.957.",
            )

    @classmethod
    def parse(cls, text: str, base: str, quote: str) -> "Rate":
        """Read a rate such as `145.2035`, or a fraction such as `1000/7`, exactly. Raises UnusableRate."""
        plain = "".join(
            str(unicodedata.decimal(sign)) if sign.isdecimal() else sign
            for sign in unicodedata.normalize("NFKC", text).strip()
        )
        if not _RATE.match(plain) or plain.endswith("/" + "0" * len(plain.partition("/")[2])):
            raise UnusableRate(
                f"{text[:40]!r} cannot be read as a rate without guessing.",
                next_step="Write digits with at most one full stop, such as 145.2035, or a fraction, such as 1000/7.",
            )
        return cls(base, quote, Fraction(plain))

    @classmethod
    def between(cls, sold: Money, bought: Money) -> "Rate":
        """The rate at which exactly this was given for exactly that."""
        units = Fraction(bought.minor, 10 ** exponent(bought.currency))
        for_one = Fraction(sold.minor, 10 ** exponent(sold.currency))
        if not for_one:
            raise UnusableRate("Nothing was given.", next_step="Check the amount that was sold.")
        return cls(sold.currency, bought.currency, units / for_one)

    def exactly(self, amount: Money) -> Fraction:
        """The amount in minor units of the other currency, to the last fraction. Raises UnusableRate."""
        return amount.minor * self.factor(amount.currency)

    def factor(self, currency: str) -> Fraction:
        """What one minor unit of this currency is in minor units of the other. Raises UnusableRate."""
        if currency not in {self.base, self.quote}:
            raise UnusableRate(
                f"A rate of {self.base} and {self.quote} says nothing of {currency}."
            )
        value = self.value if currency == self.base else 1 / self.value
        return value * Fraction(10 ** exponent(self.other(currency)), 10 ** exponent(currency))

    def nearest(self, amount: Money) -> Money:
        """The amount in the other currency, to the nearest minor unit; halves go to the even one."""
        return _money(round(self.exactly(amount)), self.other(amount.currency))

    def at_least(self, amount: Money) -> Money:
        """The amount in the other currency, rounded up: what is held against a limit is never made smaller."""
        return _money(math.ceil(self.exactly(amount)), self.other(amount.currency))

    def other(self, currency: str) -> str:
        """The other currency of the two."""
        return self.quote if currency == self.base else self.base

    @property
    def written(self) -> str:
        """The number alone, exactly: `145.2035` where it has at most 12 decimals, else `1000/7`."""
        for places in range(_PLACES + 1):
            scaled = self.value * 10**places
            if scaled.denominator == 1:
                digits = str(scaled.numerator).rjust(places + 1, "0")
                return f"{digits[:-places]}.{digits[-places:]}" if places else digits
        return f"{self.value.numerator}/{self.value.denominator}"

    @property
    def about(self) -> str:
        """As people read a rate that came out of amounts: to six digits where it has no end, `1 EUR ≈ 142.857143 DZD`."""
        if "/" not in self.written:
            return str(self)
        places = 6
        while self.value * 10**places < 10**5 and places < 18:
            places += 1
        digits = str(round(self.value * 10**places)).rjust(places + 1, "0")
        return f"1 {self.base} ≈ {digits[:-places]}.{digits[-places:]} {self.quote}"

    def __str__(self) -> str:
        return f"1 {self.base} = {self.written} {self.quote}"


def _money(minor: int, currency: str) -> Money:
    if minor > LARGEST_MINOR:
        raise UnusableRate(
            f"In {currency} the amount is larger than any payment could be.",
            next_step="Check which way round the rate is written.",
        )
    return Money(minor, currency)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was sold and bought at the bank, at the ticket's rate and beside the reference rate of the day."""

    sold: Money
    bought: Money
    rate: Rate
    reference: Rate

    @property
    def at_reference(self) -> Money:
        """What the reference rate makes of what was sold; always what was bought, the residual and the spread together."""
        return self.reference.nearest(self.sold)

    @property
    def residual(self) -> Money:
        """What the ticket's rate makes of what was sold, less what was bought: whole minor units that the bank rounded."""
        return self.rate.nearest(self.sold) - self.bought

    @property
    def spread(self) -> Money:
        """What the reference rate makes of what was sold, less what the ticket's rate does: a loss, or below zero a gain."""
        return self.at_reference - self.rate.nearest(self.sold)

    def check(self) -> None:
        """Raise UnusableRate unless the amounts fit the ticket's rate, and that the reference rate by its magnitude."""
        at_rate = self.rate.exactly(self.sold)
        room = max(Fraction(10 ** exponent(self.bought.currency)), at_rate * CLOSE_ENOUGH)
        if abs(at_rate - self.bought.minor) > room:
            raise UnusableRate(
                f"At {self.rate}, {self.sold} makes {self.rate.nearest(self.sold)}, and not {self.bought}.",
                next_step="Compare with the ticket. Leave the rate out, and it is worked out from the two amounts.",
            )
        times = self.rate.value / self._reference_value
        if not Fraction(1, FARTHEST) <= times <= FARTHEST:
            raise UnusableRate(
                f"{self.rate} is far from the reference rate, {self.reference}.",
                next_step=f"Check which way round it is: {self.bought.currency} for one {self.sold.currency}.",
            )

    @property
    def _reference_value(self) -> Fraction:
        straight = self.reference.base == self.rate.base
        return self.reference.value if straight else 1 / self.reference.value

    def entries(self) -> list[tuple[Entry, Money]]:
        """What is booked, in the order of the currencies' names, so that two deals never wait for each other crosswise."""
        found = [(Entry.FX_SELL, self.sold), (Entry.FX_BUY, self.bought)]
        for amount, above, below in (
            (self.residual, Entry.FX_ROUNDED_DOWN, Entry.FX_ROUNDED_UP),
            (self.spread, Entry.FX_LOSS, Entry.FX_GAIN),
        ):
            if amount.minor:
                found.append((above, amount) if amount.minor > 0 else (below, -amount))
        return sorted(found, key=lambda each: each[1].currency)
