"""The contract is proved: an adapter broken in any of these ways does not pass it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from adapters.cards.adapter import CardsAdapter
from adapters.post_office.adapter import PostOfficeAdapter
from adapters.sandbox.adapter import SandboxAdapter
from cbi.fsp.adapter import check_payable
from cbi.fsp.contract import AdapterContract, Bench
from cbi.fsp.errors import NotSent
from cbi.fsp.messages import (
    AmountRule,
    DeliveryMechanism,
    FspProfile,
    PaymentFile,
    PaymentInstruction,
)
from cbi.money import Money
from tests.adapters.benches import PostOfficeBench, SandboxBench
from tests.adapters.cards_bench import CardsBench
from tests.peers.stripe_issuing import stripe_issuing
from tests.unit.fsp import broken_adapters as broken
from tests.unit.fsp import broken_cards
from tests.unit.fsp import broken_post_offices as broken_posts

SANDBOX: list[tuple[type[SandboxAdapter], str]] = [
    (broken.TakesTheUnheardOfForPaid, "an_unheard_of_status_is_unknown"),
    (broken.TakesTheUnheardOfForFailed, "an_unheard_of_status_is_unknown"),
    (broken.TakesTheUnheardOfCallbackForPaid, "an_unheard_of_status_called_back_is_unknown"),
    (broken.CallsALostAnswerNotSent, "a_lost_answer_is_neither_an_outcome_nor_not_sent"),
    (broken.CallsALostAnswerFailed, "a_lost_answer_is_neither_an_outcome_nor_not_sent"),
    (broken.SendsAgainOnATimeout, "it_never_retries_by_itself"),
    (broken.SendsAgainWhenRefused, "a_refused_connection_is_not_sent"),
    (broken.MakesANewKeyForEveryMessage, "the_same_key_pays_once"),
    (broken.KeysByPayeeInsteadOfPayment, "two_payments_to_one_payee_are_two"),
    (broken.TakesNone, "it_takes_one_payment_at_a_time_or_more"),
    (broken.SkipsTheProfile, "what_the_profile_forbids_is_not_sent"),
    (broken.RoundsTheAmount, "a_payment_made_is_paid_once_and_exactly"),
    (broken.NamesThePayeeInItsRefusal, "what_the_profile_forbids_is_not_sent"),
    (broken.AsksToRetryWhatCannotBePaid, "what_the_profile_forbids_is_not_sent"),
    (broken.GivesNoReason, "a_failure_carries_its_reason"),
    (broken.GivesNoReasonWhenCalledBack, "a_failure_called_back_carries_its_reason"),
    (broken.TakesARefusedDuplicateForFailed, "a_refused_duplicate_is_not_a_failure"),
    (broken.BelievesAnybody, "a_forged_callback_is_untrusted"),
    (broken.BelievesTheUnsigned, "a_forged_callback_is_untrusted"),
    (broken.LooksForHeadersByTheirCase, "the_case_of_a_header_does_not_matter"),
    (broken.RedactsNothing, "nothing_it_redacts_shows_a_person_or_a_secret"),
    (broken.RedactsAllButNames, "nothing_it_redacts_shows_a_person_or_a_secret"),
    (broken.RedactsAllButItsSecret, "nothing_it_redacts_shows_a_person_or_a_secret"),
    (broken.SaysAStrangerIsPaid, "the_status_of_a_stranger_is_unknown"),
    (broken.SaysAStrangerHasFailed, "the_status_of_a_stranger_is_unknown"),
    (broken.TakesQueuedForPaid, "a_payment_taken_for_later_is_accepted"),
    (broken.CallsBackAboutAnotherPayment, "a_genuine_callback_is_understood"),
    (broken.ReadsACallbackOnce, "a_callback_reads_the_same_twice"),
    (broken.SaysThatWhatItPaidHasFailed, "asking_after_a_lost_answer_never_says_failed"),
    (broken.ForgetsWhatItPaid, "the_status_of_a_payment_made_is_paid"),
    (
        broken.KnowsOnlyWhatItSentItself,
        "after_a_restart_it_learns_that_a_payment_taken_for_later_was_paid",
    ),
    (
        broken.KnowsOnlyWhatItSentItself,
        "after_a_restart_it_learns_as_much_of_a_payment_that_came_to_nothing",
    ),
    (broken.AsksByTheAccountOnly, "the_key_alone_finds_a_payment_made"),
    (broken.ReportsItsFloatInDollars, "its_float_is_money_in_the_currency_asked_for"),
    (broken.PaysWhenAsked, "asking_pays_nobody"),
    (broken.PromisesNothingOfRepeats, "its_profile_is_a_fact"),
    (broken.ReportsTheFloatOfYesterday, "a_payment_comes_out_of_the_float"),
    (broken.DropsTheLastLine, "a_statement_holds_every_movement_and_adds_up"),
    (broken.HandsItsLinesOutOnce, "a_statement_reads_the_same_twice"),
    (broken.LosesItsPlaceInAFile, "a_statement_read_from_a_file_is_the_one_that_is_parsed"),
    (broken.NeverReadsTheEndOfAFile, "a_file_that_was_cut_short_is_refused_by_its_last_line"),
    (broken.BelievesAnyBalance, "damage_to_a_statement_never_changes_the_money"),
    (broken.NamesLinesByTheirPlace, "a_line_has_the_same_name_in_every_file"),
    (broken.FallsOverGarbage, "what_is_not_a_statement_is_refused"),
    (broken.SwallowsGarbage, "what_is_not_a_statement_is_refused"),
    (broken.NamesNoLine, "what_is_not_a_statement_is_refused"),
    (broken.ForgetsAnAbility, "it_has_the_abilities_its_author_means_it_to_have"),
]

POST_OFFICE: list[tuple[type[PostOfficeAdapter], str]] = [
    (broken_posts.TrustsAnyControlTotal, "damage_to_a_statement_never_changes_the_money"),
    (broken_posts.CountsRowsForNames, "a_line_has_the_same_name_in_every_file"),
    (broken_posts.MergesRepeatedLines, "a_line_listed_twice_is_seen_twice"),
    (broken_posts.ForgetsReceipts, "a_payment_line_names_its_payment"),
    (broken_posts.StampsTheDayOfReading, "a_statement_reads_the_same_twice"),
    (broken_posts.DecodesWithoutCare, "what_is_not_a_statement_is_refused"),
    (broken_posts.ChangesItsCounterRules, "its_counter_rules_are_a_fact"),
    (broken_posts.HasNoLimitForATeller, "codes_at_its_counter_cannot_be_guessed"),
    (broken_posts.PaysOverNoCounter, "its_counter_rules_are_a_fact"),
    (broken_posts.ShowsCodes, "nothing_it_redacts_shows_a_person_or_a_secret"),
]


class PayList:
    """Writes a list for a paying team: enough of an adapter to try the promises about files."""

    profile = FspProfile(
        "pay_list",
        frozenset({DeliveryMechanism.DIRECT_DELIVERY}),
        {"KES": AmountRule(minimum=100, maximum=1_000_000, step=100)},
    )

    def redact(self, text: str) -> str:
        return "[hidden]" if text else text

    def write_payment_file(self, instructions: Sequence[PaymentInstruction]) -> PaymentFile:
        keys = [instruction.idempotency_key for instruction in instructions]
        if len(set(keys)) < len(keys):
            raise NotSent("The same payment stands in the list twice.", retry_helps=False)
        for instruction in instructions:
            check_payable(self.profile, instruction)
        total = Money(sum(i.amount.minor for i in instructions), "KES")
        content = "\n".join(f"{i.idempotency_key},{i.amount.decimal}" for i in instructions)
        return PaymentFile("list.csv", "text/csv", content.encode(), len(keys), total)


class DropsAPayment(PayList):
    def write_payment_file(self, instructions: Sequence[PaymentInstruction]) -> PaymentFile:
        full = super().write_payment_file(instructions)
        rest = super().write_payment_file(instructions[1:])
        return replace(full, content=rest.content)


class AddsUpWrongly(PayList):
    def write_payment_file(self, instructions: Sequence[PaymentInstruction]) -> PaymentFile:
        file = super().write_payment_file(instructions)
        return replace(file, total=file.total + Money(1, "KES"))


class WritesAnotherFileEachTime(PayList):
    written = 0

    def write_payment_file(self, instructions: Sequence[PaymentInstruction]) -> PaymentFile:
        self.written += 1
        return replace(super().write_payment_file(instructions), name=f"list-{self.written}.csv")


class WritesWhateverItIsGiven(PayList):
    def write_payment_file(self, instructions: Sequence[PaymentInstruction]) -> PaymentFile:
        first = super().write_payment_file(instructions[:1])
        more = "".join(f"\n{i.idempotency_key},{i.amount.decimal}" for i in instructions[1:])
        total = Money(sum(i.amount.minor for i in instructions), "KES")
        content = first.content + more.encode()
        return replace(first, content=content, count=len(instructions), total=total)


FILES: list[tuple[type[PayList], str]] = [
    (DropsAPayment, "a_file_holds_every_payment_once"),
    (AddsUpWrongly, "a_file_holds_every_payment_once"),
    (WritesAnotherFileEachTime, "a_file_written_again_is_the_same_file"),
    (WritesWhateverItIsGiven, "one_payment_that_the_profile_forbids_stops_the_file"),
    (WritesWhateverItIsGiven, "a_payment_is_not_written_twice_into_a_file"),
]


class PayListBench(Bench):
    abilities = ("WritesPaymentFiles",)
    amount = Money(100_000, "KES")
    mechanism = DeliveryMechanism.DIRECT_DELIVERY

    def __init__(self, adapter: type[PayList] = PayList) -> None:
        self.adapter = adapter()

    def transcript(self) -> str:
        return f"{self.payee.account} {self.payee.name}"

    def keys_in(self, file: PaymentFile) -> list[str]:
        return [line.split(",")[0] for line in file.content.decode().splitlines()]


def broken_promises(make: Callable[[], Bench]) -> set[str]:
    """Every promise of the contract that the bench's adapter does not keep."""
    suite, found = AdapterContract(), set()
    for name in (name for name in dir(suite) if name.startswith("test_")):
        try:
            getattr(suite, name)(make())
        except pytest.skip.Exception:
            continue
        except (Exception, pytest.fail.Exception):  # noqa: BLE001  any of them fails a test
            found.add(name.removeprefix("test_"))
    return found


