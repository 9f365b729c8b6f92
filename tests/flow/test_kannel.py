"""Texts through Kannel itself, to a handset on its fake network and back: each arrives once and as it was written."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import URL, Engine, select, text
from starlette.types import ASGIApp, Receive, Scope, Send

from cbi import clock
from cbi.app import create_app
from cbi.messaging import claims, outbox, queries
from cbi.messaging.gateways import transport
from cbi.messaging.handover import HandedOver, hand_over
from cbi.messaging.models import DeliveryReport, InboundText, Message
from cbi.messaging.states import MessageState, Reason
from cbi.messaging.transports import NotSent
from cbi.offices import office_of, transaction
from cbi.settings import settings
from tests.flow.texting import CODE, ask, ask_many, codes, counts, heard, number_of, numbers, stored
from tests.peers.kannel import Kannel, free_port, kannel_is_here, running_kannel, until
from tests.peers.serving import served

NUMBER = "+213551234567"
SECRET = "a-secret-that-only-tests-share"


class Door:
    """The application, which answers 503 as often as it is told to, as a server does that is being restarted."""

    def __init__(self) -> None:
        self._app: ASGIApp = create_app()
        self.refuse = 0
        self.calls: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls.append(scope["path"])
        if self.refuse:
            self.refuse -= 1
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, send)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def kannel(
    database: URL, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kannel]:
    """Kannel running, and this process's deployment set up for it."""
    kannel_is_here()
    inbound_url = f"http://kannel:{SECRET}@127.0.0.1:{port}/api/v1/sms/dz/kannel/received?id=%I"
    with running_kannel(tmp_path / "kannel", inbound_url=inbound_url) as running:
        others = {
            "CBI_SMS_CALLBACK_URL": f"http://127.0.0.1:{port}",
            "CBI_SMS_CALLBACK_SECRET": SECRET,
        }
        for name, value in (running.environment() | others).items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        yield running


@pytest.fixture
def door(kannel: Kannel, port: int) -> Iterator[Door]:
    """The application on a real port, as Kannel calls it."""
    door = Door()
    with served(door, port):
        yield door


def give() -> HandedOver:
    with transport(settings(), "dz") as way_out:
        return hand_over("dz", way_out, numbers=numbers, codes=codes)


def reports() -> list[str]:
    with transaction("dz") as session:
        return sorted(session.scalars(select(DeliveryReport.news)))


WRITTEN = [
    f"Your money is ready. Code {CODE}. [Help] 3030 {{free}} 5 \u20ac @ _ ^ ~",
    f"Déjà là, à l'été: où? Ô é è ù. {CODE}",
    f"Reçu: votre argent a été payé. {CODE}",
    f"مبلغك جاهز. الرمز {CODE}. مساعدة 3030",
    f"Su código: {CODE} ¿Ya cobró? ¡No! + 100% & más",
]


def test_texts_arrive_as_they_were_written(kannel: Kannel) -> None:
    with kannel.handset() as handset, transport(settings(), "dz") as way_out:
        for number, words in enumerate(WRITTEN, 1):
            way_out.send(NUMBER, words, str(uuid4()))
            handset.words(number)
        assert handset.texts == [(NUMBER, words) for words in WRITTEN]


def test_a_handed_over_text_is_delivered_once_kannel_says_so(kannel: Kannel, door: Door) -> None:
    ask(account_id=(account := uuid4()))
    with kannel.handset() as handset:
        assert give() == HandedOver(sent=1)
        (words,) = handset.words(1)
        until(lambda: counts() == {MessageState.DELIVERED: 1}, "the report that it arrived")
    assert handset.texts[0][0] == number_of(account)
    assert f"Code {CODE}" in words
    until(
        lambda: reports() == ["accepted", "delivered"], "both reports, in whichever order they come"
    )
    assert not [path for path in door.calls if "213" in path or "4831" in path]


def test_reports_that_come_before_the_batch_is_recorded_are_not_lost(
    kannel: Kannel, door: Door
) -> None:
    ask_many(150)
    with kannel.handset() as handset:
        assert give() == HandedOver(sent=150)
        assert len(set(handset.words(150))) == 1
        until(lambda: counts() == {MessageState.DELIVERED: 150}, "every report")
    assert len({number for number, _ in handset.texts}) == 150
    with transaction("dz") as session:
        texts = queries.by_state(session)
    assert (texts.delivered, texts.handed_over, texts.undeliverable) == (150, 0, 0)


def test_a_text_to_a_telephone_out_of_reach_waits_at_kannel_and_arrives_once(
    kannel: Kannel, door: Door
) -> None:
    ask()
    assert give() == HandedOver(sent=1)
    assert give() == HandedOver()
    assert counts() == {MessageState.SENT: 1}
    with kannel.handset() as handset:
        handset.words(1)
        until(lambda: counts() == {MessageState.DELIVERED: 1}, "the late report")
    assert len(handset.texts) == 1


