"""What the pages about approval call things, and what each warning means."""

from collections.abc import Mapping
from dataclasses import dataclass

from cbi.access.permissions import Role
from cbi.console.languages import N_
from cbi.console.overview_roles import ROLES
from cbi.console.refusals import Table
from cbi.console.visit import Visit
from cbi.fsp.messages import DeliveryMechanism
from cbi.payments.runs import cautions
from cbi.payments.runs.sheet_models import FindingKind
from cbi.payments.runs.waiting import Act
from cbi.payments.states import RunState

STATES: Mapping[RunState, tuple[str, str]] = {
    RunState.DRAFT: (N_("draft"), "plain"),
    RunState.LOCKED: (N_("locked"), "wait"),
    RunState.CERTIFIED: (N_("certified"), "wait"),
    RunState.APPROVED: (N_("authorised"), "wait"),
    RunState.RELEASING: (N_("being handed over"), "good"),
    RunState.RELEASED: (N_("handed over"), "good"),
    RunState.CLOSED: (N_("settled"), "good"),
    RunState.CANCELLED: (N_("called off"), "bad"),
}
"""A run's state, and the sign it has."""

STEPS: Mapping[RunState, str] = {
    RunState.DRAFT: N_("Built"),
    RunState.LOCKED: N_("Locked"),
    RunState.CERTIFIED: N_("Certified"),
    RunState.APPROVED: N_("Authorised"),
    RunState.RELEASING: N_("Released"),
    RunState.RELEASED: N_("Handed over in full"),
    RunState.CLOSED: N_("Settled in full"),
    RunState.CANCELLED: N_("Called off"),
}
RETURNED = N_("Returned to its maker")

NEEDED: Mapping[Act, str] = {
    Act.LOCK: N_("to be locked"),
    Act.CERTIFY: N_("to be certified"),
    Act.AUTHORISE: N_("to be authorised"),
    Act.SIGN: N_("to be signed"),
    Act.RELEASE: N_("to be released"),
}
"""What a run waits for, after “It waits”."""

PARTS: Mapping[str, str] = {
    "maker": N_("You made this run, so others sign it."),
    "certifier": N_("You certified this run, so somebody else authorises it."),
    "authoriser": N_("You authorised this run."),
}
HAD = N_("You signed this run, or somebody did in your place.")

SIGNED: Mapping[str, str] = {
    Role.CERTIFIER: N_("You certified run %(number)s. Now somebody else authorises it."),
}
SIGNED_NEXT = N_("You signed run %(number)s. Somebody else signs it next.")
SIGNED_LAST = N_(
    "You authorised run %(number)s. Its money is committed; until its release it can be called off."
)


def step_name(visit: Visit, step: str) -> str:
    """What a step is called in the reader's language."""
    if step in set(Role):
        return visit.gettext(ROLES[Role(step)])
    return step.replace("_", " ").replace("-", " ")


SIGNED_AGAIN = N_("Signed")


@dataclass(frozen=True, slots=True)
class Words:
    """A warning: what it is, what it means, and what to do about it."""

    what: str
    means: str
    to_do: str


