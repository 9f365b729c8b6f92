"""Promises about the record: append-only tables, an unbroken audit chain, and intents that survive a crash."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi.audit import verifying
from cbi.models import metadata
from cbi.proofs.promise import Breaches, none_of

_OF_THE_OFFICE = "c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v')"
_MAY_CHANGE = text(
    "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    f" WHERE {_OF_THE_OFFICE} AND a.attnum > 0 AND NOT a.attisdropped"
    " AND has_column_privilege(c.oid, a.attnum, 'UPDATE')"
    " ORDER BY c.relname, a.attnum"
)
_MAY_DELETE = text(
    f"SELECT c.relname FROM pg_class c WHERE {_OF_THE_OFFICE}"
    " AND has_table_privilege(c.oid, 'DELETE, TRUNCATE') ORDER BY c.relname"
)


def privileges_are_as_declared(session: Session) -> Breaches:
    """The role this runs as may change exactly the columns that the tables declare, and owns nothing."""
    tables = metadata.tables
    for table, column in session.execute(_MAY_CHANGE):
        if table not in tables or column not in tables[table].info.get("may_update", ()):
            yield f"the application may change {table}.{column}, which is append-only"
    for table in session.scalars(_MAY_DELETE):
        if table not in tables or not tables[table].info.get("may_delete"):
            yield f"the application may delete from {table}"
    yield from none_of(
        "the application's role owns {relname}",
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
        " AND pg_has_role(current_user, relowner, 'USAGE')",
    )(session)


def audit_chain_is_unbroken(session: Session) -> Breaches:
    """Recompute the chain from its first link."""
    found = verifying.first_break(session)
    if found is not None:
        yield str(found)


append_only = (privileges_are_as_declared, audit_chain_is_unbroken)

nothing_lost = (
    none_of(
        "payment {payment_id}: attempt {number} has no entry in the books",
        # What a part left over is in transit already: its attempt begins without being sent.
        "SELECT a.payment_id, a.number FROM attempts a WHERE NOT EXISTS (SELECT 1 FROM transfers t"
        " WHERE t.source_id = a.payment_id AND t.attempt = a.number AND t.entry = 'dispatch')"
        " AND NOT EXISTS (SELECT 1 FROM payment_parts x WHERE x.payment_id = a.payment_id AND x.attempt = a.number - 1)",
    ),
    none_of(
        "payment {payment_id}: attempt {attempt} is in the books and was never recorded",
        "SELECT t.payment_id, t.attempt FROM transfers t WHERE t.entry = 'dispatch' AND NOT EXISTS"
        " (SELECT 1 FROM attempts a WHERE a.payment_id = t.source_id AND a.number = t.attempt)",
    ),
    none_of(
        "payment {id} says {attempts} attempts and has {recorded}",
        "SELECT p.id, p.attempts, count(a.number) AS recorded FROM payments p"
        " LEFT JOIN attempts a ON a.payment_id = p.id GROUP BY p.id HAVING count(a.number) <> p.attempts",
    ),
)
