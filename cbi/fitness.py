"""Whether this machine may work for an office: its clock is right, and its program fits the office's tables.

Codes, holds, recall windows and leases end by the clock of the machine that asks. So one whose clock is wrong would pay a
code that is over, or refuse one that is good. And a program of another release would write what the tables do not mean.
Neither does anything: each transaction is refused before it begins its work.
"""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from cbi import clock, db
from cbi.db import engine, office_role, sqlstate
from cbi.errors import Unavailable

MAY_DIFFER = timedelta(minutes=1)
"""How far a machine's clock may be from the database's. The shortest time that decides about money here is minutes."""
_GOOD_FOR = 60 * 10**9
"""Nanoseconds for which a comparison holds, unless somebody sets the machine's clock before."""
_DRAINED_WITHIN = "60s"
_NEVER = datetime.min.replace(tzinfo=UTC)

_REVISION = re.compile(r'^revision: str = "(\d+)"', re.MULTILINE)
_compared: dict[str, tuple[datetime, int]] = {}
"""By office: how this machine's clock was set when it agreed with the database's, and when that was."""


class WrongClock(Unavailable):
    """This machine's clock and the database's are too far apart to say what is over."""

    code = "office.wrong_clock"


class OtherRelease(Unavailable):
    """This program and the office's tables are of different releases."""

    code = "office.other_release"


def compare_clocks(office: str) -> None:
    """Raise WrongClock where this machine's clock is further from the database's than a minute.

    Asks the database once a minute, and whenever this machine's clock was set since.
    """
    setting, at = _compared.get(office, (_NEVER, 0))
    is_recent = time.monotonic_ns() - at < _GOOD_FOR
    if is_recent and abs(_setting() - setting) < timedelta(seconds=1):
        return
    with engine(office).connect() as connection:
        connection.scalar(select(1))  # whatever connecting takes is no part of the comparison
        before = clock.of_this_machine()
        there = connection.execute(select(func.pg_catalog.clock_timestamp())).scalar_one()
        after = clock.of_this_machine()
    if not before - MAY_DIFFER <= there <= after + MAY_DIFFER:
        machine, database = f"{after:%Y-%m-%d %H:%M:%S}", f"{there:%Y-%m-%d %H:%M:%S}"
        raise WrongClock(
            f"This machine's clock says {machine} UTC, the database's {database} UTC. While they differ by more than"
            " a minute nothing is done here; nothing was changed.",
            next_step="Set the clock that is wrong (turn its time service on). Then do the same again.",
            machine=machine,
            database=database,
        )
    _compared[office] = (_setting(), time.monotonic_ns())


def _setting() -> datetime:
    """What changes only when somebody sets this machine's clock, or lets it run on after a pause."""
    return clock.of_this_machine() - timedelta(microseconds=time.monotonic_ns() // 1000)


def hold_tables(session: Session) -> None:
    """Keep the office's tables as this program knows them until the transaction ends. Raises OtherRelease.

    An upgrade waits for those who hold them. Whoever comes meanwhile waits for the upgrade (55P03 after as long as people
    wait), and is refused if it is of the old release. It is a lock and no query, because `cbi verify` chooses after it
    what its transaction sees.
    """
    try:
        session.connection().exec_driver_sql(
            f"SET LOCAL lock_timeout = '{db.PATIENCE_SECONDS}s'; LOCK TABLE {_sign()} IN ACCESS SHARE MODE;"
            " SET LOCAL lock_timeout TO DEFAULT"
        )
    except ProgrammingError as error:
        if sqlstate(error) != "42P01":  # undefined_table
            raise
        raise OtherRelease(
            f"This program is made for tables of revision {revision()}, and the office's are of another. Nothing was"
            " changed.",
            next_step="Where the program is the newer one: cbi db upgrade. Else start the newest release here.",
            revision=revision(),
        ) from None


def let_others_end(connection: Connection) -> None:
    """Before tables change: wait for whoever works in the office, and let nobody begin until this is committed.

    Raises OperationalError (55P03) when somebody does not end within a minute.
    """
    connection.execute(text(f"SET LOCAL lock_timeout = '{_DRAINED_WITHIN}'"))
    signs = connection.scalars(
        text(
            "SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = current_schema()::regnamespace"
            " AND relkind = 'v' AND relname LIKE 'tables\\_of\\_%' AND relname <> :own"
        ),
        {"own": _sign()},
    ).all()
    for sign in signs:
        connection.exec_driver_sql(f"DROP VIEW {sign}")


def sign_tables(connection: Connection, office: str) -> None:
    """After tables changed: say which revision they are of, by a view of that name."""
    connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {_sign()} AS SELECT 1 AS one")
    connection.exec_driver_sql(f"GRANT SELECT ON {_sign()} TO {office_role(office)}")


def _sign() -> str:
    return f"tables_of_{revision()}"


@cache
def revision() -> str:
    """The newest migration that this program brings, such as `0047`."""
    found = (
        _REVISION.search(each.read_text()) for each in (migrations() / "versions").glob("*.py")
    )
    return max(each[1] for each in found if each)


def migrations() -> Path:
    """Where the migrations are."""
    # In a wheel they travel inside the package; in a checkout they stand beside it.
    packaged = Path(str(resources.files("cbi"))) / "_migrations"
    return packaged if packaged.is_dir() else Path(str(resources.files("cbi"))).parent / "alembic"
