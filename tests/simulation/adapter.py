"""Translates between the engine and the model provider, through the contract that every adapter has.

It keeps no state. The provider of the present life is found here, where the life puts it.
"""

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cbi.fsp.adapter import check_payable
from cbi.fsp.discovery import Plugin
from cbi.fsp.errors import NotSent, UnreadableStatement, UntrustedCallback
from cbi.fsp.messages import (
    AmountRule,
    Callback,
    Debits,
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
from cbi.fsp.statements import LineIds, check_adds_up
from cbi.money import Money
from tests.simulation.provider import (
    SECRET,
    SIGNATURE,
    Answer,
    ModelProvider,
    TooManyRequests,
    sign,
)
from tests.simulation.truth import Moves

CURRENCY = "DZD"
_PROFILE = FspProfile(
    name="model",
    delivery_mechanisms=frozenset({DeliveryMechanism.MOBILE_MONEY}),
    amount_rules={CURRENCY: AmountRule()},
    idempotency=Idempotency.BY_KEY,
)
_OUTCOMES = {
    "QUEUED": Outcome.ACCEPTED,
    "DONE": Outcome.PAID,
    "DECLINED": Outcome.FAILED,
    "REVERSED": Outcome.RETURNED,
}
_LINES = {
    Moves.PAYOUT: LineKind.PAYMENT,
    Moves.REVERSAL: LineKind.RETURN,
    Moves.FEE: LineKind.FEE,
    Moves.TOP_UP: LineKind.TOP_UP,
}


@dataclass
class Line:
    """The line to the provider: who is at the other end in this life, and what is passed on the way."""

    provider: ModelProvider | None = None
    passing: Callable[[str], None] = lambda _: None
    at_once: int = 1
    """How many payments the provider of this life takes at the same time."""
    debits: Debits = Debits.AT_PAYMENT

    def open(self) -> ModelProvider:
        assert self.provider is not None, "no life is lived"
        return self.provider


LINE = Line()


class ModelAdapter:
    """Submits, asks, reads callbacks and statements."""

    @property
    def profile(self) -> FspProfile:
        return replace(_PROFILE, at_once=LINE.at_once, debits=LINE.debits)

    def redact(self, text: str) -> str:
        return text

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        check_payable(self.profile, instruction)
        LINE.passing("before the provider is called")
        try:
            answer = LINE.open().send(
                instruction.idempotency_key, instruction.payee.account, instruction.amount.minor
            )
        except (ConnectionRefusedError, TooManyRequests) as error:
            raise NotSent("Not now.", next_step="Later.") from error
        LINE.passing("after the provider was called")
        return _update(answer)

    def query_status(self, question: Question) -> ProviderUpdate:
        answer = LINE.open().find(question.idempotency_key)
        LINE.passing("after the provider was asked")
        return _update(answer)

    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        signature = (callback.header(SIGNATURE) or "").encode()
        if not hmac.compare_digest(signature, sign(SECRET, callback.body).encode()):
            raise UntrustedCallback("The signature is wrong.")
        return [_update(answer) for answer in json.loads(callback.body)["payments"]]

    def parse_statement(self, content: bytes) -> Statement:
        rows = content.decode().splitlines()
        if not rows or not rows[-1].startswith("END "):
            raise UnreadableStatement(len(rows), "it ends in the middle.")
        ids = LineIds()
        lines = [_line(number, row, ids) for number, row in enumerate(rows[:-1], start=1)]
        if rows[-1] != f"END {len(lines)}":
            raise UnreadableStatement(len(rows), "lines are missing.")
        return check_adds_up(Statement(CURRENCY, None, None, tuple(lines)))


def _update(answer: Answer) -> ProviderUpdate:
    outcome = _OUTCOMES.get(answer["status"], Outcome.UNKNOWN)
    return ProviderUpdate(
        idempotency_key=answer["reference"],
        outcome=outcome,
        provider_reference=answer.get("transaction"),
        failure=FailureReason.PROVIDER_ERROR if outcome is Outcome.FAILED else None,
        provider_code=answer["status"],
        amount=Money(answer["minor"], CURRENCY) if "minor" in answer else None,
    )


def _line(number: int, row: str, ids: LineIds) -> StatementLine:
    of = json.loads(row)
    kind = _LINES.get(of["type"], LineKind.OTHER)
    return StatementLine(
        line_id=ids.name(of["id"]),
        kind=kind,
        amount=Money(of["minor"] if kind is LineKind.OTHER else abs(of["minor"]), CURRENCY),
        value_date=date.fromisoformat(of["date"]),
        idempotency_key=of["reference"] or None,
        provider_reference=of["transaction"] or None,
        line_number=number,
    )


def build(_: Mapping[str, str]) -> ModelAdapter:
    return ModelAdapter()


PLUGIN = Plugin(contract_version=1, build=build)
