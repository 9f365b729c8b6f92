"""What the front page and the pages about discrepancies and payments call things, and what they say to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from cbi.console.languages import N_
from cbi.console.overview_fee_words import FEE_KINDS
from cbi.console.overview_line_words import LINE_FAILURES, LINE_KINDS, LINE_SOURCES
from cbi.console.overview_payee_words import PAYEE_FAILURES, PAYEE_KINDS
from cbi.fsp.messages import FailureReason
from cbi.payments.outcomes.discrepancies import (
    PAID_LESS,
    PAID_MORE,
    PAID_TWICE,
    UNKNOWN_FOR_DAYS,
    WITHOUT_COVER,
)
from cbi.payments.states import PaymentState, RunState
from cbi.redemption.states import CodeState


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of discrepancy: its name, what it means, and what to do about it."""

    name: str
    means: str
    to_do: str


KINDS: Mapping[str, Kind] = {
    "unknown_line": Kind(
        N_("A line about no payment of ours"),
        N_("The line names no payment that we gave to this provider."),
        N_("Ask the provider what it paid, to whom and on whose order. Do not accept the line as paid."),
    ),
    "contradictory_line": Kind(
        N_("A line that names two payments"),
        N_("The line's reference and key are not those of one payment."),
        N_("Ask the provider which of the two payments it means."),
    ),
    "currency_differs": Kind(
        N_("Another currency"),
        N_("The line names a payment, in another currency."),
        N_("Ask the provider in which currency it paid, and at which rate."),
    ),
    "duplicate_line": Kind(
        N_("Listed twice"),
        N_("The line names a payment that another line has settled."),
        N_("Ask the provider to take the second line back, or to prove that it paid twice."),
    ),
    "amount_differs": Kind(
        N_("Another amount"),
        N_("The line names a payment, with another amount."),
        N_("Compare with the receipt. If the recipient got less, the provider owes the difference."),
    ),
    "return_line": Kind(
        N_("Money said to have come back"),
        N_("The provider says that the money came back; our books say that it did not, or no line lists that it was taken."),
        N_("Ask the provider why, and whether the money is on our account with it."),
    ),
    "ambiguous_line": Kind(
        N_("Several lines for one payment"),
        N_("Several movements of the provider claim one payment."),
        N_("Ask the provider which of the movements is the right one."),
    ),
    "fee_line": Kind(
        N_("A fee"),
        N_("The provider took a fee that nothing here explains."),
        N_("Compare it with the contract, and claim back what is not in it."),
    ),
    **{code: Kind(*words) for code, words in {**FEE_KINDS, **LINE_KINDS, **PAYEE_KINDS}.items()},
    "top_up_line": Kind(
        N_("Money placed with the provider"),
        N_("The provider says that we placed money; our books do not say so under that reference."),
        N_("Book it with the bank's reference, or ask the provider whose money it is."),
    ),
    "other_line": Kind(
        N_("A line of another kind"),
        N_("The line is of no kind that we know."),
        N_("Ask the provider what the movement was."),
    ),
    "line_changed": Kind(
        N_("A line that was changed later"),
        N_("A later file tells something else about a line that we had."),
        N_("Ask the provider why it changed the line. The first one stands until then."),
    ),
    "paid_not_settled": Kind(
        N_("Paid, not on a statement"),
        N_("Our books say that it was paid; the provider's statements do not list it."),
        N_("Check that the receipt exists. Ask the provider why the payment is not listed."),
    ),
    "not_collected": Kind(
        N_("Not collected yet"),
        N_("It was sent on or before the last day of the statements, and is not paid yet."),
        N_(
            "Find out whether the recipient knows of it. It goes away by itself when it is paid or expires. If the provider"
            " says in writing that it did not pay, report so on the payment's page."
        ),
    ),
    UNKNOWN_FOR_DAYS: Kind(
        N_("Unknown for days"),
        N_("Nobody has known for days whether the provider paid it. Its money is set apart in the books."),
        N_(
            "Ask the provider in writing. If it says that it did not pay, report so on the payment's page. It goes away by"
            " itself once that is known."
        ),
    ),
    "unknown_payment": Kind(
        N_("News about no payment of ours"),
        N_("The provider sent news about a payment that we did not give to it."),
        N_("Ask the provider what it is about."),
    ),
    "reference_repeated": Kind(
        N_("One reference for two payments"),
        N_("The provider gave two payments the same reference."),
        N_("Ask the provider for the right reference of each, or its statement cannot be matched."),
    ),
    "said_to_have_failed": Kind(
        N_("Said to have failed"),
        N_("The provider called the payment failed of its own accord, and has not confirmed it when asked."),
        N_("Wait for its answer: it is asked every few minutes. Do not pay again before."),
    ),
    "earlier_attempt_paid": Kind(
        N_("An earlier attempt was paid too"),
        N_("The provider says that it also paid an attempt which we had given up."),
        N_("The recipient may have been paid twice. Ask the provider for both receipts, and claim one back."),
    ),
    PAID_TWICE: Kind(
        N_("Paid twice"),
        N_("The provider paid two attempts for what is owed once: one of them is owed back."),
        N_("Ask the provider to give one back. The treasurer books what comes back; two people may write it off."),
    ),
    PAID_LESS: Kind(
        N_("Less was paid than was sent"),
        N_("Two people found that the provider took less than was sent. The rest is the programme's again."),
        N_(
            "The household is still owed the rest: see that it gets it, and say how. A later line that lists the rest is"
            " reported as more of the payment."
        ),
    ),
    PAID_MORE: Kind(
        N_("More was paid than was sent"),
        N_("Two people found that the provider took more than was sent: the excess is owed back."),
        N_("Ask the provider to give it back. The treasurer books what comes back; two people may write it off."),
    ),
    WITHOUT_COVER: Kind(
        N_("Paid after its money was spent"),
        N_("A payment that was called off was paid after all, and its budget had been spent meanwhile."),
        N_("Give the programme more money; then the treasurer covers the payment."),
    ),
}  # fmt: skip

