"""How a command shows what it did: a table for people, JSON for programs, a progress bar while people wait."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

Row = Sequence[object]

_zone: ContextVar[tzinfo] = ContextVar("zone", default=UTC)


_cover: ContextVar[tuple[str, ...]] = ContextVar("cover", default=())


def covered_by(lines: Iterable[str]) -> None:
    """What stands in front of whatever is shown next, once: a sentence for each waiver that is open."""
    _cover.set(tuple(lines))


def cover() -> tuple[str, ...]:
    """The same, for a file that is written."""
    return _cover.get()


def _taken_off() -> tuple[str, ...]:
    lines = _cover.get()
    _cover.set(())
    return lines


def _print_cover() -> None:
    for line in _taken_off():
        console.print(f"[yellow]![/yellow] {escape(line)}", soft_wrap=True)


def on_the_clock_of(zone: tzinfo) -> None:
    """From here on `at` tells times on this clock: that of the office the command works in."""
    _zone.set(zone)


def at(moment: datetime) -> str:
    """A day and a time as people write it, on the clock of the office: `21/11/2026 14:05`."""
    return f"{moment.astimezone(_zone.get()):%d/%m/%Y %H:%M}"


def say(sentence: str) -> None:
    """One line for people. `[bold]` and colours are markup, so what others wrote is given through `escape`."""
    _print_cover()
    console.print(sentence, soft_wrap=True)


def refuse(why: str, next_step: str = "") -> None:
    """Why nothing was done, and what to do next, on standard error."""
    errors.print(f"[red]Refused:[/red] {escape(why)}", soft_wrap=True)
    if next_step:
        errors.print(escape(next_step), soft_wrap=True)


def as_json(value: object) -> None:
    """One JSON value on standard output, for programs; with the open waivers, which for a list go to standard error."""
    if lines := _taken_off():
        if isinstance(value, dict):
            value = {"waivers": lines, **value}
        else:
            for line in lines:
                errors.print(escape(line), soft_wrap=True)
    sys.stdout.write(json.dumps(value, default=_plain, ensure_ascii=False, indent=2) + "\n")


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def table(
    title: str, columns: Sequence[str], rows: Iterable[Row], *, totals: Row | None = None
) -> None:
    """A table with a line of totals below. A column whose name ends in `#` holds numbers."""
    _print_cover()
    drawn = Table(title=title, title_justify="left", show_footer=totals is not None)
    for place, column in enumerate(columns):
        numeric = column.endswith("#")
        footer = str(totals[place]) if totals is not None else ""
        drawn.add_column(
            column.rstrip("#"),
            justify="right" if numeric else "left",
            footer=footer,
            no_wrap=numeric,
            overflow="fold",
        )
    for row in rows:
        drawn.add_row(*(escape(str(cell)) for cell in row))
    console.print(drawn)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator["Bar"]:
    """A progress bar on standard error, only where somebody looks at it."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        disable=not errors.is_terminal,
        transient=True,
    )
    with bar:
        yield Bar(bar, what, total)


class Bar:
    """One line of a progress display."""

    def __init__(self, display: Progress, what: str, total: int | None) -> None:
        self._display = display
        self._task = display.add_task(what, total=total)

    def advance(self, by: int) -> None:
        """So many more are done."""
        self._display.advance(self._task, by)


def show(value: Mapping[str, Any]) -> None:
    """A few facts, one to a line."""
    _print_cover()
    width = max(len(name) for name in value)
    for name, fact in value.items():
        console.print(escape(f"{name.ljust(width)}  {fact}"), soft_wrap=True)
