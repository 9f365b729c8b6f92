"""Whoever owns the database may alter a deal, a rate or what was booked for it; `cbi verify` names it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Connection, text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.ledger import deals
from cbi.proofs import exchange
from tests.factories import START
from tests.flow.dealing import dealers, dealt, grant, rate, ticket
from tests.flow.month_end import seal
from tests.flow.proving import broken
from tests.flow.signing import later
from tests.flow.tampering import intruding


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """A deal with a loss and a rounding, and one that still waits."""
    with clock.frozen(START), offices.transaction("dz") as session:
        people = dealers(session)
        grant(session)
        rate(session, people)
        dealt(session, people, ticket("10000.00", "1452000.50"))
        with later():
            deals.propose(
                session, people.treasurer.actor, "eu-26", ticket("1000.00", "145200.00", "FX-2")
            )
    seal()
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone; foreign keys do not stop them."""
    with intruding(story) as connection:
        yield connection


def test_what_nobody_touched_is_kept(intruder: Connection) -> None:
    assert broken(intruder) == {}


DONE, WAITS = "reference = 'FX-1'", "reference = 'FX-2'"
MOVE = """UPDATE accounts a SET debits_minor = debits_minor + {minor} * (a.id = debit_account_id)::int,
  credits_minor = credits_minor + {minor} * (a.id = credit_account_id)::int FROM moved
WHERE a.id IN (debit_account_id, credit_account_id)"""


@pytest.mark.parametrize(
    ("promise", "what", "deed"),
    [
        (4, "deal FX-1: fx_sell leg 1", f"UPDATE fx_deals SET sold_minor = sold_minor - 100 WHERE {DONE}"),
        (4, "deal FX-1: fx_buy leg 2", f"UPDATE fx_deals SET bought_minor = bought_minor + 100 WHERE {DONE}"),
        (4, "are not what its rates make", f"UPDATE fx_deals SET numerator = numerator + 1 WHERE {DONE}"),
        (4, "are not what its rates make", f"UPDATE fx_deals SET spread_minor = 0 WHERE {DONE}"),
        (4, "are not what its rates make", "UPDATE reference_rates SET numerator = numerator + 1"),
        (4, "deal FX-1: fx_sell leg 1", f"UPDATE fx_deals SET fund_id = gen_random_uuid() WHERE {DONE}"),
        (4, "deal FX-1: fx_loss leg 1", f"UPDATE fx_deals SET confirmed_by = NULL, confirmed_at = NULL WHERE {DONE}"),
        (4, "deal FX-2: fx_buy leg 1", f"UPDATE fx_deals SET confirmed_by = fund_id, confirmed_at = now() WHERE {WAITS}"),
        (4, "fx_sell leg 1", f"DELETE FROM fx_deals WHERE {DONE}"),
        (
            4, "deal FX-1: fx_loss leg 2",
            "WITH moved AS (UPDATE transfers SET amount_minor = amount_minor - 100 WHERE entry = 'fx_loss'"
            " RETURNING debit_account_id, credit_account_id) " + MOVE.format(minor=-100),
        ),
        (
            4, "1950 says",
            "WITH moved AS (DELETE FROM transfers WHERE entry = 'fx_loss' AND leg = 1"
            " RETURNING debit_account_id, credit_account_id) " + MOVE.format(minor=-1_300_000),
        ),
        (
            4, "5200 and 5290 say",
            "WITH moved AS (DELETE FROM transfers WHERE entry = 'fx_loss' AND leg = 2"
            " RETURNING debit_account_id, credit_account_id) " + MOVE.format(minor=-1_300_000),
        ),
        (8, "does not agree about", f"UPDATE fx_deals SET dealt_on = dealt_on - 1 WHERE {WAITS}"),
        (8, "does not agree about", f"UPDATE fx_deals SET proposed_by = gen_random_uuid() WHERE {DONE}"),
        (8, "does not agree about", f"UPDATE fx_deals SET confirmed_by = gen_random_uuid() WHERE {DONE}"),
        (8, "does not agree about", f"DELETE FROM fx_deals WHERE {WAITS}"),
        (8, "does not agree about", "UPDATE reference_rates SET source = 'nobody'"),
        (8, "does not agree about", "UPDATE reference_rates SET confirmed_by = NULL, confirmed_at = NULL"),
        (
            8, "does not agree about",
            """INSERT INTO reference_rates (id, base, quote, day, numerator, denominator, source, proposed_by, proposed_at,
              confirmed_by, confirmed_at) SELECT gen_random_uuid(), base, quote, day, 1, 1, source, proposed_by,
              proposed_at, confirmed_by, confirmed_at FROM reference_rates""",
        ),
        (
            8, "by one person",
            f"""ALTER TABLE fx_deals DROP CONSTRAINT ck_fx_deals_two_people;
            UPDATE fx_deals SET confirmed_by = proposed_by WHERE {DONE}""",
        ),
        (8, "uq_fx_deals_reference", "DROP INDEX uq_fx_deals_reference"),
    ],
)  # fmt: skip
def test_what_was_altered_is_named(
    intruder: Connection, promise: int, what: str, deed: str
) -> None:
    intruder.execute(text(deed))
    checks = {4: exchange.in_one_place, 8: exchange.append_only}[promise]
    with Session(intruder) as session:
        found = [breach for check in checks for breach in check(session)]
    assert any(what in breach for breach in found), found
