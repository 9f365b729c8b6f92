"""Texts that a network refuses, cannot deliver or lets expire, as Kannel reports them over SMPP."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import URL, select

from cbi.app import create_app
from cbi.messaging import queries
from cbi.messaging.gateways import transport
from cbi.messaging.handover import hand_over
from cbi.messaging.models import Message
from cbi.messaging.states import MessageState, Reason
from cbi.offices import transaction
from cbi.settings import settings
from tests.flow.texting import ask, codes, number_of, numbers
from tests.peers.kannel import Kannel, free_port, kannel_is_here, running_kannel, until
from tests.peers.serving import served
from tests.peers.smsc import running_smsc

BECAME = {
    "1": (MessageState.DELIVERED, None),
    "2": (MessageState.FAILED, Reason.UNDELIVERABLE),
    "3": (MessageState.FAILED, Reason.EXPIRED),
    "4": (MessageState.FAILED, Reason.REJECTED),
    "5": (MessageState.FAILED, Reason.UNDELIVERABLE),  # Kannel makes one of REJECTD and UNDELIV
}


@pytest.fixture
def kannel(database: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kannel]:
    """Kannel as a member of that network, and the application where Kannel reports to."""
    kannel_is_here()
    port = free_port()
    with (
        running_smsc() as network,
        running_kannel(tmp_path / "kannel", smpp_port=network) as running,
    ):
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("CBI_SMS_CALLBACK_URL", f"http://127.0.0.1:{port}")
        settings.cache_clear()
        with served(create_app(), port):
            yield running


def test_each_text_that_does_not_arrive_says_why(kannel: Kannel) -> None:
    accounts: dict[str, UUID] = {}
    while accounts.keys() != BECAME.keys():
        account = uuid4()
        digit = number_of(account)[-1]
        if digit in BECAME and digit not in accounts:
            accounts[digit] = account
            ask(digit, account_id=account)
    with transport(settings(), "dz") as way_out:
        assert hand_over("dz", way_out, numbers=numbers, codes=codes).sent == 5

    def became() -> dict[UUID | None, tuple[MessageState, Reason | None]]:
        with transaction("dz") as session:
            rows = session.execute(select(Message.account_id, Message.state, Message.reason))
            return {account: (state, reason) for account, state, reason in rows}

    expected: dict[UUID | None, tuple[MessageState, Reason | None]] = {
        accounts[digit]: end for digit, end in BECAME.items()
    }
    until(lambda: all(state != MessageState.SENT for state, _ in became().values()), "every report")
    assert became() == expected
    with transaction("dz") as session:
        texts = queries.by_state(session)
    assert (texts.delivered, texts.undeliverable, texts.not_sent) == (1, 4, 0)
