"""Keys of rows: of version 7, in the order of their making, never the same twice; the database makes the same kind."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock, ids

MOMENTS = st.integers(0, 10**16).map(
    lambda micro: datetime(1971, 1, 1, tzinfo=UTC) + timedelta(microseconds=micro)
)


def written_at(key: UUID) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=key.int >> 80)


@given(MOMENTS)
def test_a_key_is_of_version_7_and_begins_with_its_millisecond(moment: datetime) -> None:
    with clock.frozen(moment):
        key = ids.fresh()
    assert (key.version, key.variant) == (7, RFC_4122)
    assert timedelta(0) <= moment - written_at(key) < timedelta(milliseconds=1)


@given(MOMENTS)
def test_a_later_key_sorts_later(moment: datetime) -> None:
    with clock.frozen(moment):
        before = ids.fresh()
    with clock.frozen(moment + timedelta(milliseconds=1)):
        assert ids.fresh() > before


def test_keys_of_one_moment_differ() -> None:
    with clock.frozen(datetime(2026, 5, 1, tzinfo=UTC)):
        assert len({ids.fresh() for _ in range(10_000)}) == 10_000


def test_the_database_makes_them_too_each_row_its_own_and_in_order(session: Session) -> None:
    rows = func.generate_series(1, 5000).table_valued("number").render_derived()
    before = datetime.now(UTC)
    keys = list(session.scalars(select(ids.fresh_in_sql()).select_from(rows)))
    assert len(set(keys)) == 5000
    assert {(key.version, key.variant) for key in keys} == {(7, RFC_4122)}
    moments = [written_at(key) for key in keys]
    assert moments == sorted(moments)
    assert (
        before - timedelta(seconds=1)
        < moments[0]
        <= moments[-1]
        < datetime.now(UTC) + timedelta(seconds=1)
    )