CAUTIONS: Mapping[str, Words] = {
    cautions.BUDGET_SHORT: Words(
        N_("The programme's budget does not cover this run"),
        N_("%(amount)s is missing, so the run cannot be authorised."),
        N_("Ask the treasurer for the missing amount, or return the run."),
    ),
    cautions.BUDGET_PROMISED: Words(
        N_("Other runs wait for a signature too, and the budget does not cover all of them"),
        N_(
            "%(amount)s is missing for all of them with their fees, so the last of them cannot be authorised."
        ),
        N_("Ask the treasurer for the missing amount, or decide which run goes first."),
    ),
    cautions.FUND_NOT_VALID: Words(
        N_("The fund may not be spent today"),
        N_("It has not begun, or it ended on %(day)s, so the run cannot be authorised."),
        N_("Ask the donor for an extension, and have the new date put in the programme file."),
    ),
    cautions.FLOAT_SHORT: Words(
        N_("The float with %(provider)s is too small"),
        N_(
            "%(amount)s is missing there, after what is promised already. People might come and find no cash."
        ),
        N_("Ask the treasurer to place more with the provider before the run is released."),
    ),
    cautions.FUND_ENDING: Words(
        N_("The fund ends on %(day)s"),
        N_("What is not paid out by then may no longer be."),
        N_("Make sure that people can collect in time, or ask the donor for an extension."),
    ),
    FindingKind.SHARED_ACCOUNT: Words(
        N_("Several households receive at one telephone or account"),
        N_(
            "It can be a family's telephone. It can also be somebody who collects other people's money."
        ),
        N_("Open the list, and have some of these households visited or called before you sign."),
    ),
    FindingKind.SEVERAL_PAYMENTS: Words(
        N_("A household receives several payments at one account"),
        N_("Each is for something else, and the household gets them all."),
        N_("Open the list, and make sure that this is meant."),
    ),
    FindingKind.OPEN_DUPLICATE: Words(
        N_("Households that may be registered twice"),
        N_(
            "They share a telephone or a document with others, and nobody has decided whether they are other people."
        ),
        N_("Ask the registration officer to decide. If you are in doubt, return the run."),
    ),
    FindingKind.INACTIVE: Words(
        N_("Households that are no longer active"),
        N_("They left the registry after the run was built, and would still be paid."),
        N_("Return the run, so that its maker takes them out."),
    ),
    FindingKind.ACCOUNT: Words(
        N_("The telephone or account is not that of the last cycle"),
        N_(
            "This money goes elsewhere than last time. A changed number is how payments are most often stolen."
        ),
        N_("Open the list, and have some of these households visited before you sign."),
    ),
    FindingKind.JUMP: Words(
        N_("Amounts far from those of the last cycle"),
        N_("More than half as much again, or less than half."),
        N_("Open the list, and ask the maker why."),
    ),
    FindingKind.OUTLIER: Words(
        N_("Amounts of more than %(times)s times the median"),
        N_("Half of all payments are %(median)s or less."),
        N_("Open the list, and compare with the rate card: is there a zero too many?"),
    ),
    FindingKind.LARGE_SHARE: Words(
        N_("One payment is more than %(percent)s %% of the total"),
        N_("So much for one household is unusual in a list of this length."),
        N_("Open the list, and ask the maker why."),
    ),
}

CHANGES: Mapping[FindingKind, str] = {
    FindingKind.NEW: N_("New in this run"),
    FindingKind.GONE: N_("No longer paid"),
    FindingKind.AMOUNT: N_("Another amount"),
    FindingKind.ACCOUNT: N_("Another telephone or account"),
}

MECHANISMS: Mapping[str, str] = {
    DeliveryMechanism.CASH_OVER_COUNTER: N_("cash over a counter"),
    DeliveryMechanism.MOBILE_MONEY: N_("mobile money"),
    DeliveryMechanism.BANK_TRANSFER: N_("bank transfer"),
    DeliveryMechanism.PREPAID_CARD: N_("prepaid card"),
    DeliveryMechanism.DIRECT_DELIVERY: N_("handed over directly"),
}

