"""A run on its way through a provider that takes payments one by one: whatever it does, nobody is paid twice."""

import itertools
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, func, select, text, update

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import SIGNATURE, Act, SandboxProvider, Schedule, Step, sign
from cbi import clock, jobs, offices
from cbi.fsp.errors import NotSent, UntrustedCallback
from cbi.fsp.keys import LAST_ATTEMPT, read_idempotency_key
from cbi.fsp.messages import Callback, PaymentInstruction, ProviderUpdate, Question
from cbi.ledger.queries import fund_positions
from cbi.messaging.models import Message
from cbi.payments.models import InboundCallback, PaymentEvent
from cbi.payments.sending import inbox, polling, sending
from cbi.payments.sending.sending import Sent
from cbi.payments.states import PaymentState, RunState
from cbi.redemption.models import CodeIssue
from cbi.registry import personal
from cbi.registry.models import PaymentAccount
from tests.flow.sending import (
    STORIES,
    TOTAL,
    PointAt,
    accounts,
    assert_every_promise_is_kept,
    at_once,
    attempts,
    disputes,
    payments,
    run_state,
    states,
    told,
)

SECRET = "a-secret-for-callbacks"
ALL_PAID = [PaymentState.PAID] * 6


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def run(database: URL, template: str) -> UUID:
    """A run of six payments that a worker may send."""
    return STORIES[template].by_sandbox


class Bank:
    """The provider, what it is told to do, and the adapter to it."""

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        self.schedule = Schedule()
        self.provider = SandboxProvider(self.schedule, opening_float=lambda _: 10**9, secret=SECRET)
        self.adapter = SandboxAdapter(self.provider)
        self.accounts = accounts(run_id)

    def plan(self, place: int, *acts: Act) -> None:
        """What to do with the next messages about the payment at that place of the run."""
        self.schedule.plan(self.accounts[place], *(Step(act) for act in acts))

    def always(self, act: Act) -> None:
        """What to do with every message that nothing is planned for."""
        self.schedule.otherwise = Step(act)

    def send(self) -> Sent:
        return sending.send("dz", self.run_id, "sandbox", self.adapter, personal.accounts)

    def poll(self) -> int:
        return polling.poll("dz", "sandbox", self.adapter, patience=timedelta(0))

    def calls_back(self, key: str) -> bool:
        """The provider tells of a payment as it stands."""
        return inbox.receive("dz", "sandbox", self.adapter, *self.provider.callback(key))

    def says(self, key: str, status: str, **more: str) -> bool:
        """The provider tells anything at all, properly signed."""
        body = json.dumps({"payments": [{"reference": key, "status": status, **more}]}).encode()
        signed = {SIGNATURE: sign(SECRET, body)}
        return inbox.receive("dz", "sandbox", self.adapter, signed, body)

    def paid(self) -> list[int]:
        """What it really paid, in minor units, from the smallest."""
        return sorted(p.minor for p in self.provider.truth() if p.status == "DONE")


@pytest.fixture
def bank(run: UUID) -> Bank:
    return Bank(run)


def delivered() -> int:
    with offices.transaction("dz") as session:
        return sum(position.delivered.minor for position in fund_positions(session))


def callbacks_kept() -> int:
    with offices.transaction("dz") as session:
        return len(session.scalars(select(InboundCallback.id)).all())


def sources(place: int, run_id: UUID) -> list[tuple[str, str]]:
    """Each move of a payment: where to, and by whose word."""
    payment = payments(run_id)[place]
    with offices.transaction("dz") as session:
        rows = session.execute(
            select(PaymentEvent.after, PaymentEvent.source)
            .where(PaymentEvent.payment_id == payment.id)
            .order_by(PaymentEvent.id)
        )
        return [(after, source.split(":")[0]) for after, source in rows]


def assert_all_paid_once(bank: Bank) -> None:
    """The provider's own truth, our payments, our books and our proofs agree: everybody once."""
    assert bank.paid() == [size * 1000_00 for size in range(1, 7)]
    assert set(bank.provider.messages.values()) == {1}
    assert states(bank.run_id) == ALL_PAID
    assert run_state(bank.run_id) is RunState.RELEASED
    assert delivered() == TOTAL
    assert_every_promise_is_kept()


def test_a_run_is_paid(bank: Bank) -> None:
    assert bank.send() == Sent(submitted=6)
    assert_all_paid_once(bank)
    assert bank.send() == Sent()


def later(seconds: float) -> AbstractContextManager[None]:
    """So many seconds from now."""
    return clock.frozen(clock.now() + timedelta(seconds=seconds))


