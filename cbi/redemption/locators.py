"""Locators: the public part of a code, drawn at random and unlike any that is live."""

import random

from sqlalchemy import ARRAY, Text, func, literal, select
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
    free: set[int] = set()
    while len(free) < count:
        wanted = min(space, (count - len(free)) * 5 // 4 + _SPARE)
        drawn = set(_dice.sample(range(space), wanted))
        with seeing_all(session):  # a code elsewhere takes its locator, too
            taken = _live_among(session, drawn, digits)
            if len(taken) > _SUSPICIOUS * wanted:
                _check_room(session, digits)
        free |= drawn - taken
    return [f"{number:0{digits}d}" for number in _dice.sample(sorted(free), count)]


def _live_among(session: Session, drawn: set[int], digits: int) -> set[int]:
    asked = literal([f"{number:0{digits}d}" for number in drawn], ARRAY(Text))
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
