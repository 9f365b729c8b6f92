"""The adapters of this repository, each with a stand-in for its provider behind it."""

import json
from collections.abc import Callable

from adapters.post_office.adapter import PostOfficeAdapter
from adapters.post_office.settings import read as read_post_office_settings
from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import SIGNATURE, Act, SandboxProvider, Schedule, Step, sign
from cbi.fsp.contract import Bench
from cbi.fsp.messages import Callback, DeliveryMechanism, Outcome
from cbi.money import Money

SECRET = "a-secret-for-callbacks"

_ACTS = {
    Outcome.ACCEPTED: Step(Act.PAY_LATER),
    Outcome.PAID: Step(Act.PAY),
    Outcome.FAILED: Step(Act.DECLINE, "NO_SUCH_ACCOUNT"),
}


class SandboxBench(Bench):
    """The sandbox plays its own provider."""

    abilities = (
        "SubmitsPayments",
        "QueriesStatus",
        "ReadsCallbacks",
        "ReadsStatements",
        "ReportsFloat",
    )
    amount = Money(150000, "KES")
    mechanism = DeliveryMechanism.MOBILE_MONEY

    def __init__(
        self, adapter: Callable[[SandboxProvider], SandboxAdapter] = SandboxAdapter
    ) -> None:
        self.schedule = Schedule()
        self.provider = SandboxProvider(
            self.schedule, opening_float=lambda _: 10_000_000, secret=SECRET
        )
        self.sandbox = self.adapter = adapter(self.provider)

    def _next(self, step: Step) -> None:
        self.schedule.plan(self.payee.account, step)

    def answers(self, outcome: Outcome) -> None:
        self._next(_ACTS[outcome])

    def answers_with_an_unheard_of_status(self) -> None:
        self._next(Step(Act.PAY_SPEAKING_OTHERWISE))

    def answers_that_it_has_seen_the_key_before(self) -> None:
        self._next(Step(Act.REFUSE_DUPLICATE))

    def refuses_the_connection(self) -> None:
        self._next(Step(Act.REFUSE_CONNECTION))

    def takes_the_money_then_hangs_up(self) -> None:
        self._next(Step(Act.PAY_THEN_HANG_UP))

    def messages_received(self) -> int:
        return self.provider.messages.total()

    def payments_made(self) -> list[Money]:
        done = [p for p in self.provider.truth() if p.status == "DONE"]
        return [Money(p.minor, p.currency) for p in done]

    def transcript(self) -> str:
        sent = {"account": self.payee.account, "name": self.payee.name, "minor": 150000}
        return (
            f"POST {json.dumps(sent)} with secret {SECRET}\n"
            f"retrying {sent!r} for {self.payee.account}: name={self.payee.name!r}"
        )

    def sensitive(self) -> tuple[str, ...]:
        return (*super().sensitive(), SECRET)

    def callback(self, outcome: Outcome) -> Callback:
        instruction = self.instruction()
        act = _ACTS[Outcome.FAILED if outcome is Outcome.FAILED else Outcome.PAID]
        key = instruction.idempotency_key
        if key not in {p.reference for p in self.provider.truth()}:
            self._next(act)
            self.provider.send(key, self.payee.account, self.amount.minor, self.amount.currency)
        if outcome is Outcome.RETURNED:
            self.provider.reverse(key)
        return Callback(*self.provider.callback(key))

    def callback_with_an_unheard_of_status(self) -> Callback:
        answer = {"reference": self.instruction().idempotency_key, "status": "HARVESTED"}
        body = json.dumps({"payments": [answer]}).encode()
        return Callback({SIGNATURE: sign(SECRET, body)}, body)

    def statement(self, first: int = 1, last: int = 6) -> bytes:
        if not self.provider.truth():
            self.provider.top_up("KES", 500_000)
            for payment in (1, 2, 3):
                self.pays(payment)
            self.provider.reverse(self.instruction(2).idempotency_key)
            self.provider.charge("KES", 1_250)
        return self.provider.statement("KES", first, last)

    def pays(self, payment: int) -> None:
        """Pay as the provider would, whatever the adapter under test does."""
        key = self.instruction(payment).idempotency_key
        self.provider.send(key, self.payee.account, self.amount.minor, self.amount.currency)

    def statement_with_a_line_twice(self) -> bytes:
        head, *movements, _ = [json.loads(row) for row in self.statement(1, 3).splitlines()]
        movements.append(movements[-1])
        closing = head["opening"] + sum(row["minor"] for row in movements)
        rows = [head, *movements, {"closing": closing, "count": len(movements)}]
        return "".join(json.dumps(row) + "\n" for row in rows).encode()


SETTLED = (
    "2026-03-12;Tamanrasset 1;R-000101;12500.00;DZD",
    "2026-03-12;Tamanrasset 1;R-000102;9000.00;DZD",
    "2026-03-12;Agadez;R-000103;12500.00;DZD",
    "2026-03-13;Agadez;R-000103;-12500.00;DZD",
    "2026-03-13;Agadez;R-000104;7350.00;DZD",
    "2026-03-13;Tamanrasset 1;R-000105;12500.00;DZD",
)


def settlement(*rows: str) -> str:
    """A settlement file of these rows, with the trailer that belongs to them."""
    minor = sum(Money.parse(row.split(";")[3], row.split(";")[4]).minor for row in rows)
    total = Money(minor, rows[0].split(";")[4] if rows else "DZD").decimal
    currency = rows[0].split(";")[4] if rows else "DZD"
    lines = ["date;office;receipt;amount;currency", *rows, f"TOTAL;{len(rows)};;{total};{currency}"]
    return "".join(f"{line}\r\n" for line in lines)


class PostOfficeBench(Bench):
    """The post office is a pile of settlement files."""

    abilities = ("ReadsStatements", "PaysOverCounter")
    amount = Money(1250000, "DZD")
    mechanism = DeliveryMechanism.CASH_OVER_COUNTER

    def __init__(
        self, adapter: Callable[..., PostOfficeAdapter] = PostOfficeAdapter, **given: str
    ) -> None:
        self.adapter = adapter(read_post_office_settings(given))

    def transcript(self) -> str:
        return (
            f"code 4831.2907.5526 or 4831 2907 5526 or 483129075526 for {self.payee.account}, "
            f'written "{self.payee.name}"'
        )

    def sensitive(self) -> tuple[str, ...]:
        return (*super().sensitive(), "4831.2907.5526", "4831 2907 5526", "483129075526")

    def statement(self, first: int = 1, last: int = 6) -> bytes:
        return settlement(*SETTLED[first - 1 : last]).encode()

    def statement_with_a_line_twice(self) -> bytes:
        return settlement(*SETTLED[:3], SETTLED[2]).encode()
