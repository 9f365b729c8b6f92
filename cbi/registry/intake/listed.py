"""The sheet of people that goes with a sheet of households."""

from collections.abc import Iterator

from cbi.registry.intake.cells import cell
from cbi.registry.intake.checks import Reason, Unusable
from cbi.registry.intake.facts import Candidate, Row
from cbi.registry.intake.files import File, Table
from cbi.registry.intake.mapping import PeopleRule, Pick, bind, column_index
from cbi.registry.intake.tables import Line


def row_of(table: Table, line: Line) -> Row:
    """The line as a row of its sheet, with a reason if it has more cells than the sheet has columns."""
    row = Row(table.sheet, line)
    if any(line.cells[len(table.columns) :]):
        row.reasons.append(
            Reason(
                "too_many_cells",
                "",
                "The row has more cells than the header has columns.",
                "In a CSV file, a text that holds the delimiter must stand in quotation marks: export the list again.",
            )
        )
    return row


class Listed:
    """The people's sheet, by household. It is kept in memory, which the limits of a workbook bound."""

    def __init__(self, file: File, rule: PeopleRule) -> None:
        table = file.table(rule.sheet, rule.header_row)
        self.bound = bind(rule, table.columns, table.sheet)
        self._link = column_index(rule.household, table.columns, table.sheet)
        self._label = table.columns[self._link]
        self._head = self._column(rule.head, table)
        self._collector = self._column(rule.collector, table)
        self._rule = rule
        self._by_household: dict[str, list[Row]] = {}
        for line in table.lines:
            row = row_of(table, line)
            self._by_household.setdefault(self._text(row, self._link), []).append(row)

    @staticmethod
    def _column(pick: Pick | None, table: Table) -> int | None:
        return column_index(pick.column, table.columns, table.sheet) if pick else None

    @staticmethod
    def _text(row: Row, index: int | None) -> str:
        try:
            return cell(row, index)
        except Unusable:
            return ""

    def pop(self, household: str) -> list[Row]:
        """The rows of a household's people; each is given once."""
        return self._by_household.pop(household, []) if household else []

    def picks(self, row: Row) -> tuple[bool, bool]:
        """Whether the row is marked as the head, and as the collector."""
        head, collector = self._rule.head, self._rule.collector
        return (
            bool(head and head.fits(self._text(row, self._head))),
            bool(collector and collector.fits(self._text(row, self._collector))),
        )

    def orphans(self) -> Iterator[Candidate]:
        """The people whose household is not in the list."""
        reason = Reason(
            "no_household", self._label, "No household of this number is in the list.",
            "Correct the number, or add the household to its sheet.",
        )  # fmt: skip
        for rows in self._by_household.values():
            for row in rows:
                row.reasons.append(reason)
                yield Candidate([row])
