"""Whoever owns the database may alter which fund pays what, or move a fund's money alone: `cbi verify` names it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import URL, Connection, text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.ledger import funds
from cbi.money import Money
from cbi.payments.runs import runs
from cbi.programmes import float_losses, fund_requests
from cbi.proofs import funding as proofs
from tests.factories import EVERYTHING, START, households, team
from tests.flow.several_funds import COMMON, SMALL, applied, budgets, built
from tests.flow.signing import colleague
from tests.flow.tampering import intruding


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """Three runs of three funds, budget that went back to its fund, and money that went back to a donor."""
    with clock.frozen(START):
        with offices.transaction("dz") as session:
            people = team(session)
            households(session, [1, 2, 3, 4])
            budgets(session, applied(session), small=20, common=3, reserve=9)
            for run in built(session, people):
                runs.lock(session, people.maker.actor, run.id)
            asker, other = colleague(session, Role.TREASURER), colleague(session, Role.TREASURER)
            back = fund_requests.ask_return(
                session, asker.actor, "winter", "17000", "MEMO-1", "not needed", fund=SMALL
            )
            fund_requests.confirm(session, other.actor, back.number, other.code())
        with (
            clock.frozen(START + timedelta(minutes=1)),
            offices.transaction("dz") as session,
        ):
            refund = fund_requests.ask_refund(session, asker.actor, SMALL, "16000", "L-1", "ended")
            fund_requests.confirm(session, other.actor, refund.number, other.code())
            fund_requests.ask_refund(session, asker.actor, SMALL, "1", "L-2", "nobody decided")
        with (
            clock.frozen(START + timedelta(minutes=2)),
            offices.transaction("dz") as session,
        ):
            funds.prefund(session, EVERYTHING, "post_office", Money.parse("100", "DZD"), "WIRE-1")
            lost = float_losses.ask_loss(
                session, asker.actor, "winter", "post_office", "100", "C-1", "it is bankrupt", fund=SMALL
            )  # fmt: skip
            fund_requests.confirm(session, other.actor, lost.number, other.code())
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone; foreign keys do not stop them."""
    with intruding(story) as connection:
        yield connection


def breaches(connection: Connection) -> list[str]:
    """What the proofs about funds say, as the application."""
    connection.execute(text("SET LOCAL ROLE cbi_dz"))
    with Session(connection) as session:
        return [found for check in proofs.by_the_rules + proofs.by_two for found in check(session)]


RUN = "(SELECT id FROM payment_runs WHERE fund_id = (SELECT id FROM funds WHERE code = '{}'))"
OF_SMALL, OF_COMMON = RUN.format(SMALL), RUN.format(COMMON)
REALLOCATED = "(SELECT id FROM fund_requests WHERE kind = 'return')"

DEEDS = {
    "a household is paid from a fund that is not for it": (
        "payment no. 1 is paid from the fund small-26, which is not for it",
        f"""DROP INDEX uq_payments_live;
        UPDATE payments SET entitlement_id = (SELECT id FROM entitlements ORDER BY amount_minor DESC LIMIT 1)
        WHERE run_id = {OF_SMALL} AND number = 1""",
    ),
    "payments and their run change their fund": (
        "is paid from another fund than the one that was kept",
        f"""UPDATE payments SET fund_id = (SELECT id FROM funds WHERE code = 'small-26') WHERE run_id = {OF_COMMON};
        UPDATE payment_runs SET fund_id = (SELECT id FROM funds WHERE code = 'small-26') WHERE id = {OF_COMMON}""",
    ),
    "a rule of the file is deleted": (
        "is paid from the fund common-26, though one before it may and had enough",
        "UPDATE programme_versions SET definition = definition #- '{funds,0,pays}'",
    ),
    "why a fund pays is rewritten": (
        "what was kept of why its fund pays it was altered",
        "UPDATE run_fundings SET facts = jsonb_set(facts, '{place}', '1')",
    ),
    "why a fund pays is deleted": (
        "the audit log says something else of why its fund pays it",
        f"DELETE FROM run_fundings WHERE run_id = {OF_COMMON}",
    ),
    "a request is made larger": (
        "is not what the audit log says was confirmed",
        f"UPDATE fund_requests SET amount_minor = amount_minor + 1 WHERE id = {REALLOCATED}",
    ),
    "a request is confirmed by hand": (
        "is not what the audit log says was confirmed",
        """UPDATE fund_requests SET decision = 'confirmed', decided_at = now(),
        decided_by = (SELECT id FROM users WHERE id <> asked_by LIMIT 1) WHERE reference = 'L-2'""",
    ),
    "one person asks and confirms": (
        "was confirmed by whoever asked for it",
        f"""ALTER TABLE fund_requests DROP CONSTRAINT ck_fund_requests_two_people;
        UPDATE fund_requests SET decided_by = asked_by WHERE id = {REALLOCATED}""",
    ),
    "an entry is deleted": (
        "is confirmed, and the books do not hold its give_back",
        f"DELETE FROM transfers WHERE source_id = {REALLOCATED}",
    ),
    "a movement is made up": (
        "is not what was asked and confirmed",
        """INSERT INTO fund_movements (id, kind, fund_id, amount_minor, currency, reference, value_date, recorded_at)
        SELECT gen_random_uuid(), 'refund', id, 1, currency, 'X', now(), now() FROM funds LIMIT 1""",
    ),
    "another provider is said to have lost it": (
        "is about money with post_office, and the books moved no such amount of it",
        "UPDATE accounts SET provider = 'sandbox' WHERE code = '1100'",
    ),
    "more is said to have come back than was lost": (
        "more came back from post_office than was given up as lost with it",
        """UPDATE fund_requests SET kind = 'recovery', to_programme_id = from_programme_id, from_programme_id = NULL
        WHERE kind = 'write_off'""",
    ),
    "money is given up by nobody": (
        "moved a fund's money back, or gave it up, and no confirmed request says so",
        """INSERT INTO transfers (entry, debit_account_id, credit_account_id, amount_minor, currency, source_id, attempt,
            leg, effective_on, recorded_at) SELECT entry, debit_account_id, credit_account_id, 1, currency,
            gen_random_uuid(), 0, leg, effective_on, recorded_at FROM transfers WHERE entry = 'lose_float'""",
    ),
    "money is sent back to a donor by nobody": (
        "moved a fund's money back, or gave it up, and no confirmed request says so",
        """INSERT INTO transfers (entry, debit_account_id, credit_account_id, amount_minor, currency, source_id, attempt,
            leg, effective_on, recorded_at) SELECT entry, debit_account_id, credit_account_id, 1, currency,
            gen_random_uuid(), 0, 1, effective_on, recorded_at FROM transfers WHERE entry = 'refund'""",
    ),
}


def test_what_nobody_touched_breaks_nothing(intruder: Connection) -> None:
    assert breaches(intruder) == []


@pytest.mark.parametrize("deed", DEEDS)
def test_an_alteration_is_named(intruder: Connection, deed: str) -> None:
    named, statements = DEEDS[deed]
    for statement in statements.split(";"):
        intruder.execute(text(statement))
    found = breaches(intruder)
    assert any(named in breach for breach in found), found