@pytest.mark.parametrize("make", [SandboxBench, PostOfficeBench, PayListBench])
def test_an_honest_adapter_keeps_every_promise(make: Callable[[], Bench]) -> None:
    assert broken_promises(make) == set()


@pytest.mark.parametrize(("adapter", "promise"), SANDBOX, ids=lambda x: getattr(x, "__name__", ""))
def test_a_broken_provider_of_payments_is_caught(
    adapter: type[SandboxAdapter], promise: str
) -> None:
    assert promise in broken_promises(lambda: SandboxBench(adapter))


@pytest.mark.parametrize(
    ("adapter", "promise"), POST_OFFICE, ids=lambda x: getattr(x, "__name__", "")
)
def test_a_broken_post_office_is_caught(adapter: type[PostOfficeAdapter], promise: str) -> None:
    assert promise in broken_promises(lambda: PostOfficeBench(adapter))


@pytest.mark.parametrize(("adapter", "promise"), FILES, ids=lambda x: getattr(x, "__name__", ""))
def test_a_broken_writer_of_files_is_caught(adapter: type[PayList], promise: str) -> None:
    assert promise in broken_promises(lambda: PayListBench(adapter))


@pytest.mark.parametrize(
    ("adapter", "promise"), broken_cards.BROKEN, ids=lambda x: getattr(x, "__name__", "")
)
def test_a_broken_issuer_of_cards_is_caught(
    adapter: type[CardsAdapter], promise: str, shared_data: Path
) -> None:
    suite = AdapterContract()
    for made, kept in ((CardsAdapter, True), (adapter, False)):
        with stripe_issuing(shared_data) as running:
            try:
                getattr(suite, f"test_{promise}")(CardsBench(running, made))
            except (Exception, pytest.fail.Exception):  # noqa: BLE001  any of them fails a test
                assert not kept
            else:
                assert kept, promise


def test_every_promise_is_broken_by_some_adapter() -> None:
    """A promise that no broken adapter breaks would be a test that cannot fail."""
    promises = {n.removeprefix("test_") for n in dir(AdapterContract) if n.startswith("test_")}
    proved = {promise for _, promise in [*SANDBOX, *POST_OFFICE, *FILES, *broken_cards.BROKEN]}
    assert promises - proved == set()


def test_an_adapter_must_be_one() -> None:
    bench = PayListBench()
    bench.adapter = SimpleNamespace(profile=PayList.profile)
    with pytest.raises(AssertionError):
        AdapterContract().test_it_has_the_abilities_its_author_means_it_to_have(bench)
