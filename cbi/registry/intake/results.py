"""What came of a file: the numbers, and what was noted about each of its rows."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from cbi.registry.intake.checks import Reason
from cbi.registry.intake.facts import Outcome


@dataclass(frozen=True, slots=True)
class RowNote:
    """A row with reasons (it did not land) or warnings (it did), by the number that the user's program shows."""

    sheet: str | None
    line: int
    outcome: Outcome
    reasons: tuple[Reason, ...]
    warnings: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The numbers are households: `total` is `landed`, `unchanged` and `rejected` together. `people` counts who landed.

    People without a household count as one rejected household each. `repeated`: the file was taken in before, by the
    import that `import_id` names, and nothing was changed; without an `import_id` it was a dry run. `rows` has the rows
    that there is something to say about, in the order of the file; `flags` counts what was newly flagged, by kind.
    """

    import_id: UUID | None
    filename: str
    dry_run: bool
    total: int
    landed: int
    unchanged: int
    rejected: int
    warnings: int
    people: int
    rows: tuple[RowNote, ...] = field(repr=False)
    flags: Mapping[str, int] = field(default_factory=dict)
    repeated: bool = False

    def again(self, import_id: UUID) -> "ImportResult":
        """The same, for a file that was taken in before."""
        return replace(self, import_id=None if self.dry_run else import_id, repeated=True)

    def with_flags(self, flags: Mapping[str, int]) -> "ImportResult":
        """The same, with what was flagged."""
        return replace(self, flags=flags)

    def counts(self) -> dict[str, int]:
        """The numbers by name, for the audit log and the API."""
        return {
            "total": self.total, "landed": self.landed, "unchanged": self.unchanged, "rejected": self.rejected,
            "warnings": self.warnings, "people": self.people,
        }  # fmt: skip


def count_reasons(rows: Iterable[RowNote]) -> list[tuple[Reason, int]]:
    """Each reason with the number of rows that have it, the most frequent first."""
    return Counter(reason for row in rows for reason in row.reasons).most_common()
