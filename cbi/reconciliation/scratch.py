"""Tables that one import or one reconciliation works in and that vanish with its transaction."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Insert,
    Integer,
    Select,
    Table,
    Text,
    Uuid,
    insert,
    text,
)
from sqlalchemy.orm import Session

from cbi.scratch import empty, scratch

incoming_lines = scratch(
    "incoming_lines",
    Column("id", Uuid),
    Column("number", Integer),
    Column("line_id", Text),
    Column("kind", Text),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    Column("value_date", Date),
    Column("idempotency_key", Text),
    Column("provider_reference", Text),
    Column("office", Text),
)
"""The lines of the statement that is being taken in."""

open_lines = scratch(
    "open_lines",
    Column("id", Uuid),
    Column("statement_id", Uuid),
    Column("line_id", Text),
    Column("kind", Text),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    Column("value_date", Date),
    Column("provider_reference", Text),
    Column("rule", Text),
    Column("payment_id", Uuid),
    Column("attempt", Integer),
    Column("contrary", Boolean),
    Column("fee_minor", BigInteger),
)
"""Lines without a match, and the attempt that each names: by which rule, and whether it says anything contrary.

`fee_minor` is the fee that was taken out of the line's amount, where the provider settles net.
"""

forgotten = scratch(
    "forgotten",
    Column("statement_id", Uuid),
    Column("run_id", Uuid),
    Column("payment_id", Uuid),
)
"""Payments that wait to be sent, and were sent by what this statement says: their books are from a backup."""

fee_lines = scratch(
    "fee_lines",
    Column("id", Uuid),
    Column("payment_id", Uuid),
    Column("attempt", Integer),
    Column("run_id", Uuid, index=True),
    Column("value_date", Date),
    Column("line_id", Text),
    Column("net", Boolean),
    Column("version", Integer),
    Column("charged", BigInteger),
    Column("expected", BigInteger),
    Column("reserved", BigInteger),
)
"""The fees among them that can be booked: what was charged, what the tariff still allows, what is set aside for it.

`net`: the fee is inside its payment's line.
"""

unexplained = scratch(
    "unexplained",
    Column("id", Uuid, index=True),
    Column("line_kind", Text),
    Column("payment_id", Uuid, index=True),
    Column("attempt", Integer),
    Column("discrepancy", Text),
)
"""The open lines that stay unmatched, with the kind of discrepancy that each is now."""


def fill(session: Session, table: Table, *queries: Select[*tuple[Any, ...]]) -> int:
    """Put the rows of the queries (columns in the table's order), and nothing else, into it; returns how many."""
    empty(session, table)
    columns = table.columns.keys()
    count = sum(added(session, insert(table).from_select(columns, rows)) for rows in queries)
    # Nothing else tells the planner how many there are, and for a million it must not choose as for one.
    session.execute(text(f"ANALYZE {table.name} (payment_id)"))
    return count


def added(session: Session, statement: Insert) -> int:
    """Run an INSERT … SELECT; returns how many rows it added."""
    counting = {"preserve_rowcount": True}
    return session.connection().execute(statement, execution_options=counting).rowcount
