"""What an adapter's author provides so that the contract can be tried: the adapter, and its provider's part."""

from typing import TypeVar
from uuid import UUID

import pytest

from cbi.fsp.adapter import FspAdapter
from cbi.fsp.cards import CardHolder
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import (
    Callback,
    DeliveryMechanism,
    Outcome,
    Payee,
    PaymentFile,
    PaymentInstruction,
    Question,
)
from cbi.money import Money


class Bench:
    """An adapter with a stand-in for its provider behind it, made anew for every test.

    Subclass it, set the attributes, and write the methods for the abilities that the adapter has.
    """

    adapter: FspAdapter
    abilities: tuple[str, ...] = ()
    """The abilities the author means it to have, as `capabilities` names them."""
    amount: Money
    """An amount that the provider pays."""
    mechanism: DeliveryMechanism
    payee: Payee = Payee(account="+254700123456", name="Wanjiru Ng'ang'a")
    """Made up. A bench whose provider has other accounts replaces it."""

    def instruction(self, payment: int = 1) -> PaymentInstruction:
        """A payment that the provider would pay; the same number is the same payment."""
        payment_id = UUID(int=(0xC0FFEE << 96) + payment)
        key = idempotency_key(payment_id, 1)
        return PaymentInstruction(payment_id, key, self.amount, self.mechanism, self.payee)

    def question(self, payment: int = 1, ticket: str | None = None) -> Question:
        """What the engine asks about that payment; `ticket` is what the provider gave with its answer, if it did."""
        sent = self.instruction(payment)
        return Question(sent.idempotency_key, sent.payee.account, ticket)

    def transcript(self) -> str:
        """Text as it might reach a log: the messages exchanged, with every entry of `sensitive`."""
        raise NotImplementedError("Every adapter redacts: show what must not reach a log.")

    def sensitive(self) -> tuple[str, ...]:
        """What `redact` must take out of the transcript: accounts, names, secrets, codes."""
        return (self.payee.account, self.payee.name)

    # SubmitsPayments. Each of these says how the provider takes the next message.

    def answers(self, outcome: Outcome) -> None:
        """As ACCEPTED, PAID or FAILED."""
        raise NotImplementedError("Say how the provider answers when it accepts, pays or fails.")

    def answers_with_an_unheard_of_status(self) -> None:
        """In a word that nobody documented."""
        raise NotImplementedError("Say how the provider answers in an undocumented status.")

    def answers_that_it_has_seen_the_key_before(self) -> None:
        """Refusing what it takes for a repetition, without a word on the first."""
        raise NotImplementedError("Say how the provider refuses a duplicate.")

    def refuses_the_connection(self) -> None:
        """Nothing reaches it."""
        raise NotImplementedError("Say how the provider refuses a connection.")

    def takes_the_money_then_hangs_up(self) -> None:
        """It pays, and the answer is lost."""
        raise NotImplementedError("Say how the provider pays and then falls silent.")

    def messages_received(self) -> int:
        """Payment messages that reached the provider, repeated ones counted again."""
        raise NotImplementedError("Count the payment messages that reach the provider.")

    def payments_made(self) -> list[Money]:
        """The provider's own truth: the amounts that it paid out."""
        raise NotImplementedError("List what the provider paid out.")

    # QueriesStatus

    def decides(self, payment: int, outcome: Outcome) -> None:
        """What it took for later comes to its end: PAID or FAILED."""
        raise NotImplementedError("Say how a payment taken for later comes to its end.")

    def built_anew(self) -> FspAdapter:
        """The adapter as a new process has it: made from the settings alone, before the same provider."""
        raise NotImplementedError("Build the adapter again from its settings.")

    # ReadsCallbacks. Each is about instruction(), after whatever the provider needs to know of it.

    def callback(self, outcome: Outcome) -> Callback:
        """A genuine message that the payment is now PAID, FAILED or RETURNED."""
        raise NotImplementedError("Make a genuine callback, signed as the provider signs.")

    def callback_with_an_unheard_of_status(self) -> Callback:
        """A genuine message in a word that nobody documented."""
        raise NotImplementedError("Make a genuine callback in an undocumented status.")

    # ReadsStatements

    def statement(self, first: int = 1, last: int = 6) -> bytes:
        """Movements number `first` to `last` of one fixed story, in the provider's format.

        Among the first six are a payment and, if the format can say it, a return.
        """
        raise NotImplementedError("Write a statement of the given movements.")

    def statement_with_a_line_twice(self) -> bytes:
        """Movements 1 to 3 with the last one listed twice, and totals that include it twice."""
        raise NotImplementedError("Write a statement that lists a movement twice.")

    # WritesPaymentFiles

    def keys_in(self, file: PaymentFile) -> list[str]:
        """The idempotency keys in a file that the adapter wrote, in its order."""
        raise NotImplementedError("Read the keys out of a file.")

    # IssuesCards. Cards are made by the adapter; the bench plays the shops.

    def new_holder(self) -> CardHolder:
        """Somebody made up who has no card yet."""
        raise NotImplementedError("Make up a person without a card.")

    def left_on_cards(self, account: str) -> Money:
        """The provider's own truth: what can be bought with all the recipient's cards together, once they are in use."""
        raise NotImplementedError("Say what can be bought with a recipient's cards.")

    def spends(self, account: str, amount: Money) -> bool:
        """The recipient buys something with the newest card: whether the shop got its money."""
        raise NotImplementedError("Buy something with a recipient's card.")


Ability = TypeVar("Ability")


def able(bench: Bench, ability: type[Ability]) -> Ability:
    """The adapter as one that has the ability; the test is skipped if it has not."""
    if isinstance(bench.adapter, ability):
        return bench.adapter
    pytest.skip(f"This adapter does not have the ability {ability.__name__}.")
