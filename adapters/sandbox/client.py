"""The provider itself: it keeps its own truth in memory, speaks JSON, and fails when it is told to.

It knows nothing of the engine: amounts are minor units, payments have references, words are its own.
"""

import hashlib
import hmac
import json
import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from cbi import clock

Answer = dict[str, str]
SIGNATURE = "X-Sandbox-Signature"


class Act(StrEnum):
    """What the provider does with the next message to an account."""

    PAY = "pay"
    PAY_LATER = "pay_later"  # queued; done when next asked, or on `settle`
    DECLINE = "decline"
    DECLINE_LATER = "decline_later"
    REFUSE_CONNECTION = "refuse_connection"
    HANG_UP = "hang_up"  # the message is lost on its way
    PAY_THEN_HANG_UP = "pay_then_hang_up"  # the answer is lost
    PAY_SPEAKING_OTHERWISE = "pay_speaking_otherwise"  # in a status that nobody documented
    REFUSE_DUPLICATE = "refuse_duplicate"  # says no more than that it has seen the reference


@dataclass(frozen=True, slots=True)
class Step:
    """One act, with the provider's code where it declines."""

    act: Act
    code: str = "BROKEN"


Script = Callable[[str], Step]
"""Given the account, what to do with this message. Called under the provider's lock."""


class Schedule:
    """A script: steps planned for an account happen in turn, then `otherwise` for ever."""

    def __init__(self, otherwise: Step | None = None) -> None:
        self.otherwise = otherwise or Step(Act.PAY)
        self._planned: dict[str, deque[Step]] = {}

    def plan(self, account: str, *steps: Step) -> None:
        """Add steps for the next messages to that account."""
        self._planned.setdefault(account, deque()).extend(steps)

    def __call__(self, account: str) -> Step:
        """The step for this message."""
        planned = self._planned.get(account)
        return planned.popleft() if planned else self.otherwise


