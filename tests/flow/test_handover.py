"""A text reaches its telephone once, whatever happens on the way, and leaves no trace of its words."""

import logging
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    URL,
    Engine,
    event,
    select,
    text,
)
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.messaging import claims, outbox
from cbi.messaging.handover import PATIENCE, TRIES, HandedOver
from cbi.messaging.models import Message
from cbi.messaging.phones import phones
from cbi.messaging.states import MessageState, Reason
from cbi.messaging.transports import NotSent, Simulator
from cbi.offices import transaction
from cbi.settings import settings
from tests.flow.texting import (
    CODE,
    SECRETS,
    Gateway,
    ask,
    ask_many,
    counts,
    give,
    nothing,
    number_of,
    numbers,
    refuse,
    stored,
)


def test_a_text_is_handed_over_in_words_and_once(database: URL) -> None:
    account = uuid4()
    ask(account_id=account)
    gateway = Gateway()
    assert give(gateway) == HandedOver(sent=1)
    assert give(gateway) == HandedOver()
    ((number, words, _),) = gateway.given
    assert number == number_of(account)
    assert words.startswith(f"Your money is ready. Code {CODE}.")
    assert words.endswith("Help 3030")
    message = stored()
    assert (message.state, message.tries, message.reason) == (MessageState.SENT, 1, None)
    assert message.gateway_reference == f"gateway-{message.id}"


def test_a_person_without_a_known_language_is_written_to_in_the_offices(database: URL) -> None:
    ask(template="START_ACK", values={}, code_issue_id=None, language="am")
    gateway = Gateway()
    give(gateway)
    assert gateway.given[0][1].startswith("ستصلك")


