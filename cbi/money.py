"""Amounts of money: whole minor units and a currency, never a fraction of either."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from iso4217 import Currency

from cbi.errors import Invalid

LARGEST_MINOR = 10**15
"""More than any run will ever hold, and far enough below BIGINT that sums of runs cannot overflow."""

_PLAIN = re.compile(r"-?\d+(\.\d+)?\Z", re.ASCII)
_SPACES = dict.fromkeys(
    map(ord, " \u00a0\u202f\u2009'\u200e\u200f\u061c\u202a\u202b\u202c\u2066\u2067\u2068\u2069")
)


class UnusableAmount(Invalid):
    """The text is not an amount in that currency."""

    code = "money.unusable_amount"


class UnknownCurrency(Invalid):
    """Not a currency of ISO 4217 with a defined minor unit."""

    code = "money.unknown_currency"


class MixedCurrencies(Invalid):
    """Two currencies met in one calculation."""

    code = "money.mixed_currencies"


@cache
def exponent(currency: str) -> int:
    """Decimal places of a currency's minor unit (ISO 4217 table A.1): 0, 2, 3 or 4.

    Raises UnknownCurrency for anything else, gold and testing codes included.
    """
    try:
        places = Currency(currency).exponent
    except ValueError:
        places = None
    if places is None:
        raise UnknownCurrency(
            f"{currency!r} is not a currency that money can be paid in.",
            next_step="Use the three-letter ISO 4217 code, such as DZD, KES or EUR.",
        )
    return int(places)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in whole minor units (cents, fils, or the franc itself) of one currency."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            raise UnusableAmount(f"An amount is a whole number of minor units, not {self.minor!r}.")
        if abs(self.minor) > LARGEST_MINOR:
            raise UnusableAmount(
                "The amount is larger than any payment could be.",
                next_step="Check for a telephone or document number in the amount's place.",
            )

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Nothing, in that currency."""
        return cls(0, currency)

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Read an amount such as `1250.50`, in any digit script, exactly.

        A comma, or a second full stop, is refused rather than guessed at: `1,000` is one thousand in London and one in
        Algiers. Raises UnusableAmount, UnknownCurrency.
        """
        places = exponent(currency)
        plain = unicodedata.normalize("NFKC", text).translate(_SPACES)
        plain = plain.replace("\u066b", ".").replace("\u2212", "-")
        plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in plain)
        if not _PLAIN.match(plain):
            raise UnusableAmount(
                f"{text[:40]!r} cannot be read as an amount without guessing.",
                next_step="Write it with digits and at most one full stop, such as 1000 or 1000.50.",
            )
        whole, _, fraction = plain.partition(".")
        if len(fraction) > places:
            raise UnusableAmount(
                f"{text[:40]!r} has more decimals than {currency} has ({places}).",
                next_step="Write whole units without a full stop: 1.000 is one thousand to some and one to others.",
            )
        if len(whole) > 18:
            raise UnusableAmount(
                "The amount is larger than any payment could be.",
                next_step="Check for a telephone or document number in the amount's place.",
            )
        return cls(int(whole + fraction.ljust(places, "0")), currency)

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise MixedCurrencies(
                f"{self.currency} and {other.currency} cannot be added or compared."
            )

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __mul__(self, times: int) -> "Money":
        return Money(self.minor * times, self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same(other)
        return self.minor < other.minor

    def __le__(self, other: "Money") -> bool:
        self._same(other)
        return self.minor <= other.minor

    def split(self, weights: Sequence[int]) -> list["Money"]:
        """Share it out in proportion to the weights, to the last minor unit (largest remainder; ties to the first).

        Raises UnusableAmount when the weights are empty, negative or all zero.
        """
        total = sum(weights)
        if total <= 0 or min(weights) < 0:
            raise UnusableAmount("Money is split by weights of which at least one is above zero.")
        shares = [self.minor * weight // total for weight in weights]
        remainders = [self.minor * weight % total for weight in weights]
        by_remainder = sorted(range(len(weights)), key=lambda i: -remainders[i])
        for i in by_remainder[: self.minor - sum(shares)]:
            shares[i] += 1
        return [Money(share, self.currency) for share in shares]

    @property
    def decimal(self) -> str:
        """The amount as programs exchange it: `1000.50`, with all decimals of the currency and no separators."""
        places = exponent(self.currency)
        sign, digits = ("-" if self.minor < 0 else ""), str(abs(self.minor)).rjust(places + 1, "0")
        return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"

    def __str__(self) -> str:
        whole, dot, fraction = self.decimal.lstrip("-").partition(".")
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{int(whole):,}{dot}{fraction} {self.currency}"
