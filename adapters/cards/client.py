"""Stripe's Issuing interface: requests through its own library, answers as plain dictionaries, errors by their certainty.

It knows nothing of payments. The library never repeats a request by itself, and every request names the version of the
interface that these files were written for.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from ssl import SSLCertVerificationError
from typing import Any, TypeVar

import stripe
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from adapters.cards.statuses import ERRORS, Certainty

API_VERSION = "2026-10-28.endive"
TOGETHER = 100
"""As many objects as Stripe puts on one page."""
_NOBODY_THERE = (NewConnectionError, ConnectTimeoutError, SSLCertVerificationError)

Json = dict[str, Any]
Answer = TypeVar("Answer")

# At their lower levels the libraries write whole requests into the log: names, telephones, addresses, accounts.
logging.getLogger("stripe").setLevel(logging.ERROR)
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


class NotDone(Exception):
    """Certain that the request was not carried out. `code` is Stripe's word; `refused`: it never would be."""

    def __init__(self, code: str, *, refused: bool) -> None:
        super().__init__(code)
        self.code = code
        self.refused = refused


class Unclear(Exception):
    """Nobody knows whether the request was carried out."""


class IssuingClient:
    """One Stripe account. Safe to use from many threads: the library keeps a session for each."""

    def __init__(self, api_key: str, base_url: str, timeout: timedelta) -> None:
        self._stripe = stripe.StripeClient(
            api_key,
            base_addresses={"api": base_url},
            max_network_retries=0,
            stripe_version=API_VERSION,
            http_client=stripe.RequestsClient(timeout=timeout.seconds),
        )
        self._issuing = self._stripe.v1.issuing

    def cardholders(self, email: str) -> list[Json]:
        """Those with that address, the newest first."""
        return list(_pages(self._issuing.cardholders.list, {"email": email}))

    def create_cardholder(self, params: Json, idempotency_key: str) -> Json:
        """A new cardholder."""
        options = _once(idempotency_key)
        return _ask(lambda: self._issuing.cardholders.create(_any(params), options))

    def cards(self, cardholder: str | None = None) -> Iterator[Json]:
        """A cardholder's cards, or all there are, the newest first."""
        return _pages(self._issuing.cards.list, {"cardholder": cardholder} if cardholder else {})

    def create_card(self, params: Json, idempotency_key: str) -> Json:
        """A new card."""
        options = _once(idempotency_key)
        return _ask(lambda: self._issuing.cards.create(_any(params), options))

    def update_card(self, card: str, params: Json, idempotency_key: str = "") -> Json:
        """Change a card; entries of its metadata that are not named stay as they are."""
        options = _once(idempotency_key) if idempotency_key else None
        return _ask(lambda: self._issuing.cards.update(card, _any(params), options))

    def balance(self) -> Json:
        """What the account holds."""
        return _ask(self._stripe.v1.balance.retrieve)

    def balance_transactions(self, **narrowed: object) -> Iterator[Json]:
        """Movements of the account's balances, the newest first."""
        return _pages(self._stripe.v1.balance_transactions.list, narrowed)


def _any(params: Mapping[str, Any]) -> Any:
    """The library spells every parameter out as a type; ours are checked against Stripe's own description in tests."""
    return params


def _once(key: str) -> Any:
    return {"idempotency_key": key}


def _pages(list_: Callable[..., Any], narrowed: Mapping[str, object]) -> Iterator[Json]:
    after: dict[str, object] = {}
    while True:
        asked = {**narrowed, **after, "limit": TOGETHER}
        page = _ask(lambda asked=asked: list_(_any(asked)))  # type: ignore[misc]
        yield from page["data"]
        if not page["has_more"] or not page["data"]:
            return
        after = {"starting_after": page["data"][-1]["id"]}


def _ask(request: Callable[[], Any]) -> Json:
    """The answer as a dictionary. Raises NotDone, Unclear."""
    try:
        answer = request()
    except stripe.StripeError as error:
        raise _told(error) from error
    found = answer.to_dict()
    if not isinstance(found, dict):
        raise Unclear("an answer that is no object")
    return found


def _told(error: stripe.StripeError) -> NotDone | Unclear:
    certainty = ERRORS.get(type(error).__name__, Certainty.UNCLEAR)
    if isinstance(error, stripe.APIConnectionError) and _never_connected(error):
        return NotDone("no_connection", refused=False)
    code = str(error.code or type(error).__name__)
    if certainty is Certainty.UNCLEAR:
        return Unclear(code)
    return NotDone(code, refused=certainty is Certainty.REFUSED)


def _never_connected(error: BaseException) -> bool:
    """Whether the cause, however deep, is that no connection came about: then not one byte was sent."""
    todo, seen = [error], set[int]()
    while todo:
        each = todo.pop()
        if isinstance(each, _NOBODY_THERE):
            return True
        seen.add(id(each))
        inner = [each.__cause__, getattr(each, "reason", None), *each.args]
        todo += [e for e in inner if isinstance(e, BaseException) and id(e) not in seen]
    return False
