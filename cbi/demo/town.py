"""The made-up town: one office, who works in it, who is registered, their telephones and the post offices."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.demo import people
from cbi.demo.handsets import Handsets
from cbi.demo.people import MadeUp
from cbi.demo.post_office import PostOffice
from cbi.demo.programme import Months
from cbi.demo.staff import Colleague
from cbi.offices import office_of

OFFICE = "wadi"
CURRENCY = "DZD"
KEEP_THEIR_CODE = 13
"""Recipients who have not been at a counter yet; one of them will have lost the code."""

Result = TypeVar("Result")


class Town:
    """What the story is told with. `folder` holds the files that people in it would have on their desks."""

    def __init__(self, folder: Path, households: int) -> None:
        new = max(3, households // 25)
        everybody = people.households(households + new)
        self.folder = folder
        self.households = everybody[:households]
        self.newcomers = everybody[households:]
        self.staff: dict[str, Colleague] = {}
        self.post = PostOffice(OFFICE)
        self.handsets = Handsets()
        self.months: Months

    def transact(self, work: Callable[[Session], Result]) -> Result:
        """One piece of work in the town's office."""
        return offices.transact(OFFICE, work)

    def look_at_the_calendar(self) -> None:
        """Which month it is here."""
        self.months = Months.around(
            clock.today(self.transact(lambda session: office_of(session).timezone))
        )

    @property
    def by_mobile_money(self) -> list[MadeUp]:
        """Who asked for that at registration."""
        return [person for person in self.households if not person.at_counter]

    def at_the_counters(self) -> tuple[list[MadeUp], list[MadeUp]]:
        """Who comes for their cash, and who keeps the code for later: as many in each language, and nobody who shares.

        The first household is registered twice, so it gets nothing before somebody has decided that.
        """
        expected = [person for person in self.households[1:] if person.at_counter]
        alone = [p for p in expected if len(self.handsets.of(p).holders) == 1]
        by_language = [[p for p in alone if p.language == each] for each in ("ar", "fr", "en")]
        later: list[MadeUp] = []
        for at in range(KEEP_THEIR_CODE):
            of_one = by_language[at % len(by_language)]
            share = -(-(KEEP_THEIR_CODE - at % len(by_language)) // len(by_language))
            later.append(_spread(of_one, share)[at // len(by_language)])
        return [person for person in expected if person not in later], later


def _spread(these: Sequence[MadeUp], count: int) -> list[MadeUp]:
    """So many of them, from all over the list."""
    return [these[at * len(these) // count] for at in range(count)]
