"""The queue of background work, kept by procrastinate in PostgreSQL, apart from every office's tables."""

import logging
import time
from collections.abc import Callable

import psycopg
from procrastinate import App, PsycopgConnector, RetryStrategy, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from sqlalchemy import URL, create_engine

from cbi import jobs
from cbi.db import application_url, owner_url
from cbi.settings import settings

log = logging.getLogger(__name__)

ASKED_EVERY = 10**9
"""Nanoseconds: many texts at once are answered by one job."""
_asked: dict[str, int] = {}

AGAIN = RetryStrategy(max_attempts=3, wait=30)
"""A job that fails is tried again after half a minute; after that the clock asks for a new one anyway."""


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _options() -> dict[str, str]:
    return {"options": f"-c search_path={settings().queue_schema}"}


def prepare() -> None:
    """Make the queue's own tables, once, and let the application use them. Needs the database's owner."""
    schema, login = settings().queue_schema, application_url().username
    owner = create_engine(owner_url())
    with owner.begin() as connection:
        known = connection.exec_driver_sql(
            "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,)
        ).scalar()
        if not known:
            connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
    owner.dispose()
    if not known:
        connector = SyncPsycopgConnector(conninfo=_conninfo(owner_url()), kwargs=_options())
        with App(connector=connector).open() as app:
            app.schema_manager.apply_schema()
    with psycopg.connect(_conninfo(owner_url())) as connection_:
        for what in ("TABLES", "SEQUENCES", "FUNCTIONS"):
            connection_.execute(f'GRANT ALL ON ALL {what} IN SCHEMA "{schema}" TO "{login}"')
        connection_.execute(f'GRANT USAGE ON SCHEMA "{schema}" TO "{login}"')


def queue() -> App:
    """The queue with every job of `cbi.jobs`; each takes the office's code."""
    app = App(connector=PsycopgConnector(conninfo=_conninfo(application_url()), kwargs=_options()))
    for name, (job, _) in jobs.HOUSEKEEPING.items():
        app.task(name=name, retry=AGAIN)(_job(job))
    return app


def _job(job: Callable[[str], int]) -> Callable[[str], int]:
    def run(office: str) -> int:
        return job(office)

    return run


def defer(app: App, name: str, office: str) -> bool:
    """Ask for a job. False when the same one is waiting already: a second firing changes nothing."""
    key = f"{name}:{office}"
    try:
        app.configure_task(name, lock=key, queueing_lock=key).defer(office=office)
    except AlreadyEnqueued:
        return False
    return True


def ask_now(name: str, office: str) -> None:
    """Ask for a job before the clock does, at most once a second in each process.

    It never fails: where the queue cannot be reached, the clock asks all the same, some seconds later.
    """
    key, now = f"{name}:{office}", time.monotonic_ns()
    if key in _asked and now - _asked[key] < ASKED_EVERY:
        return
    _asked[key] = now
    try:
        with queue().open() as app:
            defer(app, name, office)
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing is lost by it
        log.warning("The job %s was not asked for: %s", name, type(error).__name__)
