"""What a basket costs at market prices, and the transfer value that a programme makes of it, each step in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cbi.errors import Conflict
from cbi.money import Money
from cbi.programmes.basket_terms import Basket, BasketLine
from cbi.programmes.periods import Every
from cbi.programmes.stipend_terms import Basis
from cbi.programmes.transfer_value import Rounding, payable, shown

Prices = Mapping[str, Mapping[str, int]]
"""What one unit of each item cost at each market, in minor units; where it was not to be had it is not listed."""


class NotPriced(Conflict):
    """An item has no price at any market that counts."""

    code = "basket.not_priced"


@dataclass(frozen=True, slots=True)
class LineCost:
    """What one line of a basket costs in a month, for a household or for each member; `in_cash` of it by cash."""

    line: BasketLine
    prices: int
    median: Money
    cost: Money
    in_cash: Money

    @property
    def trace(self) -> str:
        """`rice: median 120.00 of 3 prices × 15 kg = 1800.00 DZD a month, 80 % in cash: 1440.00 DZD`."""
        line = self.line
        of = "1 price" if self.prices == 1 else f"{self.prices} prices"
        often = f" × {line.times_a_month}" if line.times_a_month != "1" else ""
        told = f"{line.name}: median {self.median.decimal} of {of} × {line.quantity} {line.unit}{often}"
        told += f" = {shown(self.cost)} a month{' for each member' if line.by_member else ''}"
        return told if line.cash == 100 else f"{told}, {line.cash} % in cash: {shown(self.in_cash)}"


@dataclass(frozen=True, slots=True)
class BasketCost:
    """What a basket costs in a month: its lines, the parts for a household and for each member, and the whole of both."""

    size: int
    lines: tuple[LineCost, ...]
    household: Money
    member: Money
    whole: Money
    in_kind: Money
    """What the reference household needs besides the cash."""


@dataclass(frozen=True, slots=True)
class Worked:
    """The amounts that come of it; None where the basket does not set one. `trace` is the calculation in words."""

    cost: BasketCost
    base: Money | None
    per_member: Money | None
    trace: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A price that is far from the others, or from those of the round before. `times` is how far, to two decimals."""

    item: str
    market: str
    price: Money
    median: Money
    times: str
    of_last_round: bool


def median(prices: Iterable[int]) -> int:
    """The price in the middle, in minor units; of an even number the mean of the middle two, half a unit going up."""
    ordered = sorted(prices)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return _nearest(Fraction(ordered[middle - 1] + ordered[middle], 2))


def medians(prices: Prices, markets: frozenset[str] | None = None) -> dict[str, int]:
    """The median price of each item over these markets; an item without a price there is left out."""
    found = {}
    for item, by_market in prices.items():
        counted = [
            price for market, price in by_market.items() if markets is None or market in markets
        ]
        if counted:
            found[item] = median(counted)
    return found


def cost(basket: Basket, prices: Prices, area: str | None = None) -> BasketCost:
    """What the basket costs in a month, at the median prices of an area's markets (None: of all).

    Each line is rounded to the nearest minor unit, half a unit going up, so that the lines add up to the whole. Raises
    NotPriced.
    """
    markets = basket.markets_of(area)
    lines = tuple(_line(basket, line, prices, markets, area) for line in basket.lines)
    currency = basket.currency
    household = _sum((each.in_cash for each in lines if not each.line.by_member), currency)
    member = _sum((each.in_cash for each in lines if each.line.by_member), currency)
    size = basket.household_size
    needed = _sum((each.cost * (size if each.line.by_member else 1) for each in lines), currency)
    whole = household + member * size
    return BasketCost(size, lines, household, member, whole, needed - whole)