def test_a_text_queued_at_kannel_survives_its_death_and_arrives_once(
    kannel: Kannel, door: Door
) -> None:
    ask()
    assert give() == HandedOver(sent=1)
    until(lambda: CODE.encode("utf-8") in kannel.spool(), "the text is in the spool")
    kannel.kill("bearerbox")
    kannel.start()
    with kannel.handset() as handset:
        handset.words(1)
    assert len(handset.texts) == 1


def test_while_kannel_is_away_texts_wait_and_then_arrive_once(kannel: Kannel) -> None:
    ask_many(20)
    kannel.kill("bearerbox")
    gone = give()
    assert (gone.stopped, gone.sent, gone.unknown) == (True, 0, 0)
    assert gone.postponed > 0
    kannel.start()
    with kannel.handset() as handset, clock.frozen(clock.now() + timedelta(hours=1)):
        assert give() == HandedOver(sent=20)
        handset.words(20)
        assert len({number for number, _ in handset.texts}) == 20


@pytest.mark.parametrize("name", ["smsbox", "bearerbox"])
def test_kannel_killed_in_the_middle_brings_no_text_twice(kannel: Kannel, name: str) -> None:
    ask_many(60)
    count = iter(range(1000))

    class Killing:
        is_simulated = False

        def __init__(self) -> None:
            self._opened = transport(settings(), "dz")
            self._way_out = self._opened.__enter__()

        def trouble(self) -> str | None:
            return None

        def send(self, number: str, text: str, reference: str) -> object:
            if next(count) == 30:
                kannel.kill(name)
            return self._way_out.send(number, text, reference)

        def close(self) -> None:
            self._opened.__exit__(None, None, None)

    with kannel.handset():
        killing = Killing()
        first = hand_over("dz", killing, numbers=numbers, codes=codes)  # type: ignore[arg-type]
        killing.close()
    assert first.stopped
    assert first.sent + first.unknown + first.postponed + counts()[MessageState.QUEUED] >= 60
    kannel.start()
    with kannel.handset() as handset, clock.frozen(clock.now() + timedelta(hours=1)):
        second = give()
        assert second.sent + first.sent + first.unknown == 60
        handset.words(second.sent)
        assert counts().get(MessageState.QUEUED, 0) == 0
        numbers_reached = [number for number, _ in handset.texts]
    assert len(numbers_reached) == len(set(numbers_reached))


_WORKER = """
from cbi.messaging.gateways import transport
from cbi.messaging.handover import hand_over
from cbi.settings import settings
from tests.flow.texting import codes, numbers
with transport(settings(), "dz") as way_out:
    hand_over("dz", way_out, numbers=numbers, codes=codes)
"""


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


