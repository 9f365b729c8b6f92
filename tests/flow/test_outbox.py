"""Texts are asked for once, checked at once, and say nothing where they wait."""

from datetime import date
from uuid import uuid4

import pytest
from sqlalchemy import (
    URL,
    Date,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock
from cbi.messaging import outbox
from cbi.messaging.choices import Level
from cbi.messaging.handover import HandedOver
from cbi.messaging.models import Message
from cbi.messaging.rendering import UnknownTemplate, UnusableValues, amount_text, date_text
from cbi.messaging.states import MessageState
from cbi.money import Money
from cbi.offices import transaction
from tests.flow.texting import CODE, Gateway, ask, ask_many, counts, give, rows


def test_asking_twice_for_the_same_text_sends_one(database: URL) -> None:
    ask("the code of payment 7")
    ask("the code of payment 7", code_issue_id=uuid4())
    assert give(Gateway()).sent == 1


def test_a_set_of_texts_is_asked_for_once(database: URL) -> None:
    assert ask_many(250) == 250
    assert ask_many(251) == 1
    steps: list[int] = []
    assert give(Gateway(), progress=steps.append) == HandedOver(sent=251)
    assert steps == [100, 100, 51]


def test_what_could_not_be_written_later_is_refused_at_once(database: URL) -> None:
    for refusal, options in (
        (UnknownTemplate, {"template": "CODE_REDY"}),
        (UnusableValues, {"values": {}}),
        (UnusableValues, {"values": {"date": 5}}),
        (UnusableValues, {"values": {"date": "05/12", "name": "x"}}),
        (UnusableValues, {"values": {"date": "05/12", "code": CODE}}),
        (UnusableValues, {"values": {"date": "05/12", "hotline": "1"}}),
        (outbox.NotAboutACode, {"code_issue_id": None}),
    ):
        with pytest.raises(refusal) as raised:
            ask(**options)
        assert CODE not in str(raised.value)
    assert counts() == {}


def test_one_wrong_row_refuses_the_whole_set(database: URL) -> None:
    for refusal, options in (
        (UnknownTemplate, {"template": "CODE_REDY"}),
        (UnusableValues, {"values": literal("{}").cast(JSONB)}),
        (UnusableValues, {"values": literal('{"date": 5}').cast(JSONB)}),
        (UnusableValues, {"values": literal('{"date": "05/12", "name": "x"}').cast(JSONB)}),
        (outbox.NotAboutACode, {"coded": False}),
    ):
        some_good = rows(3).union_all(rows(9, **options).offset(8))
        with pytest.raises(refusal), transaction("dz") as session:
            outbox.queue_set(session, some_good)
    assert counts() == {}


def test_the_database_itself_refuses_to_hold_a_code(session: Session) -> None:
    with pytest.raises(IntegrityError, match="holds_no_code"):
        session.execute(
            insert(Message).values(
                template="CODE_READY",
                language="en",
                account_id=uuid4(),
                values={"code": CODE},
                dedupe="a",
                state=MessageState.QUEUED,
                created_at=clock.now(),
            )
        )


def test_texts_are_taken_back_by_payment_or_by_code(database: URL) -> None:
    payment, other, issue = uuid4(), uuid4(), uuid4()
    ask("a", payment_id=payment)
    ask("b", payment_id=other, code_issue_id=issue)
    ask("c", payment_id=other, code_issue_id=uuid4())
    with transaction("dz") as session:
        assert outbox.withdraw(session, payment_id=payment) == 1
        assert outbox.withdraw(session, payment_id=payment) == 0
        assert outbox.withdraw(session, payment_id=payment, code_issue_id=issue) == 0
        assert outbox.withdraw(session, payment_id=other, code_issue_id=issue) == 1
    assert give(Gateway()).sent == 1
    assert counts() == {MessageState.SENT: 1, MessageState.WITHDRAWN: 2}


def test_amounts_and_dates_are_written_alike_by_database_and_engine(session: Session) -> None:
    for currency in ("DZD", "XAF", "TND"):
        for minor in (0, 1, 5, 99, 100, 101, 1000, 10_000, 450_000, 450_050, 123_456_789):
            in_sql = session.scalar(select(outbox.amount_in_sql(literal(minor), currency)))
            assert in_sql == amount_text(Money(minor, currency))
    day = date(2026, 12, 5)
    assert session.scalar(select(outbox.date_in_sql(literal(day, Date)))) == date_text(day)


def test_a_set_can_write_its_own_values(database: URL) -> None:
    values = func.jsonb_build_object(
        "date", outbox.date_in_sql(literal(date(2026, 12, 5), Date)),
        "amount", outbox.amount_in_sql(literal(450_000), "DZD"),
    )  # fmt: skip
    with transaction("dz") as session:
        assert outbox.queue_set(session, rows(2, template="CODE_READY_AMT", values=values)) == 2
    gateway = Gateway()
    give(gateway, levels=lambda _, accounts: dict.fromkeys(accounts, Level.NORMAL))
    assert gateway.given[0][1].startswith(
        f"4500 DZD is ready. Code {CODE}. Any post office before 05/12,"
    )
