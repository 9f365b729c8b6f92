"""What a teller is told when a code cannot be paid, and when it may be told.

Until the whole code was right, a teller learns only "mistyped" or "not recognised"; what became of the money is said
only to somebody who holds the code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from cbi.redemption.limits import Standing
from cbi.redemption.states import CollectedAs
from cbi.registry.models import FactorKind


@dataclass(frozen=True, slots=True)
class Refused:
    """No: why, what to do next, and how many wrong tries are left (None where that does not matter).

    A value and not an error, because the try it answers must be counted even though the answer is no. `details` holds
    what the words are filled with, for whoever says them in another language; `case` among them tells apart what has
    one code and several next steps.
    """

    code: str
    message: str
    next_step: str
    tries_left: int | None = None
    details: Mapping[str, object] = field(default_factory=dict, hash=False)


def when(instant: datetime, timezone: ZoneInfo) -> str:
    """An instant as a teller reads it: day and time at the office."""
    return f"{instant.astimezone(timezone):%d/%m/%Y %H:%M}"


def held_up(standing: Standing, timezone: ZoneInfo) -> Refused | None:
    """The refusal for a teller who is paused or stopped; None for one who may try."""
    if standing.stopped:
        return Refused(
            "redemption.supervisor_needed",
            "You have typed too many wrong codes today.",
            "Call the supervisor, who can unlock you.",
            0,
        )
    if standing.paused_until:
        until = standing.paused_until.astimezone(timezone)
        return Refused(
            "redemption.teller_paused",
            f"Too many wrong codes: you can try again at {until:%H:%M}.",
            "Ask the person to check the message, or to call the hotline.",
            0,
            {"until": f"{until:%H:%M}"},
        )
    return None


def not_recognised(tries_left: int) -> Refused:
    """The one answer to a wrong secret, to a locator that nobody has, and to a wrong try at a dead code."""
    return Refused(
        "redemption.not_recognised",
        "This code is not recognised.",
        "Ask for the code again and compare it digit by digit."
        + ("" if tries_left else " You must wait before you try another."),
        tries_left,
        {} if tries_left else {"case": "last"},
    )


def already_paid(at: str, office: str) -> Refused:
    """When and where the money was handed over."""
    return Refused(
        "redemption.already_paid",
        f"Paid on {at} at {office}.",
        "Do not pay. If the person did not get it, call the supervisor.",
        details={"at": at, "office": office},
    )


def part_paid(at: str, office: str) -> Refused:
    """When and where a part was handed over with this code; another code pays what is left."""
    return Refused(
        "redemption.part_paid",
        f"A part was paid with this code on {at} at {office}.",
        "Ask for the newest message: what is left has a code of its own.",
        details={"at": at, "office": office},
    )


def expired(day: str) -> Refused:
    """Until when the code could be cashed."""
    return Refused(
        "redemption.expired",
        f"The last day was {day}.",
        "Tell the person to call the hotline: the money is not lost.",
        details={"day": day},
    )


LOCKED = Refused(
    "redemption.locked",
    "This code is locked.",
    "Tell the person to call the hotline for a new code.",
)
REPLACED = Refused(
    "redemption.replaced",
    "A newer code was sent to this person.",
    "Ask for the newest message.",
)
BUSY = Refused(
    "redemption.busy",
    "Another counter used this code at this very moment.",
    "Type the code again.",
)
ON_HOLD = Refused(
    "redemption.on_hold",
    "This payment is suspended.",
    "Do not pay. Call the supervisor.",
)
STANDS_STILL = Refused(
    "redemption.stands_still",
    "No code is paid anywhere until the office has checked its books.",
    "Do not pay. Ask the person to keep the message: the money is not lost.",
)
OTHER_PROVIDER = Refused(
    "redemption.other_provider",
    "This code is not paid at your offices.",
    "Ask the person where the message says to go.",
)
FACTOR_NEEDED = Refused(
    "redemption.no_second_factor",
    "Nothing is registered that this person could show or say.",
    "Call the supervisor, who can vouch for the person.",
)
NO_GUARDIAN = Refused(
    "redemption.no_guardian",
    "The money is for a child, and nobody is on record who was appointed to answer for it.",
    "Do not pay. The office must record the guardian's decision first: call the supervisor.",
)
TOO_MANY_FACTORS = Refused(
    "redemption.wrong_factor_stop",
    "What the person showed or said was wrong too often.",
    "Call the supervisor, who can vouch for the person.",
    0,
)


_FACTORS = {
    FactorKind.DOCUMENT: "the last four characters of the identity document they registered with",
    FactorKind.CARD: "the last four digits of their programme card",
    FactorKind.WORD: "the word they chose when they registered",
}


_OTHERS = {
    CollectedAs.PRIMARY: "",
    CollectedAs.ALTERNATE: " It may also be collected by the alternate whom the household named, with what that person"
    " registered.",
    CollectedAs.GUARDIAN: " The money is for a child: only the guardian appointed by the decision collects it.",
}


def wrong_factor(
    kind: FactorKind, tries_left: int, asked: CollectedAs = CollectedAs.PRIMARY
) -> Refused:
    """Only that it does not match, and what to ask for: never what is expected. `asked`: who else may come, or only may."""
    if not tries_left:
        return TOO_MANY_FACTORS
    return Refused(
        "redemption.wrong_factor",
        "What the person showed or said does not match.",
        f"Ask for {_FACTORS[kind]}, and type that.{_OTHERS[asked]}",
        tries_left,
        {"case": _case(kind, asked)},
    )


def factor_missing(kind: FactorKind, asked: CollectedAs = CollectedAs.PRIMARY) -> Refused:
    """Nothing was typed that could be compared: what to ask for. It costs no try, for nothing was guessed."""
    return Refused(
        "redemption.factor_missing",
        "The code is right, but nothing was typed that the person showed or said.",
        f"Ask for {_FACTORS[kind]}, and type that with the code. This costs no try.{_OTHERS[asked]}",
        details={"case": _case(kind, asked)},
    )


def _case(kind: FactorKind, asked: CollectedAs) -> str:
    return kind.value if asked is CollectedAs.PRIMARY else asked.value


def held_elsewhere(office: str, until: str) -> Refused:
    """Another teller has the code and may be paying it at this moment."""
    return Refused(
        "redemption.held_elsewhere",
        f"Reserved at {office} until {until}.",
        "Do not pay. Try again after that if it was not paid there.",
        details={"office": office, "until": until},
    )