@contextmanager
def deadly(kannel: Kannel, worker: list[subprocess.Popen[bytes]]) -> Iterator[str]:
    """Passes requests on to Kannel, and kills the worker when Kannel has answered, before it hears the answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def pass_on() -> None:
            with suppress(OSError):
                client, _ = server.accept()
                with client, socket.create_connection(("127.0.0.1", kannel.sendsms)) as there:
                    threading.Thread(target=_pump, args=[client, there], daemon=True).start()
                    until(lambda: worker, "the worker is known")
                    there.settimeout(10)
                    assert b" 202 " in there.recv(65536)
                    os.kill(worker[0].pid, signal.SIGKILL)
                    worker[0].wait()

        thread = threading.Thread(target=pass_on, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/cgi-bin/sendsms"
        thread.join(timeout=20)


def test_a_worker_killed_before_it_hears_the_answer_sends_no_second_text(
    kannel: Kannel, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    worker: list[subprocess.Popen[bytes]] = []
    with kannel.handset() as handset:
        with deadly(kannel, worker) as address:
            monkeypatch.setenv("CBI_SMS_KANNEL_URL", address)
            worker.append(
                subprocess.Popen([sys.executable, "-c", _WORKER], cwd=Path(__file__).parents[2])
            )
            assert worker[0].wait(timeout=30) == -signal.SIGKILL
        monkeypatch.setenv("CBI_SMS_KANNEL_URL", kannel.url)
        settings.cache_clear()
        handset.words(1)
        assert give() == HandedOver()
        assert counts() == {MessageState.SENDING: 1}
        until(lambda: reports() == ["accepted", "delivered"], "Kannel's reports")
        assert counts() == {MessageState.SENDING: 1}, (
            "a report takes nothing out of a worker's hands"
        )
        with clock.frozen(clock.now() + claims.HELD_AT_MOST):
            assert give() == HandedOver()
    assert counts() == {MessageState.DELIVERED: 1}, "the reports tell what nobody else knew"
    assert len(handset.texts) == 1


def test_a_worker_killed_so_without_reports_leaves_an_unknown_text(
    kannel: Kannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    worker: list[subprocess.Popen[bytes]] = []
    monkeypatch.setenv("CBI_SMS_CALLBACK_URL", "")
    with kannel.handset() as handset:
        with deadly(kannel, worker) as address:
            monkeypatch.setenv("CBI_SMS_KANNEL_URL", address)
            worker.append(
                subprocess.Popen([sys.executable, "-c", _WORKER], cwd=Path(__file__).parents[2])
            )
            assert worker[0].wait(timeout=30) == -signal.SIGKILL
        monkeypatch.setenv("CBI_SMS_KANNEL_URL", kannel.url)
        settings.cache_clear()
        handset.words(1)
        with clock.frozen(clock.now() + claims.HELD_AT_MOST):
            assert give() == HandedOver()
    assert (stored().state, stored().reason) == (MessageState.UNKNOWN, Reason.INTERRUPTED)
    assert len(handset.texts) == 1


def test_no_answer_in_time_is_never_a_second_text(
    kannel: Kannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    monkeypatch.setattr("cbi.messaging.kannel.TIMEOUT", httpx.Timeout(0.3))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(
            "CBI_SMS_KANNEL_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/cgi-bin/sendsms"
        )
        settings.cache_clear()
        assert give() == HandedOver(unknown=1)
    monkeypatch.setenv("CBI_SMS_KANNEL_URL", kannel.url)
    settings.cache_clear()
    assert give() == HandedOver()
    assert (stored().state, stored().reason) == (MessageState.UNKNOWN, Reason.NO_ANSWER)


def test_kannels_logs_never_hold_a_code_and_its_spool_only_while_a_text_waits(
    kannel: Kannel, door: Door, owner: Engine
) -> None:
    ask()
    assert give() == HandedOver(sent=1)
    until(lambda: CODE.encode() in kannel.spool(), "the queued text is in the spool")
    with kannel.handset() as handset:
        handset.words(1)
        handset.say("213551234567", f"my code {CODE} does not work")
        until(heard, "the text that came in")
    until(lambda: CODE.encode() not in kannel.spool(), "nothing is left in the spool")
    logs = kannel.logs()
    assert "4831" not in logs
    assert "does not work" not in logs
    with owner.connect() as connection:
        for table in ("messages", "inbound_texts", "delivery_reports"):
            kept = "\n".join(map(str, connection.scalars(text(f"SELECT t::text FROM {table} t"))))
            assert not [secret for secret in ("2907", "551234567", "does not") if secret in kept]


def test_what_a_telephone_sends_is_kept_once_although_kannel_brings_it_again(
    kannel: Kannel, door: Door
) -> None:
    door.refuse = 2
    with kannel.handset() as handset:
        handset.say("213551234567", "STATUS 8812")
        until(heard, "the text that came in")
        handset.say("0551234567", "حالة é 5")
        until(lambda: len(heard()) == 2, "the second text")
    first, second = heard()
    assert (first.sender, first.words, first.channel) == (NUMBER, "STATUS 8812", "kannel")
    assert (second.sender, second.words) == (NUMBER, "حالة é 5")
    assert first.sender_index == second.sender_index
    assert len(door.calls) == 4
    with transaction("dz") as session:
        external_id = session.scalars(
            select(InboundText.external_id).where(InboundText.id == first.id)
        ).one()
        keys = office_of(session).keys
    assert UUID(external_id)
    assert keys.fingerprint("phone", NUMBER) == first.sender_index


def test_what_comes_while_we_are_away_is_brought_later_and_logged_nowhere(
    kannel: Kannel, port: int
) -> None:
    ask()
    with kannel.handset() as handset:
        handset.say("213551234567", f"my code {CODE} does not work")
        assert give() == HandedOver(sent=1)
        until(lambda: kannel.logs().count("Couldn't fetch") >= 3, "Kannel does not reach us")
        with served(Door(), port):
            until(heard, "the text that came in")
            until(lambda: counts() == {MessageState.DELIVERED: 1}, "the reports")
    logs = kannel.logs()
    assert not [secret for secret in ("4831", "does not work", "551234567") if secret in logs]


def test_a_reply_goes_to_a_number_that_has_no_account_and_forgets_it(
    kannel: Kannel, door: Door
) -> None:
    for _ in range(2):
        with transaction("dz") as session:
            outbox.queue_reply(
                session, "START_ACK", number=NUMBER, language="en", values={}, dedupe="reply 1"
            )
    with transaction("dz") as session:
        assert session.scalars(select(Message.number)).one() is not None
    with kannel.handset() as handset:
        assert give() == HandedOver(sent=1)
        handset.words(1)
        assert handset.texts[0][0] == NUMBER
        until(lambda: counts() == {MessageState.DELIVERED: 1}, "the report")
    assert (stored().number, stored().account_id) == (None, None)


def test_a_wrong_password_makes_texts_wait_and_the_doctor_says_why(
    kannel: Kannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    assert _trouble() is None
    monkeypatch.setenv("CBI_SMS_KANNEL_PASSWORD", "not it")
    settings.cache_clear()
    assert give() == HandedOver(postponed=1)
    assert "user and password" in (_trouble() or "")
    kannel.kill("smsbox")
    assert "does not answer" in (_trouble() or "")


def _trouble() -> str | None:
    with transport(settings(), "doctor") as way_out:
        return way_out.trouble()


def test_a_number_that_kannel_will_never_take_is_not_tried_again(kannel: Kannel) -> None:
    with transport(settings(), "dz") as way_out, pytest.raises(NotSent) as refusal:
        way_out.send("no number", "words", str(uuid4()))
    assert refusal.value.retry_helps is False
    assert "no number" not in str(refusal.value)
