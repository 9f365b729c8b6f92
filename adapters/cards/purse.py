"""A recipient's cards, one after another, and the value that they hold together: the rules, without asking anybody.

Stripe counts what was spent on a replaced card against the limit of the card that took its place ("spending limits …
apply across any cards this card replaced"). So the newest card carries the sum of all that was ever loaded, and what is
left of it is the same before and after a card is replaced: it moves by itself, and is never doubled.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from adapters.cards import records
from adapters.cards.records import HANDED_OVER, LIMIT, Load, Loads
from adapters.cards.statuses import CARD
from cbi.fsp.cards import CardStanding
from cbi.fsp.messages import Outcome

Json = dict[str, Any]


def limit_of(card: Json) -> int | None:
    """The card's limit for all time over all kinds of shops; None without one."""
    limits = (card.get("spending_controls") or {}).get("spending_limits") or []
    found = [x["amount"] for x in limits if x["interval"] == "all_time" and not x.get("categories")]
    return found[0] if len(found) == 1 and isinstance(found[0], int) else None


def limited_to(amount: int) -> Json:
    """The parameter that sets that limit, and no other."""
    return {"spending_limits": [{"amount": amount, "interval": "all_time"}]}


def was_handed_over(card: Json) -> bool:
    """Whether the recipient ever had the card in hand, ready for use."""
    return card["status"] == "active" or HANDED_OVER in card["metadata"]


def _in_hand_since(card: Json) -> date:
    """The day the recipient got the card; long ago where somebody brought it into use at Stripe."""
    marked = card["metadata"].get(HANDED_OVER)
    return date.fromisoformat(marked) if marked else date.min


@dataclass(frozen=True, slots=True)
class Purse:
    """The cards of one recipient, the newest first."""

    cards: tuple[Json, ...]

    @classmethod
    def of(cls, cards: Iterable[Json]) -> "Purse":
        """Put them in order."""
        found = sorted(cards, key=lambda card: (card["created"], card["id"]), reverse=True)
        return cls(tuple(found))

    @property
    def in_force(self) -> list[Json]:
        """The cards that are not blocked; more than one is a mistake."""
        return [card for card in self.cards if CARD.get(card["status"]) is not CardStanding.BLOCKED]

    @property
    def loads(self) -> Loads:
        """Everything that any of the cards remembers. Raises DamagedRecord."""
        found: Loads = {}
        for card in self.cards:
            for load in records.loads(card["metadata"]).values():
                if found.setdefault(load.key, load).amount != load.amount:
                    raise records.DamagedRecord("Two cards remember two amounts for one payment.")
        return found

    def obstacle(self, currency: str) -> str | None:
        """Why nothing can be loaded now, in a word of `statuses.FAILURES`; None if it can."""
        if not self.cards:
            return "no_card"
        if not self.in_force:
            return "card_canceled"
        if len(self.in_force) > 1:
            return "several_cards"
        if any(records.damaged(card["metadata"]) for card in self.cards):
            return "record_damaged"
        (card,) = self.in_force
        if card["currency"] != currency.lower():
            return "another_currency"
        if str(limit_of(card)) != card["metadata"].get(LIMIT):
            return "limit_changed_elsewhere"
        return None

    @property
    def finished(self) -> bool:
        """Whether the newest card's limit is the sum of all loads, and it remembers each of them."""
        if len(self.in_force) != 1:
            return not self.in_force  # a blocked card holds its value until another takes its place
        (card,), loads = self.in_force, self.loads
        return (
            limit_of(card) == records.total(loads)
            and records.loads(card["metadata"]).keys() == loads.keys()
        )

    def change(self, *new: Load) -> Json:
        """What to write onto the card in force so that it holds these loads, and whatever others wrote meanwhile.

        Raises DamagedRecord, RecordFull.
        """
        (card,) = self.in_force
        wanted = [*self.loads.values(), *new]
        written = records.with_loads(card["metadata"], wanted)
        return {"metadata": written, "spending_controls": limited_to(int(written[LIMIT]))}

    def delivered_on(self, key: str) -> date | None:
        """The day on which a load was on a card that the recipient had in hand; None while it is on none."""
        days = [
            max(held[key].on, _in_hand_since(card))
            for card in self.cards
            for held in [records.loads(card["metadata"])]
            if key in held and was_handed_over(card)
        ]
        return min(days, default=None)

    def outcome(self, key: str) -> Outcome:
        """What became of a payment that one of the cards may remember."""
        holding = [card for card in self.cards if key in records.loads(card["metadata"])]
        if not holding or not self.finished or any(card["status"] not in CARD for card in holding):
            return Outcome.UNKNOWN
        return Outcome.PAID if self.delivered_on(key) else Outcome.ACCEPTED

    def with_card(self, changed: Json) -> "Purse":
        """The same, with the newest word on one card."""
        return Purse.of([changed, *(card for card in self.cards if card["id"] != changed["id"])])
