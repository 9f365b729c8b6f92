"""How much one household is owed in one cycle, with the calculation as a person reads it."""

from dataclasses import dataclass

from cbi.money import Money


@dataclass(frozen=True, slots=True)
class RateCard:
    """An amount for the household, an amount for each member, and the most a household can get."""

    base: Money
    per_member: Money
    cap: Money | None = None


def compute(size: int, rate: RateCard) -> tuple[Money, str]:
    """The transfer value of a household of `size` members, and its trace.

    The trace is `300.00 + 50.00 × 3 members = 450.00 KES, capped at 400.00 KES`, less what is nil.
    Raises UnusableAmount when the amount is larger than any payment could be.
    """
    by_size = rate.per_member * size
    value = rate.base + by_size
    members = f"{rate.per_member.decimal} × {size} {'member' if size == 1 else 'members'}"
    if not by_size.minor:
        trace = _shown(value)
    elif not rate.base.minor:
        trace = f"{members} = {_shown(value)}"
    else:
        trace = f"{rate.base.decimal} + {members} = {_shown(value)}"
    if rate.cap is not None and rate.cap < value:
        return rate.cap, f"{trace}, capped at {_shown(rate.cap)}"
    return value, trace


def _shown(amount: Money) -> str:
    return f"{amount.decimal} {amount.currency}"
