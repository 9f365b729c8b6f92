"""The adapters of this repository, each with a stand-in for its provider behind it."""

import json
from collections.abc import Callable

from adapters.mobile_money import statement as mobile_money_statement
from adapters.mobile_money.adapter import MobileMoneyAdapter
from adapters.mobile_money.settings import read as read_mobile_money_settings
from adapters.post_office.adapter import PostOfficeAdapter
from adapters.post_office.settings import read as read_post_office_settings
from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import SIGNATURE, Act, SandboxProvider, Schedule, Step, sign
from cbi.fsp.contract import Bench
from cbi.fsp.messages import ABOUT, Callback, DeliveryMechanism, Outcome
from cbi.money import Money
from tests.peers import mobile_money as gsma

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
        "ReadsStatementFiles",
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
        self._made = adapter
        self.sandbox = self.adapter = adapter(self.provider)

    def built_anew(self) -> SandboxAdapter:
        return self._made(self.provider)

    def decides(self, payment: int, outcome: Outcome) -> None:
        act = Act.PAY if outcome is Outcome.PAID else Act.DECLINE
        self.provider.settle(self.instruction(payment).idempotency_key, act)

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

    abilities = ("ReadsStatements", "ReadsStatementFiles", "PaysOverCounter")
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


_GSMA_ACTS = {
    Outcome.ACCEPTED: gsma.Act.PAY_LATER,
    Outcome.PAID: gsma.Act.PAY,
    Outcome.FAILED: gsma.Act.DECLINE,
}
_GSMA_STORY = (
    # type, amount, direction
    ("deposit", "5000", "in"),
    ("disbursement", "1500", "out"),
    ("disbursement", "1500.5", "out"),
    ("reversal", "1500.5", "in"),
    ("adjustment", "12.25", "out"),
    ("disbursement", "700", "out"),
)


class MobileMoneyBench(Bench):
    """An operator of our own, behind a real HTTP server that the test has started."""

    abilities = (
        "SubmitsPayments",
        "QueriesStatus",
        "ReadsCallbacks",
        "ReadsStatements",
        "ReadsStatementFiles",
        "FetchesStatements",
        "ReportsFloat",
    )
    amount = Money(150000, "KES")
    mechanism = DeliveryMechanism.MOBILE_MONEY

    def __init__(
        self,
        operator: gsma.Operator,
        **given: str,
    ) -> None:
        self.operator = operator
        self.settings = read_mobile_money_settings(
            {
                "BASE_URL": operator.url,
                "ACCOUNT": gsma.ACCOUNT,
                "API_KEY": gsma.API_KEY,
                "CALLBACK_URL": "http://127.0.0.1:1/callbacks",
                "CALLBACK_SECRET": gsma.CALLBACK_SECRET,
                "MAXIMUM_KES": "70000",
                "MINIMUM_KES": "10",
                "TIMEOUT_SECONDS": "2",
            }
            | given
        )
        self.mobile_money = self.adapter = self.built_anew()

    def built_anew(self) -> MobileMoneyAdapter:
        return MobileMoneyAdapter(self.settings)

    def decides(self, payment: int, outcome: Outcome) -> None:
        key = self.instruction(payment).idempotency_key
        paid = outcome is Outcome.PAID
        self.operator.payment(key).later = gsma.Act.PAY if paid else gsma.Act.DECLINE
        self.operator.settle(key)

    def _next(self, act: gsma.Act) -> None:
        self.operator.plan(self.payee.account, act)

    def answers(self, outcome: Outcome) -> None:
        self._next(_GSMA_ACTS[outcome])

    def answers_with_an_unheard_of_status(self) -> None:
        self._next(gsma.Act.PAY_SPEAKING_OTHERWISE)

    def answers_that_it_has_seen_the_key_before(self) -> None:
        self._next(gsma.Act.REFUSE_DUPLICATE)

    def refuses_the_connection(self) -> None:
        self.operator.stop()

    def takes_the_money_then_hangs_up(self) -> None:
        self._next(gsma.Act.PAY_THEN_HANG_UP)

    def messages_received(self) -> int:
        return self.operator.book.heard.total()

    def payments_made(self) -> list[Money]:
        return [Money.parse(*paid) for paid in self.operator.truth().values()]

    def transcript(self) -> str:
        party = {"key": "msisdn", "value": self.payee.account}
        return (
            f"X-API-Key: {gsma.API_KEY}, Authorization: Bearer a-token-of-theirs, "
            f"signed with {gsma.CALLBACK_SECRET}\n"
            f'POST {json.dumps(party)} {party!r} {{"fullName": {json.dumps(self.payee.name)}}}\n'
            f"name={self.payee.name!r} retrying for {self.payee.account}"
        )

    def sensitive(self) -> tuple[str, ...]:
        return (*super().sensitive(), gsma.API_KEY, gsma.CALLBACK_SECRET, "a-token-of-theirs")

    def callback(self, outcome: Outcome) -> Callback:
        key = self.instruction().idempotency_key
        if key not in {payment.key for payment in self.operator.book.payments.values()}:
            self.answers(Outcome.FAILED if outcome is Outcome.FAILED else Outcome.PAID)
            self.mobile_money.submit(self.instruction())
        if outcome is Outcome.RETURNED:
            self.operator.reverse(key)
        return self.signed(*self.operator.message(key))

    def callback_with_an_unheard_of_status(self) -> Callback:
        key = self.instruction().idempotency_key
        self.callback(Outcome.PAID)
        told = self.operator.told(self.operator.payment(key)) | {"transactionStatus": "harvested"}
        return self.signed(*self.operator.message(key, told))

    def signed(self, headers: dict[str, str], body: bytes) -> Callback:
        """As it comes in by the address of that payment; an error names no payment itself."""
        about = {ABOUT: self.instruction().idempotency_key} if b"errorCode" in body else {}
        return Callback(headers | about, body)

    def statement(self, first: int = 1, last: int = 6) -> bytes:
        rows = [
            {
                "transactionReference": f"MM{place:08d}",
                "requestingOrganisationTransactionReference": self.instruction(
                    place
                ).idempotency_key,
                "type": type_,
                "transactionStatus": "completed",
                "amount": amount,
                "currency": "KES",
                "creationDate": "2026-03-12T09:30:00Z",
                "direction": direction,
            }
            for place, (type_, amount, direction) in enumerate(_GSMA_STORY, start=1)
        ]
        return mobile_money_statement.write(_GSMA_HEADING, rows[first - 1 : last])

    def statement_with_a_line_twice(self) -> bytes:
        rows = [json.loads(row) for row in self.statement(1, 3).splitlines()[1:-1]]
        return mobile_money_statement.write(_GSMA_HEADING, [*rows, rows[-1]])


_GSMA_HEADING = {"format": mobile_money_statement.FORMAT, "currency": "KES"}
