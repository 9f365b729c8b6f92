"""Translates between the engine and a mobile money operator."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import BinaryIO
from uuid import NAMESPACE_URL, uuid5

from adapters.mobile_money import client, statement, statuses
from adapters.mobile_money.client import Answer, Client, Json, Unanswered
from adapters.mobile_money.settings import MobileMoneySettings, read
from adapters.mobile_money.statuses import Refused
from cbi import clock
from cbi.errors import CbiError
from cbi.fsp.adapter import check_payable
from cbi.fsp.errors import NotSent, UntrustedCallback
from cbi.fsp.keys import UnusableKey, read_idempotency_key
from cbi.fsp.messages import (
    ABOUT,
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

_OURS = "requestingOrganisationTransactionReference"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z-])\+?\d(?:[ .-]?\d){6,}(?![0-9A-Za-z-])")
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[^\s\"',;]+", re.IGNORECASE)
_PERSON = re.compile(
    r"""(["']?\b(?:account|value|payee|\w*name)\b["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;)}]+)""",
    re.IGNORECASE,
)


def correlation_of(key: str) -> str:
    """The UUID under which the operator knows a payment message: always the same for one idempotency key."""
    return str(uuid5(NAMESPACE_URL, f"urn:cbi:attempt:{key.lower()}"))


class MobileMoneyAdapter:
    """Pays onto mobile money accounts, asks, reads signed callbacks and statements, and reports the float."""

    def __init__(self, settings: MobileMoneySettings) -> None:
        self._settings = settings
        self._client = Client(settings)
        self._profile = FspProfile(
            name="mobile_money",
            delivery_mechanisms=frozenset({DeliveryMechanism.MOBILE_MONEY}),
            amount_rules=settings.amount_rules,
            # "A POST request that is submitted with a correlation ID that has already been supplied will be rejected":
            # API fundamentals 1.2, Client Correlation ID.
            idempotency=Idempotency.BY_KEY,
            at_once=settings.at_once,
        )

    @property
    def profile(self) -> FspProfile:
        """Mobile money, in the currencies and amounts agreed with the operator."""
        return self._profile

    def redact(self, text: str) -> str:
        """Accounts, names, long numbers, tokens and our secrets are blotted out."""
        for secret in self._client.secrets():
            text = text.replace(secret, "[secret]")
        text = _BEARER.sub(r"\1 [secret]", text)
        return _LONG_NUMBER.sub("[number]", _PERSON.sub(r"\1[hidden]", text))

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        """Send once. An answer about another amount than was sent is never taken for paid."""
        check_payable(self.profile, instruction)
        key = instruction.idempotency_key
        answer = self._client.pay(
            correlation_of(key), self._transaction(instruction), self._callback_url(key)
        )
        if answer.status == 201:
            news = self._told(key, answer.object)
            if news.amount is not None and news.amount != instruction.amount:
                return _unknown(key, news.provider_code, news.provider_reference, news.amount)
            return news
        if answer.status == 202:
            return self._state_told(key, answer.object)
        return _refused(key, answer)

    def query_status(self, question: Question) -> ProviderUpdate:
        """What the operator says now: by the request it is working on, else by the response it gave or would give."""
        key = question.idempotency_key
        if question.ticket is not None:
            news = self._request_says(key, self._client.get("requeststates", question.ticket))
            if news is not None:
                return news
        answer = self._client.get("responses", correlation_of(key))
        if answer.status == 404:
            return _unknown(key, "not_found")
        found = self._client.follow(answer.object.get("link"))
        if found is None or found.status == 404:
            return _unknown(key, "not_found")
        if "serverCorrelationId" in found.object:
            news = self._request_says(key, found)
            return news or _unknown(key, "not_found")
        return self._told(key, found.object)

    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        """A transaction, or the error that ended it, signed as `client.sign` says over what `X-CorrelationID` names.

        A message for another payment than the address it came to, or than the one its body names, is not trusted.
        """
        correlation = callback.header(client.CORRELATION) or ""
        if not client.is_genuine(
            self._settings.callback_secret,
            callback.header(client.DATE) or "",
            correlation,
            callback.body,
            callback.header(client.SIGNATURE) or "",
            callback.received_at or clock.now(),
            timedelta(minutes=self._settings.callback_minutes),
        ):
            raise UntrustedCallback("The callback's signature is missing, wrong or too old.")
        try:
            said = client.read_object(callback.body)
        except ValueError as error:
            raise UntrustedCallback("The callback is signed, but it says nothing.") from error
        keys = {key for key in (callback.header(ABOUT), *_keys_in(said)) if key}
        if not keys or any(correlation_of(key) != correlation.lower() for key in keys):
            raise UntrustedCallback("The callback is signed, but not for the payment it names.")
        key = keys.pop().lower()
        if "errorCode" in said:
            return [_ended(key, said)]
        if "serverCorrelationId" in said:
            return [self._state_told(key, said)]
        return [self._told(key, said)]

    def parse_statement(self, content: bytes) -> Statement:
        """What `fetch_statement` wrote: every transaction of some days, sealed with a count and a checksum."""
        return statement.read(content, self._settings)

    def read_statement(self, file: BinaryIO) -> Statement:
        """The same from a file of any length."""
        return statement.read_file(file, self._settings)

    def fetch_statement(self, first: date, last: date, currency: str) -> bytes:
        """Our account's transactions of these days, up to now; it holds no account and no name of anybody paid.

        Raises Unanswered, UnreadableStatement.
        """
        return statement.fetch(self._client, self._settings, first, last, currency)

    def available_float(self, currency: str) -> Money:
        """The available balance, or the current one where the operator tells no other. Raises Unanswered."""
        account = self._settings
        answer = self._client.get("accounts", account.account_type, account.account, "balance")
        balance = answer.object
        if answer.status != 200:
            raise Unanswered(
                "The mobile money operator does not know our account.",
                next_step="Check ACCOUNT_TYPE and ACCOUNT with the operator.",
            )
        if (
            currency not in self.profile.amount_rules
            or balance.get("currency", currency) != currency
        ):
            return Money.zero(currency)
        told = balance.get("availableBalance", balance.get("currentBalance"))
        return statuses.amount_in(told, currency)

    def _transaction(self, instruction: PaymentInstruction) -> Json:
        number = instruction.payee.account
        if not _E164.fullmatch(number):
            raise NotSent(
                "The account is not a telephone number with its country's code.",
                next_step="Correct the telephone in the registry; the payment then needs a new attempt.",
                retry_helps=False,
            )
        settings = self._settings
        payee = number if settings.msisdn_plus else number.removeprefix("+")
        return {
            "amount": statuses.written(instruction.amount),
            "currency": instruction.amount.currency,
            "creditParty": [{"key": "msisdn", "value": payee}],
            "debitParty": [{"key": settings.account_type, "value": settings.account}],
            _OURS: instruction.idempotency_key,
        }

    def _callback_url(self, key: str) -> str | None:
        url = self._settings.callback_url
        return f"{url}/{key}" if url else None

    def _told(self, key: str, said: Json) -> ProviderUpdate:
        """What a transaction says of the payment. It is not believed of another payment, nor without its amount."""
        reference, word = _text(said, "transactionReference"), _text(said, "transactionStatus")
        if str(said.get(_OURS) or key).lower() != key.lower():
            return _unknown(key, "another_payment")
        try:
            amount = statuses.amount_in(said.get("amount"), said.get("currency"))
        except CbiError:
            return _unknown(key, f"{word}/unreadable_amount", reference)
        outcome = self._settings.words.get((word or "").lower(), Outcome.UNKNOWN)
        if outcome is Outcome.PAID and said.get("type") in {"reversal", "adjustment"}:
            outcome, reference = Outcome.RETURNED, _text(said, "originalTransactionReference")
        return ProviderUpdate(
            key,
            outcome,
            reference,
            FailureReason.PROVIDER_ERROR if outcome is Outcome.FAILED else None,
            word,
            _instant(said.get("modificationDate")) or _instant(said.get("creationDate")),
            amount,
        )

    def _state_told(self, key: str, said: Json) -> ProviderUpdate:
        """What a request's state says. A request that is completed is asked about: the transaction has the amount."""
        word, error = _text(said, "status"), said.get("error")
        outcome = statuses.REQUEST_STATES.get(word or "", Outcome.UNKNOWN)
        if outcome is Outcome.FAILED:
            return _ended(key, error) if isinstance(error, dict) else _failed(key, word)
        return ProviderUpdate(
            key,
            outcome,
            _text(said, "objectReference"),
            provider_code=word,
            ticket=_text(said, "serverCorrelationId"),
        )

    def _request_says(self, key: str, answer: Answer) -> ProviderUpdate | None:
        """What became of a request; None where that must be asked in another way."""
        if answer.status == 404:
            return None
        news = self._state_told(key, answer.object)
        if news.provider_code != "completed":
            return news
        if news.provider_reference is None:
            return None
        found = self._client.get("transactions", news.provider_reference)
        return self._told(key, found.object) if found.status == 200 else None


