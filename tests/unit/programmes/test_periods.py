"""A period is one calendar month."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.programmes.periods import Period, UnusablePeriod


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
