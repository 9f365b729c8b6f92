"""What becomes of somebody who asked to be registered, or asked a question."""

from enum import StrEnum

from cbi.lifecycle import Lifecycle


class ReferralKind(StrEnum):
    """Who brought it."""

    SELF = "self"
    PARTNER = "partner"
    QUESTION = "question"


class ReferralState(StrEnum):
    WAITING = "waiting"
    ACCEPTED = "accepted"
    MERGED = "merged"
    REJECTED = "rejected"
    ANSWERED = "answered"


class Refusal(StrEnum):
    """Why somebody is not registered: a closed list, each with words for the sender in their language."""

    NOT_REACHED = "not_reached"
    OUTSIDE_AREA = "outside_area"
    INCOMPLETE = "incomplete"
    ASKED_TWICE = "asked_twice"
    OTHER_SERVICE = "other_service"
    WITHDRAWN = "withdrawn"


REFERRAL = Lifecycle(
    name="referral",
    initial=ReferralState.WAITING,
    moves={
        ReferralState.WAITING: {
            ReferralState.ACCEPTED: "registered as a new household",
            ReferralState.MERGED: "the household was registered already",
            ReferralState.REJECTED: "not registered, with a reason",
            ReferralState.ANSWERED: "a question was answered",
        },
    },
)
