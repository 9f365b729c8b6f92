"""Locators: the public part of a code, drawn at random and unlike any that is live."""

import random
from collections.abc import Iterable, Sequence
from itertools import islice

from sqlalchemy import ARRAY, ColumnElement, Text, func, select
from sqlalchemy.orm import Session

from cbi.db import planned_for_few
from cbi.errors import Conflict
from cbi.redemption.models import CodeIssue
from cbi.scope import seeing_all

_SPARE = 1_000
_SUSPICIOUS = 0.4
"""Above this share of live ones in a draw of at least a thousand, the live ones are counted exactly."""

_dice = random.SystemRandom()


class LocatorsScarce(Conflict):
    """More than half of all locators are live: a guess would too often meet somebody's code."""

    code = "redemption.locators_scarce"


def draw(session: Session, count: int, digits: int) -> list[str]:
    """That many different locators that no live code has, in random order.

    Another transaction may take one of them at the same moment: insert them so that the unique index decides, and draw
    again for those that lost. Raises LocatorsScarce.
    """
    space = 10**digits
    free: dict[int, None] = {}  # in the order in which they were drawn
    while len(free) < count:
        wanted = min(space, (count - len(free)) * 5 // 4 + _SPARE)
        drawn = _dice.sample(range(space), wanted)
        with seeing_all(session):  # a code elsewhere takes its locator, too
            taken = _live_among(session, drawn, digits)
            if len(taken) > _SUSPICIOUS * wanted:
                _check_room(session, digits)
        free |= dict.fromkeys(number for number in drawn if number not in taken)
    return [f"{number:0{digits}d}" for number in islice(free, count)]


def in_sql(locators: Iterable[str]) -> ColumnElement[Sequence[str]]:
    """Locators as an array, which goes to the database as one text: writing ten thousand values down takes longer."""
    return func.string_to_array(",".join(locators), ",", type_=ARRAY(Text))


def _live_among(session: Session, drawn: Iterable[int], digits: int) -> set[int]:
    asked = in_sql(f"{number:0{digits}d}" for number in drawn)
    with planned_for_few(session):
        rows = session.scalars(
            select(CodeIssue.locator).where(CodeIssue.live, CodeIssue.locator == func.any(asked))
        )
        return {int(locator) for locator in rows}


def _check_room(session: Session, digits: int) -> None:
    live = session.scalar(
        select(func.count()).where(CodeIssue.live, func.length(CodeIssue.locator) == digits)
    )
    if live is not None and live * 2 > 10**digits:
        raise LocatorsScarce(
            f"{live:,} of the {10**digits:,} locators with {digits} digits are live.",
            next_step=f"Have the office's locators made longer than {digits} digits (up to 7).",
        )
