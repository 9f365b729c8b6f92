"""Finds in a file that came back from the field the rows that are ours by their tokens, and writes reasons beside them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from cbi.errors import Invalid
from cbi.registry import row_tokens
from cbi.registry.intake.files import File, Table, opened
from cbi.registry.intake.results import RowNote

TokenColumns = Callable[[Sequence[str]], Iterator[int]]
"""Which of a table's headings say that tokens stand below them: each kind of sheet has its own words for that."""


def find(file: File, columns: TokenColumns) -> tuple[Table, int] | None:
    """Where the rows are, and the number of the sheet that most of their tokens name; None without a token."""
    for table in _tables(file, columns):
        places = list(columns(table.columns))
        tokens = (
            row_tokens.read(line.cells[place])
            for line in table.lines
            for place in places
            if place < len(line.cells)
        )
        votes = Counter(token.sheet for token in tokens if token is not None)
        if votes:
            return file.table(table.sheet), votes.most_common(1)[0][0]
    return None


def write_report(
    rows: Sequence[RowNote], content: Path | BinaryIO, target: Path | BinaryIO, columns: TokenColumns,
    *, summary: Iterable[tuple[str, ...]], cover: Iterable[str] = (), language: str = "en",
) -> None:  # fmt: skip
    """Write a copy of the user's own file (XLSX) with the reasons beside the rows, and `summary` and `cover` in front."""
    from cbi.registry.intake.reports import write_annotated  # noqa: PLC0415 - workbooks, which `verify` never needs

    with opened(content) as file:
        table = next(_tables(file, columns))
        write_annotated(
            file, target, rows, headers={table.sheet: (table.header_line, len(table.columns))},
            summary=summary, cover=cover, language=language,
        )  # fmt: skip


def _tables(file: File, columns: TokenColumns) -> Iterator[Table]:
    """The sheets of the file that have a column of tokens."""
    for name in file.sheets:
        try:
            table = file.table(name)
        except Invalid:
            continue
        if any(True for _ in columns(table.columns)):
            yield table
