"""The months, quarters and weeks that payment cycles are opened for."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from cbi.errors import Invalid
from cbi.registry.text import plain_digits

FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Years outside these are slips of the keyboard, or what a spreadsheet makes of an empty cell."""


class UnusablePeriod(Invalid):
    """The text does not name a period."""

    code = "programmes.unusable_period"


class Every(StrEnum):
    """How long a programme's periods are."""

    MONTH = "month"
    QUARTER = "quarter"
    WEEK = "week"
    ONCE = "once"


_FORMS = {
    Every.MONTH: re.compile(r"(\d{4})-(\d{2})\Z", re.ASCII),
    Every.QUARTER: re.compile(r"(\d{4})-Q([1-4])\Z", re.ASCII | re.IGNORECASE),
    Every.WEEK: re.compile(r"(\d{4})-W(\d{2})\Z", re.ASCII | re.IGNORECASE),
}
_DAYS = re.compile(r"(\d{4}-\d{2}-\d{2})--(\d{4}-\d{2}-\d{2})\Z", re.ASCII)
EXAMPLES = {
    Every.MONTH: "2026-01",
    Every.QUARTER: "2026-Q1",
    Every.WEEK: "2026-W05",
    Every.ONCE: "2026-03-15",
}
MOST_DAYS = 365
"""In a period with days of its own: no day and month comes twice in it."""
_MONTHS_A_YEAR = 12
_MONTHS = {Every.MONTH: 1, Every.QUARTER: 3}


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A calendar month `2026-01`, a quarter `2026-Q1`, a week `2026-W05` from Monday on, or the days from one to another,
    `2026-03-15--2026-05-31` (ISO 8601), for what is paid once.

    Periods of one kind are ordered as they follow each other. `number` counts months, quarters, weeks, or the days of the
    year up to the first of `length` days.
    """

    year: int
    number: int
    every: Every = Every.MONTH
    length: int = 0

    @classmethod
    def of_days(cls, first: date, last: date) -> "Period":
        """The days from one to another, both included. Raises UnusablePeriod."""
        length = (last - first).days + 1
        if not 1 <= length <= MOST_DAYS or not FIRST_YEAR <= first.year <= LAST_YEAR:
            raise UnusablePeriod(
                f"From {first} to {last} is not a period of 1 to {MOST_DAYS} days.",
                next_step="Check both days.",
            )
        return cls(first.year, first.timetuple().tm_yday, Every.ONCE, length)

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read a period, in any digit script. Raises UnusablePeriod."""
        plain = plain_digits(text).strip()
        if match := _DAYS.match(plain):
            try:
                return cls.of_days(date.fromisoformat(match[1]), date.fromisoformat(match[2]))
            except ValueError:
                pass  # a day that is not in the calendar: said below
        for every, form in _FORMS.items():
            if match := form.match(plain):
                period = cls(int(match[1]), int(match[2]), every)
                if FIRST_YEAR <= period.year <= LAST_YEAR and period._is_in_the_calendar:
                    return period
        raise UnusablePeriod(
            f"{text[:40]!r} is not a month, quarter or week.",
            next_step="Write the year and the month, such as 2026-01; a quarter as 2026-Q1, a week as 2026-W05, the days"
            " from one to another as 2026-03-15--2026-05-31.",
        )

    @property
    def _is_in_the_calendar(self) -> bool:
        try:
            return self.starts_on.year >= FIRST_YEAR - 1
        except ValueError:
            return False

    @property
    def starts_on(self) -> date:
        """Its first day."""
        if self.every is Every.WEEK:
            return date.fromisocalendar(self.year, self.number, 1)
        if self.every is Every.ONCE:
            return date(self.year, 1, 1) + timedelta(days=self.number - 1)
        return date(self.year, (self.number - 1) * _MONTHS[self.every] + 1, 1)

    @property
    def ends_on(self) -> date:
        """Its last day."""
        if self.every is Every.WEEK:
            return self.starts_on + timedelta(days=6)
        if self.every is Every.ONCE:
            return self.starts_on + timedelta(days=self.length - 1)
        return _first_of_month(self.starts_on, _MONTHS[self.every]) - timedelta(days=1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.ends_on - self.starts_on).days + 1

    @property
    def next(self) -> "Period":
        """The period that follows."""
        if self.every is Every.WEEK:
            year, week, _ = (self.ends_on + timedelta(days=1)).isocalendar()
            return Period(year, week, self.every)
        if self.every is Every.ONCE:
            first = self.ends_on + timedelta(days=1)
            return Period(first.year, first.timetuple().tm_yday, self.every, self.length)
        is_last = self.number * _MONTHS[self.every] == _MONTHS_A_YEAR
        return (
            Period(self.year + 1, 1, self.every)
            if is_last
            else Period(self.year, self.number + 1, self.every)
        )

    def starts_before(self, periods: int) -> date:
        """The first day of the period that comes so many periods before this one."""
        if self.every is Every.WEEK:
            return self.starts_on - timedelta(weeks=periods)
        if self.every is Every.ONCE:
            return self.starts_on - timedelta(days=periods * self.length)
        return _first_of_month(self.starts_on, -periods * _MONTHS[self.every])

    def __str__(self) -> str:
        if self.every is Every.ONCE:
            return f"{self.starts_on}--{self.ends_on}"
        return {
            Every.MONTH: f"{self.year:04}-{self.number:02}",
            Every.QUARTER: f"{self.year:04}-Q{self.number}",
            Every.WEEK: f"{self.year:04}-W{self.number:02}",
        }[self.every]


def _first_of_month(day: date, months: int) -> date:
    """The first day of the month that comes so many months after that day's."""
    counted = day.year * 12 + day.month - 1 + months
    return date(counted // 12, counted % 12 + 1, 1)
