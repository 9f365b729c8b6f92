"""What the model provider keeps for itself: its payouts, the movements of our float, what is due, and its letters."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Moves(StrEnum):
    """What a movement of our float was, in the provider's words."""

    PAYOUT = "PAYOUT"
    REVERSAL = "REVERSAL"
    FEE = "FEE"
    TOP_UP = "TOP_UP"
    OTHER = "OTHER"


OF_PAYOUTS = (Moves.PAYOUT, Moves.REVERSAL)


@dataclass
class Payout:
    """One payment as the provider knows it. `status` is what is so, `shown` what it says for now if that is another."""

    reference: str
    account: str
    minor: int
    transaction: str
    heard_at: datetime
    status: str = "QUEUED"
    shown: str = ""
    paid: int = 0
    """What left the float for it and did not come back."""
    held: int = 0
    """What left the float when it was accepted, while it is neither paid nor declined."""
    kept: int = 0
    """What left the float when it was accepted, though nobody is paid with it, and has not been given back."""
    promised: bool = False
    """Whether that is still to be given back, long after everybody expects it."""
    paid_times: int = 0
    said_failed: bool = False
    """Whether it was ever called failed, or not paid, in any answer, message or letter."""
    lied: bool = False
    """Whether anything untrue was ever said of it, or another amount paid."""
    muddled: bool = False
    """Whether what was said of it last may never be put right: then a person has to find out."""
    settled: bool = False
    """Whether two people have found, by its written word, what it took."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of the float, signed."""

    id: str
    type: str
    minor: int
    date: str
    reference: str
    transaction: str


@dataclass(order=True)
class Due:
    """Something that will happen."""

    at: datetime
    number: int
    reference: str = field(compare=False)
    act: str = field(compare=False)


@dataclass(order=True)
class Letter:
    """A message that is on its way to us."""

    at: datetime
    number: int
    headers: dict[str, str] = field(compare=False)
    body: bytes = field(compare=False)

    def paid(self) -> list[str]:
        """The references of the payments that it calls paid."""
        about = json.loads(self.body)["payments"]
        return [each["reference"] for each in about if each["status"] == "DONE"]
