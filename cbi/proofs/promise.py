"""One promise, and how it is proved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.orm import Session

Breaches = Iterator[str]
Check = Callable[[Session], Breaches]

SHOWN = 20
"""How many breaches of one promise are named; more are counted by reading on, not by printing."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A sentence that must always hold. Without a check it is not covered yet, and never counts as kept."""

    number: int
    sentence: str
    checks: tuple[Check, ...] = ()
    left_open: str = ""
    """What of the sentence these checks cannot show, and where it is shown instead."""
    not_shown: tuple[Callable[[Session], Iterator[str]], ...] = ()
    """What they cannot look at, or not any more, counted, each with why that is right or what to do."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What proving one promise gave: kept, broken (with the first breaches), or not covered."""

    promise: Promise
    breaches: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = ()
    """What could not be looked at, or not any more, and why that is right or what to do."""

    @property
    def covered(self) -> bool:
        return bool(self.promise.checks)

    @property
    def kept(self) -> bool:
        return self.covered and not self.breaches


def none_of(sentence: str, sql: str) -> Check:
    """A check that a query finds nothing. `sentence` names a breach; `{column}` stands for what the query returns."""

    def check(session: Session) -> Breaches:
        for row in session.execute(text(f"{sql} LIMIT {SHOWN}")):
            yield sentence.format(**row._mapping)

    return check
