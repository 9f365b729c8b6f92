"""What work earns: days and pieces at the rates that stand on the sheet, with the calculation as a person reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cbi.money import Money
from cbi.programmes.work_models import Basis
from cbi.programmes.work_terms import WorkTerms


@dataclass(frozen=True, slots=True)
class Done:
    """What one person did on one sheet. Days are counted in halves; pieces by their code, those made only."""

    half_days: int = 0
    pieces: Mapping[str, int] = field(default_factory=dict)


def earned(terms: WorkTerms, basis: Basis, done: Done, currency: str) -> tuple[Money, str]:
    """What it earns, and the calculation: `18.5 days × 1200.00 = 22200.00 DZD`.

    Exact: a day's rate can be halved. Where pieces are counted, days earn nothing of their own.
    """
    if basis is Basis.DAYS:
        if terms.day_rate is None:
            raise AssertionError("days are paid only where there is a rate for them")
        value = Money(terms.day_rate.minor * done.half_days // 2, currency)
        return value, f"{days(done.half_days)} × {terms.day_rate.decimal} = {_shown(value)}"
    value = Money.zero(currency)
    parts = []
    for piece in terms.pieces or ():
        count = done.pieces.get(piece.code, 0)
        if count:
            value += piece.rate * count
            parts.append(f"{count} {piece.code} × {piece.rate.decimal}")
    return value, f"{' + '.join(parts) or 'nothing'} = {_shown(value)}"


def below_minimum(terms: WorkTerms, done: Done, value: Money) -> Money | None:
    """How much less than the minimum wage for the days that were given; None if it is not less, or no days are given."""
    if terms.minimum_wage is None or not done.half_days:
        return None
    least = Money(-(-terms.minimum_wage.minor * done.half_days // 2), value.currency)
    return least - value if value < least else None


def days(half_days: int) -> str:
    """`18.5 days`, `1 day`, `0.5 days`."""
    whole, half = divmod(half_days, 2)
    return f"{whole}{'.5' if half else ''} {'day' if half_days == 2 else 'days'}"


def _shown(amount: Money) -> str:
    return f"{amount.decimal} {amount.currency}"
