"""What happens between the measured steps and is not measured: people come to be paid, the post office writes its list."""

from pathlib import Path

from sqlalchemy import insert, literal, select

from benchmarks.ground import OFFICE, Ground, document_of, owner
from cbi import clock, offices
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.redemption.issuing import render_codes
from cbi.redemption.models import CodeIssue
from cbi.redemption.states import CodeState
from cbi.registry.linkage import queries
from cbi.registry.linkage.blocking import RULES
from cbi.registry.linkage.models import LinkedPerson
from cbi.registry.models import Household, Person


def people_come(count: int) -> tuple[tuple[str, str], ...]:
    """The next so many people of the run who were not paid, each with a code and the end of a document."""
    with offices.transaction(OFFICE) as session:
        rows = session.execute(
            select(CodeIssue.id, Household.source_id)
            .join(Payment, Payment.id == CodeIssue.payment_id)
            .join(Household, Household.id == Payment.household_id)
            .where(CodeIssue.state == CodeState.ISSUED)
            .order_by(Payment.number)
            .limit(count)
        ).all()
        codes = render_codes(session, [row.id for row in rows])
    return tuple((codes[issue], document_of(int(key[2:]))[-4:]) for issue, key in rows)


_PAY_THE_REST = """
    CREATE TEMPORARY TABLE left_over AS
    SELECT gen_random_uuid() AS hold, c.id, c.payment_id, c.attempt, p.amount_minor, p.currency,
        '9' || lpad((row_number() OVER ())::text, 9, '0') AS receipt,
        (SELECT id FROM tellers LIMIT 1) AS teller, (SELECT id FROM counter_offices LIMIT 1) AS office
    FROM code_issues c JOIN payments p ON p.id = c.payment_id WHERE c.state = 'issued';

    INSERT INTO authorisations (id, code_issue_id, payment_id, teller_id, office_id, receipt, amount_minor, currency,
        factor_checked, state, open, held_at, held_until, ended_at)
    SELECT hold, id, payment_id, teller, office, receipt, amount_minor, currency, true, 'confirmed', false, now(), now(),
        now() FROM left_over;

    INSERT INTO payouts (id, authorisation_id, code_issue_id, payment_id, attempt, teller_id, office_id, receipt,
        amount_minor, currency, paid_at)
    SELECT gen_random_uuid(), hold, id, payment_id, attempt, teller, office, receipt, amount_minor, currency, now()
    FROM left_over;

    UPDATE code_issues c SET state = 'paid', closed_at = now() FROM left_over l WHERE c.id = l.id;

    UPDATE attempts a SET provider_reference = l.receipt FROM left_over l
    WHERE a.payment_id = l.payment_id AND a.number = l.attempt;

    DROP TABLE left_over
"""
"""What counter.authorise and counter.confirm write for one code, for all that are left; the books come afterwards."""


def everybody_was_compared() -> None:
    """Note everybody as compared, found to be nobody else: comparing a million takes hours, and is measured by itself."""
    with offices.transaction(OFFICE) as session:
        everybody = queries.waiting().with_only_columns(
            Person.id, literal(RULES), literal(clock.now())
        )
        session.execute(
            insert(LinkedPerson).from_select(["person_id", "rules", "linked_at"], everybody)
        )


def everybody_else_is_paid() -> None:
    """Payouts for every code that is left, as sets."""
    with owner() as connection:
        connection.execute(_PAY_THE_REST)


def write_settlement(ground: Ground) -> Path:
    """The post office's list of all payouts."""
    place = ground.folder / "settlement.csv"
    count = total = 0
    with owner() as connection, place.open("w") as file:
        file.write("date;office;receipt;amount;currency\n")
        with connection.cursor(name="payouts") as cursor:
            cursor.execute(
                "SELECT to_char(paid_at AT TIME ZONE 'Africa/Algiers', 'YYYY-MM-DD'), 'Post office', receipt,"
                " amount_minor, currency FROM payouts"
            )
            for day, office, receipt, minor, currency in cursor:
                file.write(
                    f"{day};{office};{receipt};{Money(minor, currency).decimal};{currency}\n"
                )
                count, total = count + 1, total + minor
        file.write(f"TOTAL;{count};;{Money(total, currency).decimal};{currency}\n")
    return place
