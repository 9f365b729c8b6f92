"""Whoever owns the database may alter a closed month; `cbi verify` names it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Connection, text

from tests.flow.month_end import MONTH, begun, close, proposed, reopen, seal
from tests.flow.proving import broken
from tests.flow.tampering import intruding


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """A month that was closed, opened again, and closed a second time."""
    people = begun()
    close(people)
    reopen(people)
    proposed(people.treasurer)
    close(people)
    seal()
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone; foreign keys do not stop them."""
    with intruding(story) as connection:
        yield connection


STANDING = "confirmed_at IS NOT NULL AND reopened_at IS NULL"


def test_what_nobody_touched_is_kept(intruder: Connection) -> None:
    assert broken(intruder) == {}


@pytest.mark.parametrize(
    ("promise", "what", "deed"),
    [
        (
            4, f"the books of {MONTH} are not what was kept",
            """WITH moved AS (UPDATE transfers SET amount_minor = amount_minor + 100 WHERE entry = 'prefund'
              RETURNING debit_account_id, credit_account_id)
            UPDATE accounts a SET debits_minor = debits_minor + 100 * (a.id = debit_account_id)::int,
              credits_minor = credits_minor + 100 * (a.id = credit_account_id)::int FROM moved
            WHERE a.id IN (debit_account_id, credit_account_id)""",
        ),
        (
            4, f"the books of {MONTH} are not what was kept",
            """INSERT INTO transfers (entry, debit_account_id, credit_account_id, amount_minor, currency, source_id,
              attempt, leg, effective_on, recorded_at)
            SELECT entry, debit_account_id, credit_account_id, 1, currency, gen_random_uuid(), 0, 1, effective_on, now()
            FROM transfers WHERE entry = 'prefund'""",
        ),
        (
            8, "was altered",
            f"UPDATE month_closes SET facts = jsonb_set(facts, '{{balances,0,debits}}', '1') WHERE {STANDING}",
        ),
        (
            8, "was altered",
            f"UPDATE month_closes SET facts = jsonb_set(facts, '{{open,0,reason}}', '\"none\"') WHERE {STANDING}",
        ),
        (8, "was altered", f"UPDATE month_closes SET seal = sha256('x') WHERE {STANDING}"),
        (8, "does not agree who took part", f"DELETE FROM month_closes WHERE {STANDING}"),
        (8, "does not agree who took part", "DELETE FROM month_closes WHERE number = 2"),
        (
            8, "does not agree who took part",
            f"UPDATE month_closes SET confirmed_by = gen_random_uuid() WHERE {STANDING}",
        ),
        (
            8, "does not agree who took part",
            f"""UPDATE month_closes SET reopened_by = proposed_by, reopened_at = now(), reopen_asked_by = confirmed_by,
              reopen_asked_at = now(), reopen_reason = 'none' WHERE {STANDING}""",
        ),
        (
            8, "by one person",
            f"""ALTER TABLE month_closes DROP CONSTRAINT ck_month_closes_two_people;
            UPDATE month_closes SET confirmed_by = proposed_by WHERE {STANDING}""",
        ),
        (
            8, "does not agree who took part",
            """UPDATE month_closes SET reopened_by = NULL, reopened_at = NULL, reopen_asked_by = NULL,
              reopen_asked_at = NULL, reopen_reason = NULL, confirmed_by = NULL, confirmed_at = NULL
            WHERE number = 1""",
        ),
        (
            8, "a month before it is not",
            f"""INSERT INTO month_closes (month, number, facts, seal, proposed_by, proposed_at, confirmed_by,
              confirmed_at) SELECT (month + interval '2 months')::date, 1, facts, seal, proposed_by, proposed_at,
              confirmed_by, confirmed_at FROM month_closes WHERE {STANDING}""",
        ),
        (8, "uq_month_closes_standing", "DROP INDEX uq_month_closes_standing"),
        (8, "month_closes.facts", "GRANT UPDATE ON month_closes TO cbi_dz"),
    ],
)  # fmt: skip
def test_what_was_altered_is_named(
    intruder: Connection, promise: int, what: str, deed: str
) -> None:
    intruder.execute(text(deed))
    assert any(what in breach for breach in broken(intruder)[promise])
