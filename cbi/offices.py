"""A country office keeps its own books: one schema, one role, one set of tables that no other office can see."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import (
    Connection,
    Engine,
    Identity,
    SmallInteger,
    String,
    create_engine,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column

from cbi import clock, fitness, keys, money, privileges, scope
from cbi.db import (
    Base,
    Instant,
    Result,
    application_url,
    ask_for_wanted,
    engine,
    last_things_last,
    office_role,
    owner_url,
    repeatable,
    wait_no_longer_than_people,
)
from cbi.errors import CbiError, Conflict, Invalid, NotFound

LANGUAGES = ("en", "fr", "ar", "es")
_CODE = re.compile(r"[a-z][a-z0-9_]{1,30}\Z")
_RESERVED = re.compile(r"(pg_|information_schema|public\Z|app\Z|procrastinate)")


class OfficeRow(Base):
    """The one row that says what this office is. Its table is also how offices are found."""

    __tablename__ = "office"

    id: Mapped[int] = mapped_column(SmallInteger, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(String(31), unique=True)
    currency: Mapped[str] = mapped_column(String(3))
    timezone: Mapped[str]
    languages: Mapped[list[str]] = mapped_column(ARRAY(String(2)))
    region: Mapped[str] = mapped_column(String(2))
    hotline: Mapped[str] = mapped_column(String(15))
    locator_digits: Mapped[int] = mapped_column(SmallInteger)
    is_demo: Mapped[bool]
    created_at: Mapped[Instant]


@dataclass(frozen=True, slots=True)
class Office:
    """What an office is, as every stage may ask: `languages` in order of preference, `region` for telephone numbers."""

    code: str
    currency: str
    timezone: ZoneInfo
    languages: tuple[str, ...]
    region: str
    hotline: str
    locator_digits: int
    is_demo: bool

    @property
    def keys(self) -> keys.Keyring:
        """This office's keys."""
        return keys.keyring(self.code)


class UnusableOffice(Invalid):
    """The office cannot be made from what was given."""

    code = "office.unusable"


class UnknownOffice(NotFound):
    """No such office in this database."""

    code = "office.unknown"


class OfficeExists(Conflict):
    """There is such an office already."""

    code = "office.exists"


class NotADemo(Conflict):
    """Demonstration mode met an office of real people."""

    code = "office.not_a_demo"


class Sees(Protocol):
    """Whoever looks into an office: `areas` are the codes of those whose households they see, None: everywhere."""

    @property
    def id(self) -> UUID | None: ...
    @property
    def areas(self) -> frozenset[str] | None: ...


def office_of(session: Session) -> Office:
    """The office that this session works in, read once in each session."""
    known = session.info.get("office")
    if isinstance(known, Office):
        return known
    row = session.connection().execute(_OFFICE).one()
    found = Office(
        row.code, row.currency, ZoneInfo(row.timezone), tuple(row.languages), row.region, row.hotline,
        row.locator_digits, row.is_demo,
    )  # fmt: skip
    session.info["office"] = found
    return found


_OFFICE = select(*OfficeRow.__table__.columns)  # asked in every transaction, so built once


@contextmanager
def transaction(code: str) -> Iterator[Session]:
    """One transaction in one office: committed at the end of the block, undone by any error that does not keep its work.

    Raises WrongClock and OtherRelease before anything is done.
    """
    refused: CbiError | None = None
    fitness.compare_clocks(code)
    with (
        Session(engine(code), expire_on_commit=False) as session,
        session.begin(),
        last_things_last(session),
    ):
        fitness.hold_tables(session)
        try:
            yield session
        except CbiError as error:
            if not error.keeps_work:
                raise
            refused = error
    ask_for_wanted(session, code)
    if refused:
        raise refused


def transact(
    code: str, work: Callable[[Session], Result], *, seen_by: Sees | None = None
) -> Result:
    """Do `work` in one transaction of the office, again from its start when PostgreSQL asks for that.

    `seen_by`: whoever asks for it; where they are held to some areas, the transaction sees those only.
    """

    def once() -> Result:
        with transaction(code) as session:
            if seen_by is not None:
                wait_no_longer_than_people(session)
                scope.look_only_at(session, code, seen_by.areas, seen_by.id)
            return work(session)

    return repeatable(once)


def office_codes() -> list[str]:
    """Every office in this database, by name: each schema that holds an `office` table."""
    database = create_engine(application_url())
    try:
        with database.connect() as connection:
            return _office_codes(connection)
    finally:
        database.dispose()


def _office_codes(connection: Connection) -> list[str]:
    found = connection.execute(
        text(
            "SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = 'office' AND c.relkind = 'r' ORDER BY 1"
        )
    )
    return [row[0] for row in found]


def require(code: str) -> str:
    """Return the office's code, or raise UnknownOffice with the ones there are."""
    codes = office_codes()
    if code not in codes:
        raise UnknownOffice(
            f"There is no office {code!r}.",
            next_step=f"There is: {', '.join(codes)}."
            if codes
            else "Make one with: cbi office create",
        )
    return code


