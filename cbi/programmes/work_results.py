"""What came of a work sheet that was handed in: the numbers, and what was noted about each of its rows."""

from collections.abc import Iterator
from dataclasses import dataclass

from cbi.errors import Invalid
from cbi.money import Money
from cbi.registry.intake.results import RowNote, count_reasons

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Entered:
    """What came of a file. `version` is what it became; `corrects` the signed version it changes.

    `rows` are those that there is something to say about, `half_days` and `earned` the whole of what was taken.
    `repeated`: the file was taken in before, and nothing was changed.
    """

    sheet: int
    version: int
    corrects: int | None
    taken: int
    half_days: int
    earned: Money
    rows: tuple[RowNote, ...]
    missing: int = 0
    dry_run: bool = False
    repeated: bool = False


class SheetRefused(Invalid):
    """The sheet has rows that cannot be taken, so none was. `result` says which, and why."""

    code = "work.sheet_refused"

    def __init__(self, result: Entered) -> None:
        self.result = result
        kinds = count_reasons(result.rows)
        lines = [f"  {rows} × {_where(reason.column)}{reason.message}" for reason, rows in kinds]
        missing = (
            [f"  {result.missing} of the rows that went out are missing."] if result.missing else []
        )
        super().__init__(
            "\n".join(
                [f"The sheet {result.sheet} was not taken in; nothing was changed:", *missing, *lines[:_SHOWN]]
            ),
            next_step="Correct these rows and hand in the whole sheet again: it is signed as one.",
            sheet=result.sheet,
            missing=result.missing,
            rows=[
                {"line": note.line, "reasons": [reason.as_json() for reason in note.reasons]}
                for note in result.rows
                if note.reasons
            ],
        )  # fmt: skip


def summary(result: Entered) -> Iterator[tuple[str, ...]]:
    """The lines in front of the copy that the user gets back."""
    refused = any(note.reasons for note in result.rows) or result.missing
    yield (f"Sheet {result.sheet}", "Rows")
    yield ("Nothing was taken in" if refused else "The whole sheet can be taken in", "")
    yield ("Rows that went out and are missing", str(result.missing))
    yield ("Rows with reasons", str(sum(bool(note.reasons) for note in result.rows)))
    yield ()
    yield ("Reason", "Rows", "Column", "What next")
    for reason, rows in count_reasons(result.rows):
        yield (reason.message, str(rows), reason.column, reason.next_step)


def _where(column: str) -> str:
    return f"{column}: " if column else ""
