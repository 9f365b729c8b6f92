"""What an approver should know before signing a run: from what was found in it, and from the money it would take."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cbi.money import Money
from cbi.payments.models import PaymentRun
from cbi.payments.runs import cover
from cbi.payments.runs.cover import Cover
from cbi.payments.runs.findings import SHARE_PERCENT, TIMES_MEDIAN
from cbi.payments.runs.sheet_models import FindingKind
from cbi.payments.runs.summaries import Summary
from cbi.payments.signing.blocking import Fired
from cbi.payments.signing.controls import (
    AMOUNT_BOUNDS,
    CONTROLS,
    MINIMUM_WAGE,
    OLD_DAYS,
    OLD_DISCREPANCIES,
    PAYEE_LIMIT,
)

ENDS_SOON_DAYS = 30

BUDGET_SHORT, FUND_NOT_VALID = "budget_short", "fund_not_valid"
BUDGET_PROMISED = "budget_promised"
FLOAT_SHORT, FUND_ENDING = "float_short", "fund_ending"

SENTENCES: dict[str, str] = {
    BUDGET_SHORT: "the programme's budget does not cover the run and its fees",
    BUDGET_PROMISED: "other runs wait to be signed, and the budget does not cover all of them with their fees",
    FUND_NOT_VALID: "the fund may not be spent today",
    FLOAT_SHORT: "the float with {provider} is short",
    FUND_ENDING: "the fund ends on {day}",
    AMOUNT_BOUNDS: "amounts are below the smallest or above the largest that the office allows",
    MINIMUM_WAGE: CONTROLS[MINIMUM_WAGE].sentence,
    PAYEE_LIMIT: CONTROLS[PAYEE_LIMIT].sentence,
    OLD_DISCREPANCIES: f"discrepancies of the programme are unexplained after {OLD_DAYS} days",
    FindingKind.SHARED_ACCOUNT: "several households receive at one telephone or account",
    FindingKind.SEVERAL_PAYMENTS: "one household receives several payments at one account",
    FindingKind.OPEN_DUPLICATE: "nobody has decided whether these households were registered twice",
    FindingKind.INACTIVE: "these households are no longer active in the registry",
    FindingKind.ACCOUNT: "the telephone or account is another than in the last cycle",
    FindingKind.JUMP: "the amount is far from the last cycle's (half as much again, or less than half)",
    FindingKind.OUTLIER: f"the amount is more than {TIMES_MEDIAN} times the median",
    FindingKind.LARGE_SHARE: f"one payment is more than {SHARE_PERCENT} % of the total",
}
"""Each caution in English, the gravest first."""

_FOUND = tuple(code for code in SENTENCES if code in set(FindingKind))


@dataclass(frozen=True, slots=True)
class Caution:
    """One warning. `blocks`: the run cannot be authorised like this. `amount` is what is concerned, or what is missing.

    Where a control fires: what it measured, up to what passes, and the numbers of the waivers that let it pass.
    """

    code: str
    payments: int
    amount: Money | None
    blocks: bool = False
    provider: str | None = None
    day: date | None = None
    worst: int = 0
    at_most: int = 0
    waivers: tuple[int, ...] = ()

    @property
    def sentence(self) -> str:
        """What it says, in English."""
        return SENTENCES[self.code].format(provider=self.provider, day=self.day)


def of(
    run: PaymentRun, summary: Summary, money: Cover, fired: Sequence[Fired] = ()
) -> tuple[Caution, ...]:
    """Every caution about a run, the gravest first. `fired`: the controls that found too much."""
    by_code = {each.control.code: each for each in fired}
    others = (AMOUNT_BOUNDS, MINIMUM_WAGE, PAYEE_LIMIT, OLD_DISCREPANCIES)
    return (
        *_about_money(run, money),
        *(_with(Caution(code, 0, None), by_code[code]) for code in others if code in by_code),
        *(_with(each, by_code.get(each.code)) for each in _about_payments(summary)),
    )


def _with(caution: Caution, fired: Fired | None) -> Caution:
    if fired is None:
        return caution
    numbers = tuple(line.number for line in fired.waivers)
    return replace(
        caution, blocks=fired.stops, worst=fired.worst, at_most=fired.at_most, waivers=numbers
    )


def _about_money(run: PaymentRun, money: Cover) -> Iterator[Caution]:
    if run.state not in cover.WAITING:
        return
    if run.state in cover.UNCOMMITTED:
        if money.budget_after.minor < 0:
            yield Caution(BUDGET_SHORT, 0, -money.budget_after, blocks=True)
        if money.missing_for_all is not None:
            yield Caution(BUDGET_PROMISED, 0, money.missing_for_all)
        if not money.is_valid:
            yield Caution(FUND_NOT_VALID, 0, None, blocks=True, day=money.valid_to)
    for line in money.floats:
        if line.is_short:
            yield Caution(FLOAT_SHORT, 0, -line.after, provider=line.provider)
    if money.is_valid and (money.valid_to - money.today).days <= ENDS_SOON_DAYS:
        yield Caution(FUND_ENDING, 0, None, day=money.valid_to)


def _about_payments(summary: Summary) -> Iterator[Caution]:
    for code in _FOUND:
        found = summary.of(FindingKind(code))
        if found.payments:
            yield Caution(code, found.payments, found.after)
