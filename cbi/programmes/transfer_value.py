"""How much one household is owed in one cycle, with the calculation as a person reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cbi.money import Money


class Rounding(StrEnum):
    """Which way an amount goes that cannot be paid in the notes there are."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"


Bands = Sequence[tuple[str, str]]
"""What assessments made of a household: scorecard and band, folded, at most one for each scorecard."""


@dataclass(frozen=True, slots=True)
class Who:
    """The households that something is for: all that is given must fit. Areas, needs and bands are folded words."""

    needs: frozenset[str] | None = None
    bands: frozenset[str] | None = None
    scorecard: str | None = None
    """The one whose bands count; None: any."""
    areas: frozenset[str] | None = None
    min_size: int | None = None
    max_size: int | None = None

    def concerned(self, size: int, area: str, needs: Mapping[str, int], bands: Bands = ()) -> int:
        """How many members of such a household it concerns; 0 when it is not for this household.

        `area`: the folded words of the areas that it lives in, one in the other, with spaces between.
        """
        if self.min_size is not None and size < self.min_size:
            return 0
        if self.max_size is not None and size > self.max_size:
            return 0
        if self.areas is not None and self.areas.isdisjoint(area.split()):
            return 0
        if self.bands is not None and not any(
            band in self.bands and self.scorecard in (None, scorecard) for scorecard, band in bands
        ):
            return 0
        if self.needs is None:
            return size
        return min(size, sum(members for need, members in needs.items() if need in self.needs))


@dataclass(frozen=True, slots=True)
class TopUp:
    """An amount on top for some households: once, or for each member concerned."""

    name: str
    amount: Money
    who: Who
    per_member: bool = False


@dataclass(frozen=True, slots=True)
class RateCard:
    """An amount for the household, one for each member, what comes on top, and the most a household can get."""

    base: Money
    per_member: Money
    cap: Money | None = None
    top_ups: tuple[TopUp, ...] = ()


def compute(
    size: int,
    rate: RateCard,
    *,
    area: str = "",
    needs: Mapping[str, int] | None = None,
    bands: Bands = (),
) -> tuple[Money, str]:
    """The transfer value of a household of `size` members, and its trace.

    The trace is `300.00 + 50.00 × 3 members + top-up pregnancy 100.00 = 550.00 KES, capped at 500.00 KES`, less what is
    nil. Raises UnusableAmount when the amount is larger than any payment could be.
    """
    value, terms = rate.base, [rate.base.decimal] if rate.base.minor else []
    if rate.per_member.minor:
        value += rate.per_member * size
        terms.append(f"{rate.per_member.decimal} × {size} {'member' if size == 1 else 'members'}")
    for top_up in rate.top_ups:
        if concerned := top_up.who.concerned(size, area, needs or {}, bands):
            times = concerned if top_up.per_member else 1
            value += top_up.amount * times
            by = f" × {concerned}" if top_up.per_member else ""
            terms.append(f"top-up {top_up.name} {top_up.amount.decimal}{by}")
    trace = shown(value)
    if terms and terms != [value.decimal]:
        trace = f"{' + '.join(terms)} = {trace}"
    if rate.cap is not None and rate.cap < value:
        return rate.cap, f"{trace}, capped at {shown(rate.cap)}"
    return value, trace


def share(value: Money, days: int, of: int) -> Money:
    """The part of an amount that falls to `days` of so many: to the nearest minor unit, nothing for none, all for all.

    What the first days and what all days come to differ by what the others come to, so parts add up to the whole.
    """
    return value.split([days, of - days])[0]


def payable(value: Money, to: Money | None, rounding: Rounding) -> Money:
    """The amount in multiples of `to` (half a multiple goes up where the nearest is meant); as it is without one."""
    if to is None:
        return value
    whole, rest = divmod(value.minor, to.minor)
    up = rest and (
        rounding is Rounding.UP or (rounding is Rounding.NEAREST and 2 * rest >= to.minor)
    )
    return to * (whole + 1 if up else whole)


def shown(amount: Money) -> str:
    """The amount as it stands in a trace."""
    return f"{amount.decimal} {amount.currency}"
