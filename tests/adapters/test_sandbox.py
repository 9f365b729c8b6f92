"""The sandbox keeps the contract, and fails exactly as it is told to."""

import json
import threading
from dataclasses import replace

import pytest

from adapters.sandbox import PLUGIN
from adapters.sandbox.client import SIGNATURE, Act, Step, sign
from cbi.fsp.contract import AdapterContract, Bench
from cbi.fsp.errors import NotSent, UnreadableStatement, UntrustedCallback, UnusableSetting
from cbi.fsp.messages import FailureReason, LineKind, Outcome, Question
from cbi.money import Money
from tests.adapters.benches import SECRET, SandboxBench


class TestSandbox(AdapterContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return SandboxBench()


@pytest.fixture
def desk() -> SandboxBench:
    return SandboxBench()


def _plan(desk: SandboxBench, *steps: Step) -> None:
    desk.schedule.plan(desk.payee.account, *steps)


def test_a_payment_for_later_is_paid_when_asked_about(desk: SandboxBench) -> None:
    _plan(desk, Step(Act.PAY_LATER))
    adapter, key = desk.sandbox, desk.instruction().idempotency_key
    assert adapter.submit(desk.instruction()).outcome is Outcome.ACCEPTED
    assert desk.payments_made() == []
    assert adapter.query_status(Question(key)).outcome is Outcome.PAID
    assert desk.payments_made() == [desk.amount]


def test_a_payment_for_later_can_be_declined(desk: SandboxBench) -> None:
    _plan(desk, Step(Act.DECLINE_LATER, "NOT_COLLECTED"))
    adapter, key = desk.sandbox, desk.instruction().idempotency_key
    assert adapter.submit(desk.instruction()).outcome is Outcome.ACCEPTED
    update = adapter.query_status(Question(key))
    assert (update.outcome, update.failure) == (Outcome.FAILED, FailureReason.NOT_COLLECTED)
    assert update.provider_code == "DECLINED/NOT_COLLECTED"


def test_a_message_lost_on_its_way_pays_nobody_and_is_not_called_unsent(
    desk: SandboxBench,
) -> None:
    _plan(desk, Step(Act.HANG_UP))
    with pytest.raises(TimeoutError):
        desk.sandbox.submit(desk.instruction())
    assert desk.payments_made() == []
    key = desk.instruction().idempotency_key
    assert desk.sandbox.query_status(Question(key)).outcome is Outcome.UNKNOWN


def test_a_code_that_is_not_listed_fails_as_the_providers_own_fault(desk: SandboxBench) -> None:
    _plan(desk, Step(Act.DECLINE, "MOON_PHASE"))
    update = desk.sandbox.submit(desk.instruction())
    assert (update.outcome, update.failure) == (Outcome.FAILED, FailureReason.PROVIDER_ERROR)


def test_a_key_sent_again_for_another_amount_pays_nothing_more(desk: SandboxBench) -> None:
    first = desk.instruction()
    desk.sandbox.submit(first)
    again = desk.sandbox.submit(replace(first, amount=first.amount * 2))
    assert again.outcome is Outcome.UNKNOWN
    assert desk.payments_made() == [first.amount]


def test_what_the_float_cannot_cover_fails_for_that_reason(desk: SandboxBench) -> None:
    dear = replace(desk.instruction(), amount=Money(10_000_001, "KES"))
    assert desk.sandbox.submit(dear).failure is FailureReason.INSUFFICIENT_FLOAT
    assert desk.sandbox.available_float("KES") == Money(10_000_000, "KES")


def test_nothing_connects_while_the_provider_is_down(desk: SandboxBench) -> None:
    desk.provider.down = True
    with pytest.raises(NotSent):
        desk.sandbox.submit(desk.instruction())
    with pytest.raises(ConnectionRefusedError):
        desk.sandbox.query_status(Question(desk.instruction().idempotency_key))


def test_one_key_from_many_threads_is_paid_once(desk: SandboxBench) -> None:
    together = threading.Barrier(8)

    def send() -> None:
        together.wait()
        for payment in range(1, 21):
            desk.sandbox.submit(desk.instruction(payment))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.payments_made() == [desk.amount] * 20
    assert desk.messages_received() == 160
    assert desk.sandbox.available_float("KES") == Money(10_000_000 - 20 * 150_000, "KES")


def test_its_statement_tells_what_each_movement_was(desk: SandboxBench) -> None:
    statement = desk.sandbox.parse_statement(desk.statement())
    assert [line.kind for line in statement.lines] == [
        LineKind.TOP_UP,
        *[LineKind.PAYMENT] * 3,
        LineKind.RETURN,
        LineKind.FEE,
    ]
    assert statement.opening == Money(10_000_000, "KES")
    assert statement.closing == desk.sandbox.available_float("KES")
    assert statement.lines[1].idempotency_key == desk.instruction(1).idempotency_key


@pytest.mark.parametrize("amount", ["1.5", "true", '"150000"', "1e5", "NaN", "1" + "0" * 30])
def test_an_amount_that_is_not_whole_makes_a_statement_unreadable(
    desk: SandboxBench, amount: str
) -> None:
    rows = desk.statement().decode().splitlines()
    row = json.loads(rows[2]) | {"minor": "@"}
    rows[2] = json.dumps(row).replace('"@"', amount)
    with pytest.raises(UnreadableStatement, match="Line 3 "):
        desk.sandbox.parse_statement("\n".join(rows).encode())


def test_a_signed_message_about_something_else_is_untrusted(desk: SandboxBench) -> None:
    genuine = desk.callback(Outcome.PAID)
    for body in (b"[]", b"{}", b'{"payments": 3}', b'{"payments": ["x"]}', b"\xff"):
        headers = {**genuine.headers, SIGNATURE: sign(SECRET, body)}
        with pytest.raises(UntrustedCallback):
            desk.sandbox.parse_callback(replace(genuine, headers=headers, body=body))


def test_one_process_has_one_sandbox() -> None:
    first, second = PLUGIN.build({"FLOAT_UNITS": "12"}), PLUGIN.build({"float_units": "12"})
    assert vars(first) == vars(second)
    assert vars(first) != vars(PLUGIN.build({"FLOAT_UNITS": "13"}))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("FLOAT_UNITS", "-1"),
        ("FLOAT_UNITS", "1.5"),
        ("FLOAT_UNITS", "99999999999"),
        ("CALLBACK_SECRET", "short"),
        ("FLOAT_UNIT", "5"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_and_not_shown(key: str, text: str) -> None:
    with pytest.raises(UnusableSetting, match=f"CBI_FSP_SANDBOX_{key}") as refusal:
        PLUGIN.build({key: text})
    assert "short" not in str(refusal.value)
    assert "99999999999" not in str(refusal.value)
