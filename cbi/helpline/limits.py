"""How many of its texts a number is answered, so that answering can neither be used to drain money nor to annoy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cbi.helpline.words import Command

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANSWERS_PER_HOUR = 5
ANSWERS_PER_DAY = 14
"""With the last one, which says that there will be no more, 15."""
STATUS_PER_DAY = 5
SAME_TEXT = timedelta(seconds=60)
"""The same words again within this time are one text that the telephone sent twice."""

LAST = "LIMIT"
"""The text that is the last answer for a while."""

ONCE_A_DAY = frozenset({"UNKNOWN"})
"""Answers that a number gets once in 24 hours."""


class Allowance(StrEnum):
    """Whether a text is answered: as usual, with the last answer for a while, or not at all."""

    USUAL = "usual"
    LAST = "last"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A text of the same number that was dealt with before. `reply` is the template it was answered with, if it was."""

    at: datetime
    command: Command | None
    reply: str | None


def allowance(earlier: Sequence[Earlier], command: Command | None, now: datetime) -> Allowance:
    """Whether another answer may go to a number with this past."""
    answered = [each for each in earlier if each.reply and each.at > now - DAY]
    if len(answered) > ANSWERS_PER_DAY:
        return Allowance.SILENT
    lately = [each for each in answered if each.at > now - HOUR]
    if len(lately) > ANSWERS_PER_HOUR or any(each.reply == LAST for each in lately):
        return Allowance.SILENT
    if len(answered) == ANSWERS_PER_DAY or len(lately) == ANSWERS_PER_HOUR:
        return Allowance.LAST
    asked = sum(1 for each in answered if each.command is Command.STATUS)
    if command is Command.STATUS and asked >= STATUS_PER_DAY:
        return Allowance.SILENT
    return Allowance.USUAL


def repeats(earlier: Sequence[Earlier], command: Command | None, reply: str, now: datetime) -> bool:
    """Whether this answer was given already today, and once a day is enough."""
    given = [each for each in earlier if each.reply == reply and each.at > now - DAY]
    if reply in ONCE_A_DAY:
        return bool(given)
    return command is None and any(each.command is None for each in given)
