"""What came of a price sheet that was handed in: the numbers, and what was noted about each of its rows."""

from collections.abc import Iterator
from dataclasses import dataclass

from cbi.errors import Invalid
from cbi.registry.intake.results import RowNote, count_reasons

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of a file. `version` is what it became; `not_found` counts rows without a price.

    `rows` are those that there is something to say about. `repeated`: the file was taken in before.
    """

    round_id: int
    name: str
    version: int
    taken: int
    not_found: int
    rows: tuple[RowNote, ...]
    missing: int = 0
    dry_run: bool = False
    repeated: bool = False

    @property
    def outliers(self) -> int:
        """How many prices are far from the usual ones."""
        return sum(bool(note.warnings) for note in self.rows)


class PricesRefused(Invalid):
    """The sheet has rows that cannot be taken, so none was. `result` says which, and why."""

    code = "prices.refused"

    def __init__(self, result: Entered) -> None:
        self.result = result
        lines = [
            f"  row {note.line}: {f'{reason.column}: ' if reason.column else ''}{reason.message}"
            for note in result.rows
            for reason in note.reasons
        ]
        missing = (
            [f"  {result.missing} of the rows that went out are missing."] if result.missing else []
        )
        more = [f"  … and {len(lines) - _SHOWN} more."] if len(lines) > _SHOWN else []
        heading = f"The prices of the round {result.name} were not taken in; nothing was changed:"
        super().__init__(
            "\n".join([heading, *missing, *lines[:_SHOWN], *more]),
            next_step="Correct these rows and hand in the whole sheet again.",
            round=result.round_id,
            missing=result.missing,
            rows=[
                {"line": note.line, "reasons": [reason.as_json() for reason in note.reasons]}
                for note in result.rows
                if note.reasons
            ],
        )


def summary(result: Entered) -> Iterator[tuple[str, ...]]:
    """The lines in front of the copy that the user gets back."""
    refused = any(note.reasons for note in result.rows) or result.missing
    yield (f"Round {result.name}", "Rows")
    yield ("Nothing was taken in" if refused else "The whole sheet can be taken in", "")
    yield ("Prices", str(result.taken))
    yield ("Rows without a price", str(result.not_found))
    yield ("Prices that are far from the usual ones", str(result.outliers))
    yield ("Rows that went out and are missing", str(result.missing))
    yield ()
    yield ("Reason", "Rows", "Column", "What next")
    for reason, rows in count_reasons(result.rows):
        yield (reason.message, str(rows), reason.column, reason.next_step)
