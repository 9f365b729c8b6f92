"""The database: how tables are declared, what the application may change in them, and how a transaction is run."""

import enum
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    CHAR,
    URL,
    BigInteger,
    DateTime,
    Engine,
    Enum,
    Identity,
    MetaData,
    Text,
    Uuid,
    create_engine,
    make_url,
    text,
)
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

from cbi import embedded, ids
from cbi.errors import Invalid
from cbi.settings import settings

Result = TypeVar("Result")


Key = Annotated[UUID, mapped_column(Uuid, primary_key=True, default=ids.fresh)]
Ordinal = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]
MinorUnits = Annotated[int, mapped_column(BigInteger)]
CurrencyCode = Annotated[str, mapped_column(CHAR(3))]
Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]


def _words(members: type[enum.Enum]) -> list[str]:
    return [str(member.value) for member in members]


class Base(DeclarativeBase):
    """Every table of an office. No table says which office it is in: the connection's search path does.

    A StrEnum column is text with a CHECK, so that a state reads as a word in any SQL tool.
    """

    type_annotation_map = {
        str: Text(),
        int: BigInteger(),
        datetime: DateTime(timezone=True),
        enum.Enum: Enum(
            enum.Enum, native_enum=False, create_constraint=True, values_callable=_words, length=30
        ),
    }
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def may_update(*columns: str) -> dict[str, Any]:
    """Table info: the only columns the application may ever change. A table without it is append-only."""
    return {"may_update": columns}


def may_delete(*columns: str) -> dict[str, Any]:
    """Table info for the few tables of passing things (sign-ins, keys of repeated requests) whose rows may go."""
    return {"may_update": columns, "may_delete": True}


def owner_url() -> URL:
    """Where migrations and `office create` sign in."""
    chosen = settings()
    if chosen.owner_database_url:
        return _with_driver(chosen.owner_database_url.get_secret_value())
    if chosen.database_url:
        raise Invalid(
            "Only the owner of the database may create or upgrade an office.",
            next_step="Set CBI_OWNER_DATABASE_URL for this command.",
        )
    return embedded.start(chosen.data_dir)


def application_url() -> URL:
    """Where everything else signs in."""
    chosen = settings()
    if chosen.database_url:
        return _with_driver(chosen.database_url.get_secret_value())
    return embedded.application_url(embedded.start(chosen.data_dir))


def _with_driver(address: str) -> URL:
    return make_url(address).set(drivername="postgresql+psycopg")


_KEEPALIVES = "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=6"
"""Two minutes after a computer of ours is gone, or its network, the server lets go of what it held."""


def session_options(office: str) -> str:
    """What makes a connection belong to one office: its role (privileges) and its schema (tables)."""
    # Where a way of reading is turned off for a while, a plan without another way seems to cost so much that the server
    # would first make machine code for it, which takes longer than the answer.
    return (
        f"-c role={office_role(office)} -c search_path={office} -c timezone=UTC -c datestyle=ISO -c jit=off"
        f" -c idle_in_transaction_session_timeout={settings().frozen_after_seconds}s"
        f" -c lock_timeout={settings().frozen_after_seconds}s {_KEEPALIVES}"
    )


def office_role(office: str) -> str:
    """The role that may use this office's tables and no other's."""
    return f"cbi_{office}"


PATIENCE_SECONDS = 30
"""How long people wait for what somebody else holds, or for a connection, before they are told to try again."""


def wait_no_longer_than_people(session: Session) -> None:
    """In a transaction that somebody waits for: give up (55P03) on what somebody else holds for longer than people wait.

    Background work waits until whoever stands still with it has lost it (`CBI_FROZEN_AFTER_SECONDS`).
    """
    session.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'"))


_engines: dict[str, Engine] = {}
_making = threading.Lock()


def engine(office: str) -> Engine:
    """Connections of this process to one office."""
    with (
        _making
    ):  # two threads that came first together would each make one, and one would stay open unused
        if office not in _engines:
            _engines[office] = create_engine(
                application_url(),
                connect_args={
                    "options": session_options(office),
                    "application_name": f"cbi {office}",
                },
                pool_size=10,
                max_overflow=30,
                pool_timeout=PATIENCE_SECONDS,
                pool_pre_ping=True,
                hide_parameters=True,  # an error must not carry what was being written
            )
        return _engines[office]


def disconnect() -> None:
    """Close every connection of this process; the next use opens new ones."""
    while _engines:
        _engines.popitem()[1].dispose()


def repeatable(work: Callable[[], Result], *, tries: int = 8) -> Result:
    """Run a transaction, again from the start when PostgreSQL asks for it (serialization failure 40001, deadlock 40P01).

    `work` opens and commits its own transaction, so nothing of a failed try is left.
    """
    for attempt in range(tries):
        try:
            return work()
        except DBAPIError as error:
            if sqlstate(error) not in {"40001", "40P01"} or attempt == tries - 1:
                raise
            time.sleep(0.01 * 2**attempt)
    raise AssertionError("unreachable")


@contextmanager
def last_things_last(session: Session) -> Iterator[None]:
    """Within the block `at_last` keeps its work back; a block that ends without an error ends with it."""
    waiting: list[Callable[[Session], None]] = []
    session.info["at_last"] = waiting
    yield
    del session.info["at_last"]
    if waiting:
        session.flush()
    for work in waiting:
        work(session)