def build(given: Mapping[str, str]) -> MobileMoneyAdapter:
    """From the variables that docs/adapters.md lists. Raises UnusableSetting."""
    return MobileMoneyAdapter(read(given))


def _refused(key: str, answer: Answer) -> ProviderUpdate:
    """An error in answer to a payment message."""
    category, code = _text(answer.object, "errorCategory"), _text(answer.object, "errorCode")
    meaning = statuses.answered(answer.status, category or "", code or "")
    word = f"{category}/{code}" if code else f"HTTP {answer.status}"
    if meaning is Refused.TRY_LATER:
        raise NotSent(
            f"The mobile money operator turned us away: {word}.",
            next_step="It is tried again later; check our credentials and limits with the operator.",
        )
    if isinstance(meaning, FailureReason):
        return ProviderUpdate(key, Outcome.FAILED, failure=meaning, provider_code=word)
    return _unknown(key, word)


def _ended(key: str, error: Json) -> ProviderUpdate:
    """An error by which the operator says, afterwards, that a payment came to nothing."""
    category, code = _text(error, "errorCategory") or "", _text(error, "errorCode") or ""
    failure = statuses.reported(category, code)
    word = f"{category}/{code}"
    return _failed(key, word, failure) if failure else _unknown(key, word)


def _failed(
    key: str, word: str | None, failure: FailureReason = FailureReason.PROVIDER_ERROR
) -> ProviderUpdate:
    return ProviderUpdate(key, Outcome.FAILED, failure=failure, provider_code=word)


def _unknown(
    key: str, word: str | None, reference: str | None = None, amount: Money | None = None
) -> ProviderUpdate:
    return ProviderUpdate(key, Outcome.UNKNOWN, reference, provider_code=word, amount=amount)


def _keys_in(said: Json) -> list[str]:
    """The keys of ours that a message names: in a transaction's reference, or among an error's parameters."""
    parameters = said.get("errorParameters")
    listed = parameters if isinstance(parameters, list) else []
    values = [said.get(_OURS), *(each.get("value") for each in listed if isinstance(each, dict))]
    return [value for value in values if isinstance(value, str) and _is_ours(value)]


def _is_ours(value: str) -> bool:
    try:
        read_idempotency_key(value)
    except UnusableKey:
        return False
    return True


def _text(said: Json, name: str) -> str | None:
    """A text that can be kept; anything else, and an empty one, counts as absent."""
    value = said.get(name)
    if not isinstance(value, str) or not value.isprintable() or not value.strip():
        return None
    return value[:256]


def _instant(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo else None
