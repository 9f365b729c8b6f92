"""Sending payments one by one to a provider over HTTP, beside a bare client that writes nothing down."""

import asyncio
import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID, uuid4

import httpx

from benchmarks.environment import environment
from benchmarks.ground import OFFICE, Ground, write_list
from benchmarks.measure import Done, Figure, Target, alone, watch
from benchmarks.processes import apart
from cbi import clock, offices
from cbi.access import totp
from cbi.fsp.adapter import SubmitsPayments
from cbi.ledger import funds
from cbi.money import Money
from cbi.payments.models import PaymentRun
from cbi.payments.runs import finding_lists, runs
from cbi.payments.sending import dispatch, providers, sending
from cbi.payments.signing import approval
from cbi.programmes import applying, budget, cycles
from cbi.registry import personal
from cbi.registry.intake import importing
from tests.peers.kannel import free_port, listening, until

MOST = 2000
PROGRAMME = "wallets"
PROVIDER = "mobile_money"
_ISLAND = "Far Island"
_TERMS = """\
programme: {{code: wallets, name: Wallets, kind: stipend, languages: [ar, fr, en]}}
fund: {{code: donor-2, name: Donor, amount: "90000000000.00", valid_from: {year}-01-01, valid_to: {year}-12-31}}
currency: DZD
eligibility: {{areas: ["Far Island"]}}
stipend: {{base: "2000.00", per_member: "1500.00", cap: "12000.00"}}
schedule: {{every: month, first: {year}-01, last: {year}-12}}
delivery: {{provider: mobile_money, mechanism: mobile_money}}
"""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def figures(ground: Ground) -> Iterator[Figure]:
    """Release and send a run of so many payments, as one process does."""
    port = free_port()
    with _operator(port), environment(_settings(port)):
        count = min(ground.households, MOST)
        run_id = _waiting(ground, count)
        at_once = providers.adapter(PROVIDER).profile.at_once
        floor = min(_bare(port, count, at_once) for _ in range(2))
        run = alone(send, run_id, OFFICE)
    yield Figure(
        f"send over HTTP, {at_once} at once", "payments", run.rows, run.seconds, run.peak_mb, Target(ratio=1.43),
        "bare httpx posts", floor,
    )  # fmt: skip


def send(run_id: UUID) -> Done:
    """Every payment of the run to its provider: intent, mark, call, answer."""
    adapter = providers.adapter(PROVIDER)
    assert isinstance(adapter, SubmitsPayments)
    done = sending.send(OFFICE, run_id, PROVIDER, adapter, personal.accounts)
    assert done == sending.Sent(done.submitted), done
    return Done(done.submitted)


def _settings(port: int) -> dict[str, str]:
    prefix = "CBI_FSP_MOBILE_MONEY_"
    return {
        "CBI_PROVIDERS": f"{os.environ['CBI_PROVIDERS']},{PROVIDER}",
        f"{prefix}BASE_URL": f"http://127.0.0.1:{port}/v1.2",
        f"{prefix}ACCOUNT": "5512",
        f"{prefix}API_KEY": uuid4().hex,
        f"{prefix}MAXIMUM_DZD": "50000.00",
        f"{prefix}HEARTBEAT": "no",
    }


def _waiting(ground: Ground, count: int) -> UUID:
    """A run of so many payments that waits to be sent."""
    staff, year = ground.staff, clock.now().year
    listed = replace(ground, folder=ground.folder / "wallets")
    listed.folder.mkdir()
    write_list(listed.listed, count, first=9_000_000, areas=(_ISLAND,))
    with offices.transaction(OFFICE) as session:
        importing.import_file(session, staff["rania"].actor, listed.listed, filename="wallets.csv")
        applying.apply(session, staff["marc"].actor, _TERMS.format(year=year))
        treasurer, plenty = staff["tala"].actor, Money(8_000_000_000, "DZD")
        funds.receive(session, treasurer, "donor-2", plenty, "BANK-2")
        budget.allocate(session, treasurer, PROGRAMME, plenty.decimal, "MEMO-2")
        funds.prefund(session, treasurer, PROVIDER, plenty, "TRANSFER-2")
    with offices.transaction(OFFICE) as session:
        manager = staff["marc"].actor
        opened = cycles.open_cycle(session, manager, PROGRAMME, f"{clock.now():%Y-%m}")
        run = runs.lock(session, manager, runs.build(session, manager, opened.id).id)
        assert run.payment_count == count
    for who, sign in (("amina", approval.certify), ("karim", approval.authorise)):
        with offices.transaction(OFFICE) as session:
            finding_lists.unusual(session, staff[who].actor, run, limit=50)
            # They may have signed the other run within this half minute: then the code of now has counted already.
            just_now = int(clock.now().timestamp()) // totp.STEP_SECONDS
            sign(session, staff[who].actor, run.id, staff[who].code_to_type(just_now).code or "")
    with offices.transaction(OFFICE) as session:
        dispatch.begin_release(session, staff["karim"].actor, run.id)
        return session.get_one(PaymentRun, run.id).id


def _bare(port: int, count: int, at_once: int) -> float:
    """So many posts of such a payment, so many at once over connections that are kept."""
    body = json.dumps(
        {
            "amount": "2000.00", "currency": "DZD", "creditParty": [{"key": "msisdn", "value": "+213551234567"}],
            "debitParty": [{"key": "organisationid", "value": "5512"}],
            "requestingOrganisationTransactionReference": f"{uuid4()}:01",
        }
    )  # fmt: skip
    headers = {"Content-Type": "application/json", "X-API-Key": "k" * 32}

    def some(share: int) -> None:
        with httpx.Client(trust_env=False) as client:
            for _ in range(share):
                answer = client.post(
                    f"http://127.0.0.1:{port}/v1.2/transactions/type/disbursement",
                    headers={**headers, "X-CorrelationID": str(uuid4())},
                    content=body,
                )
                assert answer.status_code == httpx.codes.ACCEPTED

    shares = [len(range(n, count, at_once)) for n in range(at_once)]
    with watch() as took, ThreadPoolExecutor(at_once) as threads:
        list(threads.map(some, shares))
    return took.seconds


@contextmanager
def _operator(port: int) -> Iterator[None]:
    """A mobile money operator in a process of its own, which takes every payment and does nothing with it."""
    child = apart(_operate, port)
    child.start()
    try:
        until(lambda: listening(port), "the operator answers", within=60)
        yield
    finally:
        child.terminate()
        child.join()


def _operate(port: int) -> None:
    asyncio.run(_serve(port))


async def _serve(port: int) -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", port)
    await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if found := _LENGTH.search(head):
                await reader.readexactly(int(found[1]))
            body = json.dumps(
                {"serverCorrelationId": str(uuid4()), "status": "pending", "notificationMethod": "polling"}
            ).encode()  # fmt: skip
            lines = (
                "HTTP/1.1 202 Accepted", "Content-Type: application/json", f"Content-Length: {len(body)}", "", "",
            )  # fmt: skip
            writer.write("\r\n".join(lines).encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
