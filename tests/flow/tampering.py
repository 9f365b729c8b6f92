"""What an intruder with every right in the database could do, and what `cbi verify` must name then."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import URL, Connection, create_engine, text

from tests.flow.proving import broken


class Tampering(NamedTuple):
    """`victim` is SQL for what a breach of the promise must name; `deeds` are statements, and may say `:victim`."""

    promise: int
    what: str
    victim: str
    deeds: str


@contextmanager
def intruding(address: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone; neither foreign keys nor triggers stop them."""
    engine = create_engine(
        address,
        isolation_level="REPEATABLE READ",
        connect_args={"options": "-c search_path=dz -c session_replication_role=replica"},
    )
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def assert_named(intruder: Connection, tampering: Tampering) -> None:
    """Do it: `cbi verify` names the victim under the promise."""
    victim = intruder.scalar(text(tampering.victim))
    assert victim is not None
    for deed in tampering.deeds.split(";"):
        parameters = {"victim": victim} if ":victim" in deed else {}
        assert intruder.execute(text(deed), parameters).rowcount != 0, deed
    named = broken(intruder).get(tampering.promise, ())
    assert any(str(victim) in breach for breach in named), named


def noticed(
    address: URL, deeds: Mapping[str, tuple[int, str]], *, without: Sequence[str] = ()
) -> dict[str, bool]:
    """Whether `cbi verify` names each deed (SQL, parted by semicolons) under its promise, each done alone.

    `without` these constraints (`table.name`), which would refuse the deed before anybody had to find it.
    """
    found = {}
    for what, (promise, deed) in deeds.items():
        with intruding(address) as intruder:
            for constraint in without:
                table, name = constraint.split(".")
                intruder.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}"))
            for step in deed.split(";"):
                assert intruder.execute(text(step)).rowcount != 0, step
            found[what] = promise in broken(intruder)
    return found


CODES = "(SELECT id FROM payment_runs WHERE 'post_office' = ANY(providers))"
RUN = f"SELECT id FROM payment_runs WHERE id = {CODES}"
RUN_NUMBER = f"SELECT 'run ' || number FROM payment_runs WHERE id = {CODES}"
SANDBOX_RUN_NUMBER = "SELECT 'run ' || number FROM payment_runs WHERE 'sandbox' = ANY(providers)"
MAKER = f"SELECT user_id FROM run_parts WHERE run_id = {CODES} AND part = 'maker'"
PAID, WAITING, EXPIRED = (
    f"SELECT id FROM payments WHERE run_id = {CODES} AND state = '{state}' ORDER BY number LIMIT 1"
    for state in ("paid", "accepted", "expired")
)
FAILED, UNKNOWN = (
    f"SELECT id FROM payments WHERE state = '{state}'" for state in ("failed", "unknown")
)
HOUSEHOLD = "SELECT household_id FROM payments ORDER BY number LIMIT 1"
ISSUE = f"SELECT id FROM code_issues WHERE payment_id = ({PAID})"
RECEIPT = f"SELECT receipt FROM payouts WHERE payment_id = ({PAID})"
HOLD = f"SELECT authorisation_id FROM payouts WHERE payment_id = ({PAID})"
LINE = f"SELECT line_id FROM matches WHERE payment_id = ({PAID})"
TRANSFER = f"SELECT id FROM transfers WHERE payment_id = ({PAID}) AND entry = 'confirm' AND leg = 1"
ACCOUNT = "SELECT id FROM accounts WHERE code = '2900' ORDER BY id LIMIT 1"
FUND = "SELECT code FROM funds"
ENTRY = "SELECT entry_id FROM audit_seals WHERE position = 7"

