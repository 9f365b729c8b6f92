"""Adapters broken on purpose, each in one way that has cost somebody money or privacy."""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from itertools import count
from typing import BinaryIO

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import SandboxProvider
from cbi.fsp.errors import NotSent, UnreadableStatement
from cbi.fsp.messages import (
    Callback,
    DeliveryMechanism,
    FailureReason,
    FspProfile,
    Outcome,
    PaymentInstruction,
    ProviderUpdate,
    Question,
    Statement,
)
from cbi.fsp.statement_files import Lines
from cbi.money import Money

_numbers = count(1)


def _said(update: ProviderUpdate, was: str, outcome: Outcome) -> ProviderUpdate:
    """The update with another outcome, if that is what the provider said."""
    if update.provider_code != was:
        return update
    failure = FailureReason.PROVIDER_ERROR if outcome is Outcome.FAILED else None
    return replace(update, outcome=outcome, failure=failure)


class TakesTheUnheardOfForPaid(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        return _said(super().submit(instruction), "HARVESTED", Outcome.PAID)


class TakesTheUnheardOfForFailed(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        return _said(super().submit(instruction), "HARVESTED", Outcome.FAILED)


class TakesTheUnheardOfCallbackForPaid(SandboxAdapter):
    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        updates = super().parse_callback(callback)
        return [_said(update, "HARVESTED", Outcome.PAID) for update in updates]


class CallsALostAnswerNotSent(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        try:
            return super().submit(instruction)
        except OSError as error:  # a timeout is one
            raise NotSent("No answer.") from error


class CallsALostAnswerFailed(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        try:
            return super().submit(instruction)
        except TimeoutError:
            reason = FailureReason.PROVIDER_ERROR
            return ProviderUpdate(instruction.idempotency_key, Outcome.FAILED, failure=reason)


class SendsAgainOnATimeout(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        try:
            return super().submit(instruction)
        except TimeoutError:
            return super().submit(instruction)


class SendsAgainWhenRefused(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        with contextlib.suppress(NotSent):
            return super().submit(instruction)
        return super().submit(instruction)


class MakesANewKeyForEveryMessage(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        key = f"{instruction.idempotency_key[:30]}{next(_numbers):05d}"
        update = super().submit(replace(instruction, idempotency_key=key))
        return replace(update, idempotency_key=instruction.idempotency_key)


class KeysByPayeeInsteadOfPayment(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        key = instruction.payee.account
        update = super().submit(replace(instruction, idempotency_key=key))
        return replace(update, idempotency_key=instruction.idempotency_key)


class TakesNone(SandboxAdapter):
    @property
    def profile(self) -> FspProfile:
        return replace(super().profile, at_once=0)


class SkipsTheProfile(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        usual = DeliveryMechanism.MOBILE_MONEY
        amount = Money(max(1, instruction.amount.minor), instruction.amount.currency)
        return super().submit(replace(instruction, amount=amount, mechanism=usual))


class RoundsTheAmount(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        rounded = Money(instruction.amount.minor // 1000 * 1000 + 1, instruction.amount.currency)
        return super().submit(replace(instruction, amount=rounded))


class NamesThePayeeInItsRefusal(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        try:
            return super().submit(instruction)
        except NotSent as error:
            raise NotSent(
                f"Not sent to {instruction.payee.name}.", retry_helps=error.retry_helps
            ) from error


class AsksToRetryWhatCannotBePaid(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        try:
            return super().submit(instruction)
        except NotSent as error:
            raise NotSent(error.message) from error


class GivesNoReason(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        return replace(super().submit(instruction), failure=None)


class GivesNoReasonWhenCalledBack(SandboxAdapter):
    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        return [replace(update, failure=None) for update in super().parse_callback(callback)]


class TakesARefusedDuplicateForFailed(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        return _said(super().submit(instruction), "DUPLICATE", Outcome.FAILED)


class BelievesAnybody(SandboxAdapter):
    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        said = json.loads(callback.body or b"{}")["payments"][0]
        outcome = {"DONE": Outcome.PAID, "REVERSED": Outcome.RETURNED}.get(said["status"])
        return [ProviderUpdate(said["reference"], outcome or Outcome.UNKNOWN)]


class BelievesTheUnsigned(SandboxAdapter):
    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        if callback.header("X-Sandbox-Signature"):
            return super().parse_callback(callback)
        return BelievesAnybody(self.provider).parse_callback(callback)


class LooksForHeadersByTheirCase(SandboxAdapter):
    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        signature = callback.headers.get("X-Sandbox-Signature", "")
        return super().parse_callback(replace(callback, headers={"X-Sandbox-Signature": signature}))


class RedactsNothing(SandboxAdapter):
    def redact(self, text: str) -> str:
        return text


class RedactsAllButNames(SandboxAdapter):
    def redact(self, text: str) -> str:
        return super().redact(text.replace("name", "nom"))


class RedactsAllButItsSecret(SandboxAdapter):
    def redact(self, text: str) -> str:
        kept = text.partition(self.provider.secret)[1]
        return super().redact(text) + kept


class TakesQueuedForPaid(SandboxAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        return _said(super().submit(instruction), "QUEUED", Outcome.PAID)


class CallsBackAboutAnotherPayment(SandboxAdapter):
    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        updates = super().parse_callback(callback)
        return [replace(x, idempotency_key=x.provider_reference or "") for x in updates]


class ReadsACallbackOnce(SandboxAdapter):
    read = b""

    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        if callback.body == self.read:
            return []
        self.read = callback.body
        return super().parse_callback(callback)


class SaysThatWhatItPaidHasFailed(SandboxAdapter):
    def query_status(self, question: Question) -> ProviderUpdate:
        return _said(super().query_status(question), "DONE", Outcome.FAILED)


class ForgetsWhatItPaid(SandboxAdapter):
    def query_status(self, question: Question) -> ProviderUpdate:
        return _said(super().query_status(question), "DONE", Outcome.UNKNOWN)


class ReportsItsFloatInDollars(SandboxAdapter):
    def available_float(self, currency: str) -> Money:
        return Money(super().available_float(currency).minor, "USD")


class SaysAStrangerIsPaid(SandboxAdapter):
    def query_status(self, question: Question) -> ProviderUpdate:
        return _said(super().query_status(question), "NOT_FOUND", Outcome.PAID)


class SaysAStrangerHasFailed(SandboxAdapter):
    def query_status(self, question: Question) -> ProviderUpdate:
        return _said(super().query_status(question), "NOT_FOUND", Outcome.FAILED)


class KnowsOnlyWhatItSentItself(SandboxAdapter):
    def __init__(self, provider: SandboxProvider) -> None:
        super().__init__(provider)
        self._sent: set[str] = set()

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        self._sent.add(instruction.idempotency_key)
        return super().submit(instruction)

    def query_status(self, question: Question) -> ProviderUpdate:
        if question.idempotency_key in self._sent:
            return super().query_status(question)
        return ProviderUpdate(question.idempotency_key, Outcome.UNKNOWN)


class AsksByTheAccountOnly(SandboxAdapter):
    def query_status(self, question: Question) -> ProviderUpdate:
        if question.account is None:
            return ProviderUpdate(question.idempotency_key, Outcome.UNKNOWN)
        return super().query_status(question)


class PaysWhenAsked(SandboxAdapter):
    def query_status(self, question: Question) -> ProviderUpdate:
        self.provider.send(question.idempotency_key, "+254", 150000, "KES")
        return super().query_status(question)


class PromisesNothingOfRepeats(SandboxAdapter):
    @property
    def profile(self) -> FspProfile:
        return replace(super().profile, idempotency=None)


class ReportsTheFloatOfYesterday(SandboxAdapter):
    def available_float(self, currency: str) -> Money:
        return Money(10_000_000, currency)


class DropsTheLastLine(SandboxAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        statement = super().parse_statement(content)
        return replace(statement, lines=statement.lines[:-1])


class HandsItsLinesOutOnce(SandboxAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        statement = super().parse_statement(content)
        lines = iter(statement.lines)
        return replace(statement, lines=Lines(lambda: lines))


class LosesItsPlaceInAFile(SandboxAdapter):
    def read_statement(self, file: BinaryIO) -> Statement:
        statement = super().read_statement(file)
        lines = iter(statement.lines)
        return replace(statement, lines=Lines(lambda: lines))


class NeverReadsTheEndOfAFile(SandboxAdapter):
    def read_statement(self, file: BinaryIO) -> Statement:
        whole = (row for row in file.read().splitlines(keepends=True) if row.endswith(b"}\n"))
        above = [row for row in whole if b'"minor"' in row]
        moved = sum(json.loads(row)["minor"] for row in above)
        head = b'{"currency": "KES", "opening": 0}\n'
        tail = json.dumps({"closing": moved, "count": len(above)}).encode()
        return super().read_statement(BytesIO(head + b"".join(above) + tail))


class BelievesAnyBalance(SandboxAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        try:
            return super().parse_statement(content)
        except UnreadableStatement:
            rows = [row for row in content.splitlines(keepends=True) if b'"minor"' in row]
            moved = sum(json.loads(row)["minor"] for row in rows)
            head = b'{"currency": "KES", "opening": 0}\n'
            tail = json.dumps({"closing": moved, "count": len(rows)}).encode()
            return super().parse_statement(head + b"".join(rows) + tail)


class NamesLinesByTheirPlace(SandboxAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        read = super().parse_statement(content)
        lines = tuple(replace(line, line_id=f"{next(_numbers)}") for line in read.lines)
        return replace(read, lines=lines)


class FallsOverGarbage(SandboxAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        json.loads(content.splitlines()[0])
        return super().parse_statement(content)


class SwallowsGarbage(SandboxAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        try:
            return super().parse_statement(content)
        except UnreadableStatement:
            return Statement("KES", None, None, ())


class NamesNoLine(SandboxAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        try:
            return super().parse_statement(content)
        except UnreadableStatement as error:
            raise UnreadableStatement(0, error.reason) from error


class ForgetsAnAbility(SandboxAdapter):
    query_status = None  # type: ignore[assignment]
