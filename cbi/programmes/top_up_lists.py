"""Reads a list (CSV or XLSX) of households that are owed more for a cycle, each with how much more and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cbi.errors import Invalid
from cbi.money import Money, UnusableAmount
from cbi.registry.intake import checks, vocabulary
from cbi.registry.intake.cells import cell
from cbi.registry.intake.checks import Unusable
from cbi.registry.intake.facts import Row, place
from cbi.registry.intake.files import Table, opened
from cbi.registry.intake.listed import row_of
from cbi.registry.intake.mapping import find_column, missing_columns

MOST = 10_000
_SHOWN = 20
_NUMBER = (*vocabulary.TEMPLATE_COLUMNS["source_id"], "source_id")
_AMOUNT = ("Amount", "Top-up", "Montant", "Complément", "Importe", "Complemento", "المبلغ")
_REASON = ("Reason", "Raison", "Motif", "Motivo", "السبب")


class UnusableTopUp(Invalid):
    """Some lines cannot be taken; the message names them, and nothing was proposed."""

    code = "top_up.unusable_lines"

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        told = [f"{where}: {what}" if where else what for where, what in problems[:_SHOWN]]
        more = len(problems) - len(told)
        super().__init__(
            " ".join(told) + (f" And {more:,} more." if more > 0 else ""),
            next_step="Correct the list and propose it again.",
        )
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Line:
    """One household's line: how much it is owed on top, and why. `place` is where it stands."""

    place: str
    household: str
    """Its registration number."""
    amount: Money
    reason: str


def read_list(content: Path | BinaryIO, currency: str, *, reason: str = "") -> list[Line]:
    """The lines of a list with the columns registration number, amount and reason, named in any of the four languages.

    The amount is what is owed on top. `reason` is for lines that do not have their own. Raises UnusableFile in its kinds,
    UnusableTopUp with every line that cannot be read.
    """
    lines: list[Line] = []
    problems: list[tuple[str, str]] = []
    with opened(content) as file:
        for row, (number_at, amount_at, reason_at) in _rows(file.table()):
            try:
                number = checks.identifier(cell(row, number_at), "registration number")
                amount = Money.parse(cell(row, amount_at), currency)
            except (Unusable, UnusableAmount) as unusable:
                problems.append((place(row), f"{unusable.message} {unusable.next_step}"))
                continue
            why = cell(row, reason_at) or reason
            if not number or not why:
                lacks = "reason" if number else "registration number"
                problems.append((place(row), f"There is no {lacks}."))
            else:
                lines.append(Line(place(row), number, amount, why))
    if len(lines) > MOST:
        problems = [("", f"The list names {len(lines):,} households: {MOST:,} at most.")]
    if problems:
        raise UnusableTopUp(problems)
    return lines


def _rows(table: Table) -> Iterator[tuple[Row, tuple[int | None, int | None, int | None]]]:
    found = [
        next((at for name in names if (at := find_column(name, table.columns)) is not None), None)
        for names in (_NUMBER, _AMOUNT, _REASON)
    ]
    lacking = [names[0] for names, at in zip((_NUMBER, _AMOUNT), found, strict=False) if at is None]
    if lacking:
        raise missing_columns(lacking, table.sheet)
    for line in table.lines:
        yield row_of(table, line), (found[0], found[1], found[2])
