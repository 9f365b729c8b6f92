"""The operator and the card issuer of our own, each in a process of its own, told from the test what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any, cast

from tests.peers.mobile_money import Operator
from tests.peers.stripe_issuing import Running, StripeIssuing


class FarOperator(Operator):
    """The mobile money operator. Numbers are written `+213…`."""

    def listen(self) -> str:
        """Begin to answer; returns where its API is."""
        self.start()
        return self.url

    def key_of(self, number: str) -> str:
        """Our reference of the one payment to a number."""
        (payment,) = (p for p in self.book.payments.values() if _number(p.asked) == number)
        return payment.key

    def callback_url(self, key: str) -> str:
        """Where it was asked to call back about a payment."""
        return self.payment(key).callback_url

    def paid(self) -> list[tuple[str, str]]:
        """Every number that was paid, as often as it was, and how much."""
        done = (p for p in self.book.payments.values() if p.status == "completed")
        return sorted((_number(p.asked), p.asked["amount"]) for p in done)

    def heard(self) -> dict[str, int]:
        """How often each payment message arrived, by our reference."""
        return dict(self.book.heard)


def _number(asked: dict[str, Any]) -> str:
    return "+" + str(asked["creditParty"][0]["value"]).lstrip("+")


class FarIssuer:
    """The card issuer. Its clock is the machine's."""

    def __init__(self, shared_data: Path) -> None:
        self._running = Running(StripeIssuing(shared_data))
        self._peer = self._running.peer
        self._peer.witness = self._look_at_the_clock

    def _look_at_the_clock(self, *_: str) -> None:
        self._peer.moment = datetime.now(UTC)

    def address(self) -> str:
        """Where its API is."""
        return self._running.url

    def top_up(self, minor: int, currency: str) -> str:
        """The organisation puts money in; returns the reference under which it will be listed."""
        self._look_at_the_clock()
        self._peer.top_up(minor, currency)
        return str(self._peer.movements[-1]["source"])

    def loaded(self) -> list[tuple[str, int]]:
        """Every rise of a card's limit, in minor units, with the cardholder's name."""
        return sorted(
            (self._peer.cards[card]["cardholder"]["name"], minor)
            for card, minor in self._peer.loaded
        )

    def events(self) -> list[dict[str, Any]]:
        """Everything that it would tell us of, the oldest first."""
        return list(self._peer.events)


class _Process(BaseManager):
    pass


_Process.register("operator", FarOperator)
_Process.register("issuer", FarIssuer)


@contextmanager
def operator_apart(currency: str) -> Iterator[FarOperator]:
    """The operator, for as long as the block lasts."""
    with _Process(ctx=get_context("spawn")) as process:
        yield cast(FarOperator, process.operator(currency))  # type: ignore[attr-defined]


@contextmanager
def issuer_apart(shared_data: Path) -> Iterator[FarIssuer]:
    """The card issuer, listening, for as long as the block lasts."""
    with _Process(ctx=get_context("spawn")) as process:
        yield cast(FarIssuer, process.issuer(shared_data))  # type: ignore[attr-defined]
