"""The chart of accounts and the entry for every event, as data (two planes; see ARCHITECTURE.md, "The books")."""

from dataclasses import dataclass
from enum import StrEnum

from cbi.ledger.models import Plane


@dataclass(frozen=True, slots=True)
class AccountKind:
    """One line of the chart. `of` names what each such account is kept for; a guarded one never goes below zero."""

    code: str
    name: str
    plane: Plane
    normal: str
    guarded: bool
    of: tuple[str, ...]


BANK = AccountKind("1000", "Bank", Plane.CASH, "debit", guarded=False, of=())
FLOAT = AccountKind("1100", "Provider float", Plane.CASH, "debit", guarded=False, of=("provider",))
ASSISTANCE = AccountKind(
    "5000",
    "Assistance delivered",
    Plane.CASH,
    "debit",
    guarded=True,
    of=("programme_id", "fund_id"),
)
FUND = AccountKind(
    "2000", "Donor fund, unallocated", Plane.RESTRICTION, "credit", guarded=True, of=("fund_id",)
)
BUDGET = AccountKind(
    "2100",
    "Programme budget available",
    Plane.RESTRICTION,
    "credit",
    guarded=True,
    of=("programme_id", "fund_id"),
)
COMMITTED = AccountKind(
    "2200",
    "Committed to a run",
    Plane.RESTRICTION,
    "credit",
    guarded=True,
    of=("run_id", "programme_id", "fund_id"),
)
IN_TRANSIT = AccountKind(
    "2300",
    "In transit",
    Plane.RESTRICTION,
    "credit",
    guarded=True,
    of=("run_id", "programme_id", "fund_id", "provider"),
)
AWAITING = AccountKind(
    "2400", "Returned or expired, awaiting a decision", Plane.RESTRICTION, "credit", guarded=True,
    of=("run_id", "programme_id", "fund_id"),
)  # fmt: skip
DELIVERED = AccountKind(
    "2900", "Delivered", Plane.RESTRICTION, "credit", guarded=True, of=("programme_id", "fund_id")
)

CHART = (BANK, FLOAT, FUND, BUDGET, COMMITTED, IN_TRANSIT, AWAITING, DELIVERED, ASSISTANCE)


class Entry(StrEnum):
    """Every event that moves money in the books. The word is what `transfers.entry` holds."""

    RECEIVE = "receive"
    ALLOCATE = "allocate"
    PREFUND = "prefund"
    COMMIT = "commit"
    UNCOMMIT = "uncommit"
    DISPATCH = "dispatch"
    TAKE_BACK = "take_back"
    CONFIRM = "confirm"
    FAIL = "fail"
    EXPIRE = "expire"
    RETURN = "return"
    RELEASE_FAILED = "release_failed"
    RELEASE_AWAITING = "release_awaiting"
    RETRY_AWAITING = "retry_awaiting"


LEGS: dict[Entry, tuple[tuple[AccountKind, AccountKind], ...]] = {
    # (debit, credit); an entry that touches both planes has one leg in each.
    Entry.RECEIVE: ((BANK, FUND),),  # the one entry that joins the planes
    Entry.ALLOCATE: ((FUND, BUDGET),),
    Entry.PREFUND: ((FLOAT, BANK),),
    Entry.COMMIT: ((BUDGET, COMMITTED),),
    Entry.UNCOMMIT: ((COMMITTED, BUDGET),),
    Entry.DISPATCH: ((COMMITTED, IN_TRANSIT),),
    Entry.TAKE_BACK: ((IN_TRANSIT, COMMITTED),),  # certain that nothing was sent
    Entry.CONFIRM: ((IN_TRANSIT, DELIVERED), (ASSISTANCE, FLOAT)),
    Entry.FAIL: ((IN_TRANSIT, COMMITTED),),
    Entry.EXPIRE: ((IN_TRANSIT, AWAITING),),
    Entry.RETURN: ((DELIVERED, AWAITING), (FLOAT, ASSISTANCE)),
    Entry.RELEASE_FAILED: ((COMMITTED, BUDGET),),
    Entry.RELEASE_AWAITING: ((AWAITING, BUDGET),),
    Entry.RETRY_AWAITING: ((AWAITING, COMMITTED),),
}

RESTING_PLACE: dict[str, AccountKind | None] = {
    # Where the ledger must hold a payment's money while its lifecycle says this; None: nowhere of its own.
    "ready": None,  # inside the run's committed total
    "sending": IN_TRANSIT,
    "accepted": IN_TRANSIT,
    "unknown": IN_TRANSIT,
    "paid": DELIVERED,
    "failed": None,  # back inside the run's committed total
    "returned": AWAITING,
    "expired": AWAITING,
    "cancelled": None,
}
