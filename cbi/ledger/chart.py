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
CLEARING = AccountKind(
    "1200", "Provider clearing", Plane.CASH, "debit", guarded=True, of=("provider",)
)
RECEIVABLE = AccountKind(
    "1310",
    "Receivable: duplicates and overpayments",
    Plane.CASH,
    "debit",
    guarded=True,
    of=("provider",),
)
ASSISTANCE = AccountKind(
    "5000",
    "Assistance delivered",
    Plane.CASH,
    "debit",
    guarded=True,
    of=("programme_id", "fund_id"),
)
SUSPENSE = AccountKind(
    "1900", "Reconciliation suspense", Plane.CASH, "debit", guarded=False, of=("provider",)
)
FX_POSITION = AccountKind(
    "1950", "FX position", Plane.CASH, "debit", guarded=False, of=("fund_id",)
)
SPREAD = AccountKind(
    "5200", "FX gain, loss and spread", Plane.CASH, "debit", guarded=False, of=("fund_id",)
)
ROUNDING = AccountKind("5290", "FX rounding", Plane.CASH, "debit", guarded=False, of=("fund_id",))
FEES = AccountKind(
    "5100", "Provider fees", Plane.CASH, "debit", guarded=True, of=("programme_id", "fund_id")
)
LOSSES = AccountKind(
    "5300", "Losses written off", Plane.CASH, "debit", guarded=True, of=("programme_id", "fund_id")
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
FEE_RESERVE = AccountKind(
    "2210", "Committed fee reserve", Plane.RESTRICTION, "credit", guarded=True,
    of=("run_id", "programme_id", "fund_id", "provider"),
)  # fmt: skip
IN_TRANSIT = AccountKind(
    "2300",
    "In transit",
    Plane.RESTRICTION,
    "credit",
    guarded=True,
    of=("run_id", "programme_id", "fund_id", "provider"),
)
DISPUTED = AccountKind(
    "2350", "In transit, unknown for days", Plane.RESTRICTION, "credit", guarded=True,
    of=("run_id", "programme_id", "fund_id", "provider"),
)  # fmt: skip
AWAITING = AccountKind(
    "2400", "Returned or expired, awaiting a decision", Plane.RESTRICTION, "credit", guarded=True,
    of=("run_id", "programme_id", "fund_id"),
)  # fmt: skip
DELIVERED = AccountKind(
    "2900", "Delivered", Plane.RESTRICTION, "credit", guarded=True, of=("programme_id", "fund_id")
)
FEES_TAKEN = AccountKind(
    "2910",
    "Fees consumed",
    Plane.RESTRICTION,
    "credit",
    guarded=True,
    of=("programme_id", "fund_id"),
)
WRITTEN_OFF = AccountKind(
    "2920", "Written off", Plane.RESTRICTION, "credit", guarded=True, of=("programme_id", "fund_id")
)
FX_BORNE = AccountKind(
    "2930", "FX differences borne", Plane.RESTRICTION, "credit", guarded=False, of=("fund_id",)
)
CONVERTED = AccountKind(
    "2990", "Converted to or from another currency", Plane.RESTRICTION, "credit", guarded=False,
    of=("fund_id",),
)  # fmt: skip
UNCOVERED = AccountKind(
    "2950", "Delivered without cover", Plane.RESTRICTION, "debit", guarded=True,
    of=("programme_id", "fund_id"),
)  # fmt: skip

CHART = (
    BANK, FLOAT, CLEARING, RECEIVABLE, FUND, BUDGET, COMMITTED, IN_TRANSIT, DISPUTED, AWAITING, DELIVERED, WRITTEN_OFF,
    UNCOVERED, ASSISTANCE, LOSSES,
    FX_POSITION, SPREAD, ROUNDING, FX_BORNE, CONVERTED, FEES, FEE_RESERVE, FEES_TAKEN, SUSPENSE,
)  # fmt: skip


class Entry(StrEnum):
    """Every event that moves money in the books. The word is what `transfers.entry` holds."""

    RECEIVE = "receive"
    ALLOCATE = "allocate"
    GIVE_BACK = "give_back"
    REFUND = "refund"
    PREFUND = "prefund"
    COMMIT = "commit"
    UNCOMMIT = "uncommit"
    DISPATCH = "dispatch"
    TAKE_BACK = "take_back"
    DEBITED = "debited"
    CLEARED = "cleared"
    CREDITED_BACK = "credited_back"
    CONFIRM = "confirm"
    PART = "part"
    FAIL = "fail"
    AGE = "age"
    CONFIRM_AGED = "confirm_aged"
    FAIL_AGED = "fail_aged"
    LATE_COMMITTED = "late_committed"
    LATE_AWAITING = "late_awaiting"
    LATE_RELEASED = "late_released"
    LATE_UNCOVERED = "late_uncovered"
    COVER = "cover"
    PAID_TWICE = "paid_twice"
    PAID_MORE = "paid_more"
    PAID_LESS = "paid_less"
    REST_TAKEN_BACK = "rest_taken_back"
    REST_DELIVERED = "rest_delivered"
    REST_MISTAKEN = "rest_mistaken"
    ADOPT = "adopt"
    RECOVER = "recover"
    RECOVER_BANK = "recover_bank"
    WRITE_OFF = "write_off"
    RECOVER_WRITTEN_OFF = "recover_written_off"
    RECOVER_WRITTEN_OFF_BANK = "recover_written_off_bank"
    EXPIRE = "expire"
    RETURN = "return"
    RELEASE_FAILED = "release_failed"
    RELEASE_AWAITING = "release_awaiting"
    RELEASE_EXPIRED = "release_expired"
    RETRY_AWAITING = "retry_awaiting"
    RETRY_EXPIRED = "retry_expired"
    SUSPEND_DEBIT = "suspend_debit"
    SUSPEND_CREDIT = "suspend_credit"
    EXPLAIN_DEBIT = "explain_debit"
    EXPLAIN_CREDIT = "explain_credit"
    REFUND_SUSPENSE = "refund_suspense"
    LOSE_SUSPENSE = "lose_suspense"
    LOSE_FLOAT = "lose_float"
    FEE_SUSPENSE = "fee_suspense"
    FEE_BACK = "fee_back"
    REFUND_MISTAKEN = "refund_mistaken"
    LOSS_MISTAKEN = "loss_mistaken"
    FEE_MISTAKEN = "fee_mistaken"
    FEE_BACK_MISTAKEN = "fee_back_mistaken"
    OWED_MISTAKEN = "owed_mistaken"
    RESERVE_FEES = "reserve_fees"
    RELEASE_FEES = "release_fees"
    FEE = "fee"
    FEE_UNRESERVED = "fee_unreserved"
    FX_SELL = "fx_sell"
    FX_BUY = "fx_buy"
    FX_LOSS = "fx_loss"
    FX_GAIN = "fx_gain"
    FX_ROUNDED_DOWN = "fx_rounded_down"
    FX_ROUNDED_UP = "fx_rounded_up"


LEGS: dict[Entry, tuple[tuple[AccountKind, AccountKind], ...]] = {
    # (debit, credit); an entry that touches both planes has one leg in each.
    # The two entries that join the planes: what comes from a donor, and what goes back unspent.
    Entry.RECEIVE: ((BANK, FUND),),
    Entry.REFUND: ((FUND, BANK),),
    Entry.ALLOCATE: ((FUND, BUDGET),),
    Entry.GIVE_BACK: ((BUDGET, FUND),),
    Entry.PREFUND: ((FLOAT, BANK),),
    Entry.COMMIT: ((BUDGET, COMMITTED),),
    Entry.UNCOMMIT: ((COMMITTED, BUDGET),),
    Entry.DISPATCH: ((COMMITTED, IN_TRANSIT),),
    Entry.TAKE_BACK: ((IN_TRANSIT, COMMITTED),),  # certain that nothing was sent
    # A provider that debits at acceptance; with the first two an expense leaves 1200, in all.
    Entry.DEBITED: ((CLEARING, FLOAT),),
    Entry.CLEARED: ((FLOAT, CLEARING),),  # beside whatever entry delivers it
    Entry.CREDITED_BACK: ((FLOAT, CLEARING),),  # it ended unpaid
    Entry.CONFIRM: ((IN_TRANSIT, DELIVERED), (ASSISTANCE, FLOAT)),
    Entry.PART: ((IN_TRANSIT, DELIVERED), (ASSISTANCE, FLOAT)),  # the rest stays in transit
    Entry.FAIL: ((IN_TRANSIT, COMMITTED),),
    Entry.AGE: ((IN_TRANSIT, DISPUTED),),
    Entry.CONFIRM_AGED: ((DISPUTED, DELIVERED), (ASSISTANCE, FLOAT)),
    Entry.FAIL_AGED: ((DISPUTED, COMMITTED),),
    # The provider had paid although our books said otherwise: from wherever the payment's money lies now.
    Entry.LATE_COMMITTED: ((COMMITTED, DELIVERED), (ASSISTANCE, FLOAT)),
    Entry.LATE_AWAITING: ((AWAITING, DELIVERED), (ASSISTANCE, FLOAT)),
    Entry.LATE_RELEASED: ((BUDGET, DELIVERED), (ASSISTANCE, FLOAT)),
    Entry.LATE_UNCOVERED: ((UNCOVERED, DELIVERED), (ASSISTANCE, FLOAT)),
    Entry.COVER: ((BUDGET, UNCOVERED),),
    # What was paid a second time is nobody's expense: somebody owes it to us.
    Entry.PAID_TWICE: ((RECEIVABLE, FLOAT),),
    Entry.PAID_MORE: ((RECEIVABLE, FLOAT),),
    # What was sent and never taken was not spent: beside the entry that delivered the whole payment.
    Entry.PAID_LESS: ((DELIVERED, BUDGET), (FLOAT, ASSISTANCE)),
    Entry.REST_TAKEN_BACK: (
        (BUDGET, DELIVERED),
        (ASSISTANCE, FLOAT),
    ),  # before all of it comes back
    # It was taken after all, as a line of its own lists; and what two people take back of that.
    Entry.REST_DELIVERED: ((BUDGET, DELIVERED), (ASSISTANCE, FLOAT)),
    Entry.REST_MISTAKEN: ((DELIVERED, BUDGET), (FLOAT, ASSISTANCE)),
    Entry.ADOPT: (
        (FLOAT, RECEIVABLE),
    ),  # and a late entry beside it: it was the only payment after all
    Entry.RECOVER: ((FLOAT, RECEIVABLE),),
    Entry.RECOVER_BANK: ((BANK, RECEIVABLE),),
    Entry.WRITE_OFF: ((LOSSES, RECEIVABLE), (BUDGET, WRITTEN_OFF)),
    Entry.LOSE_FLOAT: ((LOSSES, FLOAT), (BUDGET, WRITTEN_OFF)),  # recovered as what was written off
    Entry.RECOVER_WRITTEN_OFF: ((FLOAT, LOSSES), (WRITTEN_OFF, BUDGET)),
    Entry.RECOVER_WRITTEN_OFF_BANK: ((BANK, LOSSES), (WRITTEN_OFF, BUDGET)),
    Entry.EXPIRE: ((IN_TRANSIT, AWAITING),),
    Entry.RETURN: ((DELIVERED, AWAITING), (FLOAT, ASSISTANCE)),
    Entry.RELEASE_FAILED: ((COMMITTED, BUDGET),),
    # What came back and what expired have entries apart: an attempt can expire, be found paid, and then come back.
    Entry.RELEASE_AWAITING: ((AWAITING, BUDGET),),
    Entry.RELEASE_EXPIRED: ((AWAITING, BUDGET),),
    Entry.RETRY_AWAITING: ((AWAITING, COMMITTED),),
    Entry.RETRY_EXPIRED: ((AWAITING, COMMITTED),),
    # What a statement moved and nothing explains: our float is what the provider says, and the rest stands in suspense.
    Entry.SUSPEND_DEBIT: ((SUSPENSE, FLOAT),),
    Entry.SUSPEND_CREDIT: ((FLOAT, SUSPENSE),),
    Entry.EXPLAIN_DEBIT: ((FLOAT, SUSPENSE),),
    Entry.EXPLAIN_CREDIT: ((SUSPENSE, FLOAT),),
    Entry.REFUND_SUSPENSE: ((BANK, SUSPENSE),),
    Entry.LOSE_SUSPENSE: ((LOSSES, SUSPENSE), (BUDGET, WRITTEN_OFF)),
    Entry.FEE_SUSPENSE: ((FEES, SUSPENSE), (BUDGET, FEES_TAKEN)),  # it names no payment
    Entry.FEE_BACK: ((SUSPENSE, FEES), (FEES_TAKEN, BUDGET)),
    # What two people take back of what two people had found: the opposite entry, and the line is in suspense again.
    Entry.REFUND_MISTAKEN: ((SUSPENSE, BANK),),
    Entry.LOSS_MISTAKEN: ((SUSPENSE, LOSSES), (WRITTEN_OFF, BUDGET)),
    Entry.FEE_MISTAKEN: ((SUSPENSE, FEES), (FEES_TAKEN, BUDGET)),
    Entry.FEE_BACK_MISTAKEN: ((FEES, SUSPENSE), (BUDGET, FEES_TAKEN)),
    Entry.OWED_MISTAKEN: ((FLOAT, RECEIVABLE),),
    # What the provider takes for a payment is no assistance: it is set aside with the run, and spent beside it.
    Entry.RESERVE_FEES: ((BUDGET, FEE_RESERVE),),
    Entry.RELEASE_FEES: ((FEE_RESERVE, BUDGET),),
    Entry.FEE: ((FEE_RESERVE, FEES_TAKEN), (FEES, FLOAT)),
    Entry.FEE_UNRESERVED: ((BUDGET, FEES_TAKEN), (FEES, FLOAT)),
    # A deal has the first in the books of what was sold and the others in those of what was bought, where position and
    # conversion end up as what the reference rate makes of what was sold.
    Entry.FX_SELL: ((FX_POSITION, BANK), (FUND, CONVERTED)),
    Entry.FX_BUY: ((BANK, FX_POSITION), (CONVERTED, FUND)),
    Entry.FX_LOSS: ((SPREAD, FX_POSITION), (CONVERTED, FX_BORNE)),
    Entry.FX_GAIN: ((FX_POSITION, SPREAD), (FX_BORNE, CONVERTED)),
    Entry.FX_ROUNDED_DOWN: ((ROUNDING, FX_POSITION), (CONVERTED, FX_BORNE)),
    Entry.FX_ROUNDED_UP: ((FX_POSITION, ROUNDING), (FX_BORNE, CONVERTED)),
}

DELIVERING = tuple(
    entry
    for entry, legs in LEGS.items()
    if any(credit is DELIVERED for _, credit in legs)
    and entry not in {Entry.REST_TAKEN_BACK, Entry.REST_DELIVERED}
)
"""The entries by which an attempt counts as the one that paid; each attempt has at most one of them."""

RESTING_PLACE: dict[str, AccountKind | None] = {
    # Where the ledger must hold a payment's money while its lifecycle says this; None: nowhere of its own.
    "ready": None,  # inside the run's committed total
    "sending": IN_TRANSIT,
    "accepted": IN_TRANSIT,
    "partly_paid": IN_TRANSIT,
    "unknown": IN_TRANSIT,
    "disputed": DISPUTED,
    "paid": DELIVERED,
    "failed": None,  # back inside the run's committed total
    "returned": AWAITING,
    "expired": AWAITING,
    "cancelled": None,
}
