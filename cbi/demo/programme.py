"""The demonstration's programme file: last month's version, and this month's, which pays large households more."""

from dataclasses import dataclass
from datetime import date

from cbi.programmes.periods import Period

NAME = "winter"
FUND = "harbour-fund"
MONTHS = 12
"""How long fund and schedule run, from last month on: into the next year, whatever day it is."""

CAP, RAISED_CAP = "12000.00", "13500.00"
"""The most that a household gets: a change for a few, which approvers see by name."""

_FILE = """\
programme:
  code: {name}
  name: Winter stipend
  kind: stipend
  languages: [ar, fr, en]
fund:
  code: {fund}
  name: Harbour Cities Fund
  amount: "20000000.00"
  valid_from: {months.first.starts_on}
  valid_to: {months.last.ends_on}
currency: DZD
stipend:
  base: "2000.00"
  per_member: "1500.00"
  cap: "{cap}"
schedule:
  every: month
  first: {months.first}
  last: {months.last}
delivery:
  provider: post_office
  mechanism: cash_over_counter
  also:
    - {{provider: sandbox, mechanism: mobile_money}}
"""


@dataclass(frozen=True, slots=True)
class Months:
    """The month that is over and is paid late, the present one, and the last one of the programme."""

    first: Period
    present: Period
    last: Period

    @classmethod
    def around(cls, today: date) -> "Months":
        """The months of a story told on that day."""
        return cls(_after(today, -1), _after(today, 0), _after(today, MONTHS - 2))


def _after(today: date, months: int) -> Period:
    counted = today.year * 12 + today.month - 1 + months
    return Period(counted // 12, counted % 12 + 1)


def file(months: Months, cap: str = CAP) -> str:
    """The file as a programme manager writes it."""
    return _FILE.format(name=NAME, fund=FUND, months=months, cap=cap)
