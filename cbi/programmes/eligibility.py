"""Whether a household is in for a cycle, and every reason why not."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from cbi.fsp.messages import DeliveryMechanism
from cbi.money import LARGEST_MINOR
from cbi.registry.personal import CARD, PHONE


class Reason(StrEnum):
    """Why a household is not in. The words are stored, and programs may rely on them."""

    NOT_ACTIVE = "not_active"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    AREA_NOT_COVERED = "area_not_covered"
    NO_RECIPIENT = "no_recipient"
    NO_CONSENT = "no_consent"
    NO_PAYMENT_ACCOUNT = "no_payment_account"
    NO_SECOND_FACTOR = "no_second_factor"
    NOT_STARTED = "not_started"
    ENDED = "ended"
    SUSPENDED = "suspended"
    CONDITION_NOT_MET = "condition_not_met"
    ALL_GIVEN = "all_given"
    CEILING_REACHED = "ceiling_reached"
    NOTHING_OWED = "nothing_owed"

    @property
    def sentence(self) -> str:
        """What an officer reads, and can act on."""
        return _SENTENCES[self]


_SENTENCES: Mapping[Reason, str] = {
    Reason.NOT_ACTIVE: "The household is not active in the registry.",
    Reason.POSSIBLE_DUPLICATE: (
        "A member has the same document as somebody in another household, and nobody has found them to be different."
    ),
    Reason.TOO_SMALL: "The household has fewer members than the programme asks for.",
    Reason.TOO_LARGE: "The household has more members than the programme allows.",
    Reason.AREA_NOT_COVERED: "The household does not live in an area of the programme.",
    Reason.NO_RECIPIENT: "No member of the household is named as the one who receives.",
    Reason.NO_CONSENT: "The recipient has not consented, or has withdrawn the consent.",
    Reason.NO_PAYMENT_ACCOUNT: (
        "The recipient has no telephone or account that the money or its code could go to."
    ),
    Reason.NO_SECOND_FACTOR: (
        "The recipient has no document, card or word to show at the counter beside the code."
    ),
    Reason.NOT_STARTED: "The household takes part in the programme only after this period.",
    Reason.ENDED: "The household's part in the programme ended before this period.",
    Reason.SUSPENDED: "The household's payments are suspended.",
    Reason.CONDITION_NOT_MET: (
        "The household has not met what its next tranche asks for, or nobody has confirmed it yet."
    ),
    Reason.ALL_GIVEN: "The household has been given everything that the grant holds for it.",
    Reason.CEILING_REACHED: "The household has been given as much as anybody may get in a lifetime.",
    Reason.NOTHING_OWED: "What the household would get comes to nothing.",
}


ACCOUNT_KINDS: Mapping[DeliveryMechanism, str | None] = {
    DeliveryMechanism.CASH_OVER_COUNTER: PHONE,
    DeliveryMechanism.MOBILE_MONEY: PHONE,
    DeliveryMechanism.BANK_TRANSFER: "bank_account",
    DeliveryMechanism.PREPAID_CARD: CARD,
    DeliveryMechanism.DIRECT_DELIVERY: None,
}
"""The kind of payment account that a mechanism needs; None where people carry the cash."""


class Standing(StrEnum):
    """Whether a household takes part in a programme in a period. The words are stored."""

    IN = "in"
    NOT_STARTED = "not_started"
    ENDED = "ended"
    SUSPENDED = "suspended"


ABSENCES = (Reason.NOT_STARTED, Reason.ENDED, Reason.SUSPENDED)
"""Reasons that lie in when a household takes part, and in nothing else."""


@dataclass(frozen=True, slots=True)
class Missed:
    """An earlier period of which a household was given fewer days than it took part in."""

    period: str
    version: int
    """The version of the programme under which that period's cycle was opened."""
    given: int
    due: int
    of: int
    """The days of the period."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision and its amounts rest on: equal facts, equal decisions, equal amounts."""

    active: bool
    possible_duplicate: bool
    size: int
    in_area: bool
    has_recipient: bool
    has_consent: bool
    at_counter: bool
    """Whether the recipient would be paid over the counter."""
    has_account: bool
    """Whether the recipient has a current account of the kind that their way of being paid needs, if it needs one."""
    has_second_factor: bool
    standing: str = Standing.IN
    days: int = 0
    """The days of the period on which the household takes part; all of them where days do not matter."""
    area: str = ""
    """Which of the areas that the amount depends on the household lives in: folded words, with spaces between."""
    needs: tuple[tuple[str, int], ...] = ()
    """The named needs that the amount depends on, folded, with the members concerned."""
    bands: tuple[tuple[str, str], ...] = ()
    """What assessments made of the household: scorecard and band, folded, where the amount depends on it."""
    missed: tuple[Missed, ...] = ()
    given: tuple[str, ...] = ()
    """The components that the household was owed in earlier cycles and is owed once."""
    met: tuple[str, ...] = ()
    """The confirmed conditions."""
    room: int = LARGEST_MINOR
    """Minor units left below the lifetime ceiling, or the largest amount there is where that is no limit."""
    brought: int = 0
    """Minor units of what counts towards it that its people were owed in other households."""

    def kept(self) -> dict[str, Any]:
        """The facts as they are kept beside the decisions."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Facts":
        """The facts as they were kept or observed; what is not told is as usual."""
        return cls(**{name: _LISTED.get(name, _as_it_is)(value) for name, value in told.items()})


def _as_it_is(value: Any) -> Any:
    return value


_LISTED: Mapping[str, Callable[[Any], Any]] = {
    "needs": lambda told: tuple((key, members) for key, members in told),
    "bands": lambda told: tuple((scorecard, band) for scorecard, band in told),
    "missed": lambda told: tuple(Missed(**missed) for missed in told),
    "given": tuple,
    "met": tuple,
}


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a programme asks of a household, and how it pays. `areas` are folded names; None: everywhere."""

    mechanisms: tuple[DeliveryMechanism, ...]
    """The ways it pays, the usual one first; the others are for those who asked for them."""
    min_size: int | None = None
    max_size: int | None = None
    areas: frozenset[str] | None = None
    consent_required: bool = False

    def covers(self, words: Collection[str]) -> bool:
        """Whether a household may be in whose area is called by these folded words: its own, and those it lies in."""
        return self.areas is None or not self.areas.isdisjoint(words)


def decide(facts: Facts, criteria: Criteria) -> tuple[Reason, ...]:
    """Every reason why the household is not in; none means that it is eligible.

    What the recipient lacks is said only where there is one, so that one gap is one reason.
    """
    recipient = facts.has_recipient
    applies = {
        Reason.NOT_ACTIVE: not facts.active,
        Reason.POSSIBLE_DUPLICATE: facts.possible_duplicate,
        Reason.TOO_SMALL: criteria.min_size is not None and facts.size < criteria.min_size,
        Reason.TOO_LARGE: criteria.max_size is not None and facts.size > criteria.max_size,
        Reason.AREA_NOT_COVERED: not facts.in_area,
        Reason.NO_RECIPIENT: not recipient,
        Reason.NO_CONSENT: recipient and criteria.consent_required and not facts.has_consent,
        Reason.NO_PAYMENT_ACCOUNT: recipient and not facts.has_account,
        Reason.NO_SECOND_FACTOR: recipient and facts.at_counter and not facts.has_second_factor,
        Reason.NOT_STARTED: facts.standing == Standing.NOT_STARTED,
        Reason.ENDED: facts.standing == Standing.ENDED,
        Reason.SUSPENDED: facts.standing == Standing.SUSPENDED,
    }
    return tuple(reason for reason, is_so in applies.items() if is_so)
