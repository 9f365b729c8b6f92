"""Translates between the engine and the sandbox."""

import hmac
import io
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import BinaryIO

from iso4217 import Currency

from adapters.sandbox import statuses
from adapters.sandbox.client import (
    SIGNATURE,
    Act,
    Answer,
    SandboxProvider,
    Schedule,
    Step,
    sign,
)
from adapters.sandbox.settings import SandboxSettings, read
from cbi.errors import CbiError
from cbi.fsp.adapter import check_payable
from cbi.fsp.errors import NotSent, UnreadableStatement, UntrustedCallback
from cbi.fsp.messages import (
    AmountRule,
    Callback,
    DeliveryMechanism,
    FailureReason,
    FspProfile,
    Idempotency,
    LineKind,
    Outcome,
    PaymentInstruction,
    ProviderUpdate,
    Question,
    Statement,
    StatementLine,
)
from cbi.fsp.statement_files import Lines, rows
from cbi.fsp.statements import LineIds, check_adds_up
from cbi.money import Money

_PERSON = re.compile(
    r"""(["']?\b(?:account|name|payee)\b["']?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;)}]+)""",
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(r"(?<![0-9A-Za-z-])\+?\d{7,}(?![0-9A-Za-z-])")

_PROFILE = FspProfile(
    name="sandbox",
    delivery_mechanisms=frozenset(
        {
            DeliveryMechanism.MOBILE_MONEY,
            DeliveryMechanism.BANK_TRANSFER,
            DeliveryMechanism.PREPAID_CARD,
        }
    ),
    amount_rules={c.code: AmountRule() for c in Currency if c.exponent is not None},
    idempotency=Idempotency.BY_KEY,  # SandboxProvider.send pays once per reference
)


class SandboxAdapter:
    """Submits, asks, reads callbacks and statements, and reports the float of a SandboxProvider."""

    def __init__(self, provider: SandboxProvider) -> None:
        self._provider = provider

    @property
    def profile(self) -> FspProfile:
        """Any currency, any amount that is above zero."""
        return _PROFILE

    @property
    def provider(self) -> SandboxProvider:
        """The provider behind it, for demonstrations that play its part."""
        return self._provider

    def rehearse(self, account: str, act: str, code: str = "BROKEN") -> None:
        """What the sandbox does with the next message to that account, by the name of an `Act`: for demonstrations."""
        script = self._provider.script
        assert isinstance(script, Schedule), "it has another script, which decides by itself"
        script.plan(account, Step(Act(act), code))

    def redact(self, text: str) -> str:
        """Accounts, names, long numbers and the callback secret are blotted out."""
        text = text.replace(self._provider.secret, "[secret]")
        return _LONG_NUMBER.sub("[number]", _PERSON.sub(r"\1[hidden]", text))

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        """Send once; a refused connection is NotSent, a lost answer stays a TimeoutError."""
        check_payable(self.profile, instruction)
        try:
            answer = self._provider.send(
                instruction.idempotency_key,
                instruction.payee.account,
                instruction.amount.minor,
                instruction.amount.currency,
            )
        except ConnectionRefusedError as error:
            raise NotSent(
                "The sandbox refused the connection.", next_step="It is tried again later."
            ) from error
        return _update(answer)

    def query_status(self, question: Question) -> ProviderUpdate:
        """What the sandbox says of it now."""
        return _update(self._provider.find(question.idempotency_key))

    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        """The signature is HMAC-SHA256 over the body, in hex, in `X-Sandbox-Signature`."""
        signature = (callback.header(SIGNATURE) or "").encode()
        if not hmac.compare_digest(signature, sign(self._provider.secret, callback.body).encode()):
            raise UntrustedCallback("The callback's signature is missing or wrong.")
        try:
            return [_update(answer) for answer in json.loads(callback.body)["payments"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UntrustedCallback(
                "The callback is signed, but it is not a list of payments."
            ) from error

    def parse_statement(self, content: bytes) -> Statement:
        """JSON lines: the opening balance, the movements, the closing balance with their count.

        Both balances are null in a statement that names none.
        """
        return check_adds_up(self.read_statement(io.BytesIO(content)))

    def read_statement(self, file: BinaryIO) -> Statement:
        """The same from a file of any length."""
        return _read_statement(file)

    def available_float(self, currency: str) -> Money:
        """The provider's own balance."""
        return Money(self._provider.balance(currency), currency)


_providers: dict[SandboxSettings, SandboxProvider] = {}
_lock = threading.Lock()


def build(given: Mapping[str, str]) -> SandboxAdapter:
    """An adapter to the one sandbox of this process (one for each way it is set up)."""
    settings = read(given)
    with _lock:
        if settings not in _providers:
            _providers[settings] = SandboxProvider(
                opening_float=settings.opening, secret=settings.callback_secret
            )
        return SandboxAdapter(_providers[settings])


def _update(answer: Answer) -> ProviderUpdate:
    status, code = answer["status"], answer.get("code")
    outcome = statuses.OUTCOMES.get(status, Outcome.UNKNOWN)
    failed = outcome is Outcome.FAILED
    return ProviderUpdate(
        idempotency_key=answer["reference"],
        outcome=outcome,
        provider_reference=answer.get("transaction"),
        failure=statuses.FAILURES.get(code or "", FailureReason.PROVIDER_ERROR) if failed else None,
        provider_code=f"{status}/{code}" if code else status,
    )


def _read_statement(file: BinaryIO) -> Statement:
    (top, first), (bottom, last) = _ends(file)
    head, tail = _object(top, first), _object(bottom, last)
    try:
        currency = str(head["currency"])
        opening = _balance(head["opening"], currency)
    except (CbiError, KeyError, ValueError) as error:
        raise UnreadableStatement(1, "it does not begin with an opening balance.") from error
    try:
        closing, count = _balance(tail["closing"], currency), _whole(tail["count"])
    except (CbiError, KeyError, ValueError) as error:
        raise UnreadableStatement(bottom, "it does not end with a closing balance.") from error

    def lines() -> Iterator[StatementLine]:
        ids, here = LineIds(), 0
        for number, raw, _ in rows(file):
            if top < number < bottom and raw.strip():
                yield _line(number, _object(number, raw), currency, ids)
                here += 1
        if count != here:
            raise UnreadableStatement(bottom, f"it counts {count} movements, and {here} are here.")

    return Statement(currency, opening, closing, Lines(lines))


def _balance(value: object, currency: str) -> Money | None:
    return None if value is None else Money(_whole(value), currency)


def _ends(file: BinaryIO) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
    """The first and the last row with anything in it."""
    first = last = None
    for number, raw, _ in rows(file):
        if raw.strip():
            last = (number, raw)
            first = first or last
    if first is None or last is None or first is last:
        raise UnreadableStatement(1, "it has no opening and closing balance.")
    return first, last


def _object(number: int, raw: bytes) -> dict[str, object]:
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UnreadableStatement(number, "it is not a JSON object.") from error
    if not isinstance(row, dict):
        raise UnreadableStatement(number, "it is not a JSON object.")
    return row


def _line(number: int, row: Mapping[str, object], currency: str, ids: LineIds) -> StatementLine:
    try:
        minor = _whole(row["minor"])
        kind = statuses.LINES.get(str(row["type"]), LineKind.OTHER)
        if kind in (LineKind.PAYMENT, LineKind.FEE):
            minor = -minor
        return StatementLine(
            line_id=ids.name(str(row["id"])),
            kind=kind,
            amount=Money(minor, currency),
            value_date=date.fromisoformat(str(row["date"])),
            idempotency_key=str(row.get("reference") or "") or None,
            provider_reference=str(row.get("transaction") or "") or None,
            line_number=number,
        )
    except KeyError as error:
        raise UnreadableStatement(number, f"it does not say its {error.args[0]}.") from error
    except (CbiError, ValueError) as error:
        raise UnreadableStatement(number, "its amount or its date cannot be read.") from error


def _whole(value: object) -> int:
    """JSON has one kind of number; money has only whole ones."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("not a whole number")
    return value
