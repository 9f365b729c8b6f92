"""A text that comes in is kept once and sealed, and a reply to a stranger's number is forgotten when it has gone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import URL, Engine, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from cbi import clock
from cbi.messaging import claims, inbound, outbox
from cbi.messaging.handover import HandedOver
from cbi.messaging.models import InboundText, Message
from cbi.messaging.numbers import UnusableNumber
from cbi.messaging.outbox import NotAboutACode
from cbi.messaging.phones import NoTelephones, phones, say
from cbi.messaging.states import MessageState
from cbi.offices import office_of, transaction
from cbi.registry.personal import PHONE, Sealer
from cbi.settings import settings
from tests.flow.texting import Gateway, give, nothing, refuse, stored

NUMBER = "+213551234567"
AT = datetime(2026, 12, 5, 9, tzinfo=UTC)


def receive(session: Session, words: str = "STATUS", sender: str = NUMBER, name: str = "1") -> bool:
    return inbound.receive(session, "kannel", name, sender, words, AT)


def test_a_text_is_kept_once_for_each_name_that_its_channel_gave_it(session: Session) -> None:
    assert receive(session)
    assert not receive(session, "something else")
    assert receive(session, name="2")
    assert inbound.receive(session, "simulator", "1", NUMBER, "STATUS", AT)
    kept = inbound.opened(office_of(session).keys, session.scalars(select(InboundText)))
    assert [text.words for text in kept] == ["STATUS"] * 3


def test_the_same_text_brought_by_many_at_once_is_kept_once(database: URL) -> None:
    def bring(_: int) -> bool:
        with transaction("dz") as session:
            return receive(session)

    with ThreadPoolExecutor(8) as callers:
        assert sum(callers.map(bring, range(16))) == 1


def test_neither_sender_nor_words_are_readable_where_they_are_kept(
    database: URL, owner: Engine
) -> None:
    with transaction("dz") as session:
        receive(session, "my name is Amina Haddad")
    with owner.connect() as connection:
        kept = str(connection.scalar(text("SELECT inbound_texts::text FROM inbound_texts")))
    for secret in (NUMBER, "551234567", "Amina"):
        assert secret not in kept
        assert secret.encode().hex() not in kept
    with transaction("dz") as session:
        (heard,) = inbound.waiting(session, 1)
    assert "Amina" not in repr(heard)
    assert NUMBER not in repr(heard)


def test_a_sender_is_found_by_the_same_hash_as_a_payment_account(session: Session) -> None:
    receive(session, sender="0551 23 45 67")
    (heard,) = inbound.waiting(session, 1)
    keys = office_of(session).keys
    _, value_index = Sealer(keys).account(b"k" * 32, uuid4(), PHONE, NUMBER)
    assert heard.sender_index == value_index
    assert heard.can_be_answered


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("4831.2907.5526", "4831.2***.****"),
        ("code 483129075526 refused", "code 48312******* refused"),
        ("4831-2907-5526-13", "4831-2***-****-**"),
        ("٤٨٣١ ٢٩٠٧ ٥٥٢٦", "٤٨٣١ ٢*** ****"),
        ("call +213551234567", "call +213551234567"),
        ("call 0551234567 or 3030", "call 0551234567 or 3030"),
        ("5", "5"),
        ("1234567890123456", "1234567890123456"),
    ],
)
def test_of_a_code_that_somebody_types_only_the_public_part_is_kept(words: str, kept: str) -> None:
    assert inbound.without_codes(words, 5) == kept


def test_a_very_long_text_is_cut_and_a_nul_is_dropped(session: Session) -> None:
    assert receive(session, "\0a" * 5000)
    (heard,) = inbound.waiting(session, 1)
    assert heard.words == "a" * inbound.LONGEST or set(heard.words) == {"a"}


def test_a_text_is_dealt_with_once_and_never_changed(database: URL) -> None:
    with transaction("dz") as session:
        receive(session)
        (heard,) = inbound.waiting(session, 1)
        assert inbound.handled(session, heard.id, {"as": "status"})
        assert not inbound.handled(session, heard.id, {"as": "other"})
        assert inbound.waiting(session, 1) == []
    with pytest.raises(DBAPIError), transaction("dz") as session:
        session.execute(text("UPDATE inbound_texts SET received_at = now()"))
    with transaction("dz") as session:
        assert session.scalars(select(InboundText.outcome)).one() == {"as": "status"}


def test_two_workers_never_deal_with_the_same_text(database: URL) -> None:
    with transaction("dz") as session:
        receive(session)
        receive(session, name="2", sender="+213551234568")
    with transaction("dz") as one, transaction("dz") as other:
        mine, theirs = inbound.waiting(one, 1), inbound.waiting(other, 10)
    assert {heard.id for heard in mine}.isdisjoint(heard.id for heard in theirs)
    assert len(mine) == len(theirs) == 1


def reply(account_id: UUID | None = None) -> None:
    with transaction("dz") as session:
        outbox.queue_reply(
            session, "START_ACK", number=NUMBER, language="en", values={}, dedupe="r", account_id=account_id
        )  # fmt: skip


def test_a_reply_to_a_number_is_sent_once_and_the_number_is_erased(
    database: URL, owner: Engine
) -> None:
    reply()
    reply()
    with owner.connect() as connection:
        kept = str(connection.scalar(text("SELECT messages::text FROM messages")))
    assert "551234567" not in kept
    assert NUMBER.encode().hex() not in kept
    gateway = Gateway()
    assert give(gateway) == HandedOver(sent=1)
    assert [number for number, *_ in gateway.given] == [NUMBER]
    assert stored().number is None


def test_a_reply_that_has_to_wait_keeps_its_number_until_it_went(database: URL) -> None:
    from cbi.messaging.transports import NotSent  # noqa: PLC0415

    reply()
    assert give(Gateway(refuse(NotSent("full")))) == HandedOver(postponed=1)
    assert stored().number is not None
    assert give(Gateway(refuse(NotSent("full")))) == HandedOver()
    with clock.frozen(clock.now() + claims.HELD_AT_MOST):
        assert give(gateway := Gateway()) == HandedOver(sent=1)
    assert gateway.given[0][0] == NUMBER
    assert stored().number is None


def test_a_lost_reply_forgets_its_number_too(database: URL) -> None:
    reply()
    with transaction("dz") as session:
        claims.take(session, 1)
    with clock.frozen(clock.now() + claims.HELD_AT_MOST), transaction("dz") as session:
        assert claims.give_up_lost(session) == 1
    assert (stored().state, stored().number) == (MessageState.UNKNOWN, None)


def test_a_reply_to_somebody_with_an_account_goes_to_the_account(database: URL) -> None:
    account = uuid4()
    reply(account_id=account)
    assert (stored().account_id, stored().number) == (account, None)
    assert give(Gateway(), numbers=nothing) == HandedOver(failed=1)


def test_a_reply_never_tells_a_code(session: Session) -> None:
    with pytest.raises(NotAboutACode):
        outbox.queue_reply(
            session,
            "CODE_READY",
            number=NUMBER,
            language="en",
            values={"date": "05/12"},
            dedupe="x",
        )


@pytest.mark.parametrize("to", [{"account_id": uuid4(), "number": b"sealed"}, {}])
def test_a_text_goes_to_an_account_or_to_a_number_never_to_both_or_neither(
    session: Session, to: dict[str, object]
) -> None:
    row = {
        "template": "LOCKED", "language": "en", "values": {}, "dedupe": "x", "state": "queued",
        "created_at": AT,
    }  # fmt: skip
    with pytest.raises(IntegrityError, match="goes_to_one"):
        session.execute(insert(Message).values(row | to))


def test_the_simulated_telephone_sends_by_the_same_way(session: Session) -> None:
    assert say(session, NUMBER, "STATUS")
    (heard,) = inbound.waiting(session, 1)
    assert (heard.channel, heard.sender, heard.words) == ("simulator", NUMBER, "STATUS")
    with pytest.raises(UnusableNumber):
        say(session, "0551234567", "STATUS")
    assert phones(settings()).inbox(NUMBER) == []


def test_nobody_writes_from_a_simulated_telephone_where_real_ones_are(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_SMS_TRANSPORT", "kannel")
    settings.cache_clear()
    with pytest.raises(NoTelephones):
        say(session, NUMBER, "STATUS")
