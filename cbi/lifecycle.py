"""What may follow what: the allowed moves of a payment, a run or a code, kept as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from cbi.errors import Conflict

State = TypeVar("State", bound=StrEnum)


class MoveNotAllowed(Conflict):
    """The lifecycle has no such arrow."""

    code = "lifecycle.move_not_allowed"


@dataclass(frozen=True, slots=True)
class Lifecycle(Generic[State]):
    """One enum and its arrows. `moves` maps a state to each state it may become, with the reason as the label."""

    name: str
    initial: State
    moves: Mapping[State, Mapping[State, str]]

    def allows(self, before: State, after: State) -> bool:
        """Whether there is an arrow from `before` to `after`."""
        return after in self.moves.get(before, {})

    def check(self, before: State, after: State) -> None:
        """Raise MoveNotAllowed unless there is an arrow from `before` to `after`."""
        if not self.allows(before, after):
            allowed = ", ".join(self.moves.get(before, {})) or "nothing"
            raise MoveNotAllowed(
                f"A {self.name} that is {before} cannot become {after}.",
                next_step=f"From {before} it may become: {allowed}.",
            )

    def sources(self, after: State) -> frozenset[State]:
        """Every state with an arrow to `after`: what a compare-and-set in SQL must name."""
        return frozenset(before for before, targets in self.moves.items() if after in targets)

    def as_mermaid(self) -> str:
        """The diagram that ARCHITECTURE.md shows; a test compares the two."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for before, targets in self.moves.items():
            lines += [
                f"    {before} --> {after}" + (f": {label}" if label else "")
                for after, label in targets.items()
            ]
        return "\n".join(lines)
