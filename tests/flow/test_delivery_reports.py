"""What a gateway reports of a text, in any order and any number of times, puts the text where the news is most final."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.messaging import claims, handover, outbox, queries, reports
from cbi.messaging.claims import Outcome
from cbi.messaging.handover import HandedOver
from cbi.messaging.models import DeliveryReport, Message
from cbi.messaging.reports import UnknownText
from cbi.messaging.states import MessageState, News, Reason
from cbi.messaging.transports import NotSent, Sent
from cbi.offices import transaction
from tests.flow.texting import Gateway, ask, ask_many, counts, give, refuse, stored

BAD = {News.UNDELIVERABLE, News.REJECTED, News.EXPIRED}


def tell(*news: News) -> None:
    for each in news:
        with transaction("dz") as session:
            reports.receive(session, session.scalars(select(Message.id)).one(), each)


def state_after(news: Sequence[News]) -> MessageState:
    if News.DELIVERED in news:
        return MessageState.DELIVERED
    return MessageState.FAILED if BAD & set(news) else MessageState.SENT


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.sampled_from(News), max_size=8),
    st.sampled_from([MessageState.SENT, MessageState.UNKNOWN]),
    st.integers(0, 8),
)
def test_the_order_of_news_does_not_matter(
    session: Session, news: list[News], start: MessageState, late: int
) -> None:
    """Some reports come while the worker still holds the text, the others after it wrote down what became of it."""
    with session.begin_nested() as step:
        outbox.queue(
            session, "LOCKED", account_id=uuid4(), language="en", values={}, dedupe=str(uuid4())
        )
        (taken,) = claims.take(session, 1)
        new = [reports.receive(session, taken.id, each) for each in news[:late]]
        assert _state(session, taken.id) == MessageState.SENDING
        claims.record(session, {taken.id: Outcome(start, tried=True)})
        new += [reports.receive(session, taken.id, each) for each in news[late:]]
        assert sum(new) == len(set(news))
        expected = state_after(news) if news else start
        assert _state(session, taken.id) == expected
        kept = session.scalars(
            select(DeliveryReport.news).where(DeliveryReport.message_id == taken.id)
        ).all()
        assert sorted(kept) == sorted(set(news))
        step.rollback()


def _state(session: Session, message_id: UUID) -> MessageState:
    return session.scalars(select(Message.state).where(Message.id == message_id)).one()


def test_a_failure_says_why_and_delivered_is_final(database: URL) -> None:
    ask()
    give(Gateway())
    tell(News.ACCEPTED, News.REJECTED, News.BUFFERED, News.REJECTED)
    assert (stored().state, stored().reason) == (MessageState.FAILED, Reason.REJECTED)
    tell(News.DELIVERED, News.ACCEPTED, News.EXPIRED, News.UNDELIVERABLE, News.DELIVERED)
    assert (stored().state, stored().reason) == (MessageState.DELIVERED, None)


def test_a_report_tells_what_became_of_a_text_that_got_no_answer(database: URL) -> None:
    ask()
    assert give(Gateway(refuse(TimeoutError()))) == HandedOver(unknown=1)
    tell(News.ACCEPTED)
    assert (stored().state, stored().reason) == (MessageState.SENT, None)
    assert give(Gateway()) == HandedOver()


def test_a_report_about_no_text_of_ours_is_refused(session: Session) -> None:
    with pytest.raises(UnknownText):
        reports.receive(session, uuid4(), News.DELIVERED)
    assert reports.named(session, "their own name") is None


def test_a_report_and_the_worker_at_the_same_moment_lose_nothing(database: URL) -> None:
    ask_many(40)
    ids: list[UUID] = []

    class Reporting(Gateway):
        def send(self, number: str, text: str, reference: str) -> Sent:
            ids.append(UUID(reference))
            thread = threading.Thread(target=_report, args=[UUID(reference)])
            thread.start()
            threads.append(thread)
            return super().send(number, text, reference)

    def _report(message_id: UUID) -> None:
        for news in (News.ACCEPTED, News.DELIVERED):
            with transaction("dz") as session:
                reports.receive(session, message_id, news)

    threads: list[threading.Thread] = []
    assert give(Reporting()).sent == 40
    for thread in threads:
        thread.join()
    assert counts() == {MessageState.DELIVERED: 40}


def test_what_became_of_a_slow_batch_is_written_down_as_it_goes(
    database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "SAVED_EVERY", 0)
    ask_many(3)
    seen: list[dict[MessageState, int]] = []

    def answer() -> None:
        seen.append(counts())
        if len(seen) == 2:
            raise NotSent("full")

    assert give(Gateway(answer)) == HandedOver(sent=2, postponed=1)
    assert seen == [
        {MessageState.SENDING: 3},
        {MessageState.SENDING: 2, MessageState.SENT: 1},
        {MessageState.SENDING: 1, MessageState.SENT: 1, MessageState.QUEUED: 1},
    ]
    with transaction("dz") as session:
        assert sorted(session.scalars(select(Message.tries))) == [1, 1, 1]


def test_staff_see_how_many_texts_stand_where(database: URL) -> None:
    start = clock.now()
    for news in (News.DELIVERED, News.EXPIRED, News.UNDELIVERABLE, News.ACCEPTED):
        ask(str(news))
        gateway = Gateway()
        give(gateway)
        with transaction("dz") as session:
            reports.receive(session, UUID(gateway.given[0][2]), news)
    ask("no answer")
    give(Gateway(refuse(TimeoutError())))
    ask("refused")
    give(Gateway(refuse(NotSent("no", retry_helps=False))))
    ask("waits")
    with transaction("dz") as session, clock.frozen(start + timedelta(minutes=11)):
        texts = queries.by_state(session)
        trouble = session.scalars(queries.in_trouble()).all()
    assert texts == queries.Texts(
        queued=1,
        late=1,
        handed_over=1,
        delivered=1,
        undeliverable=2,
        not_sent=1,
        unknown=1,
        withdrawn=0,
        reasons={Reason.EXPIRED: 1, Reason.UNDELIVERABLE: 1, Reason.NOT_SENT: 1},
        unheard=0,
    )
    assert len(trouble) == 4
