"""Promises about places: the tree is whole, households stand in it, and who sees which rows is held by the database."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import scope
from cbi.db import Base
from cbi.offices import office_of
from cbi.proofs.promise import Breaches, none_of

standing = (
    none_of(
        "household {source_id} stands in {area!r}, which is no area",
        # Those from before the tree stand where they were written, until they are matched.
        "SELECT h.source_id, h.area FROM households h WHERE h.area IS NOT NULL"
        " AND h.registered_at >= (SELECT min(imported_at) FROM area_imports)"
        " AND NOT EXISTS (SELECT 1 FROM areas a WHERE a.code = h.area)",
    ),
    none_of(
        "area {code} lies elsewhere than what it lies in",
        "SELECT a.code FROM areas a LEFT JOIN areas p ON p.code = a.parent"
        " WHERE a.above <> ARRAY[a.code] || coalesce(p.above, ARRAY[]::text[]) OR a.level <> cardinality(a.above) - 1",
    ),
    none_of(
        "{written!r} was matched with {area}, which households never stood in before there was a tree",
        "SELECT m.written, m.area FROM area_matches m WHERE NOT EXISTS (SELECT 1 FROM area_imports i"
        " WHERE i.imported_at <= m.matched_at)",
    ),
)


def rows_are_seen_as_declared(session: Session) -> Breaches:
    """Every table with households in it holds the transactions of field staff to their areas, and no other role exists."""
    office = office_of(session).code
    rows = session.execute(
        text(
            "SELECT c.relname, c.relrowsecurity, p.polname, p.polpermissive,"
            " ARRAY(SELECT rolname FROM pg_roles r WHERE r.oid = ANY(p.polroles))"
            " FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid"
            " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
        )
    )
    found: dict[str, dict[str, tuple[bool, list[str]]]] = {}
    guarded = set()
    for table, is_on, policy, permits, roles in rows:
        if is_on:
            guarded.add(table)
        if policy:
            found.setdefault(table, {})[policy] = (permits, list(roles))
    for table in sorted(scope.SEEN.keys() & Base.metadata.tables.keys()):
        wanted = {
            name: (True, []) if name == scope.EVERYBODY else (False, [scope.field_role(office)])
            for name in scope.names_of(table)
        }
        if table not in guarded or found.get(table, {}) != wanted:
            yield f"the rows of {table} are not held to the areas of those who look"
    yield from none_of(
        "the role {rolname} sees all rows whatever its areas",
        "SELECT rolname FROM pg_roles WHERE rolname IN (current_user, :field)"
        " AND (rolsuper OR rolbypassrls)".replace(":field", f"'{scope.field_role(office)}'"),
    )(session)


seen = (*standing, rows_are_seen_as_declared)
