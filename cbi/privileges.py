"""What the application may do in an office: the roles it works in, and the privileges that the tables declare."""

from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from cbi import scope
from cbi.db import Base, application_url, office_role, sqlstate


def make_roles(connection: Connection, office: str) -> None:
    """The application's sign-in and the office's two roles; all may be there from another database of the server.

    The second role may do what the first may, and sees the rows of some areas only (`cbi.scope`).
    """
    login = application_url().username or "cbi_app"
    whole, field = office_role(office), scope.field_role(office)
    for role, options in (
        (login, "LOGIN NOINHERIT"),
        (whole, "NOLOGIN"),
        (field, "NOLOGIN INHERIT"),
    ):
        known = connection.execute(
            text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}
        ).scalar()
        if not known:
            unless_there(connection, f'CREATE ROLE "{role}" {options}')
    for role, member in ((whole, login), (whole, field), (field, login)):
        unless_there(connection, f'GRANT {role} TO "{member}"')


def grants(role: str) -> list[str]:
    """The privileges of the application, table by table: read and add everywhere, change only what is declared."""
    statements = []
    for table in Base.metadata.sorted_tables:
        info: dict[str, Any] = table.info
        statements.append(f"REVOKE ALL ON {table.name} FROM {role}")
        statements.append(f"GRANT SELECT, INSERT ON {table.name} TO {role}")
        if columns := info.get("may_update"):
            statements.append(f"GRANT UPDATE ({', '.join(columns)}) ON {table.name} TO {role}")
        if info.get("may_delete"):
            statements.append(f"GRANT DELETE ON {table.name} TO {role}")
    return statements


def unless_there(connection: Connection, statement: str) -> None:
    """Make something that is the server's, such as a role: whoever works in another database may have been faster."""
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statement)
    except DBAPIError as error:
        if sqlstate(error) not in {"42710", "23505"}:  # duplicate_object, unique_violation
            raise
