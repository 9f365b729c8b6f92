"""A period is one calendar month, or several months or weeks together."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.programmes.periods import TOGETHER, Every, Period, UnusablePeriod


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("2026-02", date(2026, 2, 28)),
        ("2028-02", date(2028, 2, 29)),
        ("2100-02", date(2100, 2, 28)),
        ("2000-02", date(2000, 2, 29)),
        ("2026-12", date(2026, 12, 31)),
        ("٢٠٢٦-٠٤", date(2026, 4, 30)),
        (" 2026-04 ", date(2026, 4, 30)),
    ],
)
def test_a_month_ends_on_its_last_day_also_in_leap_years(text: str, last: date) -> None:
    period = Period.parse(text)
    assert period.ends_on == last
    assert period.starts_on == last.replace(day=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-13",
        "2026-00",
        "2026-1",
        "01-2026",
        "2026-01-01",
        "1900-01",
        "2026/01",
        "2026-01\n5",
        "2026-01--",
        "2026-01--2026-01",
        "2026-02--2026-01",
        "2026-01--2026-W05",
        "2026-01--2027-01",
        "2026-W53--2027-W54",
        "2026-Q1--2026-Q2",
    ],
)
def test_what_is_not_a_month_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UnusablePeriod, match="such as 2026-01"):
        Period.parse(text)


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_months_follow_each_other_without_a_gap(day: date) -> None:
    period = Period.parse(f"{day:%Y-%m}")
    assert period.starts_on <= day <= period.ends_on
    following = period.ends_on + timedelta(days=1)
    assert Period.parse(f"{following:%Y-%m}").starts_on == following
    assert period < Period.parse(f"{following:%Y-%m}")
    assert Period.parse(str(period)) == period


@pytest.mark.parametrize(
    ("text", "first", "last", "following"),
    [
        ("2026-w05--2026-W06", date(2026, 1, 26), date(2026, 2, 8), "2026-W07--2026-W08"),
        ("2026-W53--2027-W01", date(2026, 12, 28), date(2027, 1, 10), "2027-W02--2027-W03"),
        ("2028-01--2028-02", date(2028, 1, 1), date(2028, 2, 29), "2028-03--2028-04"),
        ("2026-11--2027-01", date(2026, 11, 1), date(2027, 1, 31), "2027-02--2027-04"),
    ],
)  # fmt: skip
def test_several_weeks_or_months_make_a_period_together(
    text: str, first: date, last: date, following: str
) -> None:
    period = Period.parse(text)
    assert (period.starts_on, period.ends_on) == (first, last)
    assert str(period) == text.upper()
    assert str(period.next) == following


@given(st.dates(date(2001, 1, 1), date(2098, 1, 1)), st.sampled_from(TOGETHER), st.integers(1, 12))
def test_periods_of_several_follow_each_other_without_a_gap(
    day: date, every: Every, length: int
) -> None:
    week = day.isocalendar()
    one = f"{day:%Y-%m}" if every is Every.MONTH else f"{week.year}-W{week.week:02}"
    period = Period.parse(one).together(length)
    assert Period.parse(str(period)) == period
    assert period < period.next
    assert period.next.starts_on == period.ends_on + timedelta(days=1)
    assert period.next.starts_before(1) == period.starts_on
    assert period.last_of_them.ending_here(length) == period
