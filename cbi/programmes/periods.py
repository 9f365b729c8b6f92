"""The months, quarters and weeks, or several months or weeks together, that payment cycles are opened for."""

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
TOGETHER = (Every.MONTH, Every.WEEK)
"""Of what several can make one period, and how many at most."""
MOST_TOGETHER = 12
_MONTHS = {Every.MONTH: 1, Every.QUARTER: 3}
_DAYS_IN = {Every.WEEK: 7, Every.ONCE: 1}


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A calendar month `2026-01`, a quarter `2026-Q1`, a week `2026-W05` from Monday on; several months or weeks together,
    `2026-01--2026-02`, `2026-W05--2026-W06`; or the days from one to another, `2026-03-15--2026-05-31` (ISO 8601), for what
    is paid once.

    Periods of one kind and length are ordered as they follow each other. `number` counts months, quarters, weeks or days of
    the year up to the first; `length` says how many of them there are in the period.
    """

    year: int
    number: int
    every: Every = Every.MONTH
    length: int = 1

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
        begins, several, ends = plain.partition("--")
        first, last = cls._one(begins), cls._one(ends if several else begins)
        if first and last and first.every == last.every:
            length = first._up_to(last)
            if not several or (first.every in TOGETHER and 1 < length <= MOST_TOGETHER):
                return first.together(length)
        raise UnusablePeriod(
            f"{text[:40]!r} is not a month, quarter or week.",
            next_step="Write the year and the month, such as 2026-01; a quarter as 2026-Q1, a week as 2026-W05, two months"
            " together as 2026-01--2026-02, the days from one to another as 2026-03-15--2026-05-31.",
        )

    @classmethod
    def _one(cls, text: str) -> "Period | None":
        """One month, quarter or week; None where the text names none that is in the calendar."""
        for every, form in _FORMS.items():
            if match := form.match(text):
                period = cls(int(match[1]), int(match[2]), every)
                if FIRST_YEAR <= period.year <= LAST_YEAR and period._is_in_the_calendar:
                    return period
        return None

    @classmethod
    def _of(cls, first: date, every: Every, length: int) -> "Period":
        """The period of so many months, quarters, weeks or days, of which the first is the one that has that day."""
        year, number = first.year, first.timetuple().tm_yday
        if every is Every.WEEK:
            year, number, _ = first.isocalendar()
        elif every is not Every.ONCE:
            number = (first.month - 1) // _MONTHS[every] + 1
        return cls(year, number, every, length)

    @property
    def _is_in_the_calendar(self) -> bool:
        try:
            return self.starts_on.year >= FIRST_YEAR - 1
        except ValueError:
            return False

    def _up_to(self, last: "Period") -> int:
        """How many there are from this one to another of its kind; below 1 where that one comes earlier."""
        if self.every in _DAYS_IN:
            return (last.starts_on - self.starts_on).days // _DAYS_IN[self.every] + 1
        return (last.year - self.year) * (12 // _MONTHS[self.every]) + last.number - self.number + 1

    def together(self, length: int) -> "Period":
        """So many months, quarters, weeks or days, of which the first is this one's first."""
        return Period(self.year, self.number, self.every, length)

    @property
    def last_of_them(self) -> "Period":
        """The last of its months, quarters, weeks or days."""
        return Period._of(self.ends_on, self.every, 1)

    def ending_here(self, length: int) -> "Period":
        """So many of them, of which the last is this one, which is one month, quarter or week."""
        return Period._of(self.starts_before(length - 1), self.every, length)

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
        return self._after(self.length) - timedelta(days=1)

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.ends_on - self.starts_on).days + 1

    @property
    def next(self) -> "Period":
        """The period that follows."""
        return Period._of(self._after(self.length), self.every, self.length)

    def starts_before(self, periods: int) -> date:
        """The first day of the period that comes so many periods before this one."""
        return self._after(-periods * self.length)

    def _after(self, many: int) -> date:
        """The first day of the month, quarter, week or day that comes so many after its first."""
        if self.every in _DAYS_IN:
            return self.starts_on + timedelta(days=many * _DAYS_IN[self.every])
        return _first_of_month(self.starts_on, many * _MONTHS[self.every])

    def __str__(self) -> str:
        if self.every is Every.ONCE:
            return f"{self.starts_on}--{self.ends_on}"
        if self.length > 1:
            return f"{self.together(1)}--{self.last_of_them}"
        return {
            Every.MONTH: f"{self.year:04}-{self.number:02}",
            Every.QUARTER: f"{self.year:04}-Q{self.number}",
            Every.WEEK: f"{self.year:04}-W{self.number:02}",
        }[self.every]


def _first_of_month(day: date, months: int) -> date:
    """The first day of the month that comes so many months after that day's."""
    counted = day.year * 12 + day.month - 1 + months
    return date(counted // 12, counted % 12 + 1, 1)
