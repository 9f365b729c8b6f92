"""Two offices side by side see nothing of each other."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from sqlalchemy import URL, Connection, create_engine, select, text
from sqlalchemy.exc import ProgrammingError

from cbi import offices
from cbi.offices import OfficeRow
from cbi.privileges import unless_there


def test_an_office_is_found_by_its_table(database: URL) -> None:
    assert offices.office_codes() == ["dz"]


def test_an_office_sees_only_its_own_tables(database: URL) -> None:
    offices.create(
        "ke", currency="KES", timezone="Africa/Nairobi", languages=("en",), hotline="1500"
    )
    with offices.transaction("ke") as session:
        assert session.scalars(select(OfficeRow.code)).all() == ["ke"]
        with pytest.raises(ProgrammingError, match="permission denied for schema dz"):
            session.execute(text("SELECT 1 FROM dz.office"))


def test_the_application_may_not_change_what_is_append_only(database: URL) -> None:
    with (
        offices.transaction("dz") as session,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        session.execute(text("UPDATE transfers SET amount_minor = 1"))


def test_the_same_office_cannot_be_made_twice(database: URL) -> None:
    with pytest.raises(offices.OfficeExists):
        offices.create(
            "dz", currency="DZD", timezone="Africa/Algiers", languages=("ar",), hotline="3030"
        )
    assert offices.upgrade() == ["dz"]


def kenya(code: str) -> None:
    """Make an office of that name."""
    offices.create(
        code, currency="KES", timezone="Africa/Nairobi", languages=("en",), region="KE", hotline="1500"
    )  # fmt: skip


def test_one_of_two_who_make_the_same_office_at_once_is_told_that_there_is_one(
    database: URL,
) -> None:
    starts = Barrier(2)

    def make(_: int) -> str:
        starts.wait()
        try:
            kenya("ke")
        except offices.OfficeExists as refusal:
            return refusal.code
        return "made"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(make, range(2))) == ["made", "office.exists"]
    assert offices.office_codes() == ["dz", "ke"]


@pytest.fixture
def two_databases(server: URL) -> Iterator[tuple[Connection, Connection]]:
    """Transactions in two databases of one server, as their owners; and a role that is none of either."""
    engines = [create_engine(server.set(database=name)) for name in ("postgres", "template1")]
    with engines[0].connect() as one, engines[1].connect() as other:
        yield one, other
    for engine in engines:
        engine.dispose()


def test_a_role_that_is_made_in_two_databases_at_once_is_there_for_both(
    two_databases: tuple[Connection, Connection],
) -> None:
    role = f"made_twice_{uuid4().hex[:8]}"
    one, other = two_databases
    unless_there(one, f"CREATE ROLE {role} NOLOGIN")
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(unless_there, other, f"CREATE ROLE {role} NOLOGIN")
        _until_it_waits(one)
        one.commit()
        waits.result(30)
    other.execute(text(f"DROP ROLE {role}"))
    other.commit()


def _until_it_waits(connection: Connection) -> None:
    for _ in range(1_000):
        if connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            return
    raise AssertionError("nobody waits")
