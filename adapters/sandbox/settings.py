"""What the sandbox may be told: how much float it starts with, and the secret of its callbacks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cbi.fsp.settings import AdapterSettings
from cbi.money import Money


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """`float_units` is what every currency starts with, in whole units of it."""

    float_units: int = 1_000_000_000
    callback_secret: str = field(default="", repr=False)
    """Empty: the provider makes one up when it starts."""

    def opening(self, currency: str) -> int:
        """The float at the start, in minor units."""
        return Money.parse(str(self.float_units), currency).minor


def read(given: Mapping[str, str]) -> SandboxSettings:
    """From `FLOAT_UNITS` and `CALLBACK_SECRET` (16 characters or more). Raises UnusableSetting."""
    settings = AdapterSettings("sandbox", given)
    units = settings.number("FLOAT_UNITS", 1_000_000_000)
    if units > 10_000_000_000:
        raise settings.refuse("FLOAT_UNITS", "must be at most 10,000,000,000")
    secret = settings.text("CALLBACK_SECRET")
    if secret and len(secret) < 16:
        raise settings.refuse("CALLBACK_SECRET", "must have at least 16 characters")
    settings.done()
    return SandboxSettings(units, secret)