def test_while_the_provider_is_down_payments_wait_and_are_then_paid_once(bank: Bank) -> None:
    bank.provider.down = True
    assert bank.send() == Sent(submitted=3, held_back=3, stopped=True)
    assert states(bank.run_id) == [PaymentState.READY] * 6
    assert run_state(bank.run_id) is RunState.RELEASING
    assert_every_promise_is_kept()
    bank.provider.down = False
    assert bank.send() == Sent(), "it is left in peace for a while"
    with later(31):
        assert bank.send() == Sent(submitted=6)
    assert_all_paid_once(bank)
    assert len(attempts(bank.run_id)) == 12


def test_a_day_of_outage_uses_up_few_attempts_and_everybody_is_paid_within_the_hour(
    bank: Bank,
) -> None:
    bank.provider.down = True
    tried = sum(
        not_idle(bank, seconds) for seconds in range(0, 24 * 3600, 300)
    )  # a worker asks every five minutes
    assert 24 <= tried <= 40, "once an hour, after a quick beginning"
    assert max(payment.attempts for payment in payments(bank.run_id)) < LAST_ATTEMPT / 2
    bank.provider.down = False
    with later(25 * 3600):
        assert bank.send().submitted == 6
        assert_all_paid_once(bank)


def not_idle(bank: Bank, seconds: int) -> bool:
    with later(seconds):
        return bank.send() != Sent()


def test_a_payment_whose_attempts_are_used_up_has_failed_and_blocks_nobody(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "LAST_ATTEMPT", 3)
    bank.plan(0, *[Act.REFUSE_CONNECTION] * 10)
    for hour in range(4):
        with later(hour * 3700):
            bank.send()
    assert states(bank.run_id) == [PaymentState.FAILED] + [PaymentState.PAID] * 5
    assert run_state(bank.run_id) is RunState.RELEASED
    assert_every_promise_is_kept()


def test_a_provider_that_falls_silent_is_sent_three_payments_and_no_more(bank: Bank) -> None:
    bank.always(Act.HANG_UP)
    assert bank.send() == Sent(submitted=3, unknown=3, stopped=True)
    assert states(bank.run_id) == [PaymentState.UNKNOWN] * 3 + [PaymentState.READY] * 3
    assert_every_promise_is_kept()
    bank.always(Act.PAY)
    with later(31):
        assert bank.send() == Sent(submitted=3)
    assert states(bank.run_id) == [PaymentState.UNKNOWN] * 3 + [PaymentState.PAID] * 3
    assert max(bank.provider.messages.values()) == 1
    assert_every_promise_is_kept()


def test_a_provider_that_took_something_before_it_fell_silent_is_soon_offered_the_rest(
    bank: Bank,
) -> None:
    bank.provider.down = True
    bank.send()
    with later(31):
        bank.send()
    bank.provider.down = False
    for place in (1, 2, 3):
        bank.plan(place, Act.HANG_UP)
    with later(100):
        assert bank.send() == Sent(submitted=4, unknown=3, stopped=True)
    with later(131):
        assert bank.send() == Sent(submitted=2), "the long waits of the outage are over"
    assert len(bank.paid()) == 3
    assert_every_promise_is_kept()


def test_one_payment_that_is_always_refused_keeps_nobody_else_waiting(bank: Bank) -> None:
    bank.plan(0, *[Act.REFUSE_CONNECTION] * 10)
    bank.plan(1, Act.REFUSE_CONNECTION)
    bank.plan(2, Act.REFUSE_CONNECTION)
    for hour in range(4):
        with later(hour * 3700):
            bank.send()
    assert states(bank.run_id) == [PaymentState.READY] + [PaymentState.PAID] * 5
    assert_every_promise_is_kept()


def test_a_recipient_without_a_usable_number_fails_alone(bank: Bank, owner: Engine) -> None:
    lost = payments(bank.run_id)[2]
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE payment_accounts SET value = 'x' WHERE person_id = :id"),
            {"id": lost.person_id},
        )
    bank.send()
    expected = [PaymentState.PAID] * 6
    expected[2] = PaymentState.FAILED
    assert states(bank.run_id) == expected
    assert len(bank.paid()) == 5
    assert run_state(bank.run_id) is RunState.RELEASED
    assert_every_promise_is_kept()


