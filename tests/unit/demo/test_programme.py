"""The demonstration's months hold on every day of the year, also across a new year."""

from datetime import date, timedelta

import pytest

from cbi.demo import programme
from cbi.demo.programme import MONTHS, Months
from cbi.programmes.definition import read


def test_every_day_of_five_years_has_its_month_and_the_one_before() -> None:
    for after in range(5 * 366):
        today = date(2026, 1, 1) + timedelta(days=after)
        months = Months.around(today)
        assert months.present.starts_on <= today <= months.present.ends_on
        assert months.first.ends_on == months.present.starts_on - timedelta(days=1)
        assert months.last.starts_on > today


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        (date(2027, 1, 31), "2026-12", "2027-11"),
        (date(2027, 3, 1), "2027-02", "2028-01"),
        (date(2028, 2, 29), "2028-01", "2028-12"),
        (date(2027, 12, 31), "2027-11", "2028-10"),
    ],
)
def test_the_programme_runs_for_a_year_from_last_month_on(
    today: date, first: str, last: str
) -> None:
    months = Months.around(today)
    assert (str(months.first), str(months.last)) == (first, last)
    ends, begins = months.last.ends_on, months.first.starts_on
    assert (ends.year - begins.year) * 12 + ends.month - begins.month == MONTHS - 1


@pytest.mark.parametrize("cap", [programme.CAP, programme.RAISED_CAP])
def test_the_file_is_a_programme_file_on_leap_day_too(cap: str) -> None:
    text = programme.file(Months.around(date(2028, 2, 29)), cap)
    definition = read(text, ("post_office", "sandbox"))
    assert definition.grants[0].valid_from == date(2028, 1, 1)
    assert [route.provider for route in definition.delivery.routes] == ["post_office", "sandbox"]
