"""The faults that lives meet, by their number in the project's list of them, and the chance that draws them."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

FAULTS: dict[str, str] = {
    "F1": "a process dies: before or after a commit, before or after the provider is called",
    "F3": "the same job runs twice, or two at once",
    "F7": "an adapter raises what nobody expected",
    "F8": "no answer, and the payment is made",
    "F9": "no answer, and the payment is never made",
    "F10": "called failed, and paid later",
    "F11": "paid, and given back days later",
    "F12": "taken, and never final",
    "F13": "the connection is reset before or after the provider has paid",
    "F14": "HTTP 500, and the payment is made",
    "F15": "an answer that cannot be read",
    "F19": "too many requests, or down for hours",
    "F20": "a status that is stale, or contradicts what is so",
    "F21": "one message about several payments, one of them nobody's",
    "F22": "another amount is paid, or another fee taken",
    "F23": "a code at two counters, after its last day, or while it is being blocked",
    "F24": "a part at a counter, asked for again as another part",
    "F25": "a message comes several times",
    "F26": "messages come in another order",
    "F27": "a message comes before the answer that it is about",
    "F28": "a message with a forged signature",
    "F29": "a message about somebody else's payment",
    "F30": "messages are held back for hours, or lost",
    "F31": "a statement that was cut short",
    "F32": "statements that come twice, overlap, or are in another order",
    "F33": "a statement with a line that is wrong, missing, unknown or there twice; money taken for nothing",
    "F36": "the connection is lost in COMMIT, before or after it took effect",
    "F37": "a serialization failure at a commit",
    "F42": "the clock jumps",
    "F43": "the workers were off for days",
    "F45": "somebody signs twice over, presses twice, or cancels while it goes out",
    "F49": "money taken at acceptance is kept, though the payment failed",
    "F50": "money taken at acceptance is given back weeks after the payment failed",
    "F51": "what is taken at acceptance, or given back, is listed under no name",
    "F52": "a deadlock or a serialization failure at a statement in the middle of a transaction",
}

APART = frozenset({"F49", "F50", "F51"})
"""Faults that are drawn apart from the others, so that lives without them are what they were."""

BREAKS = "F52"
"""Drawn apart as well, and it strikes by a chance of its own: the rest of a life hangs on it as little as can be."""

RATES = {"F1": 0.01, "F3": 0.02, "F36": 0.01, "F37": 0.03, BREAKS: 0.04}
"""How often, at each commit, where a life has this fault; power fails most often around a call of the provider."""

LATEST = 40
"""The last statement of a transaction that may break; most transactions are shorter, and come to nothing of it then."""


@dataclass
class Weather:
    """Which faults one life has, what its chance is, and how late it is there. Calm: nothing goes wrong any more."""

    seed: int
    now: datetime
    only: frozenset[str] | None = None
    """The faults to have, where they are not left to chance; then each strikes three times as often."""
    chance: random.Random = field(init=False)
    enabled: frozenset[str] = field(init=False)
    met: Counter[str] = field(default_factory=Counter)
    calm: bool = False

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        # Not all faults in every life: where everything goes wrong at once, most of it is never reached.
        share = self.chance.choice((0.0, 0.2, 0.5, 0.8))
        apart = APART | {BREAKS}
        drawn = {f for f in FAULTS if f not in apart and self.chance.random() < share}
        drawn |= {f for f in apart if random.Random(f"{f} {self.seed}").random() < 0.5}
        self.enabled = frozenset(drawn) if self.only is None else self.only
        self._often = 1 if self.only is None else 3
        self._breaking = random.Random(f"{BREAKS} of {self.seed}")

    def strikes(self, fault: str, rate: float) -> bool:
        """Whether this fault happens now; counted when it does."""
        if self.calm or fault not in self.enabled or self.chance.random() >= rate * self._often:
            return False
        self.met[fault] += 1
        return True

    def breaks_at(self) -> int | None:
        """The statement, from 1, at which a transaction that begins now is to break; None: it does not."""
        if self.calm or BREAKS not in self.enabled:
            return None
        if self._breaking.random() >= RATES[BREAKS] * self._often:
            return None
        return self._breaking.randint(1, LATEST)

    def later(self, shortest: timedelta, longest: timedelta) -> datetime:
        """Some time from now."""
        seconds = self.chance.uniform(shortest.total_seconds(), longest.total_seconds())
        return self.now + timedelta(seconds=int(seconds))