@pytest.mark.parametrize("act", [Act.PAY_THEN_HANG_UP, Act.PAY_SPEAKING_OTHERWISE])
def test_without_a_clear_answer_we_ask_and_never_send_again(bank: Bank, act: Act) -> None:
    bank.plan(3, act)
    assert bank.send() == Sent(submitted=6, unknown=1)
    assert states(bank.run_id)[3] is PaymentState.UNKNOWN
    assert_every_promise_is_kept()
    assert bank.send() == Sent()
    assert bank.poll() == 1
    assert_all_paid_once(bank)
    assert sources(3, bank.run_id)[-2:] == [("unknown", "submit"), ("paid", "query")]


def test_a_payment_that_the_provider_never_heard_of_stays_unknown(bank: Bank) -> None:
    bank.plan(3, Act.HANG_UP)
    bank.send()
    assert bank.poll() == 0
    bank.send()
    assert states(bank.run_id)[3] is PaymentState.UNKNOWN
    assert len(bank.paid()) == 5
    assert max(bank.provider.messages.values()) == 1
    assert_every_promise_is_kept()


def test_an_adapter_that_breaks_over_one_payment_leaves_it_unknown_and_pays_the_rest(
    bank: Bank,
) -> None:
    bank.adapter = BreaksAfterwards(bank.provider, bank.accounts[1])
    assert bank.send() == Sent(submitted=6, unknown=1)
    bank.poll()
    assert_all_paid_once(bank)


class BreaksAfterwards(SandboxAdapter):
    """Sends, and then trips over the answer for one account."""

    def __init__(self, provider: SandboxProvider, account: str) -> None:
        super().__init__(provider)
        self._account = account

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        answer = super().submit(instruction)
        if instruction.payee.account == self._account:
            raise KeyError("status")
        return answer


def test_a_declined_payment_fails_with_the_providers_reason(bank: Bank) -> None:
    bank.schedule.plan(bank.accounts[0], Step(Act.DECLINE, "NO_SUCH_ACCOUNT"))
    bank.send()
    failed = payments(bank.run_id)[0]
    assert failed.state is PaymentState.FAILED
    with offices.transaction("dz") as session:
        event = session.scalars(
            select(PaymentEvent).where(PaymentEvent.payment_id == failed.id, PaymentEvent.after == "failed")
        ).one()  # fmt: skip
    assert (event.failure, event.provider_code) == ("account_not_found", "DECLINED/NO_SUCH_ACCOUNT")
    assert delivered() == TOTAL - failed.amount_minor
    assert_every_promise_is_kept()


def test_what_the_adapter_says_can_never_be_sent_fails_at_once(bank: Bank) -> None:
    class Refuses(SandboxAdapter):
        def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
            raise NotSent("That account is not in this country.", retry_helps=False)

    bank.adapter = Refuses(bank.provider)
    bank.send()
    assert states(bank.run_id) == [PaymentState.FAILED] * 6
    assert bank.provider.truth() == ()
    assert_every_promise_is_kept()


def test_a_payment_that_was_accepted_is_paid_by_a_signed_callback_however_often_it_comes(
    bank: Bank,
) -> None:
    bank.always(Act.PAY_LATER)
    bank.send()
    assert states(bank.run_id) == [PaymentState.ACCEPTED] * 6
    keys = attempts(bank.run_id)
    for key in keys:
        bank.provider.settle(key)
        assert at_once(lambda _, key=key: bank.calls_back(key), range(5)).count(True) == 1  # type: ignore[misc]
    assert_all_paid_once(bank)
    assert callbacks_kept() == 6
    assert sources(0, bank.run_id) == [
        ("sending", "dispatch"), ("accepted", "submit"), ("paid", "callback"),
    ]  # fmt: skip


def test_a_callback_with_one_byte_changed_is_refused_and_not_kept(bank: Bank) -> None:
    bank.always(Act.PAY_LATER)
    bank.send()
    key = attempts(bank.run_id)[0]
    bank.provider.settle(key)
    headers, body = bank.provider.callback(key)
    for altered in (body.replace(b"DONE", b"DONF"), body + b" "):
        with pytest.raises(UntrustedCallback):
            inbox.receive("dz", "sandbox", bank.adapter, headers, altered)
    with pytest.raises(UntrustedCallback):
        inbox.receive("dz", "sandbox", bank.adapter, {}, body)
    assert callbacks_kept() == 0
    assert states(bank.run_id) == [PaymentState.ACCEPTED] * 6