CLAIMED: Mapping[str, Kind] = {
    "paid": Kind(
        N_("Said to be paid after all"),
        N_("The provider says that it paid a payment which our books had closed otherwise."),
        N_("Ask the provider for its receipt before anything is paid again."),
    ),
    "failed": Kind(
        N_("Said to have failed after all"),
        N_("The provider says that a payment failed which our books had closed otherwise."),
        N_("Ask the provider to say in writing what became of the money."),
    ),
    "returned": Kind(
        N_("Said to have come back after all"),
        N_("The provider says that the money of a payment came back which our books do not hold as paid."),
        N_("Ask the provider when and where it was paid, and what it returned."),
    ),
}  # fmt: skip
"""What `<claimed>_after_<state>` is, by what the provider claims."""

OTHERWISE = Kind(
    N_("Something that does not agree"),
    N_("What the provider says does not agree with our books."),
    N_("Open the payment's story, and ask the provider."),
)


def kind_of(kind: str) -> Kind:
    """The words for a kind of discrepancy, whichever stage opened it."""
    claimed, after, _ = kind.partition("_after_")
    return KINDS.get(kind) or (CLAIMED.get(claimed, OTHERWISE) if after else OTHERWISE)


STATES: Mapping[PaymentState, tuple[str, str]] = {
    PaymentState.READY: (N_("waits to be sent"), "wait"),
    PaymentState.SENDING: (N_("being sent"), "wait"),
    PaymentState.ACCEPTED: (N_("with the provider"), "wait"),
    PaymentState.PARTLY_PAID: (N_("a part handed over"), "wait"),
    PaymentState.PAID: (N_("paid"), "good"),
    PaymentState.FAILED: (N_("failed, not paid"), "bad"),
    PaymentState.UNKNOWN: (N_("nobody knows"), "bad"),
    PaymentState.DISPUTED: (N_("nobody has known for days"), "bad"),
    PaymentState.RETURNED: (N_("money came back"), "bad"),
    PaymentState.EXPIRED: (N_("not collected in time"), "bad"),
    PaymentState.CANCELLED: (N_("called off"), "plain"),
}
"""A payment's state in words, and how it is marked."""

