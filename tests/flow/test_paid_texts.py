"""Whoever is paid is told so, once for each payment, whatever way the money and the news of it take."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import URL, Engine, func, select, text

from cbi import clock, jobs, offices
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.messaging.models import Message
from cbi.messaging.phones import phones
from cbi.payments.models import Payment
from cbi.payments.outcomes import outcomes
from cbi.payments.outcomes.outcomes import Applied
from cbi.payments.sending import dispatch
from cbi.reconciliation import matching, statements
from cbi.registry import personal
from cbi.registry.models import PaymentAccount
from cbi.settings import settings
from tests.factories import START, released_run
from tests.reconciliation_factory import TREASURER, movements

NOW = START + timedelta(hours=2)


@pytest.fixture
def sent(database: URL) -> list[UUID]:
    """Three mobile-money payments of 1,000, 2,000 and 3,000 dinars that the provider accepted."""
    run_id, _ = released_run("dz", (1, 2, 3), provider="sandbox", mechanism="mobile_money")
    with clock.frozen(NOW), offices.transaction("dz") as session:
        chunk = dispatch.Chunk(run_id, "sandbox", 1, 3)
        dispatch.start_chunk(session, chunk)
        outcomes.accept_chunk(session, chunk, "a test")
        found = select(Payment.id).where(Payment.run_id == run_id).order_by(Payment.amount_minor)
        return list(session.scalars(found))


def told() -> list[tuple[UUID | None, str, dict[str, str]]]:
    """The texts about payments, in order of their amount."""
    with offices.transaction("dz") as session:
        rows = session.execute(
            select(Message.payment_id, Message.template, Message.values)
            .join(Payment, Payment.id == Message.payment_id)
            .order_by(Payment.amount_minor)
        )
        return [tuple(row) for row in rows]


def news(payment_id: UUID, outcome: Outcome) -> Applied:
    """The provider says so, in a callback or when it is asked."""
    update = ProviderUpdate(idempotency_key(payment_id, 1), outcome, provider_reference="MM-17")
    with clock.frozen(NOW), offices.transaction("dz") as session:
        return outcomes.apply(session, update, provider="sandbox", source="callback:1")


def test_a_callback_that_comes_twice_tells_once(sent: list[UUID]) -> None:
    assert news(sent[1], Outcome.PAID) is Applied.MOVED
    assert news(sent[1], Outcome.PAID) is Applied.NOTHING_NEW
    assert told() == [(sent[1], "PAID_OUT", {"amount": "2000 DZD"})]


def test_no_text_speaks_of_money_that_was_not_paid(sent: list[UUID]) -> None:
    news(sent[0], Outcome.UNKNOWN)
    news(sent[1], Outcome.FAILED)
    assert told() == []


def test_a_statement_that_confirms_many_tells_each(sent: list[UUID]) -> None:
    rows = [
        {"id": f"l{at}", "minor": -(at + 1) * 100_000, "reference": idempotency_key(each, 1)}
        for at, each in enumerate(sent)
    ]
    with clock.frozen(NOW), offices.transaction("dz") as session:
        statements.take_in(session, TREASURER, "sandbox", movements(*rows), "day.jsonl")
        assert matching.reconcile(session, TREASURER, "sandbox").confirmed == 3
        assert matching.reconcile(session, TREASURER, "sandbox").confirmed == 0
    assert told() == [
        (each, "PAID_OUT", {"amount": f"{at}000 DZD"}) for at, each in enumerate(sent, start=1)
    ]


def test_the_text_reaches_the_telephone_that_the_money_went_to(sent: list[UUID]) -> None:
    news(sent[2], Outcome.PAID)
    with clock.frozen(NOW):
        assert jobs.hand_over("dz") == 1
    with offices.transaction("dz") as session:
        number = personal.numbers(
            session, [session.get_one(Payment, sent[2]).account_id]
        ).popitem()[1]
    [text_] = phones(settings()).inbox(number)
    assert "3000 DZD" in text_.body
    assert "6" in text_.body


def test_money_on_a_card_is_told_to_its_holders_telephone(sent: list[UUID], owner: Engine) -> None:
    with owner.begin() as connection:
        card = uuid4()
        connection.execute(
            text(
                "INSERT INTO payment_accounts (id, person_id, kind, value, value_index, created_at)"
                " SELECT :card, person_id, 'card', 'x', 'y', now() FROM payments WHERE id = :payment"
            ),
            {"card": card, "payment": sent[0]},
        )
        connection.execute(
            text("UPDATE payments SET account_id = :card WHERE id = :payment"),
            {"card": card, "payment": sent[0]},
        )
    news(sent[0], Outcome.PAID)
    with offices.transaction("dz") as session:
        message = session.scalars(select(Message)).one()
        kind = session.get_one(PaymentAccount, message.account_id).kind
    assert kind == "phone"


def test_whoever_has_no_telephone_is_paid_without_a_text(sent: list[UUID], owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE payment_accounts SET kind = 'card'"))
    assert news(sent[0], Outcome.PAID) is Applied.MOVED
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 0
