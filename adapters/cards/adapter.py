"""Translates between the engine and Stripe Issuing: a payment raises the limit of a card by exactly its amount.

A payment is `paid` once its value is on a card that the recipient has in hand, and `accepted` while that card still lies
in a drawer. What the recipient then buys is the recipient's own affair and moves none of our payments.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import BinaryIO

from adapters.cards import events, records, statements
from adapters.cards.amounts import from_stripe, to_stripe
from adapters.cards.client import IssuingClient, NotDone
from adapters.cards.issuing import Desk, told
from adapters.cards.purse import Purse
from adapters.cards.records import Load, RecordFull
from adapters.cards.settings import CardSettings, read
from adapters.cards.statuses import CARD, FAILURES, OF_RECIPIENTS
from cbi import clock
from cbi.fsp.adapter import check_payable
from cbi.fsp.cards import Card, CardHolder, CardLoss
from cbi.fsp.errors import NotSent
from cbi.fsp.messages import (
    Callback,
    DeliveryMechanism,
    FailureReason,
    FspProfile,
    Idempotency,
    Outcome,
    PaymentInstruction,
    ProviderUpdate,
    Question,
    Statement,
)
from cbi.money import Money

_PERSON = re.compile(
    r"""(["']?\b(?:name|first_name|last_name|phone_number|line1|line2|city|postal_code|email|number|cvc|last4)\b["'\]]*"""
    r"""\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;&)}]+)""",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(r"(?<![0-9a-z])[0-9a-f]{32}(?!-?[0-9a-z])", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z_-])\+?\d{7,}(?![0-9A-Za-z_-])")
_SECRET = re.compile(r"\b((?:sk|rk)_(?:test|live)_|whsec_)\w+")


class CardsAdapter:
    """Loads cards, asks and hears about loads, reads statements, and issues, blocks and replaces cards."""

    def __init__(self, settings: CardSettings) -> None:
        self._settings = settings
        self._client = IssuingClient(settings.api_key, settings.base_url, settings.timeout)
        self._desk = Desk(self._client, settings)
        self._profile = FspProfile(
            name="cards",
            delivery_mechanisms=frozenset({DeliveryMechanism.PREPAID_CARD}),
            amount_rules=settings.amount_rules,
            # Stripe's own keys end after a day ("You can remove keys … after they're at least 24 hours old"); the card's
            # entry for the payment never does, and is looked for before anything is sent.
            idempotency=Idempotency.BY_KEY,
        )

    @property
    def profile(self) -> FspProfile:
        """The currencies that the deployment's cards have."""
        return self._profile

    def redact(self, text: str) -> str:
        """Accounts, names, telephones, addresses, long numbers and secrets are blotted out."""
        for secret in (self._settings.api_key, self._settings.webhook_secret):
            text = text.replace(secret, "[secret]")
        text = _PERSON.sub(r"\1[hidden]", _SECRET.sub(r"\1[secret]", text))
        return _LONG_NUMBER.sub("[number]", _ACCOUNT.sub("[account]", text))

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        """Look whether the card remembers the payment; if not, put it there in one request. Asking first sends nothing."""
        check_payable(self.profile, instruction)
        key, amount = instruction.idempotency_key, instruction.amount
        try:
            purse = self._desk.purse(instruction.payee.account)
            obstacle = purse.obstacle(amount.currency)
            known = {} if obstacle == "record_damaged" else purse.loads
            strange = [card["status"] for card in purse.cards if card["status"] not in CARD]
        except Exception as error:
            raise NotSent(
                "Stripe could not be asked about the card.", next_step="It is tried again later."
            ) from error
        if key in known:
            if known[key].amount != to_stripe(amount):
                return ProviderUpdate(key, Outcome.UNKNOWN, provider_code="another_amount")
            return events.standing(self._desk.finish(purse), key)
        if strange:
            raise NotSent(
                "Stripe says something of the card that is not known here.",
                next_step="Look the card up in Stripe's Dashboard.",
            )
        if obstacle is not None:
            return _failed(key, obstacle)
        return self._load(purse, Load(key, to_stripe(amount), clock.now().date()))

    def _load(self, purse: Purse, load: Load) -> ProviderUpdate:
        try:
            purse.change(load)
        except RecordFull:
            return _failed(load.key, "record_full")
        try:
            changed = self._desk.put(purse, load)
        except NotDone as refusal:
            if refusal.refused:
                return _failed(load.key, refusal.code)
            raise told(refusal) from refusal
        return events.standing(self._desk.after(purse, changed), load.key)

    def query_status(self, question: Question) -> ProviderUpdate:
        """What the recipient's cards remember; a limit that lags behind what they remember is brought up to it."""
        key = question.idempotency_key
        account = question.account or self._holding(key)
        if account is not None and key in (purse := self._desk.purse(account)).loads:
            return events.standing(self._desk.finish(purse), key)
        return ProviderUpdate(key, Outcome.UNKNOWN, provider_code="not_recorded")

    def _holding(self, key: str) -> str | None:
        """Whose card remembers the payment: all cards are looked through, a hundred at a time."""
        for card in self._client.cards():
            account = card["metadata"].get(records.REFERENCE)
            if account and key in records.loads(card["metadata"]):
                return str(account)
        return None

    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        """Stripe's events about cards; signed as `Stripe-Signature` says, a few minutes before they came."""
        settings = self._settings
        return events.updates(events.genuine(callback, settings.webhook_secret, settings.tolerance))

    def parse_statement(self, content: bytes) -> Statement:
        """What `fetch_statement` wrote."""
        return statements.read(content)

    def read_statement(self, file: BinaryIO) -> Statement:
        """The same from a file of any length."""
        return statements.read_file(file)

    def fetch_statement(self, first: date, last: date, currency: str) -> bytes:
        """What was put in, what it cost and what was loaded onto cards."""
        begins = datetime.combine(first, time.min, UTC)
        ends = datetime.combine(last + timedelta(days=1), time.min, UTC)
        own = currency.lower()
        moved = self._client.balance_transactions(
            currency=own, created={"gte": int(begins.timestamp()), "lt": int(ends.timestamp())}
        )
        purses = statements.purses(card for card in self._client.cards() if card["currency"] == own)
        rows = [*statements.movements(moved), *statements.loads(purses, first, last)]
        return statements.write(own, first, last, rows)

    def available_float(self, currency: str) -> Money:
        """What the Issuing balance holds, less what is loaded onto cards and not spent yet."""
        own = currency.lower()
        balance = self._client.balance()
        held = (balance.get("issuing") or balance)["available"]
        cards = (card for card in self._client.cards() if card["currency"] == own)
        loaded = sum(records.total(purse.loads) for purse in statements.purses(cards))
        spent = -sum(
            row["amount"]
            for kind in sorted(OF_RECIPIENTS)
            for row in self._client.balance_transactions(currency=own, type=kind)
        )
        here = sum(part["amount"] for part in held if part["currency"] == own)
        return from_stripe(max(0, here - (loaded - spent)), currency)

    def issue_card(self, holder: CardHolder, currency: str) -> Card:
        """One for each of our names for a recipient."""
        with _certainly():
            return self._desk.issue(holder, currency)

    def find_card(self, account: str) -> Card | None:
        """The newest of the recipient's."""
        return self._desk.newest(account)

    def hand_over_card(self, account: str) -> Card:
        """Activate it; payments that waited for it are paid with that."""
        with _certainly():
            return self._desk.hand_over(account)

    def block_card(self, account: str, loss: CardLoss) -> Card:
        """Cancel it at Stripe."""
        with _certainly():
            return self._desk.block(account, loss)

    def replace_card(self, account: str) -> Card:
        """A replacement in Stripe's own sense, so that what was spent counts against the new card too."""
        with _certainly():
            return self._desk.replace(account)


def build(given: Mapping[str, str]) -> CardsAdapter:
    """An adapter to one Stripe account."""
    return CardsAdapter(read(given))


@contextmanager
def _certainly() -> Iterator[None]:
    """Say NotSent for what Stripe certainly did not do."""
    try:
        yield
    except NotDone as refusal:
        raise told(refusal) from refusal


def _failed(key: str, code: str) -> ProviderUpdate:
    failure = FAILURES.get(code, FailureReason.PROVIDER_ERROR)
    return ProviderUpdate(key, Outcome.FAILED, failure=failure, provider_code=code)
