"""Whether a household is in for a cycle, and every reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cbi.fsp.messages import DeliveryMechanism
from cbi.registry.personal import CARD, PHONE
from cbi.registry.text import folded


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
}

ACCOUNT_KINDS: Mapping[DeliveryMechanism, str | None] = {
    DeliveryMechanism.CASH_OVER_COUNTER: PHONE,
    DeliveryMechanism.MOBILE_MONEY: PHONE,
    DeliveryMechanism.BANK_TRANSFER: "bank_account",
    DeliveryMechanism.PREPAID_CARD: CARD,
    DeliveryMechanism.DIRECT_DELIVERY: None,
}
"""The kind of payment account that a mechanism needs; None where people carry the cash."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision rests on: equal facts, equal decisions."""

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


@dataclass(frozen=True, slots=True)
class Criteria:
    """What a programme asks of a household, and how it pays. `areas` are folded names; None: everywhere."""

    mechanisms: tuple[DeliveryMechanism, ...]
    """The ways it pays, the usual one first; the others are for those who asked for them."""
    min_size: int | None = None
    max_size: int | None = None
    areas: frozenset[str] | None = None
    consent_required: bool = False

    def covers(self, area: str | None) -> bool:
        """Whether a household of that area may be in; capitals, accents and spacing make no difference."""
        if self.areas is None:
            return True
        return area is not None and folded(area) in self.areas


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
    }
    return tuple(reason for reason, is_so in applies.items() if is_so)
