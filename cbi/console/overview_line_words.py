"""What the pages say of lines that nothing explains: what ends a discrepancy, what a line may be, and why not."""

from collections.abc import Mapping

from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.payments.outcomes.endings import Ending
from cbi.reconciliation.models import Verdict

LINE_KINDS: Mapping[str, tuple[str, str, str]] = {
    "paid_another_amount": (
        N_("Said to be paid with another amount"),
        N_("The provider says that it paid another amount than it was given."),
        N_("Ask the provider for its receipt, and the recipient what was received."),
    ),
    "settled_not_paid": (
        N_("Listed as paid or taken, not so in our books"),
        N_("The provider lists that it paid, or that it took the money for the payment; our books say neither."),
        N_(
            "Open the payment's story. Ask the provider for its receipt before you accept that it was paid: some take the"
            " money before they pay."
        ),
    ),
    "match_undone": (
        N_("A match that was wrong"),
        N_("Two people found that the line is not about the payment that it was matched with."),
        N_("Ask the provider in writing what the line is, and report it."),
    ),
    "credit_not_listed": (
        N_("Taken, and not given back"),
        N_(
            "The provider took the money when it accepted the payment; nobody was paid with it, and no statement lists it as"
            " given back."
        ),
        N_("Ask the provider in writing where the money is, and whether it paid it out. Do not pay again before."),
    ),
    "closing_differs": (
        N_("Another balance than in our books"),
        N_(
            "The provider's statement says that another amount is left with it than our books do, once what is on its way is"
            " counted."
        ),
        N_(
            "Ask the provider for the statement that is missing, and decide the open lines. If money is lost with it, two"
            " people give it up."
        ),
    ),
    "finding_mistaken": (
        N_("A finding that was mistaken"),
        N_("Two people took back what two people had found of the line."),
        N_("Ask the provider in writing what the line is, and report it."),
    ),
}  # fmt: skip

LINE_SOURCES: Mapping[str, str] = {
    "line_finding": N_("two colleagues, on a line of the provider's statement"),
    "withdrawal": N_("two colleagues, who took it back from the provider"),
}

LINE_FAILURES: Mapping[str, str] = {
    "withdrawn": N_("It was taken back before anything was sent."),
}

ENDINGS: Mapping[Ending, str] = {
    Ending.MONEY: N_(
        "Words do not end this. It ends when the money comes back or is covered, or when two people write it off."
    ),
    Ending.AMOUNT: N_(
        "Words do not end this. One person reports what the provider says in writing that it took from our account, another"
        " confirms it with a one-time code; then our books hold it."
    ),
    Ending.LINE: N_(
        "Words do not end this: money moved, and the line stands in suspense (account 1900). One person reports what the"
        " line is, by the provider's written word, another confirms it with a one-time code; then our books hold it."
    ),
    Ending.ANSWER: N_(
        "Words do not end this: nobody knows yet whether the payment will be paid. Wait for the provider's answer; if there "
        "is none, two people may find on the payment's page that it was not paid."
    ),
    Ending.STORY: N_(
        "Words do not end this: the two stories of the line move different amounts. One person reports which is right, by"
        " the provider's written word, and another confirms it with a one-time code."
    ),
    Ending.CREDIT: N_(
        "Words do not end this: the provider has money of ours that paid nobody. It ends when a statement lists that it was"
        " given back, or when the payment turns out to be paid. If the provider keeps it, one person reports so, by its"
        " written word, and another confirms it with a one-time code; then the line stands in suspense (account 1900)."
    ),
    Ending.STATEMENT: N_(
        "Words do not end this: money may have moved. It ends when a statement tells of the days since; whatever moved is"
        " a line of its own then."
    ),
    Ending.BALANCE: N_(
        "Words do not end this: our books hold another amount with the provider than its statement says. It ends by itself"
        " when both say the same: a missing statement is taken in, an open line is decided, or two people give up what is"
        " lost."
    ),
}  # fmt: skip
"""What is asked where words are not enough."""

VERDICTS: Mapping[Verdict, str] = {
    Verdict.ATTEMPT: N_("It is the payment that is named below"),
    Verdict.BOOKED: N_("Our books hold it by another name"),
    Verdict.OPPOSITE: N_("Another line takes it back"),
    Verdict.NOT_OURS: N_("It is not ours; the provider will take it back"),
    Verdict.REFUNDED: N_("The provider gave it back to our bank"),
    Verdict.LOST: N_("It is lost; the programme that is named below bears it"),
    Verdict.UNMATCHED: N_("It was matched with the wrong payment"),
    Verdict.MORE: N_(
        "It is more of the payment that is named below, which another line lists: what was missing of it has come, and what"
        " goes beyond is owed back"
    ),
    Verdict.FEE: N_(
        "It is a fee that names no payment, or one given back, of the programme that is named below"
    ),
    Verdict.MISTAKEN: N_("What was found of it was mistaken"),
    Verdict.FIRST_STORY: N_("The first file tells it as it was"),
    Verdict.LATER_STORY: N_("The later file tells it as it was"),
}