def test_a_callback_may_come_before_our_own_answer_is_saved(bank: Bank) -> None:
    class CallsBackFirst(SandboxAdapter):
        def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
            answer = super().submit(instruction)
            self.provider.settle(instruction.idempotency_key)
            assert bank.calls_back(instruction.idempotency_key)
            return answer

    bank.adapter = CallsBackFirst(bank.provider)
    bank.plan(0, Act.PAY_LATER)  # then our answer, "accepted", is older than the callback
    bank.plan(1, Act.PAY)
    bank.send()
    assert_all_paid_once(bank)
    assert sources(0, bank.run_id) == sources(1, bank.run_id)
    assert sources(0, bank.run_id) == [("sending", "dispatch"), ("paid", "callback")]
    assert disputes() == []


def test_money_that_comes_back_is_booked_as_returned(bank: Bank) -> None:
    bank.send()
    key = attempts(bank.run_id)[4]
    bank.provider.reverse(key)
    assert bank.calls_back(key)
    returned = payments(bank.run_id)[4]
    assert returned.state is PaymentState.RETURNED
    assert delivered() == TOTAL - returned.amount_minor
    assert_every_promise_is_kept()


def test_news_that_a_failed_payment_was_paid_is_booked_and_has_to_be_explained(bank: Bank) -> None:
    bank.plan(0, Act.DECLINE)
    bank.send()
    assert delivered() < TOTAL
    assert bank.says(attempts(bank.run_id)[0], "DONE", transaction="SBX-9")
    assert states(bank.run_id) == ALL_PAID
    assert (disputes(), delivered()) == (["paid_after_failed"], TOTAL)
    assert_every_promise_is_kept()


def test_news_that_an_earlier_attempt_was_paid_too_is_money_owed_back(bank: Bank) -> None:
    bank.plan(0, Act.REFUSE_CONNECTION)
    bank.send()
    bank.send()
    earlier, later = attempts(bank.run_id)[:2]
    assert earlier[:32] == later[:32]
    assert bank.says(earlier, "DONE", transaction="SBX-9")
    assert bank.says(earlier, "DONE", transaction="SBX-9", note="again")
    assert disputes() == ["paid_twice"]
    assert_all_paid_once(bank)


def test_news_about_a_payment_that_nobody_knows_is_disputed(bank: Bank) -> None:
    bank.send()
    assert bank.says("0" * 32 + "-01", "DONE")
    assert bank.says("no key of ours", "DONE")
    assert disputes() == ["unknown_payment", "unknown_payment"]
    assert_all_paid_once(bank)


def test_a_provider_that_gives_two_payments_one_name_is_disputed_and_stops_nobody(
    bank: Bank,
) -> None:
    class SameName(SandboxAdapter):
        def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
            return replace(super().submit(instruction), provider_reference="SBX-1")

    bank.adapter = SameName(bank.provider)
    bank.send()
    assert disputes() == ["reference_repeated"] * 5
    assert_all_paid_once(bank)


def test_news_may_come_in_any_order(bank: Bank) -> None:
    bank.always(Act.PAY_LATER)
    bank.send()
    orders = list(itertools.permutations(["QUEUED", "DONE", "REVERSED"]))
    for key, order in zip(attempts(bank.run_id), orders, strict=True):
        for status in order:
            assert bank.says(key, status, note="-".join(order))
    assert states(bank.run_id) == [PaymentState.RETURNED] * 6, "what came back had been paid"
    assert disputes() == []
    assert_every_promise_is_kept()


def test_two_workers_at_once_submit_each_payment_once(bank: Bank) -> None:
    done = at_once(lambda _: bank.send(), range(4))
    assert sorted(sent.submitted for sent in done) == [0, 0, 0, 6]
    assert_all_paid_once(bank)


def test_four_workers_at_once_give_each_payment_one_code(database: URL, template: str) -> None:
    run_id = STORIES[template].by_codes
    done = at_once(lambda _: jobs.release("dz", run_id).payments, range(4))
    assert sorted(done) == [0, 0, 0, 6]
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(CodeIssue)) == 6
        assert session.scalar(select(func.count(Message.payment_id.distinct()))) == 6
    assert states(run_id) == [PaymentState.ACCEPTED] * 6
    assert run_state(run_id) is RunState.RELEASED
    assert_every_promise_is_kept()


def test_a_recipient_whose_number_is_not_the_approved_one_any_more_is_not_paid_there(
    bank: Bank,
) -> None:
    moved = payments(bank.run_id)[1]
    with offices.transaction("dz") as session:
        session.execute(
            update(PaymentAccount)
            .where(PaymentAccount.id == moved.account_id)
            .values(replaced_at=clock.now())
        )
    bank.send()
    assert states(bank.run_id)[1] is PaymentState.FAILED
    assert disputes() == ["account_changed"]
    assert bank.accounts[1] not in {payout.account for payout in bank.provider.truth()}
    assert len(bank.paid()) == 5
    assert_every_promise_is_kept()


