"""Whoever owns the database may alter what fees were expected, set aside or taken; `cbi verify` names it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Connection, text

from cbi import offices
from cbi.payments.runs import closing
from cbi.payments.signing import recall
from tests.flow.charging import (
    DAY,
    FEES,
    charging,
    fee_lines,
    keys,
    paid_lines,
    poor,
    sent,
    signed,
    statement,
)
from tests.flow.proving import broken
from tests.flow.signing import later
from tests.flow.tampering import intruding


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """A run that is closed, with fees by the tariff, above it and for a month, and one that was called off."""
    with offices.transaction("dz") as session:
        people = charging(session, monthly='monthly: {amount: "25.00", programme: wallets}\n')
        run = sent(session, people)
        taken = fee_lines(keys(session, run), (*FEES[:2], FEES[2] + 5_00))
        a_month = {"id": "month", "minor": -25_00, "type": "CHARGE", "date": DAY.isoformat()}
        statement(session, *paid_lines(session, run), *taken, a_month)
        with later(hours=5):
            closing.close_settled(session)
        other = signed(session, people, poor(session, "500000.00"))
        with later():
            recall.cancel(session, people.by_step["authoriser"].actor, other.id, "wrong month")
        with later(hours=6, days=40):
            closing.close_settled(session)
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone; foreign keys do not stop them."""
    with intruding(story) as connection:
        yield connection


def test_what_nobody_touched_is_kept(intruder: Connection) -> None:
    assert broken(intruder) == {}


@pytest.mark.parametrize(
    ("promise", "what", "deed"),
    [
        (
            8, "the tariff sandbox/DZD/1 is not what was accepted",
            """UPDATE tariffs SET rules = jsonb_set(rules, '{bands,0,fixed}', '"15.00"')""",
        ),
        (
            8, "the tariff sandbox/DZD/1 is not what was accepted",
            "UPDATE tariffs SET accepted_by = proposed_by, proposed_by = accepted_by",
        ),
        (8, "the tariff sandbox/DZD/1 was accepted, and is gone", "DELETE FROM tariffs"),
        (
            4, "the audit log says of sandbox's fees is not what is kept",
            "UPDATE run_fees SET fees_minor = fees_minor + 100",
        ),
        (4, "charges 14000 for it by its tariff, and 13900 was kept", "UPDATE run_fees SET fees_minor = 13900"),
        (4, "and 0 was set aside", "DELETE FROM transfers WHERE entry = 'reserve_fees'"),
        (
            4, "reserve gave back is not what is booked",
            "UPDATE reserve_releases SET amount_minor = amount_minor + 1 WHERE because = 'called_off'",
        ),
        (4, "reserve gave back is not what is booked", "DELETE FROM reserve_releases WHERE because = 'overdue'"),
        (4, "is booked with", "UPDATE fee_charges SET charged_minor = charged_minor + 1 WHERE expected_minor = 4000"),
        (4, "books a fee of which no line says anything", "DELETE FROM fee_charges WHERE expected_minor = 4000"),
        (
            4, "is not what its line says",
            "UPDATE statement_lines SET amount_minor = amount_minor - 1 WHERE kind = 'fee' AND amount_minor = 4500",
        ),
        (4, "was expected to cost 4500", "UPDATE fee_charges SET expected_minor = 4500 WHERE expected_minor = 4000"),
        (4, "goes by version 2 of the tariff, and 1 counted then", "UPDATE fee_charges SET tariff_version = 2"),
        (4, "is not the tariff's, and no discrepancy says so", "DELETE FROM discrepancies WHERE kind = 'fee_above_tariff'"),
        (4, "monthly fee of sandbox for", "UPDATE monthly_fees SET amount_minor = amount_minor - 1"),
        (4, "is not what the line says", "UPDATE monthly_fees SET fund_id = gen_random_uuid()"),
        (4, "is not what the line says", "UPDATE monthly_fees SET month = month + interval '1 month'"),
        (4, "books a fee for no payment", "DELETE FROM monthly_fees"),
        (
            4, "fees consumed",
            """UPDATE accounts SET credits_minor = credits_minor - 100 WHERE code = '2910'""",
        ),
    ],
)  # fmt: skip
def test_what_was_altered_is_named(
    intruder: Connection, promise: int, what: str, deed: str
) -> None:
    done = intruder.execute(text(deed))
    assert done.rowcount > 0
    assert any(what in breach for breach in broken(intruder).get(promise, ())), broken(intruder)