KEPT = N_(
    "The provider keeps the money; the line stands in suspense until our books hold what became of it"
)
"""What the line is said to be by which a provider took what it does not give back."""

REFUSALS: Table = {
    "discrepancy.ended_by_line": (
        N_("Words do not settle this: the line stands in suspense (account 1900) until our books hold what it is."),
        N_("Report what the line is, by the provider's written word; a colleague confirms it."),
    ),
    "discrepancy.ended_by_story": (
        N_("Words do not settle this: the two stories of the line move different amounts."),
        N_("Report which is right, by the provider's written word; a colleague confirms it."),
    ),
    "discrepancy.ended_by_statement": (
        N_("Words do not settle this: money may have moved, and no statement tells of that day yet."),
        N_("Take in the provider's statement of the days since, and compare it."),
    ),
    "discrepancy.ended_by_balance": (
        N_("Words do not settle this: our books hold another amount with the provider than its statement says."),
        N_("Take in the statement that is missing, decide its open lines, or ask to give up what is lost."),
    ),
    "discrepancy.ended_by_credit": (
        N_("Words do not settle this: the provider has money of ours that paid nobody."),
        N_("Wait for the line that lists it as given back. If the provider keeps it, report so."),
    ),
    "discrepancy.ended_by_answer": (
        N_("Words do not settle this: nobody knows yet whether the payment will be paid."),
        N_("Wait for the provider's answer, or report the payment as unpaid."),
    ),
    "line_finding.does_not_fit": (
        N_("The line cannot be what it is said to be: amount, direction, provider or payment do not fit."),
        N_("Look at the line and the payment again, and report what fits."),
    ),
    "line_finding.split_changed": (
        N_(
            "What of the line would be delivered after all, and what owed back, is not what you were shown. Nothing was"
            " done."
        ),
        N_("Look at it again, and confirm it as it is now."),
    ),
    "line_finding.taken_already": (
        N_(
            "The provider took this money, or as much, when it accepted a payment with which nobody was paid, as our books"
            " hold."
        ),
        N_("Report that our books hold the line by another name."),
    ),
    "line_finding.may_come_back": (
        N_(
            "The provider took this money when it was given the payment, and then called the payment failed. It may still"
            " give the money back."
        ),
        N_(
            "Wait for the line that gives it back, or until the statements tell of the days that the provider has for it. If"
            " it says that it paid, that is booked at once."
        ),
    ),
    "line_finding.not_listed": (
        N_("No line lists that the provider took this money, so none lists that it gave it back."),
        N_("Find first by which line it was taken; until then this one stays in suspense."),
    ),
    "line_finding.explained": (
        N_("Our books explain this line, or two people have found what it is."), N_("Look at the line again."),
    ),
    "line_finding.says_too_little": (
        N_("The report does not name the payment, the movement or the programme that it is about."),
        N_("Name it, or report that the line is not ours."),
    ),
    "line_finding.already_confirmed": (
        N_("This report has been confirmed."), N_("Look at the line again."),
    ),
    "line_finding.unknown": (N_("There is no such report."), N_("Look at the line again.")),
    "amount_finding.unknown": (N_("There is no such report."), N_("Look at the line again.")),
    "amount_finding.already_found": (
        N_("Two people have found what this attempt took."), N_("Read the payment's story."),
    ),
    "amount_finding.booked_otherwise": (
        N_("This attempt is booked as paid and is not the payment, or has come back, or was paid at a counter."),
        N_("Book what came back of it, or report another amount."),
    ),
    "amount_finding.still_open": (
        N_("This payment may still be paid in another way."), N_("Wait until it is known what became of it."),
    ),
    "amount_finding.not_possible": (
        N_("Less than nothing cannot have been paid."), N_("Report 0 if nothing was paid."),
    ),
    "amount_finding.no_other_amount": (
        N_("The provider has named no other amount for this payment."), N_("Read its discrepancies."),
    ),
    "amount_finding.which_attempt": (
        N_("The provider named another amount for several attempts."), N_("Say which of them the report is about."),
    ),
}  # fmt: skip
