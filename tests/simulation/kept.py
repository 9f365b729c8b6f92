"""What people and programs outside the engine remember of a life, and the engine must not know less of."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from cbi.ledger.queries import Balance
from cbi.money import Money


@dataclass
class Cash:
    """What one teller handed out against one receipt."""

    payment_id: UUID
    minor: int
    day: str


@dataclass
class Arrived:
    """Money that reached our bank (into a fund) or a provider (out of our bank)."""

    amount: Money
    fund: str = ""
    provider: str = ""
    booked: bool = False
    """Whether we were told that it is booked."""


@dataclass
class Value:
    """A transfer value that was proposed; `wanted` once somebody else wanted to accept it."""

    base_minor: int
    wanted: bool = False


@dataclass
class Topped:
    """A list of what is owed on top, in minor units by registration number; `wanted` as above."""

    on_top: dict[str, int]
    wanted: bool = False
    accepted: bool = False
    """Whether we were told that it is accepted."""


@dataclass
class GivenBack:
    """What the provider wrote that it gave back of one attempt, in minor units."""

    receivable_id: UUID
    minor: int
    paper: str
    to_bank: bool


@dataclass
class Month:
    """What a closed month's books hold at its end."""

    last: date
    balances: list[Balance]


@dataclass
class Kept:
    """What people and programs outside the engine remember; the engine must not know less."""

    acknowledged: list[tuple[str, str]] = field(default_factory=list)
    """What was answered with success: a table's name, and the key or state that must be in it."""
    cash: dict[str, Cash] = field(default_factory=dict)
    """What left the tellers' hands, by receipt."""
    unanswered: list[tuple[int, UUID, UUID, Money | None]] = field(default_factory=list)
    """Confirmations that a teller waits for: teller, authorisation, payment, and the part, where it is one."""
    told_paid: dict[str, int] = field(default_factory=dict)
    """When we first were told, and answered that we had heard, that a payment was made; by reference."""
    found: Counter[str] = field(default_factory=Counter)
    """What two people were told that they have found, by what it is."""
    runs: list[UUID] = field(default_factory=list)
    hands: dict[tuple[str, str], dict[str, UUID]] = field(default_factory=dict)
    """Who did which part of what takes several people: by what and which, then by part."""
    makers: dict[UUID, set[UUID]] = field(default_factory=dict)
    """Who made or changed a run."""
    policy: int | None = None
    """Which approval policy holds, where that is certain."""
    needed: dict[tuple[UUID, int], int] = field(default_factory=dict)
    """How many people have to sign a revision of a run at least."""
    arrived: dict[str, "Arrived"] = field(default_factory=dict)
    """What reached our bank or a provider, by the paper's reference, and is to be booked; and what became of that."""
    bases: dict[int, "Value"] = field(default_factory=dict)
    """What somebody wanted to let a household be owed that has no members, by the number of the proposed value."""
    topped: dict[UUID, "Topped"] = field(default_factory=dict)
    """What somebody wanted to be owed on top."""
    listed: set[str] = field(default_factory=set)
    """The movements of the float that the last, whole statement listed."""
    bounded: set[UUID] = field(default_factory=set)
    """Runs that were signed while a limit for payments held for certain."""
    waived: bool = False
    """Whether somebody ever granted a waiver, or may have."""
    given_back: list["GivenBack"] = field(default_factory=list)
    """What the provider gave back on paper, and was not booked yet as far as we were told."""
    banked: int = 0
    """What came to our bank of it, and was booked."""
    months: dict[str, "Month"] = field(default_factory=dict)
    """What the books held of a month that two people closed and nobody asked to open again."""
    noted: dict[str, set[UUID]] = field(default_factory=dict)
    """Who wanted to note that a household has met the condition of its next tranche; by registration number."""
    met: set[str] = field(default_factory=set)
    """Of whom somebody else wanted to confirm it."""
    sheets: dict[int, dict[str, int]] = field(default_factory=dict)
    """What each version of the work sheet says, in half days by registration number."""
    suspended: dict[tuple[str, str], bool] = field(default_factory=dict)
    """Households by programme: True suspended for certain, False perhaps not any more."""
    left_out: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """Who was suspended for certain when a cycle was opened first; by programme and period."""
