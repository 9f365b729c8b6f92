"""What an adapter can do: one protocol for each ability, and having the method is having the ability."""

from collections.abc import Sequence
from datetime import date
from typing import BinaryIO, Protocol, runtime_checkable

from cbi.fsp.cards import Card, CardHolder, CardLoss
from cbi.fsp.counter import CounterRules
from cbi.fsp.errors import NotSent
from cbi.fsp.messages import (
    Callback,
    FspProfile,
    PaymentFile,
    PaymentInstruction,
    ProviderUpdate,
    Question,
    Statement,
)
from cbi.money import Money


@runtime_checkable
class FspAdapter(Protocol):
    """Translates between the engine and one provider.

    An adapter keeps no state of its own (what it needs in order to ask comes back as `ProviderUpdate.ticket`), touches
    no database, never retries, and may be called from many threads.
    """

    @property
    def profile(self) -> FspProfile:
        """Facts about the provider, the same at every call."""
        ...

    def redact(self, text: str) -> str:
        """The text without payees' accounts and names and without our secrets: safe to log."""
        ...


@runtime_checkable
class SubmitsPayments(FspAdapter, Protocol):
    """Sends one payment at a time."""

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        """Send once. Raises NotSent only when nothing went out; any other exception means that we do not know."""
        ...


@runtime_checkable
class WritesPaymentFiles(FspAdapter, Protocol):
    """Writes payments into a file for a bank, or a list for a paying team."""

    def write_payment_file(self, instructions: Sequence[PaymentInstruction]) -> PaymentFile:
        """All of them in one file, or NotSent. The same instructions always make the same bytes."""
        ...


@runtime_checkable
class QueriesStatus(FspAdapter, Protocol):
    """Asks what became of a payment."""

    def query_status(self, question: Question) -> ProviderUpdate:
        """What the provider says now; UNKNOWN where it says that it never heard of the payment.

        It is asked by whatever of the question finds the payment soonest; with the key alone it must still be asked.
        """
        ...


@runtime_checkable
class ReadsCallbacks(FspAdapter, Protocol):
    """Understands what the provider sends of its own accord."""

    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        """Every update in the message, in its order. Raises UntrustedCallback."""
        ...


@runtime_checkable
class ReadsStatements(FspAdapter, Protocol):
    """Reads the provider's statement of account, or its settlement file."""

    def parse_statement(self, content: bytes) -> Statement:
        """Every line of it, adding up. Raises UnreadableStatement, and nothing else, whatever the bytes."""
        ...


@runtime_checkable
class ReadsStatementFiles(ReadsStatements, Protocol):
    """Reads a statement of any length in bounded memory. The engine asks this before it asks `parse_statement`."""

    def read_statement(self, file: BinaryIO) -> Statement:
        """What `parse_statement` makes of the file's bytes, with lines that are read as they are asked for (`Lines`).

        What cannot be read may be found only then: UnreadableStatement comes from here or from a pass through the lines,
        which nobody uses before the last of them was read and all add up. The file stays open as long as the statement
        is used, and whoever opened it closes it.
        """
        ...


@runtime_checkable
class FetchesStatements(FspAdapter, Protocol):
    """Fetches the statement itself, where nobody brings it as a file."""

    def fetch_statement(self, first: date, last: date, currency: str) -> bytes:
        """The statement of these days (both included, in UTC), as `parse_statement` reads it."""
        ...


@runtime_checkable
class ReportsFloat(FspAdapter, Protocol):
    """Says how much of our money the provider still holds."""

    def available_float(self, currency: str) -> Money:
        """What can be paid out now; zero in a currency in which it holds nothing."""
        ...


@runtime_checkable
class PaysOverCounter(FspAdapter, Protocol):
    """Pays cash at its offices against a code. The engine issues and checks the codes; the provider holds no list."""

    @property
    def counter_rules(self) -> CounterRules:
        """The rules the engine follows for this provider, the same at every call."""
        ...


@runtime_checkable
class IssuesCards(FspAdapter, Protocol):
    """Issues a card to a recipient, once, and keeps its value when the card is lost.

    Each of these does what is still to do, so that calling it again, after whatever happened, changes nothing more.
    Raises NotSent only when nothing went out; any other exception means that we do not know, and calling again is safe.
    """

    def issue_card(self, holder: CardHolder, currency: str) -> Card:
        """The recipient's card, made now if there was none: not in use before it is handed over."""
        ...

    def find_card(self, account: str) -> Card | None:
        """The recipient's newest card, or None."""
        ...

    def hand_over_card(self, account: str) -> Card:
        """Bring the card into use: the recipient has it in hand. Raises NotSent if it is blocked."""
        ...

    def block_card(self, account: str, loss: CardLoss) -> Card:
        """Stop the card for ever; nothing can be bought with it from now on."""
        ...

    def replace_card(self, account: str) -> Card:
        """A new card with what was left on the blocked one, not in use yet. Raises NotSent if no card is blocked."""
        ...


ABILITIES: tuple[type, ...] = (
    SubmitsPayments,
    WritesPaymentFiles,
    QueriesStatus,
    ReadsCallbacks,
    ReadsStatements,
    ReadsStatementFiles,
    FetchesStatements,
    ReportsFloat,
    PaysOverCounter,
    IssuesCards,
)


def capabilities(adapter: FspAdapter) -> tuple[str, ...]:
    """The names of the adapter's abilities, such as `SubmitsPayments`, in the order of this file."""
    return tuple(ability.__name__ for ability in ABILITIES if isinstance(adapter, ability))


def check_payable(profile: FspProfile, instruction: PaymentInstruction) -> None:
    """Raise NotSent unless the provider pays such an amount in such a way. For adapters, before anything goes out."""
    if instruction.mechanism not in profile.delivery_mechanisms:
        raise NotSent(
            f"{profile.name} does not deliver by {instruction.mechanism}.",
            next_step="Choose another provider for this payment.",
            retry_helps=False,
        )
    if not profile.admits(instruction.amount):
        raise NotSent(
            f"{profile.name} does not pay {instruction.amount}: "
            "the amount is outside its limits, not a multiple of its step, or in a currency it does not pay.",
            next_step="Change the amount in the programme, or choose another provider.",
            retry_helps=False,
        )
