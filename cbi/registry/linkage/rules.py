"""When enough people have said of a pair that it is one person, or two. Pure rules."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from uuid import UUID

from cbi.registry.linkage.models import Finding, PairState

ASK, CERTAIN = 400, 950
"""From what score (per mille) an office asks about a pair, and calls it certain, until it says otherwise."""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said of a pair, in order."""

    finding: Finding
    who: UUID | None
    kept: UUID | None = None


def running(said: Sequence[Said]) -> list[Said]:
    """The last verdicts that agree with one another: whatever stands before another finding counts no more."""
    if not said:
        return []
    last = said[-1].finding
    return list(takewhile(lambda each: each.finding == last, reversed(said)))[::-1]


def enough(said: Sequence[Said], registrars: Collection[UUID | None]) -> bool:
    """Whether the last verdicts settle the pair.

    That two records are one person takes two people. That they are two people takes somebody who registered neither, or
    two people: nobody clears alone whom they brought in.
    """
    agreeing = running(said)
    people = {each.who for each in agreeing}
    if not agreeing or None in people:
        return False
    if agreeing[-1].finding is Finding.SAME:
        return len(people) > 1
    if agreeing[-1].finding is Finding.DIFFERENT:
        return len(people) > 1 or bool(people - set(registrars))
    return False


def state_after(said: Sequence[Said], registrars: Collection[UUID | None]) -> PairState:
    """What a pair is after these verdicts, worked out from the first one on."""
    state = PairState.OPEN
    begun = 0
    for at, each in enumerate(said, start=1):
        if each.finding is Finding.TAKEN_BACK:
            state, begun = PairState.OPEN, at
        elif state is PairState.OPEN and enough(said[begun:at], registrars):
            state = PairState(each.finding.value)
    return state
