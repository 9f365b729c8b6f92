"""One life of an office, all of it from one number: people, workers, recipients and a provider act at random, and fail.

What happened is kept as a list of steps; what was acknowledged is kept to be asked for at the end.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.errors import CbiError
from cbi.fsp.errors import UntrustedCallback
from cbi.fsp.messages import Debits
from cbi.payments.sending import inbox, providers
from tests.factories import Colleague
from tests.simulation.adapter import LINE, ModelAdapter
from tests.simulation.cutting import (
    ConnectionLost,
    Cutter,
    PowerCut,
    cutting,
    leaving_together,
    start_again,
)
from tests.simulation.faults import Weather
from tests.simulation.first_day import FIRST_DAY, MODEL, OFFICE
from tests.simulation.ground import Ground
from tests.simulation.kept import Kept
from tests.simulation.provider import ModelProvider
from tests.simulation.truth import Letter

Result = TypeVar("Result")
EARLY = 0.3
"""How many lives have a provider that takes a payment's money when it accepts it."""


class Broken(Exception):
    """The life ended before its time, by what caused this."""

    def __init__(self, life: "Life") -> None:
        super().__init__(f"seed {life.seed}")
        self.life = life


class Life:
    """The state of one life."""

    def __init__(self, ground: Ground, seed: int, only: frozenset[str] | None = None) -> None:
        self.ground, self.seed = ground, seed
        self.weather = Weather(seed, FIRST_DAY, only)
        self.chance = self.weather.chance
        # Drawn apart, so that lives without it are what they were.
        early = only is None and self.apart("early") < EARLY
        self.provider = ModelProvider(self.weather, self.deliver, early=early)
        self.kept = Kept()
        self.small = only is None and self.chance.random() < 0.25
        """A small office: everybody holds every role, and whoever is there does what is to be done."""
        self.at_once = 1 if only is None and self.chance.random() < 0.5 else 4
        """How many payments its provider takes at the same time."""
        self.steps: list[str] = []
        self.refusals: Counter[str] = Counter()
        self.crashes = 0
        self.meanwhile: Callable[[], None] | None = None
        """What others do when this process lets them; None while they are doing it."""
        self._depth = 0
        self.cutter = Cutter(self.weather, self._between)

    @contextmanager
    def lived(self) -> Iterator[None]:
        """The office is as on its first day, and the clock, the line and the points are this life's."""
        self.ground.begin(self.seed)
        LINE.provider, LINE.at_once = self.provider, self.at_once
        LINE.debits = Debits.AT_ACCEPTANCE if self.provider.early else Debits.AT_PAYMENT
        try:
            with (
                clock.running(lambda: self.weather.now),
                cutting(self.cutter),
                leaving_together(self.chance),
            ):
                yield
        finally:
            LINE.provider = None

    def step(self, name: str, act: Callable[[], object]) -> bool:
        """Do something that may be refused, cut or lost; whether it was acknowledged."""
        place = len(self.steps)
        self.steps.append(f"{'  ' * self._depth}{name}")
        self._depth += 1
        try:
            act()
        except CbiError as refusal:
            self.refusals[refusal.code] += 1
            self._ended(place, refusal.code)
            return False
        except ConnectionLost:
            self._ended(place, "connection lost")
            return False
        except PowerCut as cut:
            self._ended(place, f"power cut {cut}")
            if self._depth > 1:
                raise  # the process dies as a whole, not only what happened in between
            self.crashes += 1
            start_again()
            return False
        except BaseException as error:
            self._ended(place, f"{type(error).__name__}: {error}")
            raise
        finally:
            self._depth -= 1
        self._ended(place, "done")
        return True

    def _ended(self, place: int, how: str) -> None:
        self.steps[place] = f"{self.weather.now:%m-%d %H:%M:%S}  {self.steps[place]:44} {how}"

    def _between(self) -> None:
        """Let somebody else do something now; they let nobody else in turn."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            try:
                meanwhile()
            finally:
                self.meanwhile = meanwhile

    def apart(self, what: str) -> float:
        """A chance of its own, from nought to one, that changes nothing else in this life."""
        return random.Random(f"{what} {self.seed}").random()

    def transact(self, work: Callable[[Session], Result]) -> Result:
        """One request: one transaction of the office."""
        return offices.transact(OFFICE, work)

    def look(self, work: Callable[[Session], Result]) -> Result:
        """Read something that only the simulation wants to know: nothing is cut meanwhile."""
        with self.cutter.asleep():
            return offices.transact(OFFICE, work)

    def who(self, part: str, but: Colleague | None = None) -> Colleague:
        """Whoever does this in this office; once all is calm, `but` sees that somebody else has to."""
        people = self.ground.people
        if not self.small:
            return people.staff[part]
        taken = but if self.weather.calm else None
        return self.chance.choice([each for each in people.everybody if each is not taken])

    def anybody(self) -> Colleague:
        """Somebody who holds every role."""
        return self.chance.choice(self.ground.people.everybody)

    def did(self, what: str, which: object, part: str, who: Colleague) -> None:
        """Remember that somebody did a part of something, and was told that it is done."""
        assert who.actor.id is not None
        self.kept.hands.setdefault((what, str(which)), {})[part] = who.actor.id

    def acknowledge(self, what: str, which: object) -> None:
        """Remember that the engine answered: it is done."""
        self.kept.acknowledged.append((what, str(which)))

    def pass_time(self, time: timedelta) -> None:
        """Move the clock, and let the provider do what was due."""
        self.weather.now += time
        self.provider.live()

    def deliver(self, letter: Letter) -> None:
        """A message of the provider reaches our door."""
        adapter = providers.adapter(MODEL)
        assert isinstance(adapter, ModelAdapter)

        def receive() -> None:
            try:
                inbox.receive(OFFICE, MODEL, adapter, letter.headers, letter.body)
            except UntrustedCallback:
                return
            self.acknowledge("callback", hashlib.sha256(letter.body).hexdigest())
            for reference in letter.paid():
                self.kept.told_paid.setdefault(reference, self.provider.moment())

        self.step("a message of the provider", receive)