REFUSALS: Table = {
    "payment_run.unknown": (N_("There is no such payment run."), N_("Begin at the list of approvals.")),
    "payment_run.moved_on": (
        N_("Somebody else was quicker: this run is not where it was when you opened the page."),
        N_("See below how it stands now."),
    ),
    "payment_run.not_what_was_seen": (
        N_("Run %(number)s has changed since you opened its sheet. Nothing was signed."),
        N_("Read the sheet as it is now, then sign that one."),
    ),
    "payment_run.two_parts": (
        N_("You, or whoever you stand in for, had another part in this run already. All who make and sign a run must be"
           " different people."),
        N_("Ask a colleague."),
    ),
    "payment_run.content_altered": (
        N_("Run %(number)s is not what was locked: somebody altered it. Nothing was signed or released."),
        N_("Tell the auditor, then return the run to its maker."),
    ),
    "payment_run.summary_altered": (
        N_("What is kept of run %(number)s's sheet is not what was worked out when it was locked."),
        N_("Do not sign it. Tell the auditor, then return the run and have it locked again."),
    ),
    "payment_run.fund_not_valid": (
        N_("The fund %(fund)s may be spent from %(first)s to %(last)s, and not today."),
        N_("Ask the donor for an extension, and have the new date put in the programme file."),
    ),
    "ledger.not_covered": (
        N_("There is not enough money: %(held)s is there, and %(asked)s is asked for."),
        N_("Ask the treasurer for the missing amount."),
    ),
    "payment_run.recall_window_open": (
        N_("Run %(number)s can still be called off, so it is not released yet."),
        N_("Release it when the time is over; the page says when."),
    ),
    "payment_run.not_a_draft": (
        N_("Run %(number)s is locked, and only a draft can be edited."),
        N_("Have an approver return it with a reason first."),
    ),
    "payment_run.not_in_it": (
        N_("That payment is not in this run."), N_("Look at the list; it may have been taken out before."),
    ),
    "payment_run.own_release": (
        N_("You made run %(number)s, so somebody else releases it."), N_("Ask a colleague who may release payment runs."),
    ),
    "payment_run.own_payment": (
        N_("Run %(number)s pays a household that you belong to."), N_("Ask a colleague who may sign payment runs."),
    ),
    "payment_run.only_people": (N_("A run is signed by a person, not by a program."), N_("Sign in under your name.")),
    "payment_run.nothing_to_pay": (
        N_("There is nothing to pay: nobody waits for it, or no payment is left."), N_("See below how things stand."),
    ),
    "payment_run.not_locked": (
        N_("Run %(number)s is not locked: its list can still change."),
        N_("Lock it first; then there is a list to sign."),
    ),
    "payment_run.requirement_altered": (
        N_("What is kept of the signatures that run %(number)s takes is not what was worked out."),
        N_("Do not sign it. Tell the auditor, then return the run and have it locked again."),
    ),
    "approval_policy.no_band": (
        N_("The approval policy does not say who signs so much, so nobody can."),
        N_("Make the run smaller, or propose a policy that says who signs so much."),
    ),
    "fx.no_rate": (
        N_("Nobody has confirmed an exchange rate between %(currency)s and %(other)s."),
        N_("Ask the treasurer to enter one, and a second person to confirm it."),
    ),
    "fx.stale_rate": (
        N_("The latest exchange rate between %(currency)s and %(other)s is too old, of %(day)s."),
        N_("Ask the treasurer to enter one, and a second person to confirm it."),
    ),
    "approval_policy.altered": (
        N_("The approval policy is not what was accepted: somebody altered it."),
        N_("Sign nothing. Tell the auditor."),
    ),
    "tariff.altered": (
        N_("A provider's tariff is not what was accepted: somebody altered it."),
        N_("Sign nothing. Tell the auditor."),
    ),
    "approval_policy.unknown": (
        N_("Version %(version)s of the approval policy does not wait to be accepted."),
        N_("See below how it stands now."),
    ),
    "approval_policy.own": (N_("You proposed this policy, so somebody else accepts it."), N_("Ask a colleague.")),
    "delegation.not_valid": (
        N_("You cannot sign this run in the place of another: what you were given does not reach it."),
        N_("Look under “Who signs what” up to which amount, for what and until when it goes."),
    ),
    "delegation.unusable": (
        N_("Somebody can stand in for you only if they may sign runs, for days to come, and up to an amount above zero."),
        N_("Correct what does not fit, and try again."),
    ),
    "delegation.own": (
        N_("Neither of the two whom a delegation concerns accepts it."), N_("Ask a third person."),
    ),
    "delegation.unknown": (
        N_("There is no such delegation, or it was withdrawn or accepted."), N_("See below how it stands now."),
    ),
    "audit.unusable_reason": (
        N_("A reason has 3 to 500 characters, and no telephone, document or code number."),
        N_("Say in a few words what happened; others will read it."),
    ),
    "lifecycle.move_not_allowed": (
        N_("This run is not where it was when you opened the page."), N_("See below how it stands now."),
    ),
}  # fmt: skip
