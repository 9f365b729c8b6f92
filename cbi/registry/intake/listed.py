"""The sheet of people that goes with a sheet of households."""

from collections.abc import Iterator

from cbi.registry.intake.cells import cell
from cbi.registry.intake.checks import Reason, Unusable
from cbi.registry.intake.facts import Row
from cbi.registry.intake.files import File, Table
from cbi.registry.intake.mapping import PeopleRule, bind, column_index
from cbi.registry.intake.tables import Line, Sheet


def row_of(table: Table | Sheet, line: Line) -> Row:
    """The line as a row of its sheet, with a reason if it has more cells than the sheet has columns."""
    row = Row(table.sheet, line, columns=table.columns)
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
        bind(rule, table.columns, table.sheet)
        self.table = Sheet(table.sheet, table.columns)
        for pick in filter(None, (rule.head, rule.collector)):
            column_index(pick.column, table.columns, table.sheet)
        link = column_index(rule.household, table.columns, table.sheet)
        self._by_household: dict[str, list[Line]] = {}
        for line in table.lines:
            self._by_household.setdefault(self._text(line, link), []).append(line)

    def _text(self, line: Line, index: int) -> str:
        try:
            return cell(Row(self.table.sheet, line), index)
        except Unusable:
            return ""

    def pop(self, household: str) -> list[Line]:
        """The lines of a household's people; each is given once."""
        return self._by_household.pop(household, []) if household else []

    def left(self) -> Iterator[Line]:
        """The people whose household is not in the list."""
        for lines in self._by_household.values():
            yield from lines
