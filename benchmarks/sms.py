"""Texts through Kannel and texts that come in, each beside the least that any program must do for them."""

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import cast as sql_cast
from sqlalchemy import create_engine, literal, null, select, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from benchmarks.environment import environment
from benchmarks.floors import RUNS, copies
from benchmarks.ground import OFFICE, Ground
from benchmarks.measure import Done, Figure, Target, alone, percentile, watch
from benchmarks.processes import apart
from cbi import clock, offices
from cbi.app import create_app
from cbi.messaging import handover, outbox
from cbi.messaging.gateways import transport
from cbi.messaging.transports import Sent, SmsTransport
from cbi.redemption import issuing
from cbi.registry import personal
from cbi.registry.models import PaymentAccount
from cbi.settings import settings
from tests.peers.kannel import Kannel, free_port, listening, running_kannel, until

MOST = 2000
AT_ONCE = 8
WORDS = "Your money is ready. Code 4831.2907.5526. Bring your card before 05/12. Help 3030"
SECRET = "a-secret-for-this-benchmark"  # noqa: S105 - of a program that lives for a minute


def is_possible() -> bool:
    """Whether Kannel is installed."""
    return bool(shutil.which("bearerbox") or shutil.which("bearerbox", path="/usr/sbin"))


def figures(ground: Ground) -> Iterator[Figure]:
    """Texts out and texts in."""
    count = min(ground.households, MOST)
    with (
        running_kannel(ground.folder / "kannel") as kannel,
        kannel.handset(),
        environment(kannel.environment()),
    ):
        floor_seconds, floor_each = _bare_posts(kannel, count)
        _ask_for(count)
        run = alone(over_kannel, count, OFFICE)
    yield Figure(
        "text over Kannel", "texts", run.rows, run.seconds, run.peak_mb, Target(), "bare httpx posts", floor_seconds,
        percentile(run.each, 0.5), percentile(run.each, 0.99), percentile(floor_each, 0.5), percentile(floor_each, 0.99),
    )  # fmt: skip
    with environment({"CBI_SMS_CALLBACK_SECRET": SECRET}):
        given = Brought(count, f"/api/v1/sms/{OFFICE}/kannel/received")
        with copies("inbound_texts"), serving(_floor) as port:
            bring(Brought(AT_ONCE, "/received"), port)  # the first connections are part of no step
            floor = min(
                (bring(Brought(count, "/received"), port) for _ in range(RUNS)),
                key=lambda came: came.seconds,
            )
        with serving(_engine) as port:
            bring(Brought(AT_ONCE, given.path), port)
            came = bring(given, port)
    yield Figure(
        f"text in, {AT_ONCE} at once", "texts", came.count, came.seconds, None, Target(), "a route with one INSERT",
        floor.seconds, percentile(came.each, 0.5), percentile(came.each, 0.99), percentile(floor.each, 0.5),
        percentile(floor.each, 0.99),
    )  # fmt: skip


class _Timed:
    """Notes how long each text took to hand over."""

    is_simulated = False

    def __init__(self, way_out: SmsTransport) -> None:
        self._way_out = way_out
        self.each: list[float] = []

    def trouble(self) -> str | None:
        return None

    def send(self, number: str, text: str, reference: str) -> Sent:
        with watch() as took:
            sent = self._way_out.send(number, text, reference)
        self.each.append(took.seconds)
        return sent


def over_kannel(count: int) -> Done:
    """Take, write, hand over and record every text that waits."""
    with transport(settings(), OFFICE) as way_out:
        timed = _Timed(way_out)
        done = handover.hand_over(
            OFFICE, timed, numbers=personal.numbers, codes=issuing.render_codes
        )
    assert done.sent == count, done
    return Done(done.sent, timed.each)


def _ask_for(count: int) -> None:
    with offices.transaction(OFFICE) as session:
        rows = select(
            literal("LOCKED").label("template"),
            literal("en").label("language"),
            PaymentAccount.id.label("account_id"),
            sql_cast(null(), UUID).label("payment_id"),
            sql_cast(null(), UUID).label("code_issue_id"),
            literal({}, JSONB).label("values"),
            (literal("bench ") + sql_cast(PaymentAccount.id, PaymentAccount.kind.type)).label(
                "dedupe"
            ),
        ).limit(count)
        assert outbox.queue_set(session, rows) == count


