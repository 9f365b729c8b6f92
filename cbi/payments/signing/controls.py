"""The controls that can keep a run from being signed: what each looks at, from where on it blocks, who may waive it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cbi.access.permissions import Permission
from cbi.payments.runs.sheet_models import FindingKind


class Measure(StrEnum):
    """In what a control counts."""

    HOUSEHOLDS_AT_ONE = "households_at_one"
    PAYMENTS_AT_ONE = "payments_at_one"
    PAYMENTS = "payments"
    PERCENT = "percent"
    LISTS = "lists"


MEASURES: Mapping[Measure, str] = {
    Measure.HOUSEHOLDS_AT_ONE: "households at one telephone or account",
    Measure.PAYMENTS_AT_ONE: "payments of one household at one account",
    Measure.PAYMENTS: "payments",
    Measure.PERCENT: "percent of the last cycle",
    Measure.LISTS: "lists that the signer has not opened",
}
"""Each measure in English."""


@dataclass(frozen=True, slots=True)
class Control:
    """One control, as the engine comes; the office's approval policy may switch it and move its limit.

    It fires when what is measured is more than `at_most`. `finding`: the list of a run's sheet that it is about.
    """

    code: str
    sentence: str
    measure: Measure
    blocks: bool
    at_most: int = 0
    finding: FindingKind | None = None
    waivable: bool = True
    asked_with: Permission = Permission.RUN_SIGN
    granted_with: Permission = Permission.POLICY_CHANGE


AMOUNT_BOUNDS, OLD_DISCREPANCIES = "amount_bounds", "old_discrepancies"
UNOPENED_LISTS, MINIMUM_WAGE, PAYEE_LIMIT = "unopened_lists", "minimum_wage", "payee_limit"
OLD_DAYS = 30
"""From so many days on, an unexplained discrepancy counts as old."""

_ALL = (
    Control(
        FindingKind.SHARED_ACCOUNT, "several households receive at one telephone or account",
        Measure.HOUSEHOLDS_AT_ONE, blocks=False, at_most=1, finding=FindingKind.SHARED_ACCOUNT,
    ),
    Control(
        FindingKind.SEVERAL_PAYMENTS, "one household receives several payments at one account",
        Measure.PAYMENTS_AT_ONE, blocks=False, at_most=1, finding=FindingKind.SEVERAL_PAYMENTS,
    ),
    Control(
        FindingKind.OPEN_DUPLICATE, "nobody has decided whether households were registered twice",
        Measure.PAYMENTS, blocks=False, finding=FindingKind.OPEN_DUPLICATE,
    ),
    Control(
        FindingKind.INACTIVE, "households are paid that are no longer active in the registry",
        Measure.PAYMENTS, blocks=True, finding=FindingKind.INACTIVE,
    ),
    Control(
        FindingKind.JUMP, "amounts are far from the last cycle's", Measure.PAYMENTS, blocks=False,
        finding=FindingKind.JUMP,
    ),
    Control(
        FindingKind.OUTLIER, "amounts are several times the median", Measure.PAYMENTS, blocks=False,
        finding=FindingKind.OUTLIER,
    ),
    Control(
        AMOUNT_BOUNDS, "amounts are below the smallest or above the largest that the office allows",
        Measure.PAYMENTS, blocks=True,
    ),
    Control(
        MINIMUM_WAGE, "people earn less than the minimum wage for the days that they worked",
        Measure.PAYMENTS, blocks=True,
    ),
    Control(
        PAYEE_LIMIT, "people or accounts get more within 30 days than the office allows",
        Measure.PAYMENTS, blocks=True,
    ),
    Control(
        OLD_DISCREPANCIES, f"discrepancies of the programme are unexplained after {OLD_DAYS} days",
        Measure.PERCENT, blocks=True, at_most=5,
    ),
    Control(
        UNOPENED_LISTS, "the signer has not opened the lists of what is unusual", Measure.LISTS,
        blocks=True, waivable=False,
    ),
)  # fmt: skip

CONTROLS: Mapping[str, Control] = {str(each.code): each for each in _ALL}
"""By code. What blocks as the engine comes is what an honest run never meets: a family's shared telephone is no fraud."""

NEVER: Mapping[str, str] = {
    "separation_of_people": "those who make and sign a run are different people",
    "content_digest": "what is paid is exactly what was signed",
    "budget": "a run is covered by the programme's budget",
    "fund": "a fund is spent on its days and for its purposes",
    "unknown_resent": "a payment of which nobody knows is asked about, never sent again",
}
"""What nobody can waive and no policy switches off."""
