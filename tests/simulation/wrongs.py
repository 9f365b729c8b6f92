"""What can be wrong after a life."""

from enum import StrEnum


class Kind(StrEnum):
    """What can be wrong after a life."""

    PAID_TWICE = "paid twice, or sent so that it could be"
    LOST = "acknowledged, and lost"
    UNRESOLVED = "could be known, and is not"
    OTHERWISE = "our books say otherwise than the truth"
    ALONE = "one person did what takes two, or what nobody had signed"
    PROMISE = "a promise is broken (cbi verify)"
    BROKEN = "an error that nobody expected"


Wrong = tuple[Kind, str]