def require_demo() -> None:
    """Raise NotADemo unless every office of this database is a demonstration's."""
    for code in office_codes():
        with transaction(code) as session:
            if not office_of(session).is_demo:
                raise NotADemo(
                    f"The office {code} is not a demonstration's, and CBI_DEMO is on.",
                    next_step="Turn CBI_DEMO off: in a demonstration telephones can be read by anybody.",
                )


def check(
    code: str,
    currency: str,
    timezone: str,
    languages: tuple[str, ...],
    region: str,
    hotline: str,
    locator_digits: int,
) -> None:
    """Raise UnusableOffice, or UnknownCurrency, and say which part is wrong."""
    import phonenumbers  # noqa: PLC0415 - the numbering plans of all countries, for `office create` alone

    if not _CODE.match(code) or _RESERVED.match(code):
        raise UnusableOffice(
            f"{code!r} cannot name an office.",
            next_step="Use 2 to 31 small letters, digits and underscores, beginning with a letter, such as dz.",
        )
    money.exponent(currency)
    if timezone not in available_timezones():
        raise UnusableOffice(
            f"There is no time zone {timezone!r}.", next_step="Use a name such as Africa/Algiers."
        )
    unknown = [language for language in languages if language not in LANGUAGES]
    if unknown or not languages or len(set(languages)) != len(languages):
        raise UnusableOffice(
            f"The languages {', '.join(languages) or '(none)'} cannot be used.",
            next_step=f"List some of {', '.join(LANGUAGES)}, each once, the most used first.",
        )
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise UnusableOffice(
            f"There is no telephone region {region!r}.",
            next_step="Use a two-letter country code, such as DZ.",
        )
    if not re.fullmatch(r"[0-9]{3,10}", hotline):
        raise UnusableOffice(
            f"{hotline!r} cannot be the hotline: every text to a recipient ends with it.",
            next_step="Give 3 to 10 digits, as people dial it here.",
        )
    if not 5 <= locator_digits <= 7:
        raise UnusableOffice(
            "A code's locator has 5, 6 or 7 digits.", next_step="5 serves up to 50,000 live codes."
        )


def create(
    code: str,
    *,
    currency: str,
    timezone: str,
    languages: tuple[str, ...],
    region: str | None = None,
    hotline: str,
    locator_digits: int = 5,
    is_demo: bool = False,
    owner: Engine | None = None,
) -> None:
    """Make the office's schema, its role and its empty books, in one transaction. Needs the database's owner.

    `region` defaults to the office's code where that is a country's, else it must be given. Raises OfficeExists,
    UnusableOffice, UnknownCurrency.
    """
    region = region or code[:2].upper()
    check(code, currency, timezone, languages, region, hotline, locator_digits)
    with _owner(owner) as database, database.begin() as connection:
        # Whoever makes an office of this name at the same moment waits here, and is told that there is one.
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended('office create', 0))")
        )
        if code in _office_codes(connection):
            raise OfficeExists(f"There is an office {code!r} already.", next_step="See: cbi doctor")
        privileges.make_roles(connection, code)
        connection.exec_driver_sql(f"CREATE SCHEMA {code}")
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {code} TO {office_role(code)}")
        _migrate(connection, code)
        connection.execute(
            OfficeRow.__table__.insert().values(  # type: ignore[attr-defined]
                code=code,
                currency=currency,
                timezone=timezone,
                languages=list(languages),
                region=region,
                hotline=hotline,
                locator_digits=locator_digits,
                is_demo=is_demo,
                created_at=clock.now(),
            )
        )


def upgrade(owner: Engine | None = None) -> list[str]:
    """Bring the tables and privileges of every office to this version; returns the offices' codes."""
    with _owner(owner) as database:
        with database.connect() as connection:
            codes = _office_codes(connection)
        for code in codes:
            with database.begin() as connection:
                _migrate(connection, code)
    return codes


@contextmanager
def _owner(given: Engine | None) -> Iterator[Engine]:
    database = given or create_engine(owner_url())
    try:
        yield database
    finally:
        if given is None:
            database.dispose()


def _migrate(connection: Connection, code: str) -> None:
    """Run the migrations inside the office's schema, then grant exactly what each table declares."""
    from alembic import command  # noqa: PLC0415 - only `office create` and `db upgrade` need it
    from alembic.config import Config  # noqa: PLC0415

    connection.exec_driver_sql(f"SET LOCAL search_path = {code}")
    fitness.let_others_end(connection)
    config = Config()
    config.set_main_option("script_location", str(fitness.migrations()))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    fitness.sign_tables(connection, code)
    privileges.make_roles(connection, code)
    for statement in privileges.grants(office_role(code)):
        connection.exec_driver_sql(statement)
    for statement in scope.policies(connection, code):
        connection.exec_driver_sql(statement)
