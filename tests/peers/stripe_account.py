"""A Stripe account with Issuing as Stripe itself knows it: its cardholders, cards, movements and events, and the truth.

Its objects are Stripe's published fixtures with our values put in. It knows nothing of the engine, and nothing of HTTP.
What it does like Stripe: metadata is merged entry by entry with Stripe's limits, updates of one object happen one after
another, spending counts over a card and those that it replaced.
"""

import copy
import json
import threading
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

Json = dict[str, Any]
FIXTURES = Path("specs/stripe/fixtures3.json")


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, kind: str, code: str, message: str = "No.") -> None:
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "message": message}}


class StripeAccount:
    """One account. `shared_data` holds the fixtures; `moment` is its clock."""

    def __init__(self, shared_data: Path) -> None:
        self._shapes = json.loads((shared_data / FIXTURES).read_text())["resources"]
        self.moment = datetime.now(UTC)
        self.cardholders: dict[str, Json] = {}
        self.cards: dict[str, Json] = {}
        self.movements: list[Json] = []
        self.events: list[Json] = []
        self.loaded: list[tuple[str, int]] = []
        """Every rise of a card's limit, as it happened: the truth about payments."""
        self.hidden: set[str] = set()
        """Entries of metadata that lists do not show yet."""
        self._lock = threading.RLock()
        self._numbers = count(1)

    # The people at Stripe, and in shops

    def top_up(self, amount: int, currency: str = "eur") -> None:
        """The organisation puts money in."""
        self._move("topup", amount, currency, self._id("tu"))

    def charge(self, amount: int, currency: str = "eur") -> None:
        """Stripe takes a fee."""
        self._move("stripe_fee", -amount, currency, "")

    def spend(self, card_id: str, amount: int) -> bool:
        """A purchase: whether it went through."""
        with self._lock:
            card = self.cards[card_id]
            if card["status"] != "active" or amount > self.left_on(card_id):
                return False
            card["_spent"] = card.get("_spent", 0) + amount
            self._move("issuing_transaction", -amount, card["currency"], self._id("ipi"))
            return True

    def left_on(self, card_id: str) -> int:
        """What can still be bought with a card."""
        spent, at = 0, self.cards[card_id]
        chain: Json | None = at
        while chain:
            spent += chain.get("_spent", 0)
            chain = self.cards.get(chain["replacement_for"] or "")
        return _limit(at) - spent

    def limit(self, card_id: str) -> int:
        """What may be spent with a card in all."""
        return _limit(self.cards[card_id])

    def balance(self, currency: str = "eur") -> int:
        """What the account holds."""
        return sum(row["net"] for row in self.movements if row["currency"] == currency)

    def change(self, card_id: str, **params: Any) -> None:
        """Somebody changes a card in the Dashboard."""
        with self._lock:
            self._change(self.cards[card_id], params)

    # What a request asks for, by the parts of its path

    def shown(self, parts: list[str], params: Json) -> Json:
        with self._lock:
            match parts[1:]:
                case ["balance"]:
                    return self._balance()
                case ["balance_transactions"]:
                    return self._page(self.movements, params)
                case ["issuing", "cardholders"]:
                    return self._page(self.cardholders.values(), params)
                case ["issuing", "cards"]:
                    return self._page(map(self._as_listed, self.cards.values()), params)
        raise Refusal(404, "invalid_request_error", "resource_missing")

    def done(self, parts: list[str], params: Json) -> Json:
        match parts[1:]:
            case ["issuing", "cardholders"]:
                return self._make("issuing.cardholder", "ich", self.cardholders, params)
            case ["issuing", "cards"]:
                holder = self.cardholders.get(params["cardholder"])
                if holder is None:
                    raise Refusal(400, "invalid_request_error", "resource_missing")
                unset = dict.fromkeys(("replacement_for", "replaced_by", "cancellation_reason"))
                asked = {**unset, **params, "cardholder": holder}
                made = self._make("issuing.card", "ic", self.cards, asked)
                if replaced := self.cards.get(params.get("replacement_for", "")):
                    replaced["replaced_by"] = made["id"]
                self._rose(made, 0)
                return made
            case ["issuing", "cards", card_id] if card_id in self.cards:
                return self._change(self.cards[card_id], params)
        raise Refusal(404, "invalid_request_error", "resource_missing")

    def _change(self, card: Json, params: Json) -> Json:
        if card["status"] == "canceled" and params.get("status", "canceled") != "canceled":
            raise Refusal(400, "invalid_request_error", "card_canceled")
        before, limit = copy.deepcopy(card), _limit(card)
        metadata = {**card["metadata"], **params.get("metadata", {})}
        card["metadata"] = _checked({name: text for name, text in metadata.items() if text})
        if "spending_controls" in params:
            card["spending_controls"] |= _whole_numbers(params["spending_controls"])
        for name in ("status", "cancellation_reason"):
            card[name] = params.get(name, card[name])
        self._rose(card, limit)
        previous = {
            name: before[name]
            for name in ("status", "spending_controls")
            if before[name] != card[name]
        }
        changed = {
            name: before["metadata"].get(name)
            for name in before["metadata"].keys() | card["metadata"].keys()
            if before["metadata"].get(name) != card["metadata"].get(name)
        }
        if changed:
            previous["metadata"] = changed
        self._tell("issuing_card.updated", card, previous)
        return card

    def _rose(self, card: Json, before: int) -> None:
        # What a replacement starts with was loaded onto the card before it.
        inherited = (
            _limit(self.cards[card["replacement_for"]])
            if card["replacement_for"] and not before
            else before
        )
        if _limit(card) != inherited:
            self.loaded.append((card["id"], _limit(card) - inherited))

    def _make(self, shape: str, prefix: str, among: dict[str, Json], params: Json) -> Json:
        made: Json = copy.deepcopy(self._shapes[shape])
        made |= {"metadata": {}, "status": "inactive", **params}
        made |= {"id": self._id(prefix), "created": int(self.moment.timestamp()), "livemode": False}
        made["metadata"] = _checked(made["metadata"])
        if "spending_controls" in params:
            shaped = copy.deepcopy(self._shapes[shape]["spending_controls"])
            made["spending_controls"] = shaped | _whole_numbers(params["spending_controls"])
        among[made["id"]] = made
        return made

    def _as_listed(self, card: Json) -> Json:
        shown = {name: text for name, text in card["metadata"].items() if name not in self.hidden}
        return {**card, "metadata": shown}

    def _page(self, objects: Any, params: Json) -> Json:
        """Newest first; filters that are not listed here are refused, so that none is silently not applied."""
        found = list(objects)[::-1]
        if strange := params.keys() - {
            "limit",
            "starting_after",
            "email",
            "cardholder",
            "type",
            "currency",
            "created",
        }:
            raise Refusal(400, "invalid_request_error", "parameter_unknown", str(strange))
        for name in ("email", "type", "currency"):
            if name in params:
                found = [each for each in found if each[name] == params[name]]
        if "cardholder" in params:
            found = [each for each in found if each["cardholder"]["id"] == params["cardholder"]]
        if within := params.get("created"):
            found = [x for x in found if int(within["gte"]) <= x["created"] < int(within["lt"])]
        if after := params.get("starting_after"):
            found = found[[each["id"] for each in found].index(after) + 1 :]
        limit = int(params.get("limit", 10))
        return {
            "object": "list",
            "data": found[:limit],
            "has_more": len(found) > limit,
            "url": "/v1",
        }

    def _balance(self) -> Json:
        held = [
            {"amount": self.balance(currency), "currency": currency}
            for currency in sorted({row["currency"] for row in self.movements})
        ]
        return {**self._shapes["balance"], "issuing": {"available": held}}

    def _move(self, kind: str, net: int, currency: str, source: str) -> None:
        with self._lock:
            self.movements.append(
                self._shapes["balance_transaction"]
                | {
                    "id": self._id("txn"),
                    "type": kind,
                    "amount": net,
                    "fee": 0,
                    "net": net,
                    "currency": currency,
                }
                | {
                    "created": int(self.moment.timestamp()),
                    "source": source or None,
                    "balance_type": "issuing",
                }
            )

    def _tell(self, kind: str, about: Json, previous: Json) -> None:
        self.events.append(
            self._shapes["event"]
            | {"id": self._id("evt"), "type": kind, "created": int(self.moment.timestamp())}
            | {"data": {"object": copy.deepcopy(about), "previous_attributes": previous}}
        )

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):024d}"


def _limit(card: Json) -> int:
    return sum(int(limit["amount"]) for limit in card["spending_controls"]["spending_limits"])


def _checked(metadata: Json) -> Json:
    if len(metadata) > 50 or any(
        len(k) > 40 or "[" in k or len(v) > 500 for k, v in metadata.items()
    ):
        raise Refusal(400, "invalid_request_error", "metadata_invalid")
    return metadata


def _whole_numbers(controls: Json) -> Json:
    limits = controls.get("spending_limits", {})
    rows = limits.values() if isinstance(limits, dict) else limits
    return {
        "spending_limits": [{"categories": [], **row, "amount": int(row["amount"])} for row in rows]
    }
