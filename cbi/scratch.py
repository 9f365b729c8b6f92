"""Tables that one transaction works in and that vanish with it, and the fastest way to fill any table: COPY."""

from collections.abc import Iterable, Sequence
from typing import cast

from psycopg import Connection
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.orm import Session

_metadata = MetaData()


def scratch(name: str, *columns: Column[object]) -> Table:
    """Declare such a table; it is there once `empty` has made it."""
    return Table(name, _metadata, *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")


def empty(session: Session, table: Table) -> None:
    """Make the table, or make it empty when this transaction has used it before."""
    connection = session.connection()
    table.drop(connection, checkfirst=True)
    table.create(connection, checkfirst=False)


def copied(
    session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Add rows, with their values in the order of the columns, to a table of any kind."""
    # Only psycopg's own connection can COPY; SQLAlchemy hands it out from inside its pool.
    driver = cast(Connection, session.connection().connection.driver_connection)
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)
