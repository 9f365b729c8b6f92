"""Keyed hashes that people who may be the same person have in common, so that few have to be opened and compared."""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from cbi.keys import Keyring
from cbi.registry.linkage.likeness import Likeness

RULES = 1
"""The version of these rules and of how names sound. People keyed under another one are keyed and compared again."""

_MOST_WORDS = 5
_PURPOSE = "registry/linkage"


@dataclass(frozen=True, slots=True)
class BlockingKey:
    """A keyed hash that likely matches share, and a second one that splits it where too many people share the first."""

    hash: int
    finer: int


class Blocking:
    """Makes the keys of one office; another office's keys for the same person have nothing in common with them."""

    def __init__(self, keys: Keyring) -> None:
        self._key = keys.derive(_PURPOSE)

    def number(self, text: str) -> int:
        """The keyed hash of a text as a whole number of 64 bits."""
        return _number(self._key, text)

    def keys(self, one: Likeness) -> list[BlockingKey]:
        """Every key of a person."""
        found = {self.number(key): self.number(f"{key}/{finer}") for key, finer in plain_keys(one)}
        return [BlockingKey(key, finer) for key, finer in found.items()]

    def sounds(self, one: Likeness) -> set[int]:
        """A hash for each part of a name as it sounds, by which the office counts how common it is."""
        return {self.number(f"word/{word.sound}") for word in one.words}


def _number(key: bytes, text: str) -> int:
    digest = hmac.digest(key, text.encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big", signed=True)


def plain_keys(one: Likeness) -> Iterator[tuple[str, str]]:
    """What likely matches share, in clear, with what splits it. Two people are compared if they share one of these.

    - two parts of the name by their sound, in any order; split by the year of birth
    - one part and the year of birth; split by the sex and the place
    - the day of birth, whichever of its numbers is the month; split by the sex
    - a telephone of the household and one part of the name
    - where the name has one part, or no year is known but a place: each part with the sex and the place
    """
    sounds = sorted({word.sound for word in one.words} | {word.other for word in one.words})
    sounds = sounds[: 2 * _MOST_WORDS]
    year = one.birth.year if one.birth else None
    where = f"{one.sex}/{one.place}"
    for first, second in combinations(sounds, 2):
        yield f"names/{first}/{second}", str(year)
    for each in sounds:
        if year is not None:
            yield f"name and year/{each}/{year}", where
        if len(one.words) == 1 or (year is None and one.place):
            yield f"name and place/{each}/{where}", str(year)
        for phone in one.phones:
            yield f"name and phone/{each}/{phone}", where
    if one.birth and one.birth.day and one.birth.month:
        parts = sorted((one.birth.day, one.birth.month))
        yield f"born/{one.birth.year}/{parts[0]}/{parts[1]}", str(one.sex)
