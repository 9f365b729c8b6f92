"""However many texts come, however often, and however many workers answer them: each once, and not without end."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select, text

from cbi import clock, jobs, offices
from cbi.helpline import acting, answering
from cbi.helpline.limits import LAST
from cbi.helpline.states import Category
from cbi.messaging import choices, numbers
from cbi.messaging.models import InboundText, Message
from cbi.messaging.rendering import render
from cbi.offices import office_of
from cbi.redemption.models import CodeIssue
from tests.flow.helpline.recipients import (
    AMAL,
    BRUNO,
    DAVE,
    NOBODY,
    Story,
    code_on,
    complaints,
    inbox,
    outcomes,
    receive,
    say,
)
from tests.redemption_factory import OPEN, code_of, minutes

WORKERS = 8


def answer_with_many_workers() -> int:
    """As many workers as one office may have, at the same moment."""

    def work(_: int) -> int:
        with clock.frozen(minutes(10)):
            return answering.answer("dz")

    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(work, range(WORKERS)))


def replies() -> Counter[str]:
    """How many texts wait that answer somebody's, by template."""
    with offices.transaction("dz") as session:
        found = session.scalars(
            select(Message.template).where(
                Message.dedupe.startswith("reply:") | (Message.template == "REISSUED")
            )
        )
        return Counter(found)


def test_one_text_is_answered_once_by_eight_workers(story: Story) -> None:
    receive(AMAL, "2", minutes(1))
    assert answer_with_many_workers() == 1
    assert replies() == {"REISSUED": 1}
    with offices.transaction("dz") as session:
        issued = select(func.count()).where(CodeIssue.payment_id == story.payments["A"])
        assert session.scalar(issued) == 2


def test_many_texts_of_many_numbers_are_each_answered_once_by_eight_workers(story: Story) -> None:
    for at, number in enumerate([AMAL, BRUNO, DAVE] * 5):
        receive(number, ("1", "0", "3", "7", "8")[at // 3], minutes(1 + at / 100))
    assert answer_with_many_workers() == 15
    assert sum(replies().values()) == 15
    with offices.transaction("dz") as session:
        handled = session.scalar(
            select(func.count()).where(InboundText.handled_at.is_not(None)).select_from(InboundText)
        )
    assert handled == 15


def test_the_texts_of_one_number_keep_their_order(story: Story) -> None:
    for at in range(10):
        receive(DAVE, "stop" if at % 2 == 0 else "start", minutes(1 + at / 100))
    receive(DAVE, "stop", minutes(2))
    assert answer_with_many_workers() == 11
    with offices.transaction("dz") as session:
        index = numbers.index(office_of(session).keys, DAVE)
        assert choices.of(session, [index])[index].silent


def test_a_text_that_the_gateway_brings_twice_is_one_text(story: Story) -> None:
    assert receive(AMAL, "2", minutes(1), name="7") is True
    assert receive(AMAL, "2", minutes(1), name="7") is False
    assert answer_with_many_workers() == 1
    assert replies() == {"REISSUED": 1}


def test_the_same_words_within_a_minute_are_one_text(story: Story) -> None:
    receive(DAVE, "0", minutes(1))
    receive(DAVE, " 0", minutes(1.5))
    receive(DAVE, "0", minutes(3))
    assert answer_with_many_workers() == 3
    assert replies() == {"HELP": 2}


def test_five_answers_an_hour_then_one_last_one_then_none_and_every_text_is_kept(
    story: Story,
) -> None:
    heard = [say(DAVE, ("1", "0", "3")[at % 3], after=at * 2) for at in range(12)]
    assert [len(each) for each in heard] == [1] * 6 + [0] * 6
    assert heard[5] == [render(LAST, "en", {"hotline": "3030"})]
    assert len(outcomes()) == 12
    assert len(say(DAVE, "0", after=90)) == 1


def test_many_texts_bring_no_more_than_fifteen_answers_a_day(story: Story) -> None:
    for hour in range(6):
        for at in range(7):
            receive(DAVE, "013"[at % 3], OPEN + timedelta(hours=hour, minutes=at))
        with clock.frozen(OPEN + timedelta(hours=hour, minutes=9)):
            assert answering.answer("dz") == 7
    assert sum(replies().values()) == 15


def test_what_keeps_money_safe_is_done_even_where_nothing_is_answered_any_more(
    story: Story,
) -> None:
    for at in range(7):
        say(DAVE, "0", after=at * 2)
    assert say(DAVE, "2", after=20) == []
    assert code_on(DAVE) == code_of(story.payments["D"])
    assert say(DAVE, "5", after=22) == []
    assert [each.category for each in complaints()] == [Category.LOST_CODE]
    assert say(DAVE, "6 he kept half", after=24) == []
    assert complaints()[-1].category is Category.PAYMENT_PROBLEM
    assert say(DAVE, "stop", after=26) == []
    assert say(DAVE, "2", after=200) != []
    assert code_on(DAVE) == inbox(DAVE)[0].split("Code ")[1][:14]


@pytest.mark.parametrize("sender", ["12345", "Djezzy", "INFO-BANK"])
def test_a_machine_is_not_answered(story: Story, sender: str) -> None:
    receive(sender, "1", minutes(1))
    assert answer_with_many_workers() == 1
    assert replies() == {}
    assert outcomes() == [{"ignored": "not a telephone number"}]


def test_a_text_that_cannot_be_answered_stops_no_other_and_reaches_a_person(
    story: Story, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usual = acting.act

    def stumble(talk: acting.Talk) -> object:
        if talk.heard.sender == BRUNO:
            raise ValueError(talk.heard.words)
        return usual(talk)

    monkeypatch.setattr(acting, "act", stumble)
    receive(BRUNO, "0 and a secret", minutes(1))
    receive(DAVE, "0", minutes(2))
    with clock.frozen(minutes(3)):
        assert answering.answer("dz") == 2
    assert replies() == {"HELP": 1}
    assert "secret" not in caplog.text
    assert outcomes()[0] == {"failed": "ValueError", "complaint": 1}


def test_a_number_silent_for_long_gets_no_code_for_the_asking(story: Story, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE payment_accounts SET created_at = created_at - interval '91 days'")
        )
    before = code_on(DAVE)
    assert say(DAVE, "2") == [render("CODE_NOT_NOW", "en", {"hotline": "3030"})]
    assert code_on(DAVE) == before == code_of(story.payments["D"])


def test_texts_of_nobody_fill_no_table_of_complaints(story: Story) -> None:
    for at in range(8):
        say(NOBODY, f"who is there {at}", after=at)
    assert complaints() == []
    for at in range(8):
        say(NOBODY, f"4 who is there {at}", after=100 + at)
    assert len(complaints()) == 1


def test_answers_leave_at_once_with_the_job_that_makes_them(story: Story) -> None:
    receive(DAVE, "0", minutes(1))
    before = len(inbox(DAVE))
    with clock.frozen(minutes(1)):
        assert jobs.answer("dz") == 1
    assert len(inbox(DAVE)) == before + 1
    assert jobs.HOUSEKEEPING["answer"][1] <= 5