NOBODY_IS_PAID_TWICE = (
    Tampering(
        1, "a second live payment", HOUSEHOLD,
        f"""DROP INDEX uq_payments_live;
        CREATE TEMPORARY TABLE copied ON COMMIT DROP AS
          SELECT * FROM payments WHERE household_id = :victim AND run_id = {CODES};
        UPDATE copied SET id = gen_random_uuid(), number = 99; INSERT INTO payments SELECT * FROM copied""",
    ),
    Tampering(1, "the constraint is dropped", "SELECT 'uq_payments_live'", "DROP INDEX uq_payments_live"),
    Tampering(1, "a tranche may be given again", "SELECT 'uq_entitlements_once'", "DROP INDEX uq_entitlements_once"),
    Tampering(
        1, "a calculation is rewritten", HOUSEHOLD,
        "UPDATE entitlements SET trace = 'as agreed' WHERE household_id = :victim",
    ),
    Tampering(
        1, "the facts of a decision are altered", HOUSEHOLD,
        """UPDATE decided_facts f SET facts = jsonb_set(facts, '{size}', '60') FROM eligibility_decisions d
        WHERE d.household_id = :victim AND d.cycle_id = f.cycle_id AND d.facts_number = f.number""",
    ),
    Tampering(
        1, "a period counts as made up for", HOUSEHOLD,
        """INSERT INTO arrears_paid (programme_id, household_id, period, cycle_id)
        SELECT programme_id, household_id, '2026-01', cycle_id FROM entitlements WHERE household_id = :victim""",
    ),
    Tampering(
        1, "a condition is confirmed by whoever noted it", HOUSEHOLD,
        """ALTER TABLE conditions_met DROP CONSTRAINT ck_conditions_met_two_people;
        INSERT INTO conditions_met (id, programme_id, household_id, condition, evidence, noted_by, noted_at, decision,
            decided_by, decided_at) SELECT gen_random_uuid(), id, :victim, 'plan', 'seen', id, now(), 'confirmed', id,
            now() FROM programmes LIMIT 1""",
    ),
    Tampering(1, "an amount is altered", PAID, "UPDATE payments SET amount_minor = 999 WHERE id = :victim"),
    Tampering(
        1, "what is owed is altered", PAID,
        """UPDATE entitlements SET amount_minor = 999
        WHERE id = (SELECT entitlement_id FROM payments WHERE id = :victim)""",
    ),
    Tampering(
        1, "a payment is confirmed again", PAID,
        """INSERT INTO transfers (entry, debit_account_id, credit_account_id, amount_minor, currency, source_id,
          payment_id, attempt, leg, effective_on, recorded_at)
        SELECT entry, debit_account_id, credit_account_id, amount_minor, currency, source_id, payment_id, 2, leg,
          effective_on, recorded_at FROM transfers WHERE payment_id = :victim AND entry = 'confirm'""",
    ),
)  # fmt: skip

NOTHING_LEAVES_WITHOUT_APPROVAL = (
    Tampering(2, "an amount is altered", WAITING, "UPDATE payments SET amount_minor = 999 WHERE id = :victim"),
    Tampering(
        2, "another telephone", WAITING, r"UPDATE payments SET account_index = '\x00' WHERE id = :victim"
    ),
    Tampering(
        2, "a payment is removed", RUN_NUMBER, f"DELETE FROM payments WHERE run_id = {CODES} AND number = 5"
    ),
    Tampering(2, "a payment that was sent is removed", WAITING, "DELETE FROM payments WHERE id = :victim"),
    Tampering(
        2, "the maker is the approver", MAKER,
        f"UPDATE approvals SET user_id = :victim WHERE part = 'certifier' AND run_id = {CODES}",
    ),
    Tampering(
        2, "another approver", RUN_NUMBER,
        f"UPDATE approvals SET user_id = gen_random_uuid() WHERE part = 'certifier' AND run_id = {CODES}",
    ),
    Tampering(
        2, "an approval is deleted", RUN_NUMBER,
        f"DELETE FROM approvals WHERE part = 'authoriser' AND run_id = {CODES}",
    ),
    Tampering(
        2, "an approval of other content", RUN_NUMBER,
        f"UPDATE approvals SET digest = sha256('other') WHERE part = 'authoriser' AND run_id = {CODES}",
    ),
    Tampering(
        2, "one person signed twice", RUN_NUMBER,
        f"""ALTER TABLE approvals DROP CONSTRAINT uq_approvals_run_id_revision_user_id;
        UPDATE approvals a SET user_id = b.user_id FROM approvals b WHERE b.run_id = a.run_id
          AND a.part = 'authoriser' AND b.part = 'certifier' AND a.run_id = {CODES}""",
    ),
    Tampering(
        2, "a provider's part of a run is said to be less", RUN_NUMBER,
        f"UPDATE run_routes SET total_minor = total_minor - 100 WHERE run_id = {CODES}",
    ),
    Tampering(
        2, "a summary is made to look better", f"SELECT run_id FROM run_summaries WHERE run_id = {CODES}",
        """UPDATE run_summaries SET facts = jsonb_set(facts, '{content,largest}', '1') WHERE run_id = :victim""",
    ),
    Tampering(
        2, "a summary of other content", RUN_NUMBER,
        f"UPDATE run_summaries SET digest = sha256('other') WHERE run_id = {CODES}",
    ),
    Tampering(2, "a summary is deleted", RUN_NUMBER, f"DELETE FROM run_summaries WHERE run_id = {CODES}"),
    Tampering(
        2, "a summary that was never kept", SANDBOX_RUN_NUMBER,
        """UPDATE run_summaries s SET facts = o.facts, seal = o.seal FROM run_summaries o
        WHERE o.run_id <> s.run_id AND s.run_id = (SELECT id FROM payment_runs WHERE 'sandbox' = ANY(providers))""",
    ),
    Tampering(
        2, "something unusual is added to a list", RUN_NUMBER,
        f"""INSERT INTO run_findings (run_id, revision, kind, place, household_id, payment_number, after_minor, currency)
        SELECT run_id, 1, 'new', 1, household_id, number, amount_minor, currency FROM payments
        WHERE run_id = {CODES} AND number = 1""",
    ),
    Tampering(
        2, "a run that went out is only locked", WAITING,
        f"UPDATE payment_runs SET state = 'locked' WHERE id = {CODES}",
    ),
)  # fmt: skip