def work_out(
    basket: Basket, prices: Prices, basis: Basis, every: Every, interval: int = 1
) -> Worked:
    """The amounts of a programme that rests on the basket as `basis` says, for periods of so many months, quarters or weeks.

    Raises NotPriced.
    """
    found = cost(basket, prices, basis.area)
    months = _months(every, interval)
    where = f" in {basis.area}" if basis.area else ""
    base = per_member = None
    trace = [each.trace for each in found.lines]
    if found.in_kind.minor:
        trace.append(f"in kind {shown(found.in_kind)}, which cash does not cover")
    size, each = found.size, " for each member"
    if basis.sets == "base":
        base, told = _value(found.whole, Fraction(1), f"basket{where}", "", basis, months)
        trace.append(f"base: {told}")
    elif basis.sets == "per_member":
        by = f" ÷ {size} members" if size > 1 else ""
        per_member, told = _value(
            found.whole, Fraction(1, size), f"basket{where}", by, basis, months
        )
        trace.append(f"per member: {told}")
    else:
        base, told = _value(found.household, Fraction(1), f"basket{where}", "", basis, months)
        trace.append(f"base: {told}")
        per_member, told = _value(
            found.member, Fraction(1), f"basket{where}{each}", "", basis, months
        )
        trace.append(f"per member: {told}")
    return Worked(found, base, per_member, tuple(trace))


def _months(every: Every, interval: int) -> tuple[Fraction, str]:
    """How many months such a period has, and how that is told: 52 weeks are 12 months."""
    if every is Every.QUARTER:
        return Fraction(3 * interval), f" × {3 * interval} months"
    several = f" × {interval} {every}s" if interval > 1 else ""
    if every is Every.WEEK:
        return Fraction(12 * interval, 52), f"{several} × 12 months ÷ 52 weeks"
    return Fraction(interval), several


def _value(
    whole: Money, part: Fraction, name: str, by: str, basis: Basis, for_months: tuple[Fraction, str]
) -> tuple[Money, str]:
    """`basket 12400.00 × 80 % = 9920.00 DZD, rounded down to 9900.00 DZD`."""
    months, told_months = for_months
    exact = whole.minor * part * months * basis.share / 100
    value = Money(_nearest(exact), whole.currency)
    share = f" × {basis.share} %" if basis.share != 100 else ""
    steps = f"{by}{told_months}{share}"
    trace = f"{name} {whole.decimal}{steps} = {shown(value)}" if steps else f"{name} {shown(value)}"
    amount = payable(value, basis.round_to, Rounding(basis.rounding or Rounding.DOWN))
    if amount != value:
        way = "up" if value < amount else "down"
        trace += f", rounded {way} to {shown(amount)}"
    return amount, trace


def outliers(basket: Basket, prices: Prices, before: Mapping[str, int]) -> list[Outlier]:
    """The prices that are more than the basket's `outlier` times their item's median, or less than that part of it:
    the median of this round (over at least three markets), or that of the round before.
    """
    limit, found = Fraction(basket.outlier), []
    here = {item: median(each.values()) for item, each in prices.items() if len(each) > 2}
    for item, by_market in prices.items():
        for market, price in by_market.items():
            for of_last_round, usual in ((False, here.get(item)), (True, before.get(item))):
                if usual and (price > limit * usual or price * limit < usual):
                    times = Fraction(price, usual)
                    found.append(
                        Outlier(
                            item, market, Money(price, basket.currency), Money(usual, basket.currency),
                            _decimals(times), of_last_round,
                        )
                    )  # fmt: skip
                    break
    return found


def _line(
    basket: Basket, line: BasketLine, prices: Prices, markets: frozenset[str], area: str | None
) -> LineCost:
    counted = [price for market, price in prices.get(line.item, {}).items() if market in markets]
    if not counted:
        where = f"the markets of {area}" if area else "any market"
        raise NotPriced(
            f"There is no price of {line.name} ({line.item}) at {where}.",
            next_step="Have it priced and take the sheet in again, or take the item out of the basket.",
        )
    usual = median(counted)
    exact = usual * line.in_a_month
    return LineCost(
        line=line, prices=len(counted), median=Money(usual, basket.currency),
        cost=Money(_nearest(exact), basket.currency),
        in_cash=Money(_nearest(exact * line.cash / 100), basket.currency),
    )  # fmt: skip


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    total = Money.zero(currency)
    for amount in amounts:
        total += amount
    return total


def _nearest(exact: Fraction) -> int:
    """The nearest whole number; half a unit goes up."""
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def _decimals(times: Fraction) -> str:
    hundredths = _nearest(times * 100)
    return f"{hundredths // 100}.{hundredths % 100:02}"


def table(prices: Sequence[tuple[str, str, int]]) -> Prices:
    """Rows of item, market and price as they are looked up."""
    found: dict[str, dict[str, int]] = {}
    for item, market, price in prices:
        found.setdefault(item, {})[market] = price
    return found
