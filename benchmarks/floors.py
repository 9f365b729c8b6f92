"""The least that any program must do for a step: the same rows, moved by PostgreSQL's fastest means and nothing else.

Each floor writes into empty copies of the step's own tables, with their indexes and constraints (foreign keys apart),
and commits. It runs twice and the faster time counts, so that the ratio flatters nobody.
"""

import csv
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pyotp
from sqlalchemy import create_engine, text

from benchmarks.ground import OFFICE, Ground, owner
from benchmarks.measure import warm, watch
from benchmarks.steps import AtTheCounter
from cbi import clock
from cbi.models import metadata
from cbi.settings import settings

BLOCK = 1 << 20
RUNS = 2


@contextmanager
def copies(*tables: str) -> Iterator[psycopg.Connection]:
    """A connection with empty copies of these tables, each called `floor_<table>`, which vanish afterwards."""
    with owner() as connection:
        for table in tables:
            stored = connection.execute(
                "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = to_regclass(%s)",
                (table,),
            ).fetchone()
            having = f"WITH ({stored[0]})" if stored and stored[0] else ""
            connection.execute(f"CREATE TABLE floor_{table} (LIKE {table} INCLUDING ALL) {having}")
        connection.commit()
        try:
            yield connection
        finally:
            connection.rollback()
            for table in tables:
                connection.execute(f"DROP TABLE floor_{table}")
            connection.commit()


def fastest(floor: Callable[[], float]) -> float:
    """The shorter of two runs."""
    return min(floor() for _ in range(RUNS))


def importing(ground: Ground) -> float:
    """Parse the file and COPY what it says into the same four tables, in clear and unchecked."""

    def once() -> float:
        with copies(*_REGISTRY) as connection, watch() as took:
            rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in _REGISTRY}
            with ground.listed.open(newline="", encoding="utf-8") as file:
                sheet = csv.reader(file)
                next(sheet)
                for number, row in enumerate(sheet, 2):
                    _spread(number, row, rows)
                    if number % 5000 == 0:
                        _flush(connection, rows)
            _flush(connection, rows)
            connection.commit()
        return took.seconds

    return fastest(once)


_REGISTRY = {
    "households": "id, source, source_id, size, area, language, status, fingerprint, import_id, line, registered_at",
    "persons": "id, household_id, registered_in, is_head, is_recipient, sex, registered_at, data_key, name, born_on,"
    " document, document_index, factor_kind, factor",
    "payment_accounts": "id, person_id, kind, value, value_index, created_at",
    "consents": "id, person_id, scope, answer, how, notice, said_on, recorded_at",
}


def _spread(number: int, row: Sequence[str], rows: dict[str, list[tuple[object, ...]]]) -> None:
    key, name, phone, language, size, area, sex, born, _, document, _, consented = row
    household, person, now = uuid4(), uuid4(), clock.now()
    raw = document.encode()
    rows["households"].append(
        (household, "template", key, int(size), area, language, "active", raw, household, number, now)
    )  # fmt: skip
    rows["persons"].append(
        (person, household, household, True, True, sex, now, raw, name.encode(), born.encode(), raw, raw, "document", raw)
    )  # fmt: skip
    rows["payment_accounts"].append((uuid4(), person, "phone", phone.encode(), phone.encode(), now))
    rows["consents"].append(
        (uuid4(), person, "assistance", "given", "list", "as told", consented, now)
    )


def _flush(connection: psycopg.Connection, rows: dict[str, list[tuple[object, ...]]]) -> None:
    for table, waiting in rows.items():
        statement = f"COPY floor_{table} ({_REGISTRY[table]}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in waiting:
                copy.write_row(row)
        waiting.clear()


def building(ground: Ground) -> float:
    """INSERT … SELECT of the same decisions, entitlements and payments, and a digest over the payments in order."""
    tables = ("eligibility_decisions", "entitlements", "payments")

    def once() -> float:
        with copies(*tables) as connection, watch() as took:
            for table in tables:
                connection.execute(f"INSERT INTO floor_{table} SELECT * FROM {table}")
            digest = hashlib.sha256()
            rows = "COPY (SELECT * FROM floor_payments ORDER BY number) TO STDOUT"
            with connection.cursor() as cursor, cursor.copy(rows) as stream:
                for block in stream:
                    digest.update(block)
            connection.commit()
        return took.seconds

    return fastest(once)


def releasing(ground: Ground) -> float:
    """COPY of the same attempts, events, transfers, code issues and texts, and a bare HOTP for each code."""
    rows = {
        "attempts": "SELECT * FROM attempts",
        "payment_events": "SELECT * FROM payment_events",
        "transfers": "SELECT * FROM transfers WHERE payment_id IS NOT NULL",
        "code_issues": "SELECT * FROM code_issues",
        "messages": "SELECT * FROM messages",
    }
    files = _dump(ground.folder, rows)

    def once() -> float:
        with copies(*rows) as connection, watch() as took:
            for table, file in files.items():
                _load(connection, f"floor_{table}", file)
            connection.commit()
            hotp = pyotp.HOTP(pyotp.random_base32())
            for counter in range(ground.households):
                hotp.at(counter)
        return took.seconds

    return fastest(once)


def _dump(folder: Path, rows: dict[str, str]) -> dict[str, Path]:
    files = {table: folder / f"{table}.copy" for table in rows}
    with owner() as connection, connection.cursor() as cursor:
        for table, query in rows.items():
            with files[table].open("wb") as file, cursor.copy(f"COPY ({query}) TO STDOUT") as copy:
                for block in copy:
                    file.write(block)
    return files


def _load(connection: psycopg.Connection, table: str, place: Path) -> None:
    with (
        place.open("rb") as file,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} FROM STDIN") as copy,
    ):
        while block := file.read(BLOCK):
            copy.write(block)