SPENDING_NEVER_EXCEEDS_THE_FUND = (
    Tampering(
        3, "an account is below zero", ACCOUNT,
        """ALTER TABLE accounts DROP CONSTRAINT ck_accounts_credit_guard;
        UPDATE accounts SET debits_minor = credits_minor + 1 WHERE id = :victim""",
    ),
    Tampering(3, "a guard is lifted", ACCOUNT, "UPDATE accounts SET guarded = false WHERE id = :victim"),
    Tampering(
        3, "more was received than the bank says", FUND,
        "UPDATE funds SET received_minor = received_minor + 1 WHERE code = :victim",
    ),
    Tampering(
        3, "more was received than granted", FUND,
        """ALTER TABLE funds DROP CONSTRAINT ck_funds_within_the_grant;
        UPDATE funds SET amount_minor = received_minor - 1 WHERE code = :victim""",
    ),
)  # fmt: skip

MONEY_IS_IN_ONE_PLACE = (
    Tampering(
        4, "a balance is changed", ACCOUNT,
        "UPDATE accounts SET credits_minor = credits_minor + 1 WHERE id = :victim",
    ),
    Tampering(
        4, "a transfer is deleted", PAID, "DELETE FROM transfers WHERE payment_id = :victim AND entry = 'confirm'"
    ),
    Tampering(
        4, "a transfer is altered", PAID,
        "UPDATE transfers SET amount_minor = 1 WHERE payment_id = :victim AND entry = 'confirm'",
    ),
    Tampering(
        4, "a transfer in another currency", TRANSFER, "UPDATE transfers SET currency = 'EUR' WHERE id = :victim"
    ),
    Tampering(4, "said to be paid", WAITING, "UPDATE payments SET state = 'paid' WHERE id = :victim"),
    Tampering(4, "said to have expired", PAID, "UPDATE payments SET state = 'expired' WHERE id = :victim"),
    Tampering(
        4, "a failed payment is no longer committed", SANDBOX_RUN_NUMBER,
        "UPDATE payments SET state = 'cancelled', live = false WHERE state = 'failed'",
    ),
)  # fmt: skip

UNKNOWN_IS_ASKED_ABOUT = (
    Tampering(
        5, "the last event is removed", PAID,
        "DELETE FROM payment_events WHERE payment_id = :victim AND after = 'paid'",
    ),
    Tampering(
        5, "an event in the middle is removed", PAID,
        "DELETE FROM payment_events WHERE payment_id = :victim AND after = 'accepted'",
    ),
    Tampering(5, "a state is changed", EXPIRED, "UPDATE payments SET state = 'accepted' WHERE id = :victim"),
    Tampering(
        5, "an unknown payment is sent again", UNKNOWN,
        """INSERT INTO payment_events (payment_id, attempt, before, after, source, at)
        VALUES (:victim, 2, 'unknown', 'sending', 'x', now());
        UPDATE payments SET state = 'sending', attempts = 2 WHERE id = :victim""",
    ),
    Tampering(
        5, "another attempt at an unknown payment", UNKNOWN,
        """INSERT INTO attempts (payment_id, number, provider, idempotency_key, started_at)
        VALUES (:victim, 2, 'sandbox', 'x', now())""",
    ),
    Tampering(
        5, "a payment is called unpaid by nobody", UNKNOWN,
        """INSERT INTO payment_events (payment_id, attempt, before, after, source, at)
        VALUES (:victim, 1, 'unknown', 'failed', 'finding', now());
        UPDATE payments SET state = 'failed' WHERE id = :victim""",
    ),
    Tampering(
        5, "a run went back after its release", RUN,
        "INSERT INTO run_events (run_id, before, after, at) VALUES (:victim, 'released', 'draft', now())",
    ),
)  # fmt: skip