@dataclass(slots=True)
class Payout:
    """One payment as the provider knows it. `status` is the truth, whatever was answered."""

    reference: str
    account: str
    minor: int
    currency: str
    transaction: str
    status: str = "QUEUED"
    code: str = ""
    later: Act | None = None

    def differs(self, account: str, minor: int, currency: str) -> bool:
        """Whether a message under the same reference asks for something else."""
        return (self.account, self.minor, self.currency) != (account, minor, currency)


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of the float, signed, in minor units."""

    id: str
    type: str
    minor: int
    date: str
    reference: str = ""
    transaction: str = ""


class SandboxProvider:
    """One provider with its payments and its float. Safe to use from many threads.

    `opening_float` gives the minor units that a currency starts with.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        opening_float: Callable[[str], int] = lambda _: 0,
        secret: str = "",
    ) -> None:
        self.script = script or Schedule()
        self.secret = secret or secrets.token_hex(16)
        self.messages: Counter[str] = Counter()
        """Payment messages that reached the provider, by reference."""
        self.down = False
        """While true, nothing can connect."""
        self._opening_float = opening_float
        self._lock = threading.RLock()
        self._payouts: dict[str, Payout] = {}
        self._openings: dict[str, int] = {}
        self._balances: dict[str, int] = {}
        self._movements: dict[str, list[Movement]] = {}
        self._numbers = count(1)

    # Paying

    def send(self, reference: str, account: str, minor: int, currency: str) -> Answer:
        """Pay once per reference. Raises ConnectionRefusedError (nothing arrived) or TimeoutError."""
        with self._lock:
            step = self.script(account)
            if self.down or step.act is Act.REFUSE_CONNECTION:
                raise ConnectionRefusedError("The provider does not answer.")
            self.messages[reference] += 1
            if step.act is Act.HANG_UP:
                raise TimeoutError("The provider hung up.")
            known = self._payouts.get(reference)
            if known is None:
                known = Payout(reference, account, minor, currency, self._number("SBX"))
                self._payouts[reference] = known
                self._decide(known, step)
            elif step.act is Act.REFUSE_DUPLICATE or known.differs(account, minor, currency):
                return {"reference": reference, "status": "DUPLICATE"}
            if step.act is Act.PAY_THEN_HANG_UP:
                raise TimeoutError("The provider hung up.")
            if step.act is Act.PAY_SPEAKING_OTHERWISE:
                return self._answer(known) | {"status": "HARVESTED"}
            return self._answer(known)

    def find(self, reference: str) -> Answer:
        """What became of a payment. One that was to be settled later is settled by being asked.

        Raises ConnectionRefusedError.
        """
        with self._lock:
            if self.down:
                raise ConnectionRefusedError("The provider does not answer.")
            payout = self._payouts.get(reference)
            if payout is None:
                return {"reference": reference, "status": "NOT_FOUND"}
            self.settle(reference)
            return self._answer(payout)

    def settle(self, reference: str, act: Act | None = None) -> None:
        """Do now what was put off, or what is said instead; nothing if it is done."""
        with self._lock:
            payout = self._payouts[reference]
            if payout.later is not None:
                step = Step(act or payout.later, payout.code or "BROKEN")
                payout.later = None
                self._decide(payout, step)

    def reverse(self, reference: str) -> None:
        """Give back a payment that was done."""
        with self._lock:
            payout = self._payouts[reference]
            if payout.status == "DONE":
                payout.status = "REVERSED"
                self._move("REVERSAL", payout.minor, payout.currency, payout)

    def _decide(self, payout: Payout, step: Step) -> None:
        if step.act is Act.DECLINE:
            payout.status, payout.code = "DECLINED", step.code
        elif step.act is Act.PAY_LATER:
            payout.later = Act.PAY
        elif step.act is Act.DECLINE_LATER:
            payout.later, payout.code = Act.DECLINE, step.code
        elif payout.minor > self.balance(payout.currency):
            payout.status, payout.code = "DECLINED", "FLOAT_TOO_LOW"
        else:
            payout.status, payout.code = "DONE", ""
            self._move("PAYOUT", -payout.minor, payout.currency, payout)

    def _answer(self, payout: Payout) -> Answer:
        answer = {
            "reference": payout.reference,
            "status": payout.status,
            "transaction": payout.transaction,
        }
        return answer | {"code": payout.code} if payout.status == "DECLINED" else answer

    # Money

    def balance(self, currency: str) -> int:
        """The float, in minor units."""
        with self._lock:
            return self._balances.setdefault(currency, self._opening(currency))

    def top_up(self, currency: str, minor: int) -> None:
        """Add to the float."""
        self._move("TOPUP", minor, currency)

    def charge(self, currency: str, minor: int) -> None:
        """Take a fee out of the float."""
        self._move("CHARGE", -minor, currency)

    def truth(self) -> tuple[Payout, ...]:
        """Every payment it knows, in order of arrival, as it really stands."""
        with self._lock:
            return tuple(self._payouts.values())

    def _opening(self, currency: str) -> int:
        return self._openings.setdefault(currency, self._opening_float(currency))

    def _number(self, letters: str) -> str:
        return f"{letters}-{next(self._numbers):08d}"

    def _move(self, type_: str, minor: int, currency: str, payout: Payout | None = None) -> None:
        with self._lock:
            self._balances[currency] = self.balance(currency) + minor
            today = clock.now().date().isoformat()
            reference, transaction = (payout.reference, payout.transaction) if payout else ("", "")
            self._movements.setdefault(currency, []).append(
                Movement(self._number("MOV"), type_, minor, today, reference, transaction)
            )

    # Telling

    def callback(self, reference: str) -> tuple[dict[str, str], bytes]:
        """The signed message about a payment as it stands: headers and body."""
        with self._lock:
            answer = self._answer(self._payouts[reference])
        body = json.dumps({"payments": [answer]}).encode()
        return {"Content-Type": "application/json", SIGNATURE: sign(self.secret, body)}, body

    def statement(self, currency: str, first: int = 1, last: int | None = None) -> bytes:
        """Movements number `first` to `last`, one JSON object a line, between the two balances."""
        with self._lock:
            opening, movements = self._opening(currency), list(self._movements.get(currency, ()))
        opening += sum(m.minor for m in movements[: first - 1])
        shown = movements[first - 1 : last]
        rows: list[dict[str, object]] = [{"currency": currency, "opening": opening}]
        rows += [
            {
                "id": m.id,
                "type": m.type,
                "minor": m.minor,
                "date": m.date,
                "reference": m.reference,
                "transaction": m.transaction,
            }
            for m in shown
        ]
        rows.append({"closing": opening + sum(m.minor for m in shown), "count": len(shown)})
        return "".join(json.dumps(row) + "\n" for row in rows).encode()


def sign(secret: str, body: bytes) -> str:
    """HMAC-SHA256 over the body, in hex."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