def test_a_worker_that_lost_its_connection_half_way_sends_nothing_that_another_asks_about(
    bank: Bank, owner: Engine
) -> None:
    slow = Slow(bank.provider)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(
            sending.send, "dz", bank.run_id, "sandbox", slow, personal.accounts
        )  # it stops inside its first submission
        assert slow.reached.wait(60)
        with owner.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
            )
        assert bank.send() == Sent(submitted=5, unknown=1)
        assert states(bank.run_id) == [PaymentState.UNKNOWN] + [PaymentState.PAID] * 5
        slow.go_on.set()
        assert first.exception(60) is not None, "its lock is gone, and it must say so"
    bank.poll()
    assert_all_paid_once(bank)


class Slow(SandboxAdapter):
    """Waits, the first time, before anything goes out."""

    def __init__(self, provider: SandboxProvider) -> None:
        super().__init__(provider)
        self.reached, self.go_on = threading.Event(), threading.Event()

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        self.reached.set()
        self.go_on.wait(60)
        return super().submit(instruction)


def test_an_answer_is_saved_although_the_database_asks_to_begin_again(
    bank: Bank, owner: Engine
) -> None:
    bank.adapter = Entangles(bank.provider, owner)
    assert bank.send() == Sent(submitted=6)
    assert_all_paid_once(bank)


class Entangles(SandboxAdapter):
    """While the first payment is out, somebody locks the books, and then waits for what our answer will lock."""

    def __init__(self, provider: SandboxProvider, owner: Engine) -> None:
        super().__init__(provider)
        self._owner = owner
        self._begun = False

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        answer = super().submit(instruction)
        self.entangle(instruction.payment_id)
        return answer

    def entangle(self, payment_id: UUID) -> None:
        """Once: from here on our answer and somebody else wait for each other."""
        if not self._begun:
            self._begun = True
            holds = threading.Event()
            threading.Thread(target=self._entangle, args=[payment_id, holds]).start()
            assert holds.wait(60)

    def _entangle(self, payment_id: UUID, holds: threading.Event) -> None:
        with self._owner.begin() as connection:
            connection.execute(text("SET LOCAL deadlock_timeout = '1min'"))  # the others give way
            connection.execute(text("SELECT id FROM accounts ORDER BY id FOR UPDATE"))
            holds.set()
            _until_somebody_waits(self._owner)
            connection.execute(
                text("SELECT id FROM payments WHERE id = :id FOR UPDATE"), {"id": payment_id}
            )


def _until_somebody_waits(owner: Engine) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(600):
        with owner.connect() as connection:
            if connection.scalar(waiting):
                return
        threading.Event().wait(0.05)


def test_an_answer_to_a_question_is_saved_although_the_database_asks_to_begin_again(
    bank: Bank, owner: Engine
) -> None:
    bank.plan(3, Act.PAY_THEN_HANG_UP)
    bank.send()
    bank.adapter = EntanglesAQuestion(bank.provider, owner)
    assert bank.poll() == 1
    assert_all_paid_once(bank)


class EntanglesAQuestion(Entangles):
    """The same, while a question is out."""

    def query_status(self, question: Question) -> ProviderUpdate:
        answer = super().query_status(question)
        self.entangle(read_idempotency_key(question.idempotency_key)[0])
        return answer


def test_a_callback_is_taken_in_although_the_database_asks_to_begin_again(
    bank: Bank, owner: Engine
) -> None:
    bank.always(Act.PAY_LATER)
    bank.send()
    keys = attempts(bank.run_id)
    for key in keys:
        bank.provider.settle(key)
    bank.adapter = EntanglesACallback(bank.provider, owner, read_idempotency_key(keys[0])[0])
    assert all(bank.calls_back(key) for key in keys)
    assert_all_paid_once(bank)


class EntanglesACallback(Entangles):
    """The same, while the first callback is read for the second time, inside the transaction that books it."""

    def __init__(self, provider: SandboxProvider, owner: Engine, payment_id: UUID) -> None:
        super().__init__(provider, owner)
        self._payment_id, self._read = payment_id, 0

    def parse_callback(self, callback: Callback) -> Sequence[ProviderUpdate]:
        self._read += 1
        if self._read == 2:
            self.entangle(self._payment_id)
        return super().parse_callback(callback)
