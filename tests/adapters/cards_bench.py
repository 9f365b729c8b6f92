"""The cards adapter with a stand-in for Stripe behind it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from adapters.cards import statements
from adapters.cards.adapter import CardsAdapter
from adapters.cards.settings import read
from cbi import clock
from cbi.fsp.cards import CardHolder
from cbi.fsp.contract import Bench
from cbi.fsp.errors import NotSent
from cbi.fsp.messages import Callback, DeliveryMechanism, Outcome, Payee, Question
from cbi.money import Money
from tests.peers.stripe_issuing import API_KEY, WEBHOOK_SECRET, Fault, Running

SETTINGS = {
    "API_KEY": API_KEY,
    "WEBHOOK_SECRET": WEBHOOK_SECRET,
    "CURRENCIES": "EUR,DZD",
    "EMAIL_DOMAIN": "cards.example.org",
    "ADDRESS_LINE1": "1 Rue du Port",
    "ADDRESS_CITY": "Marseille",
    "ADDRESS_POSTAL_CODE": "13002",
    "ADDRESS_COUNTRY": "FR",
}


def cards_adapter(
    url: str, adapter: type[CardsAdapter] = CardsAdapter, **given: str
) -> CardsAdapter:
    """An adapter to whatever listens there."""
    return adapter(read({**SETTINGS, "BASE_URL": url, "TIMEOUT_SECONDS": "5", **given}))


class CardsBench(Bench):
    """Amina has a card in her hand; the provider is the stand-in."""

    abilities = (
        "SubmitsPayments", "QueriesStatus", "ReadsCallbacks", "ReadsStatements", "ReadsStatementFiles",
        "FetchesStatements", "ReportsFloat", "IssuesCards",
    )  # fmt: skip
    amount = Money(150_00, "EUR")
    mechanism = DeliveryMechanism.PREPAID_CARD
    payee = Payee(account=UUID(int=7 << 100).hex, name="Amina Haddad")

    def __init__(
        self,
        running: Running,
        adapter: type[CardsAdapter] = CardsAdapter,
        *,
        handed_over: bool = True,
    ) -> None:
        self.running, self.peer = running, running.peer
        self._made = adapter
        self.cards = self.adapter = self.built_anew()
        self.holder = CardHolder(self.payee.account, self.payee.name, "+33612345678")
        self.peer.moment = clock.now()
        self.peer.top_up(1_000_000)
        honest = cards_adapter(running.url)
        self.card = honest.issue_card(self.holder, "EUR").name
        if handed_over:
            honest.hand_over_card(self.payee.account)
        self.peer.asked.clear()
        self.peer.events.clear()

    def built_anew(self) -> CardsAdapter:
        return cards_adapter(self.running.url, self._made)

    # Paying

    def answers(self, outcome: Outcome) -> None:
        if outcome is Outcome.FAILED:
            self.peer.faults.append(Fault.REFUSED)
        if outcome is Outcome.ACCEPTED:  # the card lies in a drawer
            self.peer.change(self.card, status="inactive", metadata={"cbi_handed_over": ""})

    def answers_with_an_unheard_of_status(self) -> None:
        self.peer.faults.append(Fault.SPEAKS_OTHERWISE)

    def answers_that_it_has_seen_the_key_before(self) -> None:
        self.peer.hidden.add(self.instruction().idempotency_key)
        self.peer.faults.append(Fault.KEY_SEEN)

    def refuses_the_connection(self) -> None:
        self.running.stop()

    def takes_the_money_then_hangs_up(self) -> None:
        self.peer.faults.append(Fault.ANSWER_LOST)

    def messages_received(self) -> int:
        return self.peer.asked["POST v1/issuing/cards"]

    def payments_made(self) -> list[Money]:
        return [Money(rise, "EUR") for _, rise in self.peer.loaded]

    def transcript(self) -> str:
        sent = {
            "name": self.payee.name,
            "phone_number": self.holder.phone,
            "email": f"{self.payee.account}@x.org",
        }
        return (
            f"POST /v1/issuing/cardholders {urlencode(sent)} Bearer {API_KEY} {WEBHOOK_SECRET}\n"
            f'answered {sent} and {{"name": "{self.payee.name}", "metadata": "{self.payee.account}"}}'
        )

    def sensitive(self) -> tuple[str, ...]:
        assert self.holder.phone
        return (*super().sensitive(), API_KEY, WEBHOOK_SECRET, self.holder.phone)

    # Cards

    def new_holder(self) -> CardHolder:
        return CardHolder(UUID(int=9 << 100).hex, "Zoé O'Brien", None)

    def _newest(self, account: str) -> str:
        card = self.cards.find_card(account)
        assert card is not None
        return card.name

    def left_on_cards(self, account: str) -> Money:
        in_use = [
            name
            for name, card in self.peer.cards.items()
            if card["status"] == "active" and card["metadata"]["cbi_reference"] == account
        ]
        return Money(sum(map(self.peer.left_on, in_use)), "EUR")

    def spends(self, account: str, amount: Money) -> bool:
        return self.peer.spend(self._newest(account), amount.minor)

    # Hearing

    def decides(self, payment: int, outcome: Outcome) -> None:
        if outcome is Outcome.PAID:  # the recipient has fetched the card
            cards_adapter(self.running.url).hand_over_card(self.payee.account)
        else:
            self._takes_back(payment)

    def _takes_back(self, payment: int) -> None:
        """Somebody at Stripe takes the entry out, and the value with it."""
        self.peer.change(
            self.card,
            metadata={self.instruction(payment).idempotency_key: "", "cbi_limit": "0"},
            spending_controls={"spending_limits": [{"amount": 0, "interval": "all_time"}]},
        )

    def event(self, outcome: Outcome) -> dict[str, Any]:
        """What Stripe tells when the first payment has come to that."""
        if outcome is not Outcome.PAID and not self.peer.events:
            if outcome is Outcome.FAILED:
                self.answers(Outcome.ACCEPTED)
            self.cards.submit(self.instruction())
            self._takes_back(1)
        if outcome is Outcome.PAID:
            self.cards.submit(self.instruction())
        return next(
            event
            for event in reversed(self.peer.events)
            if self.instruction().idempotency_key
            in event["data"]["previous_attributes"].get("metadata", {})
        )

    def callback(self, outcome: Outcome) -> Callback:
        self.peer.moment = clock.now()
        if outcome is Outcome.RETURNED:
            self.peer.events.clear()
        return Callback(*self.peer.signed(self.event(outcome)))

    def callback_with_an_unheard_of_status(self) -> Callback:
        event = self.event(Outcome.PAID)
        event["data"]["object"]["status"] = "harvested"
        return Callback(*self.peer.signed(event))

    # Statements

    def _story(self) -> Iterator[dict[str, Any]]:
        self.peer.movements.clear()
        self.peer.top_up(500_000)
        self.peer.charge(1_250)
        self.peer.top_up(20_000)
        yield from statements.movements(self.peer.movements)
        for payment in (1, 2, 3):
            key = self.instruction(payment).idempotency_key
            yield {"object": "load", "key": key, "amount": 15_000 + payment, "on": "2026-11-21"}

    def statement(self, first: int = 1, last: int = 6) -> bytes:
        if not hasattr(self, "_rows"):
            self._rows = list(self._story())
        return self._written(self._rows[first - 1 : last])

    def statement_with_a_line_twice(self) -> bytes:
        self.statement()
        return self._written([*self._rows[:3], self._rows[2]])

    def _written(self, rows: list[dict[str, Any]]) -> bytes:
        today = clock.now().date()
        return statements.write("eur", today - timedelta(30), today, rows)


def pay(desk: CardsBench, payment: int = 1) -> Outcome | type[Exception]:
    """What came of sending a payment, as the engine would see it."""
    try:
        return desk.cards.submit(desk.instruction(payment)).outcome
    except NotSent:
        return NotSent
    except Exception:  # noqa: BLE001  anything else means: we do not know
        return Outcome.UNKNOWN


def ask(desk: CardsBench, payment: int = 1) -> Outcome:
    """What asking says, which is the same with the account and without."""
    question = desk.question(payment)
    update = desk.cards.query_status(question)
    assert desk.cards.query_status(Question(question.idempotency_key)) == update
    return update.outcome
