"""How comparisons look at the terminal: tables with totals, and bars of signs beside the numbers."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cbi.money import Money
from cbi.terminal.output import say, show, table

if TYPE_CHECKING:
    from cbi.programmes.what_if import WhatIf
    from cbi.programmes.what_if_tables import Line
    from cbi.registry.scorecards.appeal_schemas import ClusterOut

_WIDEST = 24


def bar(count: int | None, most: int) -> str:
    """A bar as long as the count is of the most; empty where the count is hidden."""
    return "█" * max(_WIDEST * count // most, 1) if count and most else ""


def print_what_if(found: "WhatIf") -> None:
    """What would change, as whoever weighs it reads it."""
    currency = found.cost.now.currency if found.cost else ""
    if found.scorecard:
        most = max((count for _, _, count in found.moves), default=0)
        table(
            f"Bands of {found.scorecard}: {found.assessed:,} households scored anew, {found.unknown:,} could not be",
            ["From", "To", "Households#", ""],
            [
                (was, becomes, count or "hidden", bar(count, most))
                for was, becomes, count in found.moves
            ],
        )
    for one in found.tables:
        moved = [line.moved_in or 0 for line in one.lines] + [
            line.moved_out or 0 for line in one.lines
        ]
        columns = [
            f"By {one.by}",
            "Households#",
            "In or up#",
            "Out or down#",
            "In or up",
            "Out or down",
        ]
        if currency:
            columns += [f"Now, {currency}#", f"Then, {currency}#"]
        table(
            f"By {one.by}",
            columns,
            [_cells(line, max(moved, default=0), currency) for line in one.lines],
            totals=_cells(one.total, 0, currency),
        )
    if found.cost:
        cost = found.cost.kept()
        show(
            {
                "A cycle": f"{cost['cycle_now']} → {cost['cycle_then']} {currency} ({cost['whom']})",
                f"{cost['cycles_left']} cycles": f"{cost['until_the_end_now']} → {cost['until_the_end_then']}",
                "In the budget": cost["available"],
                "In its funds": cost["unallocated"],
                "Short of": cost["short"],
            }
        )
    say("Nothing was changed.")


def _cells(line: "Line", most: int, currency: str) -> Sequence[object]:
    cells: list[object] = [line.name]
    cells += [_number(each) for each in (line.households, line.moved_in, line.moved_out)]
    cells += [bar(line.moved_in, most), bar(line.moved_out, most)]
    if currency:
        cells += [
            "" if minor is None else Money(minor, currency).decimal
            for minor in (line.before_minor, line.after_minor)
        ]
    return cells


def _number(count: int | None) -> str:
    return "hidden" if count is None else f"{count:,}"


def print_clusters(rows: "Iterable[ClusterOut]") -> None:
    """Scores near thresholds, officer by officer."""
    table(
        "Scores within two points of a threshold",
        ["Officer", "Band", "From#", "-2#", "-1#", "+0#", "+1#", "Below", "Above", "Once in#", ""],
        [
            (
                row.officer, row.band, row.threshold, *row.bins, bar(row.below, row.below + row.above),
                bar(row.above, row.below + row.above), "too few" if row.one_in is None else f"{row.one_in:,}",
                "look" if row.flagged else "",
            )
            for row in rows
        ],
    )  # fmt: skip
    say("A flag proves nothing of anybody: it says where to look.")
