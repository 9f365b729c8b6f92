"""Everything that can be stuck, can disagree or can happen to a payment has words of its own."""

import pytest

from cbi.console.overview_stuck_words import STUCK
from cbi.console.overview_words import (
    CODES,
    EVENTS,
    FAILURES,
    KINDS,
    OTHERWISE,
    RUNS,
    SOURCES,
    STATES,
    kind_of,
)
from cbi.fsp.messages import FailureReason
from cbi.payments.outcomes.discrepancies import (
    ANOTHER_AMOUNT,
    PAID_LESS,
    PAID_MORE,
    PAID_TWICE,
    WITHOUT_COVER,
)
from cbi.payments.outcomes.disputes import SAID_TO_HAVE_FAILED
from cbi.payments.outcomes.late import SOURCE as OWED_BACK
from cbi.payments.recovery.amounts import SOURCE as AMOUNT_FINDING
from cbi.payments.sending.ageing import SOURCE as AGE
from cbi.payments.sending.recipients import ACCOUNT_CHANGED
from cbi.payments.states import PAYMENT, PaymentState, RunState
from cbi.payments.unpaid.unpaid import SOURCE as FINDING
from cbi.payments.unpaid.withdrawing import WITHDRAWN
from cbi.reconciliation.line_attempts import SOURCE as LINE_FINDING
from cbi.reconciliation.rules import MEANS, DiscrepancyKind
from cbi.redemption.issuing import SOURCE as CODES_MADE
from cbi.redemption.states import CodeState
from cbi.reporting.stuck import Reason

VALUES = {
    "run": 7, "programme": "winter", "period": "2026-11", "provider": "post office", "office": "A1 Centre", "count": 3,
    "since": "10:40",
}  # fmt: skip


@pytest.mark.parametrize("kind", DiscrepancyKind)
def test_a_kind_means_on_the_pages_what_it_means_over_the_api(kind: DiscrepancyKind) -> None:
    assert kind_of(kind.value).means == MEANS[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "unknown_payment", "reference_repeated", "earlier_attempt_paid", PAID_TWICE, WITHOUT_COVER, ACCOUNT_CHANGED,
        SAID_TO_HAVE_FAILED, ANOTHER_AMOUNT, PAID_LESS, PAID_MORE,
    ],
)  # fmt: skip
def test_what_other_stages_open_has_words_too(kind: str) -> None:
    assert kind in KINDS


@pytest.mark.parametrize("claimed", [PaymentState.PAID, PaymentState.FAILED, PaymentState.RETURNED])
@pytest.mark.parametrize("state", PaymentState)
def test_news_that_the_lifecycle_forbids_has_words(
    claimed: PaymentState, state: PaymentState
) -> None:
    assert kind_of(f"{claimed}_after_{state}") is not OTHERWISE


def test_a_kind_that_nobody_foresaw_still_says_what_to_do() -> None:
    assert kind_of("something_new").to_do


def test_every_state_event_and_failure_has_words() -> None:
    assert set(STATES) == set(PaymentState)
    assert set(RUNS) == set(RunState)
    assert set(CODES) == set(CodeState)
    assert {state.value for moves in PAYMENT.moves.values() for state in moves} <= set(EVENTS)
    assert {*FailureReason, ACCOUNT_CHANGED, WITHDRAWN} <= set(FAILURES)
    assert {FINDING, AMOUNT_FINDING, LINE_FINDING, CODES_MADE, AGE, OWED_BACK} <= set(SOURCES)


@pytest.mark.parametrize("reason", Reason)
def test_whatever_is_stuck_is_told_with_its_next_step(reason: Reason) -> None:
    words = STUCK[reason]
    assert words.next
    assert "%" not in words.why % VALUES
