"""What every adapter promises about sending payments, one at a time or in a file."""

# Abilities are protocols, asked for by their class.
# mypy: disable-error-code="type-abstract"

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cbi.fsp.adapter import SubmitsPayments, WritesPaymentFiles
from cbi.fsp.contract.bench import Bench, able
from cbi.fsp.errors import NotSent
from cbi.fsp.messages import (
    DeliveryMechanism,
    Idempotency,
    Outcome,
    PaymentInstruction,
)
from cbi.money import LARGEST_MINOR, Money


def unpayable(bench: Bench) -> Iterator[PaymentInstruction]:
    """Instructions just outside what the profile says the provider pays."""
    usual = bench.instruction()
    profile, currency = bench.adapter.profile, usual.amount.currency
    rule = profile.amount_rules[currency]
    for minor in (rule.minimum - 1, rule.maximum + rule.step, rule.minimum + rule.step // 2, 0, -1):
        if not rule.admits(minor) and minor <= LARGEST_MINOR:
            yield replace(usual, amount=Money(minor, currency))
    for other in ("XCD", "ISK", "BHD"):
        if other not in profile.amount_rules:
            yield replace(usual, amount=Money(100000, other))
    for mechanism in sorted(set(DeliveryMechanism) - profile.delivery_mechanisms):
        yield replace(usual, mechanism=mechanism)


class PayingContract:
    """For SubmitsPayments and WritesPaymentFiles."""

    def test_a_payment_made_is_paid_once_and_exactly(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        bench.answers(Outcome.PAID)
        update = adapter.submit(bench.instruction())
        assert update.outcome is Outcome.PAID
        assert update.idempotency_key == bench.instruction().idempotency_key
        assert bench.payments_made() == [bench.amount]
        assert bench.messages_received() == 1

    def test_a_payment_taken_for_later_is_accepted(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        bench.answers(Outcome.ACCEPTED)
        assert adapter.submit(bench.instruction()).outcome is Outcome.ACCEPTED

    def test_a_failure_carries_its_reason(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        bench.answers(Outcome.FAILED)
        update = adapter.submit(bench.instruction())
        assert update.outcome is Outcome.FAILED
        assert update.failure is not None
        assert update.provider_code, "the provider's own word is kept"
        assert bench.payments_made() == []

    def test_an_unheard_of_status_is_unknown(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        bench.answers_with_an_unheard_of_status()
        assert adapter.submit(bench.instruction()).outcome is Outcome.UNKNOWN

    def test_a_refused_connection_is_not_sent(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        bench.refuses_the_connection()
        with pytest.raises(NotSent) as refusal:
            adapter.submit(bench.instruction())
        assert refusal.value.retry_helps
        assert bench.messages_received() == 0

    def test_a_lost_answer_is_neither_an_outcome_nor_not_sent(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        bench.takes_the_money_then_hangs_up()
        outcome = Outcome.UNKNOWN
        try:
            outcome = adapter.submit(bench.instruction()).outcome
        except NotSent:
            pytest.fail("The payment was made, and the adapter says that it was not sent.")
        except Exception:  # noqa: BLE001, S110  any other exception means: we do not know
            pass
        assert outcome is Outcome.UNKNOWN
        assert bench.payments_made() == [bench.amount]

    def test_it_never_retries_by_itself(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        bench.takes_the_money_then_hangs_up()
        with contextlib.suppress(Exception):
            adapter.submit(bench.instruction())
        assert bench.messages_received() == 1

    def test_the_same_key_pays_once(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        if adapter.profile.idempotency is not Idempotency.BY_KEY:
            pytest.skip("This provider may pay a repeated message; the engine asks first.")
        bench.takes_the_money_then_hangs_up()
        for _ in range(3):
            with contextlib.suppress(Exception):
                adapter.submit(bench.instruction())
        assert bench.payments_made() == [bench.amount]

    def test_a_refused_duplicate_is_not_a_failure(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        bench.answers(Outcome.PAID)
        adapter.submit(bench.instruction())
        bench.answers_that_it_has_seen_the_key_before()
        try:
            again = adapter.submit(bench.instruction()).outcome
        except NotSent:
            pytest.fail("The first message was paid; the second must not lead to a third.")
        except Exception:  # noqa: BLE001  any other exception means: we do not know
            again = Outcome.UNKNOWN
        assert again is not Outcome.FAILED

    def test_it_takes_one_payment_at_a_time_or_more(self, bench: Bench) -> None:
        assert able(bench, SubmitsPayments).profile.at_once >= 1

    def test_what_the_profile_forbids_is_not_sent(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        tried = list(unpayable(bench))
        assert tried
        for instruction in tried:
            with pytest.raises(NotSent) as refusal:
                adapter.submit(instruction)
            assert not refusal.value.retry_helps
            for hidden in (instruction.payee.account, instruction.payee.name):
                assert hidden not in f"{refusal.value!r} {refusal.value}"
        assert bench.messages_received() == 0

    def test_two_payments_to_one_payee_are_two(self, bench: Bench) -> None:
        adapter = able(bench, SubmitsPayments)
        for payment in (1, 2):
            bench.answers(Outcome.PAID)
            update = adapter.submit(bench.instruction(payment))
            assert update.idempotency_key == bench.instruction(payment).idempotency_key
        assert bench.payments_made() == [bench.amount, bench.amount]

    def test_a_file_holds_every_payment_once(self, bench: Bench) -> None:
        adapter = able(bench, WritesPaymentFiles)
        instructions = [bench.instruction(payment) for payment in (3, 1, 2)]
        file = adapter.write_payment_file(instructions)
        assert sorted(bench.keys_in(file)) == sorted(i.idempotency_key for i in instructions)
        assert file.count == len(instructions)
        assert file.total == bench.amount * len(instructions)
        assert file.name
        assert file.media_type

    def test_a_file_written_again_is_the_same_file(self, bench: Bench) -> None:
        adapter = able(bench, WritesPaymentFiles)
        instructions = [bench.instruction(payment) for payment in (1, 2)]
        assert adapter.write_payment_file(instructions) == adapter.write_payment_file(instructions)

    def test_one_payment_that_the_profile_forbids_stops_the_file(self, bench: Bench) -> None:
        adapter = able(bench, WritesPaymentFiles)
        for instruction in unpayable(bench):
            with pytest.raises(NotSent):
                adapter.write_payment_file([bench.instruction(2), instruction])

    def test_a_payment_is_not_written_twice_into_a_file(self, bench: Bench) -> None:
        adapter = able(bench, WritesPaymentFiles)
        with pytest.raises(NotSent):
            adapter.write_payment_file([bench.instruction(), bench.instruction()])
