"""The first Sunday, the last working day, holidays, and what is paid once: days that a calendar has to be asked for."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cbi.programmes import days_off
from cbi.programmes.fields import ORDINALS, WEEKDAYS, Reading
from cbi.programmes.periods import Every, Period, UnusablePeriod
from cbi.programmes.schedule import Calendar, opening_of, openings
from cbi.programmes.terms import Schedule
from cbi.programmes.working_week import of_country

ALGIERS, KATHMANDU, CARACAS, MADRID = map(
    ZoneInfo, ("Africa/Algiers", "Asia/Kathmandu", "America/Caracas", "Europe/Madrid")
)
WEEKS = {
    ALGIERS: of_country("DZ"), KATHMANDU: frozenset({7, 1, 2, 3, 4, 5}), CARACAS: of_country("VE"),
    MADRID: of_country("ES"),
}  # fmt: skip
COUNTRIES = {ALGIERS: "DZ", KATHMANDU: "NP", CARACAS: "VE"}


def schedule(**said: Any) -> Schedule:
    values = {"every": "month", "first": "2026-01", "last": "2028-12"} | said
    return Schedule.model_validate(values, context=Reading.of("DZD", None))


def opens(period: str, zone: ZoneInfo, by: str, at: str = "06:00", **said: Any) -> str:
    said = {"first": period, "last": period} | said
    terms = schedule(opens_by=by, opens_at=at, **said)
    return opened(terms, zone, Calendar(WEEKS[zone]))


def opened(terms: Schedule, zone: ZoneInfo, calendar: Calendar) -> str:
    found = opening_of(terms.first, terms, zone, calendar)
    assert found
    return f"{found.at:%Y-%m-%d %H:%M}"


def test_the_working_week_is_that_of_the_country() -> None:
    assert of_country("DZ") == {7, 1, 2, 3, 4}  # Sunday to Thursday
    assert of_country("VE") == of_country("KE") == of_country("zz") == {1, 2, 3, 4, 5}
    assert of_country("IR") == {6, 7, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("period", "zone", "by", "at"),
    [
        ("2026-11", ALGIERS, "first sunday", "2026-11-01 05:00"),
        ("2026-10", ALGIERS, "last working day", "2026-10-29 05:00"),  # a Thursday: the 30th is a Friday
        ("2026-10", CARACAS, "last working day", "2026-10-30 10:00"),
        ("2026-10", KATHMANDU, "Last  Working Day", "2026-10-30 00:15"),
        ("2026-01", ALGIERS, "first working day", "2026-01-01 05:00"),
        ("2027-01", ALGIERS, "first working day", "2027-01-03 05:00"),  # the 1st is a Friday
        ("2028-02", ALGIERS, "last tuesday", "2028-02-29 05:00"),  # a leap day
        ("2027-02", ALGIERS, "fifth monday", "2027-02-22 05:00"),  # there is no fifth: the last one
        ("2026-02", KATHMANDU, "third working day", "2026-02-03 00:15"),
        ("2016-05", CARACAS, "first sunday", "2016-05-01 10:00"),  # its clocks went forward at 02:30
        ("2016-05", CARACAS, "second sunday", "2016-05-08 10:00"),
    ],
)  # fmt: skip
def test_a_cycle_opens_on_the_day_that_the_words_name(
    period: str, zone: ZoneInfo, by: str, at: str
) -> None:
    assert opens(period, zone, by) == at


@pytest.mark.parametrize(
    ("period", "zone", "by", "at"),
    [
        ("2026-01", ALGIERS, "first working day", "2026-01-04 05:00"),  # the 1st is New Year, then the weekend
        ("2026-11", ALGIERS, "first working day", "2026-11-02 05:00"),  # Revolution Day is a Sunday, a day of work
        ("2026-11", ALGIERS, "first sunday", "2026-11-01 05:00"),  # that day was named, so it counts
        ("2026-W43", KATHMANDU, "first working day", "2026-10-23 00:15"),  # Dashain fills it until Thursday
        ("2026-W43", KATHMANDU, "fifth working day", "2026-10-25 00:15"),  # it has two: the last one
        ("2026-12", CARACAS, "last working day", "2026-12-30 10:00"),
        ("2026-W08", CARACAS, "first working day", "2026-02-18 10:00"),  # after carnival
        ("2026-02-16--2026-02-17", CARACAS, "first working day", "2026-02-17 10:00"),  # nothing but carnival
    ],
)  # fmt: skip
def test_a_public_holiday_of_the_country_is_no_working_day(
    period: str, zone: ZoneInfo, by: str, at: str
) -> None:
    every = Period.parse(period).every
    terms = schedule(every=str(every), first=period, last=period, opens_by=by)
    off = Calendar(WEEKS[zone], lambda day: day in days_off.of_country(COUNTRIES[zone], day.year))
    assert opened(terms, zone, off) == at


def test_of_a_country_that_is_not_known_there_are_no_holidays() -> None:
    assert not days_off.is_known("ZZ")
    assert days_off.of_country("ZZ", 2026) == {}


def test_a_time_that_the_clocks_leave_out_or_repeat_comes_once() -> None:
    assert opens("2026-03", MADRID, "last sunday", "02:30") == "2026-03-29 01:30"  # left out
    assert (
        opens("2026-10", MADRID, "last sunday", "02:30") == "2026-10-25 00:30"
    )  # twice: the first
    assert opens("2016-05", CARACAS, "first sunday", "02:45") == "2016-05-01 07:15"  # left out


def test_weeks_and_quarters_have_such_days_too() -> None:
    assert opens("2026-W53", ALGIERS, "last working day", every="week") == "2027-01-03 05:00"
    assert opens("2026-Q1", ALGIERS, "tenth working day", every="quarter") == "2026-01-14 05:00"


def test_two_weeks_or_two_months_open_once() -> None:
    weeks = {"every": "fortnight", "first": "2026-W12", "last": "2026-W13"}
    clock_change = schedule(**weeks, opens_on=14, opens_at="02:30")
    assert opened(clock_change, MADRID, Calendar()) == "2026-03-29 01:30"
    months = schedule(interval=2, first="2028-01", last="2028-12", opens_on=60)
    assert opened(months, ALGIERS, Calendar()) == "2028-02-29 05:00"  # a leap day
    assert [str(each) for each in months.periods][::5] == ["2028-01--2028-02", "2028-11--2028-12"]
    long = {"every": "fortnight", "first": "2026-W52", "last": "2027-W02"}
    at = [
        each.at.date()
        for each in openings(
            schedule(**long, opens_by="last working day"), ALGIERS, Calendar(WEEKS[ALGIERS])
        )
    ]
    assert at == [date(2027, 1, 3), date(2027, 1, 17)]


def test_what_is_paid_once_has_days_of_its_own() -> None:
    terms = schedule(
        every="once", first="2026-03-15", last="2026-05-31", opens_by="first working day"
    )
    assert (terms.first.starts_on, terms.last.ends_on) == (date(2026, 3, 15), date(2026, 5, 31))
    assert str(terms.first) == "2026-03-15--2026-05-31" == str(Period.parse(str(terms.first)))
    assert terms.first.days == 78
    assert terms.first.next.starts_on == date(2026, 6, 1)
    found = opening_of(terms.first, terms, ALGIERS, Calendar(WEEKS[ALGIERS]))
    assert found
    assert found.at == datetime.fromisoformat("2026-03-15T05:00+00:00")
    again = Schedule.model_validate(
        terms.model_dump(mode="json", exclude_none=True, by_alias=True),
        context=Reading.of("DZD", None),
    )
    assert again == terms


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"opens_by": "first moonday"}, "does not say on which day"),
        ({"opens_by": "sunday"}, "does not say on which day"),
        ({"opens_by": "last sunday", "opens_on": "5"}, "opens on a day of the period, or"),
        ({"every": "once"}, "has a first and a last day"),
        (
            {"every": "once", "first": "2026-03-01--2026-03-09", "last": "2026-03-10--2026-03-18"},
            "has one period",
        ),
        ({"first": "2026-01-05", "last": "2026-02-05"}, "is not a month, quarter or week"),
        ({"every": "once", "first": "2026-05-31", "last": "2026-03-15"}, "is not a period of 1 to 365 days"),
        ({"every": "once", "first": "2026-01-01", "last": "2027-02-01"}, "is not a period of 1 to 365 days"),
        ({"every": "once", "first": "2026-02-30", "last": "2026-03-15"}, "is not a month, quarter or week"),
        ({"opens_at": "06:00"}, "does not say on which day cycles open"),
        ({"interval": 5}, "From 2026-01 to 2028-12 is no whole number of periods of 5 months"),
        ({"every": "fortnight", "first": "2026-W05", "last": "2026-W05"}, "is no whole number of periods of 2 weeks"),
        ({"every": "fortnight", "interval": 2, "first": "2026-W05", "last": "2026-W08"}, "two weeks already"),
        ({"every": "quarter", "interval": 2, "first": "2026-Q1", "last": "2026-Q4"}, "Only months and weeks make"),
        ({"first": "2026-01--2026-02"}, "2026-01--2026-02 is not a month"),
        ({"interval": 0}, "is not a number of months or weeks"),
    ],
)  # fmt: skip
def test_a_schedule_that_cannot_be_meant_is_refused(said: dict[str, str], what: str) -> None:
    with pytest.raises(ValidationError) as refused:
        schedule(**said)
    assert what in str(refused.value.errors()[0]["ctx"]["what"])


@settings(max_examples=80, deadline=None)
@given(
    year=st.integers(2001, 2099), month=st.integers(1, 12), which=st.sampled_from(ORDINALS),
    what=st.sampled_from([*WEEKDAYS, "working day"]), zone=st.sampled_from(list(WEEKS)),
)  # fmt: skip
def test_the_day_is_one_of_the_period_s_and_of_the_kind_that_was_named(
    year: int, month: int, which: str, what: str, zone: ZoneInfo
) -> None:
    period = Period(year, month)
    terms = schedule(
        first=str(period), last=str(period), opens_by=f"{which} {what}", opens_at="12:00"
    )
    found = opening_of(period, terms, zone, Calendar(WEEKS[zone]))
    assert found
    day = found.at.astimezone(zone).date()
    assert period.starts_on <= day <= period.ends_on
    wanted = WEEKS[zone] if what == "working day" else {WEEKDAYS.index(what) + 1}
    assert day.isoweekday() in wanted


@settings(max_examples=50, deadline=None)
@given(first=st.dates(date(2000, 1, 1), date(2098, 12, 31)), length=st.integers(1, 365))
def test_a_period_of_days_is_read_as_it_is_written(first: date, length: int) -> None:
    last = date.fromordinal(first.toordinal() + length - 1)
    period = Period.of_days(first, last)
    assert (period.starts_on, period.ends_on, period.days) == (first, last, length)
    assert Period.parse(str(period)) == period
    assert period < period.next
    assert period.every is Every.ONCE
    with pytest.raises(UnusablePeriod):
        Period.of_days(last, date.fromordinal(first.toordinal() - 1))
