"""The refusals that the front page's area can meet, in the reader's language."""

from cbi.console.languages import N_
from cbi.console.refusals import Table

REFUSALS: Table = {
    "discrepancy.unknown": (N_("There is no such discrepancy."), N_("Go back to the list.")),
    "discrepancy.already_settled": (N_("This discrepancy has been settled already."), N_("Read its explanation.")),
    "discrepancy.ended_by_money": (
        N_("Words do not settle this: money is owed, or missing, in the books."),
        N_("The treasurer books that it came back, covers it, or proposes to write it off."),
    ),
    "discrepancy.ended_by_finding": (
        N_("Words do not settle this: money may have moved, and our books do not hold how much."),
        N_("The treasurer reports what the provider says in writing that it paid; a colleague confirms it."),
    ),
    "discrepancy.no_such_owner": (
        N_("There is no such member of staff."), N_("Name somebody whose account is in use."),
    ),
    "audit.unusable_reason": (
        N_("What you wrote is too short or too long, or holds a telephone, document or code number."),
        N_("Say in a few words what happened; others will read it."),
    ),
    "statement.unknown": (N_("There is no such statement."), N_("Go back to the list.")),
    "statement.no_file": (N_("No file was chosen."), N_("Choose the file that the provider sent.")),
    "statement.not_readable_for_provider": (
        N_("This provider gives no statements that can be read here."), N_("Its payments are confirmed in another way."),
    ),
    "fsp.unreadable_statement": (
        N_("The statement cannot be read: something is wrong at line %(line)s. Nothing of it was kept."),
        N_("Ask the provider for the file anew; do not mend it by hand."),
    ),
    "fsp.adapter_unavailable": (
        N_("This provider is not in use here."), N_("Choose another one, or ask the administrator."),
    ),
    "money.unknown_currency": (
        N_("The statement is in a currency that is not known. Nothing of it was kept."), N_("Ask the provider."),
    ),
    "payment_run.unknown": (N_("There is no such payment or run."), N_("Begin at the front page.")),
    "payment.unknown": (N_("There is no such payment."), N_("Begin at the front page.")),
    "payment.not_in_doubt": (
        N_("What became of this payment is known."), N_("Read below what happened to it."),
    ),
    "payment.too_soon": (
        N_("This payment may still be on its way, or the provider has not been asked since."),
        N_("Try again a day after it was sent (two weeks after it was accepted), when the provider has been asked."),
    ),
    "payment.nothing_reported": (
        N_("Nobody has reported this payment as unpaid."),
        N_("The treasurer reports it first, with the provider's written word."),
    ),
    "payment.own_report": (
        N_("You reported this payment as unpaid, so somebody else has to confirm it."),
        N_("Ask a colleague who may authorise payment runs."),
    ),
    "redemption.no_code": (N_("This payment has no code."), N_("Codes are made when its run is released.")),
    "redemption.code_in_use": (
        N_("A teller holds the code at this moment and may be paying it."), N_("Try again in a quarter of an hour."),
    ),
    "redemption.code_over": (N_("The code is cashed, or its last day is over."), N_("Read below what happened to it.")),
    "redemption.reissued_enough": (
        N_("The recipient had a new code too recently, or too often."),
        N_("Wait a day; after the third one, see the recipient face to face."),
    ),
    "redemption.not_by_text": (
        N_("No text may go to this recipient's telephone."), N_("See the recipient face to face."),
    ),
    "redemption.telephone_changed": (
        N_("The telephone on record is not the one that was approved, or was changed lately."),
        N_("See the recipient face to face."),
    ),
}  # fmt: skip
