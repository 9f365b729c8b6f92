"""Copies of a database for tests: one for each test, each file of tests, or each story that many tests start from."""

from sqlalchemy import URL, create_engine, text


def copied(server: URL, template: str, name: str) -> URL:
    """A new database with everything that the template holds, in place of whatever had that name."""
    _say(
        server,
        f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
        f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy",
    )
    return server.set(database=name)


def drop(server: URL, name: str) -> None:
    """The database is gone, and whoever was still connected to it."""
    _say(server, f"DROP DATABASE {name} WITH (FORCE)")


def _say(server: URL, *commands: str) -> None:
    # A test may crash the server in between, so no connection is kept.
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for command in commands:
            connection.execute(text(command))
    admin.dispose()
