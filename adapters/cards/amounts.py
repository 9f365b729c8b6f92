"""Amounts as Stripe writes them: whole numbers of a unit that is not always the currency's own minor unit.

From Stripe's page "Supported currencies", read in November 2026. ISO 4217 differs for the ariary (two decimals there,
none at Stripe), the Icelandic króna and the Ugandan shilling (none there, two at Stripe, always 00).
"""

from cbi.errors import Invalid
from cbi.fsp.messages import AmountRule
from cbi.money import LARGEST_MINOR, Money, exponent

NO_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)  # fmt: skip
THREE_DECIMALS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
"""Written with three decimals of which the last must be nought."""


class NotInStripesUnits(Invalid):
    """The amount, or its currency, cannot be written in Stripe's units exactly."""

    code = "cards.not_in_stripes_units"


def places(currency: str) -> int:
    """How many decimals Stripe's unit of the currency has. Raises UnknownCurrency, NotInStripesUnits."""
    own = exponent(currency)
    if currency in NO_DECIMALS:
        return 0
    if currency in THREE_DECIMALS:
        return 3
    if own > 2:
        raise NotInStripesUnits(f"Stripe has no unit for {currency}.")
    return 2


def rule(currency: str, maximum: int = LARGEST_MINOR) -> AmountRule:
    """The amounts of a currency that Stripe can write, in the currency's own minor units, up to `maximum`."""
    coarser = exponent(currency) - places(currency)
    step = 10 if currency in THREE_DECIMALS else int(10 ** max(0, coarser))
    return AmountRule(minimum=step, maximum=maximum, step=step)


def to_stripe(amount: Money) -> int:
    """The amount in Stripe's units. Raises NotInStripesUnits rather than round."""
    finer = places(amount.currency) - exponent(amount.currency)
    if finer >= 0:
        units = amount.minor * int(10**finer)
    else:
        units, rest = divmod(amount.minor, 10**-finer)
        if rest:
            raise NotInStripesUnits(f"{amount} has a fraction that Stripe cannot write.")
    if amount.currency in THREE_DECIMALS and units % 10:
        raise NotInStripesUnits(f"{amount} does not end in nought, as Stripe asks for.")
    return units


def from_stripe(units: object, currency: str) -> Money:
    """What Stripe wrote as a number of its units, exactly. Raises NotInStripesUnits, UnusableAmount."""
    if isinstance(units, bool) or not isinstance(units, int):
        raise NotInStripesUnits("An amount of Stripe's is a whole number.")
    finer = places(currency) - exponent(currency)
    if finer <= 0:
        return Money(units * 10**-finer, currency)
    minor, rest = divmod(units, 10**finer)
    if rest:
        raise NotInStripesUnits(f"{currency} has no such fraction.")
    return Money(minor, currency)
