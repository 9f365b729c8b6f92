"""A provider that takes a payment's money when it accepts it: what becomes of that where it pays nobody with it.

It gives it back, at once or when nobody waits for it any more, or keeps it; and lists some of that under no name.
"""

from collections.abc import Callable
from datetime import timedelta

from tests.simulation.faults import Weather
from tests.simulation.truth import Moves, Payout

KEEPS = {"F49", "F50"}
GIVE_BACK = "give back"
WEEKS = tuple(timedelta(days=days) for days in (9, 15, 20))
"""How long after a payment failed its money may come back, where that takes longer than the provider's terms say."""


class Taking:
    """What one life's provider does with money that it takes early."""

    def __init__(
        self,
        weather: Weather,
        move: Callable[[Payout, Moves, int], str],
        plan: Callable[[Payout, timedelta, str], None],
    ) -> None:
        self._weather, self._move, self._plan = weather, move, plan
        self.nameless: set[str] = set()
        """The movements that its statements list without saying whose they are."""

    def take(self, payout: Payout) -> None:
        """It accepts the payment, and takes its money."""
        payout.held = payout.minor
        self._list(self._move(payout, Moves.PAYOUT, -payout.minor))

    def pay(self, payout: Payout) -> bool:
        """Whether it pays with what it took before, and has not given back."""
        took, payout.held = bool(payout.held), 0
        if payout.kept:
            payout.lied, payout.kept, payout.promised = True, 0, False
            took = True
        return took

    def end(self, payout: Payout) -> None:
        """It does not make the payment: what it took goes back to the float, or should."""
        if not payout.held:
            return
        payout.kept, payout.held = payout.held, 0
        if self._weather.strikes("F49", 0.5):
            return
        if self._weather.strikes("F50", 0.5):
            payout.promised = True
            self._plan(payout, self._weather.chance.choice(WEEKS), GIVE_BACK)
            return
        self.give_back(payout)

    def give_back(self, payout: Payout) -> None:
        """What it keeps goes back to the float, if it has not paid with it since."""
        if payout.kept:
            name = self._move(payout, Moves.REVERSAL, payout.kept)
            if not payout.promised:  # of what is late everybody wants to know whose it is
                self._list(name)
        payout.kept, payout.promised = 0, False

    def _list(self, movement: str) -> None:
        if self._weather.strikes("F51", 0.3):
            self.nameless.add(movement)
