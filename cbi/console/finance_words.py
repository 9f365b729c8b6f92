"""What the pages about money call things, and the refusals that they can meet."""

from collections.abc import Mapping

from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.ledger.request_models import RequestKind
from cbi.programmes.enrolling import Act

REQUESTS: Mapping[RequestKind, str] = {
    RequestKind.RETURN: N_("back to the fund"),
    RequestKind.REALLOCATION: N_("to another programme"),
    RequestKind.REFUND: N_("back to the donor"),
    RequestKind.WRITE_OFF: N_("bears what is lost with a provider"),
    RequestKind.RECOVERY: N_("what was lost is back with the provider"),
    RequestKind.BANK_RECOVERY: N_("what was lost is back in our bank"),
}

OF_A_FLOAT = (RequestKind.WRITE_OFF, RequestKind.RECOVERY, RequestKind.BANK_RECOVERY)
"""What can be asked for about money that was lost with a provider."""

DECISIONS: Mapping[str | None, tuple[str, str]] = {
    None: (N_("waits for a second person"), "wait"),
    "confirmed": (N_("confirmed"), "good"),
    "accepted": (N_("accepted"), "good"),
    "refused": (N_("refused"), "plain"),
}
"""What became of a proposal, and its sign."""

STATES: Mapping[str, tuple[str, str]] = {
    "proposed": (N_("waits for a second person"), "wait"),
    "confirmed": (N_("confirmed"), "good"),
    "withdrawn": (N_("withdrawn"), "plain"),
}
"""How far a rate or a deal has come."""

OWED: Mapping[str, tuple[str, str]] = {
    "open": (N_("owed back"), "bad"),
    "recovered": (N_("came back"), "good"),
    "written_off": (N_("given up"), "plain"),
    "delivered": (N_("became the payment"), "good"),
    "unfounded": (N_("was never owed"), "plain"),
}

CLOSES: Mapping[str, tuple[str, str]] = {
    "open": (N_("its books are open"), "plain"),
    "proposed": (N_("proposed to be closed"), "wait"),
    "refused": (N_("its closing was refused"), "bad"),
    "closed": (N_("its books are closed"), "good"),
    "reopened": (N_("opened again"), "plain"),
}

ACTS: Mapping[Act, str] = {
    Act.START: N_("They begin to take part on that day"),
    Act.END: N_("That day is their last"),
    Act.SUSPEND: N_("From that day on they get nothing"),
    Act.RESUME: N_("From that day on they take part again"),
}

ACCOUNTS: Mapping[str, str] = {
    "1000": N_("Bank"),
    "1100": N_("Placed with providers"),
    "1200": N_("Taken by providers, not known to be paid yet"),
    "1310": N_("Owed back: paid twice or too much"),
    "1900": N_("Lines of statements that nothing explains"),
    "1950": N_("Exchange position"),
    "2000": N_("Donor fund, not given to a programme"),
    "2100": N_("Programme budget, free"),
    "2200": N_("Committed to runs"),
    "2210": N_("Set aside for fees"),
    "2300": N_("With providers, no news yet"),
    "2350": N_("With providers, unknown for days"),
    "2400": N_("Came back or expired, to be decided"),
    "2900": N_("Delivered"),
    "2910": N_("Spent on fees"),
    "2920": N_("Written off"),
    "2930": N_("Exchange differences borne"),
    "2950": N_("Delivered without cover"),
    "2990": N_("Changed to or from another currency"),
    "5000": N_("Assistance delivered"),
    "5100": N_("Fees of providers"),
    "5200": N_("Exchange gain and loss"),
    "5290": N_("Exchange rounding"),
    "5300": N_("Losses"),
}
"""Accounts by their codes; one that is not here is shown by its own name."""

CHECKS: Mapping[str, str] = {
    "month_over": N_("The month is over"),
    "order": N_("The months before it are closed"),
    "trial_balance": N_("The books add up"),
    "audit_chain": N_("The audit log is sealed"),
    "exchange": N_("Deals and rates are decided"),
    "statements": N_("Statements cover every day"),
    "floats": N_("Floats agree with the providers"),
    "unknown": N_("Payments of which nobody knows"),
    "undecided": N_("Payments that wait for a decision"),
    "discrepancies": N_("Old discrepancies"),
    "suspense": N_("Lines that nothing explains"),
    "fees": N_("Fees agree with the tariffs"),
}
"""The lines of a month's checklist, by their names."""

NOT_YET = (
    N_(
        "A provider's statement is missing, or what it shows is not decided. The office still stands still."
    ),
    N_(
        "Take in every statement since the backup, until today, reconcile them, and decide what they show."
    ),
)

LOST_FLOATS: Table = {
    "float.not_free": (
        N_("The provider does not hold that much that no payment on its way needs."),
        N_("Find out first what became of the payments that are on their way with it."),
    ),
    "float.more_than_lost": (
        N_("More is said to have come back than was given up."), N_("Refuse it, and ask for what came back of it."),
    ),
}  # fmt: skip

