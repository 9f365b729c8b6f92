"""The rules for paying cash over a provider's counter, where the engine itself issues and checks the codes."""

from dataclasses import dataclass
from enum import StrEnum

from cbi.errors import Invalid


class UnsafeCounterRules(Invalid):
    """Rules under which a code could be guessed, or could not be paid."""

    code = "fsp.unsafe_counter_rules"


class SecondFactor(StrEnum):
    """What the person shows or says besides the code; the teller types it without seeing what is expected."""

    DOCUMENT = "document"  # last four characters of an identity document
    PROGRAMME_CARD = "programme_card"  # last four digits of the card given at registration
    MEMORABLE_WORD = "memorable_word"  # chosen at registration
    BIRTH_YEAR_AND_PHONE = "birth_year_and_phone"  # weak: known to family and staff


_BOUNDS: dict[str, tuple[int, int]] = {
    "validity_days": (1, 366),
    "wrong_secrets_allowed": (1, 10),
    "wrong_factors_allowed": (1, 10),
    "hold_minutes": (1, 120),
    "teller_wrong_codes": (1, 20),
    "teller_window_minutes": (1, 24 * 60),
    "teller_pause_minutes": (1, 24 * 60),
    "teller_wrong_codes_per_day": (1, 100),
    "office_wrong_codes_per_day": (1, 1000),
    "reissues_allowed": (0, 10),
    "reissue_gap_hours": (0, 14 * 24),
    "phone_change_block_hours": (0, 30 * 24),
}


@dataclass(frozen=True, slots=True)
class CounterRules:
    """How codes are issued and checked for one provider; the defaults are for a post office with many counters.

    Six secret digits and five tries leave a guesser 5 chances in a million for each code; the bounds keep that below
    1 in 100,000. `second_factors` stand in order of preference. Raises UnsafeCounterRules outside the bounds.
    """

    validity_days: int = 45
    wrong_secrets_allowed: int = 5
    wrong_factors_allowed: int = 3
    hold_minutes: int = 15
    teller_wrong_codes: int = 5
    """Wrong codes by one teller within `teller_window_minutes` that pause the teller for `teller_pause_minutes`."""
    teller_window_minutes: int = 15
    teller_pause_minutes: int = 15
    teller_wrong_codes_per_day: int = 10
    """Wrong codes by one teller in a day after which only a supervisor can let the teller go on."""
    office_wrong_codes_per_day: int = 30
    """Wrong codes at one office in a day that raise an alert."""
    reissues_allowed: int = 3
    reissue_gap_hours: int = 24
    phone_change_block_hours: int = 72
    any_office: bool = True
    """Whether a code is paid at every office of the provider, or only at the one it names."""
    second_factors: tuple[SecondFactor, ...] = (
        SecondFactor.DOCUMENT,
        SecondFactor.PROGRAMME_CARD,
        SecondFactor.MEMORABLE_WORD,
    )

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            if not low <= getattr(self, name) <= high:
                raise UnsafeCounterRules(
                    f"The counter rule {name} must be from {low} to {high}.",
                    next_step="Change it in the provider's settings.",
                    rule=name,
                )
        factors = self.second_factors
        if not factors or len(set(factors)) < len(factors):
            raise UnsafeCounterRules(
                "A counter needs at least one second factor, and each only once.",
                next_step="A code that somebody overheard must not be enough.",
                rule="second_factors",
            )