A_CODE_IS_PAID_OUT_ONCE = (
    Tampering(6, "a payout is deleted", ISSUE, "DELETE FROM payouts WHERE code_issue_id = :victim"),
    Tampering(6, "a payout is altered", RECEIPT, "UPDATE payouts SET amount_minor = 1 WHERE receipt = :victim"),
    Tampering(
        6, "a payout that the books do not know", RECEIPT,
        """DELETE FROM transfers WHERE entry = 'confirm'
        AND payment_id = (SELECT payment_id FROM payouts WHERE receipt = :victim)""",
    ),
    Tampering(
        6, "a paid code is said to be open", ISSUE,
        "UPDATE code_issues SET state = 'issued', closed_at = NULL WHERE id = :victim",
    ),
    Tampering(
        6, "a hold is said to have lapsed", HOLD, "UPDATE authorisations SET state = 'lapsed' WHERE id = :victim"
    ),
)  # fmt: skip

A_LINE_SETTLES_ONE_PAYMENT = (
    Tampering(
        7, "a match is duplicated", PAID,
        """ALTER TABLE matches DROP CONSTRAINT uq_matches_payment_id_attempt_kind_again;
        INSERT INTO matches SELECT gen_random_uuid(), payment_id, attempt, kind, rule, amount_minor, matched_at, undone,
          again FROM matches WHERE payment_id = :victim""",
    ),
    Tampering(7, "a match is altered", LINE, "UPDATE matches SET amount_minor = 1 WHERE line_id = :victim"),
    Tampering(7, "a line is altered", LINE, "UPDATE statement_lines SET amount_minor = 1 WHERE id = :victim"),
    Tampering(7, "a line is deleted", LINE, "DELETE FROM statement_lines WHERE id = :victim"),
    Tampering(
        7, "a statement is taken in twice", "SELECT filename FROM statement_files",
        """ALTER TABLE statement_files DROP CONSTRAINT uq_statement_files_provider_file_digest;
        CREATE TEMPORARY TABLE copied ON COMMIT DROP AS SELECT * FROM statement_files;
        UPDATE copied SET id = gen_random_uuid(); INSERT INTO statement_files SELECT * FROM copied""",
    ),
)  # fmt: skip

THE_RECORD_IS_APPEND_ONLY = (
    Tampering(8, "an audit entry is altered", ENTRY, "UPDATE audit_entries SET act = 'x' WHERE id = :victim"),
    Tampering(8, "an audit entry is deleted", ENTRY, "DELETE FROM audit_entries WHERE id = :victim"),
    Tampering(
        8, "an audit entry is slipped in", "SELECT max(id) + 1000 FROM audit_entries",
        """INSERT INTO audit_entries (id, at, actor_kind, act, subject_kind, subject_id, details, written_in)
        OVERRIDING SYSTEM VALUE SELECT :victim, at, actor_kind, act, subject_kind, subject_id, details, 1
        FROM audit_entries LIMIT 1""",
    ),
    Tampering(8, "a column is opened", "SELECT 'transfers.amount_minor'", "GRANT UPDATE ON transfers TO cbi_dz"),
    Tampering(8, "rows may be deleted", "SELECT 'payouts'", "GRANT DELETE ON payouts TO cbi_dz"),
    Tampering(
        8, "a table that nobody declared may be written to", "SELECT 'loose'",
        "CREATE TABLE loose (word text); GRANT UPDATE ON loose TO cbi_dz",
    ),
    Tampering(8, "a table changes hands", "SELECT 'approvals'", "ALTER TABLE approvals OWNER TO cbi_dz"),
)  # fmt: skip

NO_ACKNOWLEDGED_COMMAND_IS_LOST = (
    Tampering(9, "an attempt is deleted", WAITING, "DELETE FROM attempts WHERE payment_id = :victim"),
    Tampering(
        9, "an attempt that the books do not know", FAILED,
        "DELETE FROM transfers WHERE payment_id = :victim AND entry = 'dispatch'",
    ),
    Tampering(9, "an attempt too many is counted", UNKNOWN, "UPDATE payments SET attempts = 2 WHERE id = :victim"),
)  # fmt: skip

TAMPERINGS = (
    *NOBODY_IS_PAID_TWICE,
    *NOTHING_LEAVES_WITHOUT_APPROVAL,
    *SPENDING_NEVER_EXCEEDS_THE_FUND,
    *MONEY_IS_IN_ONE_PLACE,
    *UNKNOWN_IS_ASKED_ABOUT,
    *A_CODE_IS_PAID_OUT_ONCE,
    *A_LINE_SETTLES_ONE_PAYMENT,
    *THE_RECORD_IS_APPEND_ONLY,
    *NO_ACKNOWLEDGED_COMMAND_IS_LOST,
)