CODES: Mapping[CodeState, tuple[str, str]] = {
    CodeState.ISSUED: (N_("can be cashed"), "wait"),
    CodeState.LOCKED: (N_("locked"), "bad"),
    CodeState.PAID: (N_("cashed"), "good"),
    CodeState.EXPIRED: (N_("its last day is over"), "bad"),
    CodeState.REPLACED: (N_("replaced by another"), "plain"),
}

RUNS: Mapping[RunState, str] = {
    RunState.DRAFT: N_("draft"),
    RunState.LOCKED: N_("locked"),
    RunState.CERTIFIED: N_("certified"),
    RunState.APPROVED: N_("approved"),
    RunState.RELEASING: N_("being handed over"),
    RunState.RELEASED: N_("handed over"),
    RunState.CLOSED: N_("wholly settled"),
    RunState.CANCELLED: N_("called off"),
}

EVENTS: Mapping[str, str] = {
    "sending": N_("It was about to be handed to the provider."),
    "accepted": N_("The provider has it; a code was made where it is paid over a counter."),
    "paid": N_("The money was handed over."),
    "failed": N_("It failed: no money moved."),
    "unknown": N_("No clear answer: it may have been paid, or not. It is not sent again."),
    "disputed": N_(
        "Nobody has known for days: its money is set apart in the books. It is still asked about."
    ),
    "returned": N_("The money came back after it was paid."),
    "expired": N_("It was not collected in time. The money waits for a decision."),
    "partly_paid": N_("A part was handed over. The rest waits under a new code."),
    "ready": N_("It waits to be sent again."),
    "cancelled": N_("It was called off."),
}
"""What a payment's move to a state is, as a sentence."""

SOURCES: Mapping[str, str] = {
    "dispatch": N_("the engine, on sending the run"),
    "codes": N_("the engine, on making the codes"),
    "restart": N_("the engine, after it was interrupted"),
    "provider_down": N_("the engine, as the provider took nothing"),
    "not_sent": N_("the engine: certain that nothing was sent"),
    "submit": N_("the provider, when it was sent"),
    "query": N_("the provider, when it was asked"),
    "callback": N_("the provider, of its own accord"),
    "statement": N_("the provider's statement"),
    "teller": N_("a teller at the counter"),
    "expiry": N_("the calendar"),
    "age": N_("the calendar"),
    "receivable": N_("the engine, as an earlier attempt had been paid"),
    "finding": N_("two colleagues, on the provider's written word"),
    "amount_finding": N_("two colleagues, on the provider's written word"),
    "decision": N_("a colleague"),
    **LINE_SOURCES,
    "user": N_("a colleague"),
    "system": N_("the engine"),
}
"""Who said so, by the first part of an event's source."""

FAILURES: Mapping[str, str] = {
    FailureReason.ACCOUNT_NOT_FOUND.value: N_("The account does not exist."),
    FailureReason.ACCOUNT_BLOCKED.value: N_("The account is blocked."),
    FailureReason.NAME_MISMATCH.value: N_("The name is not that of the account."),
    FailureReason.LIMIT_EXCEEDED.value: N_("The amount is above a limit of the account."),
    FailureReason.INSUFFICIENT_FLOAT.value: N_("The provider had not enough of our money."),
    FailureReason.NOT_COLLECTED.value: N_("Nobody collected it."),
    FailureReason.PROVIDER_ERROR.value: N_("The provider could not do it."),
    **PAYEE_FAILURES,
    **LINE_FAILURES,
}
