"""What controls and their waivers are called on pages."""

from collections.abc import Mapping
from dataclasses import dataclass

from cbi.console.approvals_words import Words
from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.console.visit import Visit
from cbi.payments.runs.sheet_models import FindingKind
from cbi.payments.signing.controls import (
    AMOUNT_BOUNDS,
    CONTROLS,
    MINIMUM_WAGE,
    OLD_DISCREPANCIES,
    PAYEE_LIMIT,
    UNOPENED_LISTS,
    Measure,
)
from cbi.payments.signing.waiver_register import Line, State, in_front_of

NAMES: Mapping[str, str] = {
    FindingKind.SHARED_ACCOUNT: N_("Several households at one telephone or account"),
    FindingKind.SEVERAL_PAYMENTS: N_("Several payments of one household at one account"),
    FindingKind.OPEN_DUPLICATE: N_("Households that may be registered twice"),
    FindingKind.INACTIVE: N_("Households that are no longer active"),
    FindingKind.JUMP: N_("Amounts far from those of the last cycle"),
    FindingKind.OUTLIER: N_("Amounts of several times the median"),
    AMOUNT_BOUNDS: N_("Amounts outside the office's limits"),
    MINIMUM_WAGE: N_("Pay below the minimum wage"),
    PAYEE_LIMIT: N_("People or accounts that get very much within 30 days"),
    OLD_DISCREPANCIES: N_("Old discrepancies that nobody has explained"),
    UNOPENED_LISTS: N_("Lists that the signer has not opened"),
}
"""Each control as a heading."""

UP_TO: Mapping[Measure, str] = {
    Measure.HOUSEHOLDS_AT_ONE: N_("up to %(limit)s households at one telephone or account"),
    Measure.PAYMENTS_AT_ONE: N_("up to %(limit)s payments of one household at one account"),
    Measure.PAYMENTS: N_("up to %(limit)s payments"),
    Measure.PERCENT: N_("up to %(limit)s %% of the last cycle"),
    Measure.LISTS: N_("up to %(limit)s lists"),
}

STATES: Mapping[State, tuple[str, str]] = {
    State.ASKED: (N_("waits for a second person"), "wait"),
    State.COMING: (N_("not yet"), "plain"),
    State.OPEN: (N_("in force"), "bad"),
    State.EXPIRED: (N_("over"), "plain"),
    State.REFUSED: (N_("refused"), "plain"),
    State.REVOKED: (N_("revoked"), "plain"),
}
"""Each state in words, with its sign. An open waiver is nothing to be calm about."""

CAUTIONS: Mapping[str, Words] = {
    AMOUNT_BOUNDS: Words(
        N_("Amounts outside the office's limits"),
        N_("%(worst)s payments are below the smallest or above the largest amount that the office's policy allows."),
        N_("Return the run, and compare with the rate card: is there a zero too many?"),
    ),
    MINIMUM_WAGE: Words(
        N_("Pay below the minimum wage"),
        N_("%(worst)s payments pay less than the minimum wage of the programme for the days that people worked."),
        N_("Have the sheet corrected and signed, with a rate per piece that reaches it."),
    ),
    PAYEE_LIMIT: Words(
        N_("People or accounts that get very much within 30 days"),
        N_("%(worst)s payments go to a person or an account that gets more from all programmes within 30 days than may be."),
        N_("Look who they are. Is one person collecting for many? Take the payments out, or have two others waive it."),
    ),
    OLD_DISCREPANCIES: Words(
        N_("Old discrepancies that nobody has explained"),
        N_(
            "Of the last cycle %(worst)s %% is in doubt for more than 30 days. Up to %(at_most)s %% the next may be signed."
        ),
        N_("Settle the discrepancies first."),
    ),
}  # fmt: skip

REFUSALS: Table = {
    "control.blocks": (
        N_("A control blocks run %(number)s. Nothing was signed or released."),
        N_("Its sheet says which, and what to do. Mend it, or have two others waive the control for a time."),
    ),
    "control.lists_unopened": (
        N_("Run %(number)s has something unusual that you have not looked at. Nothing was signed."),
        N_("Open each list under “Look at this first”, then sign."),
    ),
    "waiver.unusable": (
        N_("A waiver cannot be asked for like this."),
        N_("It is for a programme of this office, begins today or later, holds at most 30 days, and lets more pass than"
           " passes anyway. Check each field."),
    ),
    "waiver.never": (N_("Nobody can waive this control."), N_("Do what it asks for.")),
    "waiver.unknown": (N_("There is no waiver %(number)s that waits for this."), N_("See below how it stands now.")),
    "waiver.own": (
        N_("You asked for this waiver, or made the run that it is for."),
        N_("Two others ask for it and grant it."),
    ),
    "waiver.altered": (
        N_("What is kept of waiver %(number)s is not what was asked or decided: somebody altered it."),
        N_("Sign nothing that it is for. Tell the auditor."),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """One waiver in the reader's words. `sign` is wait, bad or plain."""

    line: Line
    what: str
    limit: str
    state: str
    sign: str


def told(visit: Visit, line: Line) -> Told:
    """The waiver for this reader."""
    state, sign = STATES[line.state]
    limit = ""
    if line.at_most is not None:
        limit = visit.gettext(UP_TO[CONTROLS[line.control].measure], limit=line.at_most)
    return Told(line, visit.gettext(NAMES[line.control]), limit, visit.gettext(state), sign)


def on_reports(visit: Visit) -> list[Told]:
    """The open waivers, for the top of every page that is a report: `report.html`."""
    session, actor = visit.request.state.session, visit.actor
    return [told(visit, each) for each in in_front_of(session, actor)] if actor else []
