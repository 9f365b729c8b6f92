"""What every adapter promises about what it is told: answers to questions, and callbacks."""

# Abilities are protocols, asked for by their class.
# mypy: disable-error-code="type-abstract"

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cbi.fsp.adapter import QueriesStatus, ReadsCallbacks, SubmitsPayments
from cbi.fsp.contract.bench import Bench, able
from cbi.fsp.errors import UntrustedCallback
from cbi.fsp.messages import Callback, Outcome, Question


def forged(genuine: Callback) -> Iterator[Callback]:
    """The callback unsigned, wrongly signed, and with single bytes of the body changed."""
    yield replace(genuine, headers={})
    for name, text in genuine.headers.items():
        if text and name.lower() not in ("content-type", "content-length", "host", "user-agent"):
            others = {key: value for key, value in genuine.headers.items() if key != name}
            yield replace(genuine, headers=others)
            yield replace(genuine, headers={**others, name: ""})
            yield replace(genuine, headers={**others, name: "ü" + text[1:]})
            yield replace(genuine, headers={**others, name: text[::-1]})
    body = genuine.body
    for i in range(0, len(body), max(1, len(body) // 50)):
        yield replace(genuine, body=body[:i] + bytes([body[i] ^ 1]) + body[i + 1 :])
    yield replace(genuine, body=b"")
    yield replace(genuine, body=body + body)


def after_a_restart(bench: Bench, end: Outcome) -> Outcome:
    """What a new process learns of a payment taken by the old one: it has the question, and no memory.

    It must learn whatever the old one would have, had it lived on; and neither may need what the other was told.
    """
    adapter, submitter = able(bench, QueriesStatus), able(bench, SubmitsPayments)
    bench.answers(Outcome.ACCEPTED)
    taken = submitter.submit(bench.instruction())
    assert taken.outcome is Outcome.ACCEPTED
    bench.decides(1, end)
    question, anew = bench.question(ticket=taken.ticket), bench.built_anew()
    assert isinstance(anew, QueriesStatus)
    learnt = anew.query_status(question)
    assert learnt == adapter.query_status(question)
    return learnt.outcome


class HearingContract:
    """For QueriesStatus and ReadsCallbacks."""

    def test_the_status_of_a_payment_made_is_paid(self, bench: Bench) -> None:
        adapter, submitter = able(bench, QueriesStatus), able(bench, SubmitsPayments)
        bench.answers(Outcome.PAID)
        submitter.submit(bench.instruction())
        update = adapter.query_status(bench.question())
        assert update.outcome is Outcome.PAID
        assert update.idempotency_key == bench.instruction().idempotency_key

    def test_the_status_of_a_stranger_is_unknown(self, bench: Bench) -> None:
        adapter = able(bench, QueriesStatus)
        for question in (bench.question(99), bench.question(99, ticket="nobody's")):
            update = adapter.query_status(question)
            assert update.outcome is Outcome.UNKNOWN
            assert update.idempotency_key == question.idempotency_key

    def test_asking_after_a_lost_answer_never_says_failed(self, bench: Bench) -> None:
        adapter, submitter = able(bench, QueriesStatus), able(bench, SubmitsPayments)
        bench.takes_the_money_then_hangs_up()
        with contextlib.suppress(Exception):
            submitter.submit(bench.instruction())
        update = adapter.query_status(bench.question())
        assert update.outcome in (Outcome.PAID, Outcome.ACCEPTED, Outcome.UNKNOWN)

    def test_asking_pays_nobody(self, bench: Bench) -> None:
        adapter, _ = able(bench, QueriesStatus), able(bench, SubmitsPayments)
        for _ in range(3):
            adapter.query_status(bench.question())
        assert bench.payments_made() == []

    def test_the_key_alone_finds_a_payment_made(self, bench: Bench) -> None:
        adapter, submitter = able(bench, QueriesStatus), able(bench, SubmitsPayments)
        bench.answers(Outcome.PAID)
        submitter.submit(bench.instruction())
        for payment in (1, 99):
            whole = bench.question(payment)
            assert adapter.query_status(Question(whole.idempotency_key)) == adapter.query_status(
                whole
            )

    def test_after_a_restart_it_learns_that_a_payment_taken_for_later_was_paid(
        self, bench: Bench
    ) -> None:
        assert after_a_restart(bench, Outcome.PAID) is Outcome.PAID

    def test_after_a_restart_it_learns_as_much_of_a_payment_that_came_to_nothing(
        self, bench: Bench
    ) -> None:
        assert after_a_restart(bench, Outcome.FAILED) is not Outcome.PAID

    def test_a_genuine_callback_is_understood(self, bench: Bench) -> None:
        adapter = able(bench, ReadsCallbacks)
        for outcome in (Outcome.PAID, Outcome.RETURNED):
            (update,) = adapter.parse_callback(bench.callback(outcome))
            assert update.outcome is outcome
            assert update.idempotency_key == bench.instruction().idempotency_key

    def test_a_failure_called_back_carries_its_reason(self, bench: Bench) -> None:
        adapter = able(bench, ReadsCallbacks)
        (update,) = adapter.parse_callback(bench.callback(Outcome.FAILED))
        assert update.outcome is Outcome.FAILED
        assert update.failure is not None

    def test_an_unheard_of_status_called_back_is_unknown(self, bench: Bench) -> None:
        adapter = able(bench, ReadsCallbacks)
        (update,) = adapter.parse_callback(bench.callback_with_an_unheard_of_status())
        assert update.outcome is Outcome.UNKNOWN

    def test_a_callback_reads_the_same_twice(self, bench: Bench) -> None:
        adapter = able(bench, ReadsCallbacks)
        callback = bench.callback(Outcome.PAID)
        assert list(adapter.parse_callback(callback)) == list(adapter.parse_callback(callback))

    def test_a_forged_callback_is_untrusted(self, bench: Bench) -> None:
        adapter = able(bench, ReadsCallbacks)
        for callback in forged(bench.callback(Outcome.PAID)):
            with pytest.raises(UntrustedCallback):
                adapter.parse_callback(callback)

    def test_the_case_of_a_header_does_not_matter(self, bench: Bench) -> None:
        adapter = able(bench, ReadsCallbacks)
        genuine = bench.callback(Outcome.PAID)
        lower = {name.lower(): text for name, text in genuine.headers.items()}
        (update,) = adapter.parse_callback(replace(genuine, headers=lower))
        assert update.outcome is Outcome.PAID
