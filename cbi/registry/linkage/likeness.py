"""What is compared of a person: the sound of the name, the birth as far as it is known, and the little beside it."""

import re
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from cbi.registry.linkage.sounds import Word, words

_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)\Z", re.ASCII)
_AGE = re.compile(r"age (\d{1,3})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Birth:
    """A birth as far as it is known: a day, or only the year. The first of January counts as only the year.

    Whoever does not know their birthday is registered with the first of January in most registries.
    """

    year: int
    month: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Likeness:
    """One person as they are compared. Never printed, never stored: it is opened for the comparison and dropped."""

    person: UUID
    home: UUID
    words: tuple[Word, ...]
    birth: Birth | None
    sex: str | None
    place: str | None
    size: int | None
    phones: tuple[str, ...]
    """Keyed hashes of the household's telephones, as text."""
    document: str | None
    """The document's number, with its kind in front."""

    @property
    def sound(self) -> str:
        """The whole name as it sounds, whatever the order of its parts."""
        return " ".join(sorted(word.sound for word in self.words))


def likeness(
    person: UUID,
    home: UUID,
    name: str,
    born: str | None,
    seen_on: date,
    *,
    sex: str | None = None,
    place: str | None = None,
    size: int | None = None,
    phones: tuple[str, ...] = (),
    document: str | None = None,
) -> Likeness:
    """A person as they are compared; `born` as the registry keeps it, `seen_on` the day an age was told."""
    known = sex if sex in ("female", "male") else None
    return Likeness(
        person, home, words(name), birth(born, seen_on), known, place or None, size, phones, document
    )  # fmt: skip


def birth(born: str | None, seen_on: date) -> Birth | None:
    """A day (`1990-05-04`) or an age (`age 36`), as far as it says when somebody was born."""
    if not born:
        return None
    if found := _DAY.match(born):
        year, month, day = (int(part) for part in found.groups())
        return Birth(year) if (month, day) == (1, 1) else Birth(year, month, day)
    if found := _AGE.match(born):
        return Birth(seen_on.year - int(found[1]))
    return None
