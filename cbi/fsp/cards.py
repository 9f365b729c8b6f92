"""Cards that a provider issues to recipients: what it is told of a person, and what it says of a card."""

from dataclasses import dataclass
from enum import StrEnum


class CardStanding(StrEnum):
    """Whether a card can be used."""

    NOT_IN_USE = "not_in_use"  # made, and not handed over yet, or laid still
    IN_USE = "in_use"
    BLOCKED = "blocked"  # for ever: only another card can take its place


class CardLoss(StrEnum):
    """Why a card is blocked."""

    LOST = "lost"
    STOLEN = "stolen"


@dataclass(frozen=True, slots=True, repr=False)
class CardHolder:
    """Who a card is for: our own name for the recipient (the payee's account), the name on the card, a telephone.

    Never shown by repr.
    """

    account: str
    name: str
    phone: str | None = None

    def __repr__(self) -> str:
        return "CardHolder(hidden)"


@dataclass(frozen=True, slots=True)
class Card:
    """A recipient's card as it stands: the provider's own name for it, and the four digits by which people tell cards apart.

    `replaces` is the provider's name of the card whose place it took.
    """

    name: str
    last_digits: str
    standing: CardStanding
    replaces: str | None = None
