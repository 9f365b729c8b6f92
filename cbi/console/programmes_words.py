"""What the pages about programmes and their cycles call things, and the refusals that they can meet."""

from collections.abc import Mapping

from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.payments.runs.unfunded import Reason as Left
from cbi.programmes.eligibility import Reason
from cbi.programmes.kinds import Kind
from cbi.programmes.periods import Every

KINDS: Mapping[Kind, str] = {
    Kind.STIPEND: N_("stipend"),
    Kind.GRANT: N_("grant"),
    Kind.CASH_FOR_WORK: N_("cash for work"),
}

EVERY: Mapping[Every, str] = {
    Every.MONTH: N_("each month"),
    Every.QUARTER: N_("each quarter"),
    Every.WEEK: N_("each week"),
    Every.ONCE: N_("once"),
}
"""How often a programme is paid."""

WHY_NOT: Mapping[Reason, str] = {
    Reason.NOT_ACTIVE: N_("The household is not active in the registry."),
    Reason.POSSIBLE_DUPLICATE: N_("A member may be on record in another household, too, and nobody has decided it."),
    Reason.TOO_SMALL: N_("It has fewer members than the programme asks for."),
    Reason.TOO_LARGE: N_("It has more members than the programme allows."),
    Reason.AREA_NOT_COVERED: N_("It does not live in an area of the programme."),
    Reason.NO_RECIPIENT: N_("No member is named as the one who receives."),
    Reason.NO_CONSENT: N_("The recipient has not consented, or has withdrawn the consent."),
    Reason.NO_PAYMENT_ACCOUNT: N_("The recipient has no telephone or account that the money or its code could go to."),
    Reason.NO_SECOND_FACTOR: N_("The recipient has no document, card or word to show at the counter."),
    Reason.NOT_STARTED: N_("It takes part only after this period."),
    Reason.ENDED: N_("Its part in the programme ended before this period."),
    Reason.SUSPENDED: N_("Its payments are suspended."),
    Reason.CONDITION_NOT_MET: N_("What its next tranche asks for is not met, or not confirmed yet."),
    Reason.ALL_GIVEN: N_("It has been given everything that the grant holds for it."),
    Reason.CEILING_REACHED: N_("It has been given as much as anybody may get in a lifetime."),
    Reason.NOTHING_OWED: N_("What it would get comes to nothing."),
}  # fmt: skip
"""Why a household is not in a cycle."""

LEFT: Mapping[Left, tuple[str, str]] = {
    Left.CAN_BE_BUILT: (N_("A run that is built now pays it."), "wait"),
    Left.SPENT: (N_("The funds that may pay it have not enough left in their budgets, with its fee."), "bad"),
    Left.NOT_VALID: (N_("The funds that it is for are not valid today, or not in that period."), "bad"),
    Left.NOT_FOR_IT: (N_("No fund of the programme is for it."), "bad"),
    Left.CONSENT_WITHDRAWN: (N_("The recipient has taken back the consent that the programme rests on."), "plain"),
}  # fmt: skip
"""Why something that is owed is in no run, and its sign."""

WEEKDAYS: Mapping[int, str] = {
    1: N_("Monday"),
    2: N_("Tuesday"),
    3: N_("Wednesday"),
    4: N_("Thursday"),
    5: N_("Friday"),
    6: N_("Saturday"),
    7: N_("Sunday"),
}

REFUSALS: Table = {
    "office.unusable_day": (
        N_("Nothing can be said of this day, or it is no day off that could be taken back."), N_("Look at the list."),
    ),
    "programmes.unknown_programme": (N_("There is no such programme."), N_("Choose one of the list.")),
    "programmes.unknown_cycle": (N_("There is no such cycle."), N_("Choose one of the list.")),
    "programmes.period_not_scheduled": (
        N_("The programme is not paid for that period."), N_("Choose one of those that are offered."),
    ),
    "programmes.fund_not_valid": (
        N_("The programme's funds are not valid on all days of that period."),
        N_("Extend the fund in the programme file when the donor has agreed to it."),
    ),
    "legal_basis.waits": (
        N_("The ground on which the programme keeps people's data waits for a second person."),
        N_("Somebody else accepts it first; it stands among what waits for a decision."),
    ),
    "registry.still_comparing": (
        N_("People who were registered lately are still being compared with everybody else."),
        N_("Wait for it to end, then open the cycle."),
    ),
    "payment_run.unknown_cycle": (N_("There is no such payment cycle."), N_("Choose one of the list.")),
    "payment_run.no_fund_pays": (
        N_("No fund pays what is still owed."), N_("See below why, and what it comes to."),
    ),
    "payment_run.provider_cannot_pay": (
        N_("A provider does not pay such an amount, or is not in use here."),
        N_("Change the programme's file, or the way in which these households are paid."),
    ),
    "programmes.changed_meanwhile": (
        N_("The rules of %(programme)s were changed after you looked at them. Nothing was done."),
        N_("Look again at what they say now."),
    ),
    "programmes.rests_on_it": (
        N_("The file changes periods or tranches on which cycles that are open rest."),
        N_("Keep them, or give another programme a code of its own."),
    ),
    "programmes.value_accepted": (
        N_("The file changes amounts that two people accepted."), N_("Keep them, or propose another value."),
    ),
    "programmes.unknown_basis": (
        N_("The amounts cannot rest on that basket."), N_("Compare its name with the baskets that are there."),
    ),
    "programmes.cannot_count": (
        N_("The ceiling cannot count with a programme that the file names."), N_("Name one that pays in the same currency."),
    ),
    "programmes.unclear_area": (
        N_("The file names an area that is not in the tree of places, or that several are called."),
        N_("Write its code."),
    ),
    "programmes.fixed_for_good": (
        N_("The file changes what a programme or a fund keeps for good."),
        N_("Give a programme or a fund that differs in it a code of its own."),
    ),
    "programmes.fund_differs": (
        N_("The file says of a fund something else than is on record."), N_("Write what is on record."),
    ),
    "programmes.fund_too_small": (
        N_("The fund would no longer cover what has been done with it."), N_("Write more, or a later day."),
    ),
}  # fmt: skip
