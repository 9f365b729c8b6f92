"""The mobile money adapter against Prism on the GSMA's own document, and Prism's contradictory callbacks against us."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from ruamel.yaml import YAML
from sqlalchemy import URL

from adapters.mobile_money.adapter import MobileMoneyAdapter, correlation_of
from adapters.mobile_money.settings import read
from cbi import clock, jobs
from cbi.app import create_app
from cbi.fsp.messages import (
    DeliveryMechanism,
    FailureReason,
    Outcome,
    Payee,
    PaymentInstruction,
    ProviderUpdate,
    Question,
)
from cbi.money import Money
from cbi.payments.sending import polling, providers
from cbi.payments.states import PaymentState
from cbi.settings import settings
from tests.factories import released_run
from tests.flow.sending import assert_every_promise_is_kept, attempts, disputes, states
from tests.peers import mobile_money as gsma
from tests.peers.kannel import until
from tests.peers.prism import Prism, prism_is_here, running_prism
from tests.peers.serving import served

REFERENCE, REQUEST = "MM00000001", "f0a1f5a6-4c4e-4c1e-8e0a-6f3f0c9a4b11"
PAID = {
    "transactionReference": REFERENCE, "type": "disbursement", "transactionStatus": "completed", "amount": "1000",
    "currency": "DZD", "creditParty": [{"key": "msisdn", "value": "+213500000000"}],
    "debitParty": [{"key": "organisationid", "value": gsma.ACCOUNT}], "creationDate": "2026-03-12T09:30:00Z",
}  # fmt: skip
FAILED = {"errorCategory": "businessRule", "errorCode": "maxBalanceExceeded"}
PENDING = {"serverCorrelationId": REQUEST, "notificationMethod": "callback", "status": "pending"}
PAY = "/transactions/type/{transactionType}"


@pytest.fixture(scope="module")
def prism(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prism]:
    """Prism on the document, with the two changes that make it look at bodies and call back, and examples to answer."""
    prism_is_here()
    name = "mobile-money-api-specification-1.2.0-disbursements.yaml"
    text = (shared_data / "specs" / "gsma-mobile-money" / name).read_text()
    # Its pattern for places is not one in JavaScript's strict mode, and then no body is looked at; and Prism knows the
    # headers of a request in small letters only.
    text = text.replace(r"\\,{1}", ",").replace("X-Callback-URL}", "x-callback-url}")
    document = YAML(typ="safe").load(text)
    _give_examples(document)
    path = tmp_path_factory.mktemp("prism") / "disbursements.json"
    path.write_text(json.dumps(document, default=str))
    with running_prism(path) as running:
        yield running


def _give_examples(document: dict[str, Any]) -> None:
    def answer(path: str, method: str, status: int, example: object) -> None:
        document["paths"][path][method]["responses"][status]["content"]["application/json"]["example"] = example  # fmt: skip

    answer(PAY, "post", 202, PENDING)
    del document["paths"][PAY]["post"]["responses"][
        201
    ]  # it answers with the first, and we want the later one
    done = PENDING | {"status": "completed", "objectReference": REFERENCE}
    answer("/requeststates/{serverCorrelationId}", "get", 200, done)
    answer("/responses/{clientCorrelationId}", "get", 200, {"link": f"/transactions/{REFERENCE}"})
    answer("/transactions/{transactionReference}", "get", 200, PAID)
    answer("/accounts/{identifierType}/{identifier}/transactions", "get", 200, [PAID])
    balance = {"availableBalance": "15.00", "currency": "DZD"}
    answer("/accounts/{identifierType}/{identifier}/balance", "get", 200, balance)
    bodies = document["components"]["requestBodies"]
    bodies["updateTransaction"]["content"]["application/json"]["example"] = PAID
    bodies["updateError"]["content"]["application/json"]["example"] = FAILED
    document["components"]["headers"]["X-Records-Available-Count"]["schema"] |= {"enum": [1]}


def _environment(base_url: str, callback_url: str = "", **given: str) -> dict[str, str]:
    return {
        "BASE_URL": base_url, "ACCOUNT": gsma.ACCOUNT, "API_KEY": gsma.API_KEY, "MAXIMUM_DZD": "1000000",
        "MAXIMUM_KES": "70000", "MAXIMUM_TND": "9000", "MAXIMUM_JPY": "900000", "CALLBACK_URL": callback_url,
        "CALLBACK_SECRET": gsma.CALLBACK_SECRET,
    } | given  # fmt: skip


def _adapter(prism: Prism, **given: str) -> MobileMoneyAdapter:
    return MobileMoneyAdapter(read(_environment(prism.url, **given)))


def _instruction(minor: int, currency: str = "DZD", payment: int = 1) -> PaymentInstruction:
    payment_id = UUID(int=(0xC0FFEE << 96) + payment)
    return PaymentInstruction(
        payment_id, f"{payment_id.hex}-01", Money(minor, currency), DeliveryMechanism.MOBILE_MONEY,
        Payee("+213500000000", ""),
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "200.00"},
        {"amount": "0200"},
        {"amount": 200},
        {"currency": "dinar"},
        {"currency": None},
        {"creditParty": None, "debitParty": None},
        {"creditParty": [{"key": "msisdn"}]},
    ],
)
def test_prism_refuses_what_the_specification_forbids(
    prism: Prism, change: dict[str, object]
) -> None:
    sent = {
        "amount": "200",
        "currency": "DZD",
        "creditParty": [{"key": "msisdn", "value": "+213500000000"}],
    }
    url, headers = f"{prism.url}/transactions/type/disbursement", {"X-CorrelationID": correlation_of("1")}  # fmt: skip
    assert httpx.post(url, json=sent, headers=headers).status_code == 202
    assert httpx.post(url, json=sent, headers={"X-CorrelationID": "1"}).status_code == 400
    altered = {name: value for name, value in (sent | change).items() if value is not None}
    assert httpx.post(url, json=altered, headers=headers).status_code == 400


def test_every_request_of_ours_is_what_the_specification_asks_for(prism: Prism) -> None:
    before = prism.violations()
    adapter = _adapter(prism, callback_url="http://127.0.0.1:9/nobody", CLIENT_ID="cbi")
    for minor, currency in (
        (1, "DZD"), (10, "DZD"), (100, "DZD"), (100000, "DZD"), (100050, "DZD"), (123456, "KES"), (1, "TND"), (1500, "TND"),
        (1, "JPY"), (90000, "JPY"),
    ):  # fmt: skip
        news = adapter.submit(_instruction(minor, currency))
        assert (news.outcome, news.provider_code) == (Outcome.ACCEPTED, "pending")
    assert news.ticket
    for ticket in (news.ticket, None):  # by the request's state, or else by the response
        key = _instruction(100000).idempotency_key
        news = adapter.query_status(Question(key, ticket=ticket))
        assert (news.outcome, news.provider_reference) == (Outcome.PAID, REFERENCE)
        assert news.amount == Money(100000, "DZD")
    assert adapter.available_float("DZD") == Money(1500, "DZD")
    day = (clock.now() - timedelta(days=1)).date()
    statement = adapter.parse_statement(adapter.fetch_statement(day, day, "DZD"))
    assert [line.amount for line in statement.lines] == [Money(100000, "DZD")]
    assert prism.violations() == before


def test_whatever_prism_makes_up_is_never_taken_for_paid(prism: Prism) -> None:
    adapter = _adapter(prism, HEADER_PREFER="dynamic=true", HEARTBEAT="no")
    said = [adapter.submit(_instruction(100000, payment=each)).outcome for each in range(25)]
    keys = [_instruction(1, payment=each).idempotency_key for each in range(25)]
    said += [
        adapter.query_status(Question(key, ticket=correlation_of(key))).outcome for key in keys[::2]
    ]
    said += [adapter.query_status(Question(key)).outcome for key in keys[1::2]]
    assert Outcome.PAID not in said


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(400, Outcome.FAILED), (404, Outcome.UNKNOWN), (500, Outcome.UNKNOWN), (503, Outcome.UNKNOWN)],
)
def test_an_error_of_prisms_counts_only_under_its_own_status(
    prism: Prism, code: int, outcome: Outcome
) -> None:
    """Prism says `businessRule/genericError` under every status; it is an error of HTTP 400."""
    adapter = _adapter(prism, HEADER_PREFER=f"code={code}", HEARTBEAT="no")
    news = adapter.submit(_instruction(100000))
    expected = FailureReason.PROVIDER_ERROR if outcome is Outcome.FAILED else None
    assert (news.outcome, news.failure) == (outcome, expected)


# Its callbacks


class Gateway:
    """Stands between Prism and us, as an operator's gateway would: it signs what Prism sends, and may hold it back.

    Each message goes to us unsigned first. `forward` then sends the signed ones, in the order asked for.
    """

    def __init__(self, ours: str) -> None:
        self.ours = ours
        self.held: dict[str, tuple[str, bytes]] = {}
        self.unsigned: list[int] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                gateway.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def take(self, path: str, body: bytes) -> None:
        self.unsigned.append(httpx.put(self.ours + path, content=body).status_code)
        self.held["failed" if b"errorCode" in body else "paid"] = (path, body)

    def forward(self, which: str) -> int:
        path, body = self.held[which]
        date, correlation = f"{clock.now():%Y-%m-%dT%H:%M:%SZ}", correlation_of(path.split("/")[-1])
        headers = {
            "X-Date": date, "X-CorrelationID": correlation,
            "X-Signature": gsma.signature(date, correlation, body),
        }  # fmt: skip
        return httpx.put(self.ours + path, content=body, headers=headers, timeout=30).status_code

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def gateway(prism: Prism, database: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """Our application, really served, with Prism as its operator."""
    monkeypatch.setenv("CBI_PROVIDERS", "post_office,mobile_money")
    settings.cache_clear()
    with served(create_app()) as address:
        gateway = Gateway(f"{address}/api/v1/callbacks/dz/mobile_money")
        for name, text in _environment(prism.url, gateway.url).items():
            monkeypatch.setenv(f"CBI_FSP_MOBILE_MONEY_{name}", text)
        providers.adapter.cache_clear()
        yield gateway
        gateway.close()
    providers.adapter.cache_clear()


@pytest.mark.parametrize("order", [("paid", "failed"), ("failed", "paid")])
@pytest.mark.parametrize("moment", ["after our answer", "before our answer"])
def test_prisms_contradiction_ends_in_one_outcome_and_one_discrepancy(
    gateway: Gateway,
    order: tuple[str, str],
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_id, _ = released_run("dz", [1], provider="mobile_money", mechanism="mobile_money")
    if moment == "before our answer":
        submit = MobileMoneyAdapter.submit

        def they_are_faster(
            self: MobileMoneyAdapter, instruction: PaymentInstruction
        ) -> ProviderUpdate:
            answer = submit(self, instruction)
            _hear(gateway, order)
            return answer

        monkeypatch.setattr(MobileMoneyAdapter, "submit", they_are_faster)
    jobs.release("dz", run_id)
    if moment == "after our answer":
        assert states(run_id) == [PaymentState.ACCEPTED]
        _hear(gateway, order)
    assert disputes() == ["said_to_have_failed"]
    assert PaymentState.FAILED not in states(run_id)
    _ask()
    assert states(run_id) == [PaymentState.PAID]
    _hear(gateway, (*order, *order))
    _ask()
    assert states(run_id) == [PaymentState.PAID]
    assert disputes() == ["said_to_have_failed"]
    assert len(attempts(run_id)) == 1
    assert_every_promise_is_kept()


def _hear(gateway: Gateway, order: tuple[str, ...]) -> None:
    until(lambda: len(gateway.held) == 2, "Prism calls back twice")
    assert gateway.unsigned == [403, 403], "what is not signed is refused"
    assert [gateway.forward(which) for which in order] == [204] * len(order)


def _ask() -> None:
    adapter = providers.adapter("mobile_money")
    assert isinstance(adapter, MobileMoneyAdapter)
    polling.poll("dz", "mobile_money", adapter, patience=timedelta(0))
