"""Recipients' cards at Stripe: found by our own name for the recipient, made once, handed over, blocked, replaced.

Stripe cannot be asked for a cardholder by metadata, but it can by e-mail address. So each cardholder has an address made
of our name for the recipient and a domain of the office's, and the metadata then proves that it is the right one.
"""

import unicodedata
from typing import Any

from adapters.cards import records
from adapters.cards.client import IssuingClient, NotDone
from adapters.cards.purse import Purse, limit_of, limited_to
from adapters.cards.records import HANDED_OVER, LIMIT, REFERENCE, Load
from adapters.cards.settings import CardSettings
from adapters.cards.statuses import CARD
from cbi import clock
from cbi.fsp.cards import Card, CardHolder, CardLoss, CardStanding
from cbi.fsp.errors import NotSent

Json = dict[str, Any]
TRIES_TO_FINISH = 3
LONGEST_NAME = 24
_LOSSES = frozenset(CardLoss)


class Desk:
    """Everything that is done to cards; it keeps nothing, so any thread may use it."""

    def __init__(self, client: IssuingClient, settings: CardSettings) -> None:
        self._client = client
        self._settings = settings

    def purse(self, account: str) -> Purse:
        """A recipient's cards, as Stripe has them now."""
        return Purse.of(
            card
            for holder in self._holders(account)
            for card in self._client.cards(holder["id"])
            if card["metadata"].get(REFERENCE) == account
        )

    def put(self, purse: Purse, load: Load) -> Json:
        """Put the load onto the card in force, in one request under the payment's own key; the card as it is then.

        Raises NotDone (certain that it is not there), Unclear.
        """
        (card,) = purse.in_force
        return self._client.update_card(card["id"], purse.change(load), load.key)

    def after(self, purse: Purse, changed: Json) -> Purse:
        """What the cards hold once one has changed. Whatever it raises, the load may be there."""
        if CARD.get(changed["status"]) is CardStanding.BLOCKED:
            # Blocked since we looked, and perhaps replaced: what was written belongs on the new card.
            purse = self.purse(changed["metadata"][REFERENCE])
        return self.finish(purse.with_card(changed))

    def finish(self, purse: Purse) -> Purse:
        """Make the newest card's limit the sum of everything recorded, where writers that met have left it otherwise.

        It pays nobody: what it loads, Stripe has recorded as loaded. A limit that somebody else set is left alone.
        """
        for _ in range(TRIES_TO_FINISH):
            if purse.finished or len(purse.in_force) != 1:
                break
            (card,) = purse.in_force
            if str(limit_of(card)) != card["metadata"].get(LIMIT):
                break
            purse = purse.with_card(self._client.update_card(card["id"], purse.change()))
        return purse

    def issue(self, holder: CardHolder, currency: str) -> Card:
        """See IssuesCards.issue_card."""
        names = _names(holder.name)
        holders = self._holders(holder.account)
        if not holders:
            params = {
                "type": "individual", "email": self._email(holder.account), "name": holder.name[:LONGEST_NAME].strip(),
                "individual": names, "billing": {"address": dict(self._settings.address)}, "status": "active",
                "metadata": {REFERENCE: holder.account},
            }  # fmt: skip
            if holder.phone:
                params["phone_number"] = holder.phone
            holders = [self._client.create_cardholder(params, f"cbi-holder-{holder.account}")]
        purse = self.purse(holder.account)
        if purse.cards:
            return _card(purse.cards[0])
        entries = {REFERENCE: holder.account, LIMIT: "0"}
        made = self._new_card(holders[-1]["id"], currency.lower(), entries)
        return _card(self._client.create_card(made, f"cbi-card-{holder.account}"))

    def newest(self, account: str) -> Card | None:
        """See IssuesCards.find_card."""
        purse = self.purse(account)
        return _card(purse.cards[0]) if purse.cards else None

    def hand_over(self, account: str) -> Card:
        """See IssuesCards.hand_over_card."""
        card = self._in_force(self.purse(account))
        if card["status"] == "active":
            return _card(card)
        mark = {HANDED_OVER: clock.now().date().isoformat()}
        return _card(self._client.update_card(card["id"], {"status": "active", "metadata": mark}))

    def block(self, account: str, loss: CardLoss) -> Card:
        """See IssuesCards.block_card."""
        purse = self.purse(account)
        _some(purse)
        stopped = {"status": "canceled", "cancellation_reason": loss.value}
        for card in purse.in_force:
            purse = purse.with_card(self._client.update_card(card["id"], stopped))
        return _card(purse.cards[0])

    def replace(self, account: str) -> Card:
        """See IssuesCards.replace_card."""
        purse = self.purse(account)
        _some(purse)
        if purse.in_force:
            card = self._in_force(purse)
            if not card.get("replacement_for"):
                raise NotSent(
                    "The card is not blocked.", next_step="Block it first.", retry_helps=False
                )
            return _card(self._in_force(self.finish(purse)))
        lost = purse.cards[0]
        entries = records.with_loads({REFERENCE: account}, purse.loads.values())
        reason = lost.get("cancellation_reason")
        made = self._new_card(
            _id(lost["cardholder"]), lost["currency"], {REFERENCE: account, **entries}
        )
        made |= {
            "replacement_for": lost["id"],
            "replacement_reason": reason if reason in _LOSSES else CardLoss.LOST.value,
        }
        self._client.create_card(made, f"cbi-replace-{lost['id']}")
        # Whatever reached the old card while the new one was made is on the old one only.
        return _card(self._in_force(self.finish(self.purse(account))))

    def _holders(self, account: str) -> list[Json]:
        found = self._client.cardholders(self._email(account))
        return [holder for holder in found if holder["metadata"].get(REFERENCE) == account]

    def _email(self, account: str) -> str:
        return f"{account}@{self._settings.email_domain}"

    def _new_card(self, cardholder: str, currency: str, entries: Json) -> Json:
        made: Json = {
            "cardholder": cardholder, "currency": currency, "type": self._settings.card_type, "status": "inactive",
            "metadata": entries, "spending_controls": limited_to(int(entries[LIMIT])),
        }  # fmt: skip
        if self._settings.card_type == "physical":
            made["shipping"] = {
                "name": self._settings.ship_to, "address": dict(self._settings.address), "type": "bulk",
                "service": "standard",
            }  # fmt: skip
        return made

    def _in_force(self, purse: Purse) -> Json:
        _some(purse)
        if not purse.in_force:
            raise NotSent("The card is blocked.", next_step="Replace it.", retry_helps=False)
        if len(purse.in_force) > 1:
            raise NotSent(
                "The recipient has more than one card at Stripe.",
                next_step="Cancel all but one of them at Stripe.", retry_helps=False,
            )  # fmt: skip
        return purse.in_force[0]


