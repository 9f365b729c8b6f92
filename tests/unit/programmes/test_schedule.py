"""The moment at which a cycle opens by itself, on clocks and calendars that do not make it easy."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.programmes.fields import Reading
from cbi.programmes.periods import Every, Period
from cbi.programmes.schedule import came_due, opening_of, openings, upcoming
from cbi.programmes.terms import Schedule

ALGIERS, KATHMANDU, CARACAS, MADRID = map(
    ZoneInfo, ("Africa/Algiers", "Asia/Kathmandu", "America/Caracas", "Europe/Madrid")
)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def schedule(first: str = "2026-01", last: str = "2026-12", **more: Any) -> Schedule:
    values = {"every": "month", "first": first, "last": last} | more
    return Schedule.model_validate(values, context=Reading.of("DZD", None))


def opens(period: str, zone: ZoneInfo, on: object, at: str = "06:00", every: str = "month") -> str:
    terms = schedule(period, period, every=every, opens_on=on, opens_at=at)
    found = opening_of(Period.parse(period), terms, zone)
    assert found
    return f"{found.at:%Y-%m-%d %H:%M}"


def test_it_is_the_office_s_clock_that_counts() -> None:
    assert opens("2026-11", ALGIERS, 5) == "2026-11-05 05:00"
    assert opens("2026-11", KATHMANDU, 5) == "2026-11-05 00:15"
    assert opens("2026-11", CARACAS, 5) == "2026-11-05 10:00"
    assert opens("2016-04", CARACAS, 5) == "2016-04-05 10:30"  # before the clocks were changed
    assert opens("2016-06", CARACAS, 5) == "2016-06-05 10:00"


def test_the_night_before_belongs_to_another_day_elsewhere() -> None:
    assert opens("2026-03", KATHMANDU, 1, "00:30") == "2026-02-28 18:45"


@pytest.mark.parametrize(
    ("period", "day"), [("2026-02", "28"), ("2028-02", "29"), ("2026-04", "30"), ("2026-01", "31")]
)
def test_a_day_that_a_month_does_not_have_is_its_last(period: str, day: str) -> None:
    assert opens(period, ALGIERS, 31) == f"{period}-{day} 05:00"


def test_a_week_opens_on_its_day_and_a_quarter_counts_through() -> None:
    assert (
        opens("2026-W53", ALGIERS, 5, every="week") == "2027-01-01 05:00"
    )  # Friday of the last week
    assert opens("2028-Q1", ALGIERS, 60, every="quarter") == "2028-02-29 05:00"
    assert opens("2026-Q1", ALGIERS, 92, every="quarter") == "2026-03-31 05:00"


def test_a_time_that_the_clock_leaves_out_or_repeats_comes_once() -> None:
    assert opens("2026-03", MADRID, 29, "02:30") == "2026-03-29 01:30"  # half past three in summer
    assert opens("2026-10", MADRID, 25, "02:30") == "2026-10-25 00:30"  # the first of the two


def test_what_came_due_lies_between_two_moments() -> None:
    terms = schedule(opens_on=5)
    back = datetime(2026, 3, 5, 5, tzinfo=UTC)
    before = back - timedelta(seconds=1)
    assert [str(each.period) for each in came_due(terms, ALGIERS, LONG_AGO, back)] == [
        "2026-01", "2026-02", "2026-03",
    ]  # fmt: skip
    assert [str(each.period) for each in came_due(terms, ALGIERS, before, back)] == ["2026-03"]
    assert came_due(terms, ALGIERS, back, back + timedelta(days=20)) == []


def test_a_programme_without_a_day_opens_nothing() -> None:
    assert list(openings(schedule(), ALGIERS)) == []
    assert upcoming(schedule(), ALGIERS, LONG_AGO) is None


def test_the_next_one_is_the_first_that_is_still_to_come() -> None:
    at = datetime(2026, 2, 5, 5, tzinfo=UTC)
    coming = upcoming(schedule(opens_on=5), ALGIERS, at)
    assert coming
    assert str(coming.period) == "2026-03"


@given(
    st.sampled_from([Every.MONTH, Every.QUARTER, Every.WEEK]), st.dates(date(2000, 1, 10), date(2099, 11, 1)),
    st.integers(1, 92), st.times(), st.sampled_from([ALGIERS, KATHMANDU, CARACAS, MADRID]),
)  # fmt: skip
def test_every_period_opens_once_within_its_own_days_and_in_order(
    every: Every, day: date, on: int, at: Any, zone: ZoneInfo
) -> None:
    first = Period.parse(
        {
            Every.MONTH: f"{day:%Y-%m}", Every.QUARTER: f"{day:%Y}-Q{(day.month + 2) // 3}",
            Every.WEEK: f"{day.isocalendar().year}-W{day.isocalendar().week:02}",
        }[every]
    )  # fmt: skip
    last = first.next.next.next
    terms = schedule(str(first), str(last), every=str(every), opens_on=on, opens_at=f"{at:%H:%M}")
    found = list(openings(terms, zone))
    assert [each.period for each in found] == [first, first.next, first.next.next, last]
    assert found == sorted(found, key=lambda each: each.at)
    for each in found:
        assert each.period.starts_on <= each.at.astimezone(zone).date() <= each.period.ends_on
        assert each.period.next.starts_on == each.period.ends_on + timedelta(days=1)
