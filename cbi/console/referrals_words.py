"""What pages say of referrals, and what the sender of one reads about it."""

from collections.abc import Mapping

from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.registry.referrals.states import ReferralKind, ReferralState, Refusal

KINDS: Mapping[ReferralKind, str] = {
    ReferralKind.SELF: N_("by themselves"),
    ReferralKind.PARTNER: N_("from a partner"),
    ReferralKind.QUESTION: N_("question"),
}

STATES: Mapping[ReferralState, tuple[str, str]] = {
    ReferralState.WAITING: (N_("waits"), "wait"),
    ReferralState.ACCEPTED: (N_("registered"), "good"),
    ReferralState.MERGED: (N_("registered before"), "good"),
    ReferralState.REJECTED: (N_("not registered"), "bad"),
    ReferralState.ANSWERED: (N_("answered"), "good"),
}

TO_THE_SENDER: Mapping[ReferralState, str] = {
    ReferralState.WAITING: N_("We have it, and have not decided yet. We take requests in the order in which they came."),
    ReferralState.ACCEPTED: N_("You are registered. Whether you receive money is decided later, and we tell you."),
    ReferralState.MERGED: N_("You were registered already. Nothing was changed by asking again."),
    ReferralState.REJECTED: N_("You are not registered."),
    ReferralState.ANSWERED: N_("Your question was answered."),
}  # fmt: skip

REFUSED: Mapping[Refusal, str] = {
    Refusal.NOT_REACHED: N_("We could not reach you. Send it again with a telephone where we can."),
    Refusal.OUTSIDE_AREA: N_("We do not work where you live. The hotline can say who does."),
    Refusal.INCOMPLETE: N_(
        "Something that we need was missing. Send it again, or call the hotline."
    ),
    Refusal.ASKED_TWICE: N_("You sent this more than once. We look at the other one."),
    Refusal.OTHER_SERVICE: N_("Another service can help you better. The hotline can say which."),
    Refusal.WITHDRAWN: N_("You asked us not to go on."),
}

REASONS: Mapping[Refusal, str] = {
    Refusal.NOT_REACHED: N_("cannot be reached"),
    Refusal.OUTSIDE_AREA: N_("lives where we do not work"),
    Refusal.INCOMPLETE: N_("something is missing"),
    Refusal.ASKED_TWICE: N_("asked more than once"),
    Refusal.OTHER_SERVICE: N_("another service is right"),
    Refusal.WITHDRAWN: N_("does not want it any more"),
}
"""What an officer chooses from; the sender reads the sentence above."""

REFUSALS: Table = {
    "referral.unusable": (N_("Something is missing, or cannot be read."), N_("Look at the form once more.")),
    "referral.queue_full": (N_("Too many requests wait for us today."), N_("Come back tomorrow, or call the hotline.")),
    "referral.unknown_partner": (
        N_("This is not the key of a partner who may refer people."),
        N_("Check the key, or ask the office for a new one."),
    ),
    "referral.unknown": (N_("There is no such request."), N_("See the list.")),
    "referral.already_decided": (N_("Somebody has decided about this already."), N_("See the list of those waiting.")),
    "console.too_many_requests": (
        N_("Many requests came from this place today, so we take no more from here until tomorrow."),
        N_("Nothing is lost: call %(hotline)s, come to the office, or send it from another connection."),
    ),
    "console.no_office_to_apply_to": (N_("Choose the office."), ""),
    "console.not_taken_here": (N_("No requests are taken on this page."), N_("Call the hotline, or come to the office.")),
}  # fmt: skip

MISSING: Mapping[str, str] = {
    "name": N_("Write a name."),
    "size": N_("Say how many people live together: 1 to 60."),
    "phone": N_("This is not a telephone number. Leave it empty if there is none."),
    "agreed": N_("Nobody is registered who has not agreed to it."),
    "words": N_("Write your question, in at most 500 characters."),
}
"""What is wrong with a field of the form, by its name."""
