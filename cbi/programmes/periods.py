"""The months that payment cycles are opened for."""

import calendar
import re
from dataclasses import dataclass
from datetime import date

from cbi.errors import Invalid
from cbi.registry.text import plain_digits

_MONTH = re.compile(r"(\d{4})-(\d{2})\Z", re.ASCII)
FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Years outside these are slips of the keyboard, or what a spreadsheet makes of an empty cell."""


class UnusablePeriod(Invalid):
    """The text does not name a month."""

    code = "programmes.unusable_period"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One calendar month, written `2026-01`."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "Period":
        """Read `2026-01`, in any digit script. Raises UnusablePeriod."""
        match = _MONTH.match(plain_digits(text).strip())
        if match:
            year, month = int(match[1]), int(match[2])
            if FIRST_YEAR <= year <= LAST_YEAR and 1 <= month <= 12:
                return cls(year, month)
        raise UnusablePeriod(
            f"{text[:40]!r} is not a month.",
            next_step="Write the year and the month, such as 2026-01.",
        )

    @property
    def starts_on(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def ends_on(self) -> date:
        """Its last day."""
        return date(self.year, self.month, calendar.monthrange(self.year, self.month)[1])

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"
