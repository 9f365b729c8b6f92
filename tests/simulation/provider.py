"""A provider that keeps its own truth: what it was told, what it paid, what it said, and what left our money with it.

It fails, lies and forgets as the weather has it. It knows nothing of the engine; its amounts are minor units.
"""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

from tests.simulation.charges import Charges
from tests.simulation.faults import Weather
from tests.simulation.taking import GIVE_BACK, KEEPS, Taking
from tests.simulation.truth import OF_PAYOUTS, Due, Letter, Movement, Moves, Payout

Answer = dict[str, Any]
SECRET = "a secret for callbacks"
SIGNATURE = "X-Model-Signature"
KEEPS_KEYS = timedelta(hours=24)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class TooManyRequests(Exception):
    """The provider did not even look at the message; or it says so."""


AFTER_PAYING: dict[str, type[Exception]] = {
    "F8": TimeoutError,
    "F13": ConnectionResetError,
    "F14": RuntimeError,
    "F15": ValueError,
    "F7": KeyError,
}
"""What a client meets instead of an answer, when the provider has decided already."""


class ModelProvider:
    """The provider of one life."""

    def __init__(
        self, weather: Weather, deliver: Callable[[Letter], None], *, early: bool = False
    ) -> None:
        self.weather, self.early = weather, early
        """Whether it takes a payment's money when it accepts it."""
        self.payouts: dict[str, Payout] = {}
        self.charges = Charges(weather)
        self.taking = Taking(weather, self._move, self._plan)
        self.movements: list[Movement] = []
        self.heard: Counter[str] = Counter()
        """Payment messages that reached it, by reference."""
        self.first_heard: dict[str, int] = {}
        """The moment of the first of them."""
        self.down_until = weather.now
        self.post: list[Letter] = []
        self._deliver = deliver
        self._agenda: list[Due] = []
        self._numbers = count(1)

    # Paying

    def send(self, reference: str, account: str, minor: int) -> Answer:
        """One message, and what it answers. Raises whatever an HTTP client could meet."""
        self.live()
        w = self.weather
        self._not_now(reference, account, minor)
        known = self.payouts.get(reference)
        if known is not None and w.now < known.heard_at + KEEPS_KEYS:
            self.heard[reference] += 1
            return {"reference": reference, "status": "DUPLICATE"}
        payout = self._new(
            reference, account, minor
        )  # a key that it has forgotten is new to it, with any amount
        self._decide(payout)
        if self.post and w.strikes("F27", 0.3):
            self._deliver(self.post.pop())
        for fault, error in AFTER_PAYING.items():
            if w.strikes(fault, 0.07):
                raise error
        return self._answer(payout)

    def _not_now(self, reference: str, account: str, minor: int) -> None:
        """Raise something without having paid, as far as it says."""
        w = self.weather
        if w.now < self.down_until:
            w.met["F19"] += 1
            raise ConnectionRefusedError
        if w.strikes("F19", 0.15):
            if w.chance.random() < 0.2:
                self.down_until = w.later(MINUTE, 5 * HOUR)
            if w.chance.random() < 0.25:  # it says that it did not look, and it pays
                payout = self._new(reference, account, minor)
                payout.lied = payout.said_failed = True
                self._plan(payout, w.chance.choice((timedelta(0), HOUR)), "pay")
            raise TooManyRequests
        if w.strikes("F13", 0.05):
            raise ConnectionResetError
        if w.strikes("F9", 0.07):
            raise TimeoutError

    def find(self, reference: str) -> Answer:
        """What it says of a payment, asked."""
        self.live()
        w = self.weather
        if w.now < self.down_until or w.strikes("F19", 0.1):
            raise ConnectionRefusedError
        if w.strikes("F15", 0.05):
            raise ValueError
        payout = self.payouts.get(reference)
        if payout is None:
            return {"reference": reference, "status": "NOT_FOUND"}
        if w.strikes("F20", 0.15):
            said = w.chance.choice(("QUEUED", "NOT_FOUND", "DECLINED", "HARVESTED"))
            if self.early and said == "DECLINED":
                said = "QUEUED"  # what it calls declined it gives back
            if said == "DECLINED" and payout.status != said:
                payout.lied = payout.said_failed = payout.muddled = True
            return {"reference": reference, "status": said}
        return self._answer(payout)

    def letter(self, reference: str) -> bool:
        """Its written word that it did not pay, and will not; False when it cannot give it."""
        self.live()
        payout = self.payouts.get(reference)
        if payout is None:
            return True
        if payout.paid or payout.paid_times:
            return False
        self._close(reference)
        payout.status, payout.said_failed = "DECLINED", True
        self.taking.end(payout)
        return True

    def took(self, reference: str) -> int | None:
        """Its written word what it took for this payment, once and for all; None when it cannot give it."""
        self.live()
        payout = self.payouts.get(reference)
        if payout is None or payout.status == "QUEUED" or payout.kept:
            return None
        self._close(reference)
        payout.shown = ""
        return payout.paid

    def give_back(self, reference: str, minor: int, *, to_bank: bool) -> bool:
        """Give money back that it took for this payment, to our float or to our bank; False when it took less."""
        self.live()
        payout = self.payouts.get(reference)
        if payout is None or payout.paid < minor or payout.status != "DONE":
            return False
        self._close(reference)
        payout.shown = ""
        if not to_bank:
            payout.paid -= minor
            self._move(payout, Moves.REVERSAL, minor)
            if not payout.paid:
                payout.status = "REVERSED"
                self._write(payout)
        return True

    def last_word(self, reference: str) -> Payout | None:
        """What it took for this payment, once and for all; nothing more happens to it, and nothing else is said of it."""
        payout = self.payouts.get(reference)
        if payout is not None:
            self._close(reference)
            payout.shown = ""
        return payout

    def pays_after_all(self, payout: Payout) -> None:
        """It pays with what it took, although it had called the payment failed."""
        self._close(payout.reference)
        self._do(payout, "pay")

    def opposite(self, movement: Movement) -> list[str] | None:
        """What takes a movement back, where a payment's money went and came, or was only taken so far; None where it is
        simply what was paid, or what came back for good.
        """
        payout = self.payouts.get(movement.reference)
        if payout is None or movement.type not in OF_PAYOUTS or payout.status == "REVERSED":
            return None
        of_it = [each for each in self.movements if each.reference == movement.reference]
        found = [each.id for each in of_it if each.minor == -movement.minor]
        return found if found or payout.status != "DONE" else None

    def moved(self, name: str) -> Movement | None:
        """The movement of that name; None: there was none."""
        return next((each for each in self.movements if each.id == name), None)

    def _close(self, reference: str) -> None:
        """Nothing more happens to it by itself, but that what was promised is given back."""
        self._agenda = [
            due for due in self._agenda if due.reference != reference or due.act == GIVE_BACK
        ]

    def moment(self) -> int:
        """A number that grows with whatever happens."""
        return next(self._numbers)

    def _new(self, reference: str, account: str, minor: int) -> Payout:
        self.heard[reference] += 1
        self.first_heard.setdefault(reference, self.moment())
        known = self.payouts.get(reference)
        if known is not None:
            return known
        number = f"MDL-{next(self._numbers):06d}"
        payout = Payout(reference, account, minor, number, self.weather.now)
        self.payouts[reference] = payout
        if self.early:
            self.taking.take(payout)
        return payout

    def _decide(self, payout: Payout) -> None:
        """Pay at once, later, or not; perhaps say something else meanwhile."""
        w = self.weather
        if w.strikes("F12", 0.1):
            return
        if w.strikes("F10", 0.15):
            payout.shown, payout.said_failed, payout.lied = "DECLINED", True, True
            if self.early:  # and takes it again later
                self.taking.end(payout)
                payout.muddled = True
            self._plan(payout, w.chance.choice((HOUR, DAY, 3 * DAY)), "pay")
            self._write(payout)
            return
        kind, keeps = w.chance.random(), self.early and w.enabled & KEEPS
        at_once, later, never = (0.4, 0.5, 0.6) if keeps else (0.5, 0.8, 0.9)
        if kind < at_once:
            self._do(payout, "pay")
        elif kind < later:
            self._plan(payout, w.chance.choice((MINUTE, HOUR, DAY)), "pay")
        elif kind < never:
            self._do(payout, "decline")
        else:
            self._plan(payout, w.chance.choice((MINUTE, HOUR, DAY)), "decline")

    # What happens by itself

    def live(self) -> None:
        """Do all that is due by now."""
        due = sorted(each for each in self._agenda if each.at <= self.weather.now)
        self._agenda = [each for each in self._agenda if each.at > self.weather.now]
        for each in due:
            self._do(self.payouts[each.reference], each.act)

    def is_busy(self) -> bool:
        """Whether anything is still to happen."""
        return bool(self._agenda or self.post)

    def _plan(self, payout: Payout, after: timedelta, act: str) -> None:
        self._agenda.append(
            Due(self.weather.now + after, next(self._numbers), payout.reference, act)
        )

    def _do(self, payout: Payout, act: str) -> None:
        w = self.weather
        payout.shown = ""
        if act == "pay":
            minor = payout.minor
            if not self.early and w.strikes("F22", 0.1):
                minor = w.chance.choice((minor // 2, minor + 100))
                payout.lied = payout.muddled = True
            payout.status = "DONE"
            payout.paid += minor
            payout.paid_times += 1
            if not self.taking.pay(payout):
                self._move(payout, Moves.PAYOUT, -minor)
            for fee in self.charges.of(minor):
                self._move(payout, Moves.FEE, -fee)
            if w.strikes("F11", 0.1):
                self._plan(payout, w.chance.choice((HOUR, 2 * DAY)), "reverse")
        elif act == "reverse":
            payout.status = "REVERSED"
            self._move(payout, Moves.REVERSAL, payout.paid)
            payout.paid = 0
        elif act == GIVE_BACK:
            self.taking.give_back(payout)
            return
        else:
            payout.status, payout.said_failed = "DECLINED", True
            self.taking.end(payout)
        self._write(payout)

    def _move(self, payout: Payout, type_: Moves, minor: int) -> str:
        return self.movement(type_, minor, payout.reference, payout.transaction)

    def movement(self, type_: Moves, minor: int, reference: str = "", transaction: str = "") -> str:
        """A change of the float: one that nobody asked for, or money that we placed; what it is called."""
        name, day = f"MOV-{next(self._numbers):06d}", f"{self.weather.now:%Y-%m-%d}"
        self.movements.append(Movement(name, type_, minor, day, reference, transaction))
        return name

    # Telling

    def _answer(self, payout: Payout) -> Answer:
        status = payout.shown or payout.status
        told = {
            "reference": payout.reference,
            "status": status,
            "transaction": payout.transaction,
        }
        return told | {"minor": payout.paid} if status == "DONE" else told

    def _write(self, payout: Payout) -> None:
        """Put a message about it into the post, as the weather has it."""
        w, about = self.weather, [self._answer(payout)]
        if w.strikes("F30", 0.1):
            if w.chance.random() < 0.5:
                return
            at = w.later(HOUR, 6 * HOUR)
        elif w.strikes("F26", 0.3):
            at = w.later(MINUTE, 3 * DAY)
        else:
            at = w.now
        if w.strikes("F21", 0.1):
            about.append({"reference": f"{next(self._numbers):032x}-01", "status": "DONE"})
        if w.strikes("F29", 0.05):
            about.append({"reference": f"{next(self._numbers):032x}-01", "status": "DECLINED"})
        body = json.dumps({"id": next(self._numbers), "payments": about}).encode()
        times = w.chance.randint(2, 4) if w.strikes("F25", 0.2) else 1
        for _ in range(times):
            self.post.append(Letter(at, next(self._numbers), {SIGNATURE: sign(SECRET, body)}, body))
        if w.strikes("F28", 0.05):
            self.post.append(
                Letter(at, next(self._numbers), {SIGNATURE: sign("another", body)}, body)
            )

    def deliver_post(self) -> int:
        """Bring the messages that have had their time; returns how many. What raises is tried again another day."""
        self.live()
        due = sorted(each for each in self.post if each.at <= self.weather.now)
        for letter in due:
            self._deliver(letter)
            if letter in self.post:  # it may have come by itself meanwhile
                self.post.remove(letter)
        return len(due)


def sign(secret: str, body: bytes) -> str:
    """HMAC-SHA256 over the body, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