def at_last(session: Session, work: Callable[[Session], None]) -> None:
    """Do this as the last thing before the commit, because it takes rows that others wait for until then.

    At once where nothing is kept back. Work for what a savepoint has undone meanwhile must do nothing.
    """
    waiting = session.info.get("at_last")
    if waiting is None:
        work(session)
    else:
        waiting.append(work)


_WANTED = "wanted"


def soon(session: Session, job: str) -> None:
    """Want a background job done once this transaction is committed, and not only when the clock comes round to it."""
    session.info.setdefault(_WANTED, set()).add(job)


def ask_for_wanted(session: Session, office: str) -> None:
    """Ask for what a transaction wanted that is committed now."""
    for job in session.info.pop(_WANTED, ()):
        _ask(job, office)


def ask_with(ask: Callable[[str, str], None]) -> None:
    """Let this process ask for wanted jobs with `ask(job, office)`, which must not raise.

    The doors know the queue, and nothing to the right of them may. In a process that asks for nothing the clock does.
    """
    global _ask
    _ask = ask


def _leave_to_the_clock(job: str, office: str) -> None:
    pass


_ask: Callable[[str, str], None] = _leave_to_the_clock


@contextmanager
def planned_for_sets(session: Session) -> Iterator[None]:
    """Join whole tables within the block, whatever their statistics say.

    Rows written a moment ago have none, and a planner that expects one row goes through a million of them one by one.
    """
    session.execute(text("SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '128MB'"))
    yield
    session.execute(text("SET LOCAL enable_nestloop TO DEFAULT; SET LOCAL work_mem TO DEFAULT"))


FEW_ROWS = 1_000


@contextmanager
def planned_while_few(session: Session, table: type[Base]) -> Iterator[None]:
    """`planned_for_sets` within the block where statistics know of few rows of that table, or of none.

    Such a table is quickly read whole. And statistics that know of none may be of a list that was tried and undone a
    minute ago: then a planner reads whole tables once for each row of each other.
    """
    known = text("SELECT reltuples FROM pg_catalog.pg_class WHERE oid = CAST(:name AS regclass)")
    if (session.scalar(known, {"name": table.__tablename__}) or 0) >= FEW_ROWS:
        yield
        return
    with planned_for_sets(session):
        yield


@contextmanager
def planned_for_few(session: Session) -> Iterator[None]:
    """Look rows up by an index within the block, though a table without statistics seems quick to read from end to end.

    For statements that ask for a few rows of many, over and over: read from end to end each time, a table costs the
    square of its size.
    """
    session.execute(text("SET LOCAL enable_seqscan = off"))
    yield
    session.execute(text("SET LOCAL enable_seqscan TO DEFAULT"))


@contextmanager
def planned_by_keys(session: Session) -> Iterator[None]:
    """Go from row to row by keys within the block, whatever the statistics say; it joins by indexed columns alone.

    For one chunk of a large set: with statistics, the planner reads all that the others of the set have in an index, too,
    and does so again for each chunk. So it does where a plan is kept for any chunk, which takes this one for a large part.
    """
    ways = ("seqscan", "hashjoin", "mergejoin")
    for_each = "SET LOCAL plan_cache_mode = force_custom_plan"
    session.execute(text("; ".join([for_each, *(f"SET LOCAL enable_{way} = off" for way in ways)])))
    yield
    back = ("plan_cache_mode", *(f"enable_{way}" for way in ways))
    session.execute(text("; ".join(f"SET LOCAL {each} TO DEFAULT" for each in back)))


_AWAY = (
    "The database does not answer, or ended the connection. What was asked for may have been done, or not.",
    "Do the same again once it answers: what was done is not done twice. See: cbi doctor",
)
BUSY = (
    "Somebody else holds what this needs, for longer than it waits. Nothing was changed, and nothing was lost.",
    "Do the same again in a minute. If it stays so, somebody's work stands still in the database: tell whoever runs it.",
)
_TROUBLE = {
    "55P03": BUSY,
    "53": (
        "The database has no room left, on its disk or for another connection. Nothing was changed.",
        "Make room for it, then do the same again.",
    ),
    "08": _AWAY,
    "57": _AWAY,
    "25P03": _AWAY,
}


def trouble(error: BaseException) -> tuple[str, str] | None:
    """What to tell people, and what to do next, when the database is full, busy or away; None: it is something else."""
    if isinstance(error, NoConnectionFree):
        return BUSY
    if not isinstance(error, DBAPIError):
        return None
    state = sqlstate(error)
    if state is None:
        return _AWAY if isinstance(error, OperationalError) else None
    return _TROUBLE.get(state) or _TROUBLE.get(state[:2])


def sqlstate(error: DBAPIError) -> str | None:
    """PostgreSQL's five-character code of an error, or None when it did not come from PostgreSQL."""
    return getattr(error.orig, "sqlstate", None)


def constraint(error: DBAPIError) -> str | None:
    """The name of the constraint that refused a write, or None."""
    diagnostics = getattr(error.orig, "diag", None)
    return getattr(diagnostics, "constraint_name", None)


def chunks(items: Iterable[Result], size: int) -> Iterable[list[Result]]:
    """Lists of at most `size` items, in order, without holding them all."""
    chunk: list[Result] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
