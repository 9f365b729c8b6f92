"""What the model provider takes for a payment: by its contract, or more, or less, or twice, as the weather has it."""

from dataclasses import dataclass

from tests.simulation.faults import Weather

FIXED = (2_00, 3_00)
"""What each of its contracts says that a payment costs, in minor units, beside one per cent of it."""


@dataclass
class Charges:
    """The contract of one life's provider. In half of the lives it takes nothing."""

    weather: Weather
    contract: int = 0
    takes: bool = False

    def __post_init__(self) -> None:
        self.takes = self.weather.only is None and self.weather.chance.random() < 0.5

    def due(self, minor: int) -> int:
        """The fee for a payment of so much, by the contract of today; half a unit goes up."""
        return (minor * 100 + 5_000) // 10_000 + FIXED[self.contract]

    def of(self, minor: int) -> list[int]:
        """What it takes for a payment of so much: each a movement of its own."""
        if not self.takes:
            return []
        w, fee = self.weather, self.due(minor)
        if w.strikes("F22", 0.1):
            return w.chance.choice(([], [fee + 50], [fee - 50], [fee, fee]))
        return [fee]
