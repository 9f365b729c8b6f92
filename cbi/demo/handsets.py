"""The telephones of the made-up people, as their holders see them: what came, what was written, whose they are."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cbi import clock, offices
from cbi.demo.people import MadeUp
from cbi.messaging import phones
from cbi.messaging.phones import Text
from cbi.settings import settings

_ARABIC = re.compile("[\u0600-\u06ff]")
STRANGER = "+213799000333"
"""A number that nobody gave to the office."""


@dataclass(slots=True)
class Handset:
    """One telephone. `place` is its number in the town's list, which a web address may hold; the number may not."""

    place: int
    number: str = field(repr=False)
    holders: list[MadeUp]
    written: list[Text] = field(default_factory=list)
    """What its holder wrote to the office, in the memory of this process only."""

    @property
    def language(self) -> str:
        """The language that its texts come in."""
        return self.holders[0].language if self.holders else "ar"

    def say(self, office: str, words: str) -> None:
        """Write to the office. What happens then is up to whoever answers its texts."""
        offices.transact(office, lambda session: phones.say(session, self.number, words))
        self.written.append(Text(clock.now(), "", words))

    def came(self) -> list[Text]:
        """What came from the office, oldest first."""
        return phones.phones(settings()).inbox(self.number)

    def thread(self) -> list[tuple[bool, Text]]:
        """All of it in order of time; True beside what the holder wrote."""
        both = [(True, text) for text in self.written] + [(False, text) for text in self.came()]
        return sorted(both, key=lambda each: each[1].at)


class Handsets:
    """Every telephone of the town, by place, and the few that the story is about."""

    def __init__(self) -> None:
        self.all: dict[int, Handset] = {}
        self._by_number: dict[str, Handset] = {}
        self.waiting: list[Handset] = []
        """Whose holder has a code that was not redeemed yet."""
        self.wrote: list[Handset] = []
        self.new: list[Handset] = []
        """Registered this month; their first code comes when the waiting run is released."""

    def give(self, people: Sequence[MadeUp]) -> list[Handset]:
        """A telephone to each, or the same to those who share a number; returns theirs in the same order."""
        return [self._of(person.e164, person) for person in people]

    def of(self, person: MadeUp) -> Handset:
        """The telephone that somebody has."""
        return self._by_number[person.e164]

    def stranger(self) -> Handset:
        """The telephone that the office knows nothing of."""
        return self._of(STRANGER, None)

    def _of(self, number: str, holder: MadeUp | None) -> Handset:
        handset = self._by_number.get(number)
        if handset is None:
            handset = Handset(len(self.all) + 1, number, [])
            self.all[handset.place] = self._by_number[number] = handset
        if holder is not None and holder not in handset.holders:
            handset.holders.append(holder)
        return handset


def script_of(text: str, otherwise: str) -> str:
    """The language that a text is shown in: Arabic where its letters are, else that of the telephone."""
    if _ARABIC.search(text):
        return "ar"
    return otherwise if otherwise != "ar" else "en"