def test_the_outbox_and_the_log_hold_no_code_no_number_and_no_text(
    database: URL, owner: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    ask_many(20)
    caplog.set_level(logging.DEBUG)
    give(Gateway(refuse(TimeoutError(f"no answer to GET ?to=+213551234567&text={CODE}"))))
    give(Gateway(refuse(NotSent(f"refused {CODE} for +213551234567"))))
    give(Gateway())
    with owner.connect() as connection:
        dump = "\n".join(map(str, connection.execute(text("SELECT messages::text FROM messages"))))
    assert dump.count("CODE_READY") == 20
    assert "TimeoutError" in caplog.text
    assert not [secret for secret in (*SECRETS, "Your money") if secret in dump + caplog.text]


def test_a_text_in_memory_does_not_show_itself(database: URL) -> None:
    seen: list[str] = []

    def answer() -> None:
        frame = sys._getframe(2)  # what a traceback with local variables would show of our own code
        seen.extend(
            repr(value) for name, value in frame.f_locals.items() if name not in {"transport"}
        )

    ask()
    give(Gateway(answer))
    assert seen
    assert not [secret for secret in (*SECRETS, "Your money") if secret in "".join(seen)]


def test_a_text_whose_code_has_died_is_not_sent(database: URL) -> None:
    ask()
    gateway = Gateway()
    assert give(gateway, codes=nothing) == HandedOver(withdrawn=1)
    assert give(gateway) == HandedOver()
    assert gateway.given == []
    assert (stored().state, stored().reason) == (MessageState.WITHDRAWN, Reason.CODE_DEAD)


def test_a_text_that_tells_no_code_is_sent_although_the_code_has_died(database: URL) -> None:
    ask(template="LOCKED", values={})
    assert give(Gateway(), codes=nothing).sent == 1


def test_what_a_worker_holds_cannot_be_taken_back_half_way(database: URL) -> None:
    payment = uuid4()
    ask(payment_id=payment)

    def answer() -> None:
        with transaction("dz") as session:
            assert outbox.withdraw(session, payment_id=payment) == 0

    assert give(Gateway(answer)).sent == 1


def test_a_person_without_a_number_fails_alone(database: URL) -> None:
    ask("a")
    ask("b", account_id=(lost := uuid4()))

    def some(session: Session, accounts: Sequence[UUID]) -> Mapping[UUID, str]:
        return {key: number for key, number in numbers(session, accounts).items() if key != lost}

    assert give(Gateway(), numbers=some) == HandedOver(sent=1, failed=1)


def test_a_text_that_was_certainly_not_sent_is_tried_again_later(database: URL) -> None:
    start = datetime(2026, 12, 5, 9, tzinfo=UTC)
    ask()
    with clock.frozen(start):
        assert give(Gateway(refuse(NotSent("full")))) == HandedOver(postponed=1)
        assert stored().state == MessageState.QUEUED
        assert give(Gateway()) == HandedOver()
    with clock.frozen(start + timedelta(minutes=1)):
        assert give(Gateway(refuse(NotSent("full")))) == HandedOver(postponed=1)
    with clock.frozen(start + timedelta(minutes=4)):
        assert give(Gateway()) == HandedOver()
    with clock.frozen(start + timedelta(minutes=5)):
        assert give(Gateway()) == HandedOver(sent=1)
    assert (stored().tries, stored().reason) == (3, None)


def test_a_text_is_not_tried_for_ever(database: URL) -> None:
    at = datetime(2026, 12, 5, tzinfo=UTC)
    ask()
    became = []
    for _ in range(TRIES):
        with clock.frozen(at):
            became.append(give(Gateway(refuse(NotSent("full")))))
        at += timedelta(hours=6)
    assert became == [HandedOver(postponed=1)] * (TRIES - 1) + [HandedOver(failed=1)]
    assert (stored().state, stored().tries, stored().reason) == (
        MessageState.FAILED,
        TRIES,
        Reason.NOT_SENT,
    )


def test_a_text_that_the_gateway_will_never_take_fails_at_once(database: URL) -> None:
    ask_many(PATIENCE + 5)
    assert give(Gateway(refuse(NotSent("no", retry_helps=False)))) == HandedOver(
        failed=PATIENCE + 5
    )


def test_a_text_without_a_clear_answer_is_never_sent_again(database: URL) -> None:
    ask()
    gateway = Gateway(refuse(TimeoutError()))
    assert give(gateway) == HandedOver(unknown=1)
    with clock.frozen(clock.now() + timedelta(days=30)):
        assert give(gateway) == HandedOver()
    assert len(gateway.given) == 1
    assert (stored().state, stored().reason) == (MessageState.UNKNOWN, Reason.NO_ANSWER)


def test_a_silent_gateway_costs_a_few_texts_and_not_a_whole_run(database: URL) -> None:
    ask_many(300)
    assert give(Gateway(refuse(TimeoutError()))) == HandedOver(unknown=PATIENCE, stopped=True)
    assert give(Gateway(refuse(NotSent("down")))) == HandedOver(postponed=PATIENCE, stopped=True)
    assert give(Gateway()) == HandedOver(sent=300 - 2 * PATIENCE)


def test_an_interrupted_worker_leaves_what_it_had_not_begun(database: URL) -> None:
    ask_many(10)
    gateway = Gateway()

    def answer() -> None:
        if len(gateway.given) == 4:
            raise KeyboardInterrupt

    gateway._answer = answer
    with pytest.raises(KeyboardInterrupt):
        give(gateway)
    assert counts() == {MessageState.SENT: 3, MessageState.UNKNOWN: 1, MessageState.QUEUED: 6}
    gateway._answer = lambda: None
    assert give(gateway).sent == 6
    assert len({reference for *_, reference in gateway.given}) == len(gateway.given) == 10


def test_a_lookup_that_fails_loses_no_text(database: URL) -> None:
    ask()

    def broken(session: Session, accounts: Sequence[UUID]) -> Mapping[UUID, str]:
        raise RuntimeError("the registry is away")

    with pytest.raises(RuntimeError):
        give(Gateway(), numbers=broken)
    assert give(Gateway()).sent == 1


_DIES = """
import os
from cbi.messaging.handover import hand_over
from cbi.messaging.phones import phones
from cbi.messaging.transports import Simulator
from cbi.settings import settings

class Dies(Simulator):
    count = 0
    def send(self, number, text, reference):
        self.count += 1
        sent = super().send(number, text, reference)
        if self.count == 3:
            os._exit(9)
        return sent

hand_over(
    "dz", Dies(phones(settings())),
    numbers=lambda session, keys: {key: f"+21355{key.int % 10**7:07d}" for key in keys},
    codes=lambda session, keys: {key: "4831.2907.5526" for key in keys},
)
"""


def test_a_worker_that_dies_with_texts_in_hand_sends_none_of_them_twice(database: URL) -> None:
    ask_many(105)
    died = subprocess.run([sys.executable, "-c", _DIES], check=False, cwd=Path(__file__).parents[2])
    assert died.returncode == 9
    assert counts() == {MessageState.SENDING: 100, MessageState.QUEUED: 5}

    way_out = Simulator(phones(settings()))
    assert give(way_out) == HandedOver(sent=5)
    assert counts()[MessageState.SENDING] == 100, "another worker might still be alive"
    with clock.frozen(clock.now() + claims.HELD_AT_MOST):
        assert give(way_out) == HandedOver()
    assert counts() == {MessageState.UNKNOWN: 100, MessageState.SENT: 5}

    with transaction("dz") as session:
        accounts = session.scalars(
            select(Message.account_id).where(Message.account_id.is_not(None))
        ).all()
    arrived = [len(phones(settings()).inbox(number_of(account))) for account in accounts if account]
    assert sorted(arrived) == [0] * 97 + [1] * 8


def test_a_slow_workers_late_answer_is_believed(database: URL) -> None:
    ask()

    def answer() -> None:
        with transaction("dz") as session:
            assert claims.give_up_lost(session, timedelta(0)) == 1

    assert give(Gateway(answer)).sent == 1
    assert stored().state == MessageState.SENT


def test_a_slow_worker_cannot_make_an_unknown_text_wait_again(database: URL) -> None:
    ask()

    def answer() -> None:
        with transaction("dz") as session:
            claims.give_up_lost(session, timedelta(0))
        raise NotSent("full")

    give(Gateway(answer))
    assert stored().state == MessageState.UNKNOWN


def test_eight_workers_at_once_send_each_text_exactly_once(database: URL) -> None:
    ask_many(2000)
    gateway = Gateway()
    start = threading.Barrier(8)

    def work(_: int) -> HandedOver:
        start.wait()
        return give(gateway)

    with ThreadPoolExecutor(8) as workers:
        done = list(workers.map(work, range(8)))
    assert sum(one.sent for one in done) == 2000
    assert len({reference for *_, reference in gateway.given}) == len(gateway.given) == 2000
    assert counts() == {MessageState.SENT: 2000}


def test_no_transaction_is_open_while_a_text_is_handed_over(database: URL, owner: Engine) -> None:
    ask_many(3)
    busy: list[Any] = []

    def answer() -> None:
        with owner.connect() as connection:
            busy.append(
                connection.scalar(
                    text(
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cbi dz'"
                        " AND datname = current_database() AND state <> 'idle'"
                    )
                )
            )

    give(Gateway(answer))
    assert busy == [0, 0, 0]


def test_a_batch_takes_a_handful_of_statements_however_large(database: URL) -> None:
    ask_many(1000)
    statements: list[str] = []
    event.listen(
        db.engine("dz"), "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    assert give(Gateway()).sent == 1000
    # Five for each batch, and in each of its three transactions one to hold the tables as this program knows them.
    assert len(statements) <= (5 + 3) * 11


def test_a_limit_is_kept(database: URL) -> None:
    ask_many(130)
    assert [give(Gateway(), limit=110).sent, give(Gateway(), limit=110).sent] == [110, 20]