def texting(ground: Ground) -> float:
    """Take a hundred texts, mark them, mark them again as sent, and commit both; a bare HOTP for each."""

    def once() -> float:
        with copies("messages") as connection:
            connection.execute("INSERT INTO floor_messages SELECT * FROM messages")
            connection.commit()
            hotp = pyotp.HOTP(pyotp.random_base32())
            with watch() as took:
                while taken := connection.execute(_TAKE).fetchall():
                    connection.commit()
                    for counter, _ in enumerate(taken):
                        hotp.at(counter)
                    connection.execute(_SENT, ([row[0] for row in taken],))
                    connection.commit()
        return took.seconds

    return fastest(once)


_TAKE = (
    "WITH due AS (SELECT id FROM floor_messages WHERE waiting AND state = 'queued' LIMIT 100"
    " FOR UPDATE SKIP LOCKED) UPDATE floor_messages m SET state = 'sending' FROM due WHERE m.id = due.id"
    " RETURNING m.id"
)
_SENT = "UPDATE floor_messages SET state = 'sent', waiting = false WHERE id = ANY(%s)"


def redeeming(given: AtTheCounter) -> tuple[float, Sequence[float]]:
    """One conditional UPDATE of the code and one INSERT of the payout, committed; as many at once. Seconds in all, and
    of each."""
    address = settings().owner_database_url
    assert address is not None
    engine = create_engine(
        address.get_secret_value(),
        connect_args={"options": f"-c search_path={OFFICE}"},
        pool_size=40,
    )
    locators = [re.sub(r"\D", "", code)[:-7] for code, _ in given.codes]
    count = len(given.tellers)

    def some(queue: Sequence[str]) -> list[float]:
        times = []
        for locator in queue:
            with watch() as took, engine.begin() as connection:
                row = connection.execute(_PAY, {"locator": locator}).one()
                connection.execute(_PAID, {**row._mapping, "receipt": locator})
            times.append(took.seconds)
        return times

    runs = []
    for _ in range(RUNS):
        with copies("code_issues", "payouts") as connection:
            connection.execute("INSERT INTO floor_code_issues SELECT * FROM code_issues")
            connection.commit()
            warm(engine, count)
            with watch() as took, ThreadPoolExecutor(count) as threads:
                each = list(threads.map(some, [locators[n::count] for n in range(count)]))
            runs.append((took.seconds, [seconds for times in each for seconds in times]))
            engine.dispose()
    return min(runs)


_PAY = text(
    "UPDATE floor_code_issues SET state = 'paid', closed_at = now()"
    " WHERE locator = :locator AND live AND state = 'issued' RETURNING id, payment_id"
)
_PAID = text(
    "INSERT INTO floor_payouts (id, authorisation_id, code_issue_id, payment_id, attempt, teller_id, office_id, receipt,"
    " amount_minor, currency, paid_at) VALUES (:id, :id, :id, :payment_id, 1, :id, :id, :receipt, 100, 'DZD', now())"
)


def booking(ground: Ground) -> float:
    """INSERT … SELECT of the same events and transfers."""
    tables = ("payment_events", "transfers")

    def once() -> float:
        with copies(*tables) as connection, watch() as took:
            connection.execute(
                "INSERT INTO floor_payment_events SELECT * FROM payment_events WHERE source = 'bench'"
            )
            connection.execute(
                "INSERT INTO floor_transfers SELECT t.* FROM transfers t JOIN payment_events e"
                " ON e.payment_id = t.payment_id AND e.source = 'bench' WHERE t.entry = 'confirm'"
            )
            connection.commit()
        return took.seconds

    return fastest(once)


def reconciling(ground: Ground, settlement: Path) -> float:
    """Parse the file, COPY it to a staging table, join it with the payments, append the lines and the matches."""

    def once() -> float:
        with copies("statement_lines", "matches") as connection, watch() as took:
            connection.execute(
                "CREATE TEMPORARY TABLE staging (number bigint, day date, office text, receipt text,"
                " minor bigint, currency text) ON COMMIT DROP"
            )
            with (
                settlement.open(newline="", encoding="utf-8") as file,
                connection.cursor() as cursor,
                cursor.copy("COPY staging FROM STDIN") as copy,
            ):
                sheet = csv.reader(file, delimiter=";")
                next(sheet)
                for number, (day, office, receipt, amount, currency) in enumerate(sheet, 2):
                    if day != "TOTAL":
                        minor = int(amount.replace(".", ""))
                        copy.write_row((number, day, office, receipt, minor, currency))
            connection.execute(_MATCH)
            connection.commit()
        return took.seconds

    return fastest(once)


_MATCH = """
    ANALYZE staging;

    INSERT INTO floor_statement_lines
    SELECT gen_random_uuid(), '00000000-0000-4000-8000-000000000000', 'post_office', number, receipt, 'payment', minor,
        currency, day, NULL, receipt, office
    FROM staging;

    INSERT INTO floor_matches
    SELECT gen_random_uuid(), a.payment_id, a.number, 'payment', 'R', s.minor, now(), 0, 0
    FROM staging s
    JOIN attempts a ON a.provider = 'post_office' AND a.provider_reference = s.receipt
    JOIN payments p ON p.id = a.payment_id AND p.amount_minor = s.minor AND p.currency = s.currency
"""


def verifying(ground: Ground) -> float:
    """Read every table once, from end to end."""

    def once() -> float:
        with owner() as connection, watch() as took:
            for setting in ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"):
                connection.execute(f"SET LOCAL {setting} = off")
            for table in metadata.sorted_tables:
                connection.execute(f"SELECT count(*) FROM {table.name}")
        return took.seconds

    return fastest(once)