def _some(purse: Purse) -> None:
    if not purse.cards:
        raise NotSent(
            "The recipient has no card yet.", next_step="Issue one first.", retry_helps=False
        )


def _id(reference: Any) -> str:
    """Stripe names another object by its id, or shows it whole."""
    return str(reference["id"] if isinstance(reference, dict) else reference)


def _card(card: Json) -> Card:
    replaced = card.get("replacement_for")
    return Card(
        name=card["id"],
        last_digits=card["last4"],
        standing=CARD.get(card["status"], CardStanding.NOT_IN_USE),
        replaces=_id(replaced) if replaced else None,
    )


def _names(name: str) -> Json:
    """First and last name as Stripe takes them. Raises NotSent for letters that it cannot put onto a card."""
    words = name.split()
    latin = all(c in ".,-'’ " or unicodedata.name(c, "").startswith("LATIN") for c in name)
    if not words or not latin:
        raise NotSent(
            "The name has letters that cannot stand on a card.",
            next_step="Give the name in Latin letters, as the recipient's document spells it.",
            retry_helps=False,
        )
    return {"first_name": " ".join(words[:-1]) or words[0], "last_name": words[-1]}


def told(refusal: NotDone) -> NotSent:
    """What people are told when Stripe did not do it."""
    if refusal.refused:
        return NotSent(
            f"Stripe refused it: {refusal.code}.",
            next_step="Look the cardholder up in Stripe's Dashboard: it says what is missing.",
            retry_helps=False,
        )
    return NotSent(f"Stripe did not take it: {refusal.code}.", next_step="Try again in a moment.")
