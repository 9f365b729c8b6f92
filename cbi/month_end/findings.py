"""What one line of the checklist found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether something is done, in a sentence; and what to do next where it is not."""

    done: bool
    says: str
    next_step: str = ""


def done(says: str) -> Finding:
    """What is done."""
    return Finding(done=True, says=says)


def still_open(says: str, next_step: str) -> Finding:
    """What is not, and what to do next."""
    return Finding(done=False, says=says, next_step=next_step)


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun: `1 payment`, `3 payments`."""
    return f"{number} {one if number == 1 else many}"