REFUSALS: Table = {
    **LOST_FLOATS,
    "ledger.month_closed": (
        N_("The books of that month are closed: nothing takes effect on %(day)s any more."),
        N_("Leave the day out, so that it takes effect today; or have two people reopen the month."),
    ),
    "ledger.unusable_value_date": (
        N_("Nothing can take effect on this day: it is yet to come, long ago, or before the deal that it is of."),
        N_("Copy the day from the bank's paper, or leave it out."),
    ),
    "standstill.not_yet": NOT_YET,
    "standstill.none": (N_("The office works: nothing is stopped."), N_("Nothing has to be done.")),
    "console.unusable_form": (
        N_("Something in the form is missing, or cannot be read."), N_("Fill it in again."),
    ),
    "console.no_file": (N_("No file was chosen."), N_("Choose the file.")),
    "fund_request.unusable": (
        N_("It does not say what is to be moved from where to where, how much and on which paper."),
        N_("Both programmes pay in one currency and draw on the fund; the amount is above zero."),
    ),
    "fund_request.paper_used": (
        N_("This paper's reference stands for another request already."), N_("Check the paper: each request has its own."),
    ),
    "fund.unusable_movement": (
        N_("It needs an amount above zero in the fund's currency, and the reference of its paper."), N_("Fill in both."),
    ),
    "fund.more_than_the_grant": (
        N_("More would be received than the donor's agreement says."),
        N_("Raise the fund's amount in the programme file first, when the agreement says so."),
    ),
    "fund.reference_used": (
        N_("This reference stands for another movement already."), N_("Check the paper: each movement has its own."),
    ),
    "fund.not_changed": (
        N_("The fund has not enough money in the programme's currency."), N_("Write down the bank's deal first."),
    ),
    "fund.unknown_provider": (N_("This provider is not in use here."), N_("Choose one of the list.")),
    "budget.other_currency": (
        N_("The programme's budget is kept in another currency."), N_("Give the amount in the programme's currency."),
    ),
    "fund.unknown": (N_("There is no such fund."), N_("Choose one of the list.")),
    "budget.which_fund": (
        N_("The programme draws on several funds, or not on that one."), N_("Choose the fund, too."),
    ),
    "programmes.unknown_programme": (N_("There is no such programme."), N_("Choose one of the list.")),
    "programmes.unknown_cycle": (N_("There is no such cycle."), N_("Choose one of the list.")),
    "money.unusable_amount": (
        N_("The amount cannot be read without guessing."), N_("Write digits with at most one full stop: 1234.50."),
    ),
    "fx.unusable_rate": (
        N_("This is no exchange rate that can be read, or it does not fit the amounts or the reference rate."),
        N_("Compare with the bank's paper: digits and one full stop, and which way round it is."),
    ),
    "fx.unusable_day": (N_("This day is yet to come."), N_("Give the day of the bank's paper.")),
    "fx.unusable_deal": (
        N_("A deal needs two amounts above zero and the reference on the bank's ticket."),
        N_("Copy all three from the ticket."),
    ),
    "fx.ticket_used": (
        N_("The ticket's reference stands for another deal already."),
        N_("Check the paper; a deal that was written down wrongly is taken back first."),
    ),
    "tariff.nothing_new": (N_("The latest version of this tariff says the same."), N_("Nothing is to be done.")),
    "prices.unknown_round": (N_("There is no such round of prices."), N_("Look at the list.")),
    "prices.not_a_sheet": (
        N_("This is not a price sheet of this office."), N_("Send the sheet that was downloaded here, filled in."),
    ),
    "prices.unchanged": (N_("The sheet says what is known already."), N_("Nothing is to be done.")),
    "transfer_value.nothing_new": (N_("The prices make the amounts that hold already."), N_("Nothing is to be done.")),
    "transfer_value.already_proposed": (
        N_("A value of this programme waits for its decision."), N_("Decide about that one first."),
    ),
    "top_up.paid_by_work": (
        N_("What is owed for work comes from signed sheets."), N_("Correct the sheet: the next cycle pays the difference."),
    ),
    "top_up.proposed_before": (
        N_("This list, or another one under this reference, was proposed for the cycle before."),
        N_("Look at the list of top-ups."),
    ),
    "top_up.nothing_more": (
        N_("The rules make nothing more of what is known today."),
        N_("Name the households in a list, with what each is owed on top."),
    ),
    "programmes.unknown_condition": (
        N_("The programme does not ask for this condition."), N_("Look into the programme's file for its name."),
    ),
    "registry.unknown_household": (
        N_("No household has this number, or several have."), N_("Check the number in the registration list."),
    ),
    "month_close.unusable_month": (N_("This is not a calendar month."), N_("Write it as 2026-10.")),
    "month_close.not_ready": (
        N_("The month cannot be closed yet: something is open that must be done, or that has no reason."),
        N_("See the checklist below."),
    ),
    "month_close.unusable_reasons": (
        N_("A reason is given for something that needs none."), N_("Look at the checklist again."),
    ),
}  # fmt: skip