def _bare_posts(kannel: Kannel, count: int) -> tuple[float, list[float]]:
    """So many texts to the same Kannel over one connection, and nothing written down."""
    chosen = kannel.environment()
    headers = {
        "X-Kannel-Username": chosen["CBI_SMS_KANNEL_USER"],
        "X-Kannel-Password": chosen["CBI_SMS_KANNEL_PASSWORD"],
        "X-Kannel-To": "+213551234567",
        "X-Kannel-From": chosen["CBI_SMS_SENDER"],
        "Content-Type": "text/plain; charset=UTF-8",
    }
    each = []
    with httpx.Client(trust_env=False) as client, watch() as took:
        for _ in range(count):
            with watch() as one:
                answer = client.post(kannel.url, headers=headers, content=WORDS.encode())
            assert answer.status_code == httpx.codes.ACCEPTED
            each.append(one.seconds)
    return took.seconds, each


@dataclass(frozen=True, slots=True)
class Brought:
    """So many texts for a route."""

    count: int
    path: str


@dataclass(frozen=True, slots=True)
class Came:
    """How long they took together, and each."""

    count: int
    seconds: float
    each: list[float]


def bring(given: Brought, port: int) -> Came:
    """Post texts as Kannel does, several at the same time; each is another text."""
    signed = base64.b64encode(f"kannel:{SECRET}".encode()).decode()

    def some(share: int) -> list[float]:
        times = []
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            for _ in range(share):
                headers = {
                    "Authorization": f"Basic {signed}",
                    "X-Kannel-From": f"2135{time.monotonic_ns() % 10**8:08d}",
                    "Content-Type": "text/plain; charset=UTF-8",
                }
                with watch() as took:
                    answer = client.post(
                        given.path, params={"id": str(uuid4())}, headers=headers, content=b"STATUS"
                    )
                assert answer.status_code == httpx.codes.OK, answer.text
                times.append(took.seconds)
        return times

    shares = [len(range(n, given.count, AT_ONCE)) for n in range(AT_ONCE)]
    with watch() as took, ThreadPoolExecutor(AT_ONCE) as threads:
        each = [seconds for times in threads.map(some, shares) for seconds in times]
    return Came(len(each), took.seconds, each)


@contextmanager
def serving(application: Callable[[], FastAPI]) -> Iterator[int]:
    """An application in a process of its own; yields its port."""
    port = free_port()
    child = apart(_serve, application, port)
    child.start()
    try:
        until(lambda: listening(port), "the application is served", within=60)
        yield port
    finally:
        child.terminate()
        child.join()


def _serve(application: Callable[[], FastAPI], port: int) -> None:
    uvicorn.run(application(), host="127.0.0.1", port=port, access_log=False, log_level="critical")


def _engine() -> FastAPI:
    return create_app()


def _floor() -> FastAPI:
    """A route that writes what it is given into the same table, in clear, and nothing else."""
    chosen = settings()
    assert chosen.owner_database_url
    engine = create_engine(
        chosen.owner_database_url.get_secret_value(),
        connect_args={"options": f"-c search_path={OFFICE}"},
        pool_size=AT_ONCE,
    )
    insert = text(
        "INSERT INTO floor_inbound_texts (id, channel, external_id, sender, sender_index, words, received_at)"
        " VALUES (:id, 'kannel', :name, :sender, :sender, :words, :at)"
    )
    app = FastAPI()

    @app.post("/received")
    async def received(request: Request, id: str) -> str:
        body = await request.body()
        sender = request.headers["x-kannel-from"].encode()
        await run_in_threadpool(keep, id, sender, body)
        return "ok"

    def keep(name: str, sender: bytes, words: bytes) -> None:
        with engine.begin() as connection:
            connection.execute(
                insert,
                {"id": uuid4(), "name": name, "sender": sender, "words": words, "at": clock.now()},
            )

    return app
