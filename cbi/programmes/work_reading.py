"""Reads a work sheet that comes back from the field: what each row says, or in words why it cannot be taken."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from uuid import UUID

from cbi.keys import Keyring
from cbi.programmes.work_layout import (
    DAY,
    DAYS_WORKED,
    NAME,
    REGISTRATION,
    TOKEN,
    Column,
    Filled,
    Paper,
    Worker,
)
from cbi.programmes.work_models import Basis
from cbi.programmes.work_pay import Done, below_minimum, days, earned
from cbi.programmes.work_terms import MOST_PIECES
from cbi.registry import row_tokens
from cbi.registry.intake.cells import cell
from cbi.registry.intake.checks import Reason, Unusable, refuse_shortened
from cbi.registry.intake.facts import Row
from cbi.registry.intake.tables import Line
from cbi.registry.text import folded, plain_digits

_HALVES = {Decimal("0"): 0, Decimal("0.5"): 1, Decimal("1"): 2}


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What other sheets of the same period say of a person: half days by day, and in all."""

    by_day: Mapping[date, int] = field(default_factory=dict)
    half_days: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that can be taken."""

    worker: Worker
    filled: Filled


@dataclass(frozen=True, slots=True)
class Context:
    """What a row is judged by."""

    paper: Paper
    keys: Keyring
    columns: Mapping[int, Column]
    elsewhere: Mapping[UUID, Elsewhere]
    today: date


class Reader:
    """Reads the rows of one file. `entries` are those that can be taken, `rows` all that there is something to say of."""

    def __init__(self, context: Context, sheet: str | None) -> None:
        self._context, self._sheet = context, sheet
        self._by_number = {worker.number: worker for worker in context.paper.workers}
        self._seen: dict[str, int] = {}
        self.entries: list[Entry] = []
        self.rows: list[Row] = []
        self.expected = 0
        """How many rows the sheet went out with, as its tokens say."""

    def take(self, line: Line) -> None:
        """Read one row."""
        row = Row(self._sheet, line)
        worker = self._worker(row)
        if worker is not None:
            filled = self._filled(row, worker)
            if not row.reasons:
                self._check(row, worker, filled)
            if not row.reasons:
                self.entries.append(Entry(worker, filled))
        if row.reasons or row.warnings:
            self.rows.append(row)

    @property
    def missing(self) -> int:
        """How many of the rows that went out did not come back."""
        return max(0, self.expected - len(self._seen))

    def _worker(self, row: Row) -> Worker | None:
        """Whose row it is: the token says so, and number and name must agree with it."""
        text = self._text(row, TOKEN)
        given = row_tokens.read(text)
        if given is None:
            _note(row, TOKEN, "no_token" if not text else "wrong_token", *_NO_TOKEN)
            return None
        paper = self._context.paper
        if given.sheet != paper.sheet:
            _note(
                row, TOKEN, "foreign_token", f"This row belongs to the sheet {given.sheet}.",
                "Move it there, or delete it here.",
            )  # fmt: skip
            return None
        if given.version != paper.version:
            _note(
                row, TOKEN, "old_copy", f"The sheet has been handed in since this copy was made ({given.version}).",
                f"Export the sheet {paper.sheet} again, and enter what differs there.",
            )  # fmt: skip
            return None
        worker = self._by_number.get(given.number)
        if worker is None or not row_tokens.is_ours(self._context.keys, given, worker.person_id):
            _note(row, TOKEN, "wrong_token", *_NO_TOKEN)
            return None
        if self.expected and given.of != self.expected:
            _note(
                row, TOKEN, "mixed_copies", "Rows of two copies of this sheet were put together.",
                "Export the sheet again, and enter everything in that copy.",
            )  # fmt: skip
            return None
        self.expected = given.of
        first = self._seen.setdefault(given.mac, row.line.number)
        if first != row.line.number:
            _note(
                row, TOKEN, "repeated", f"The same token stands in row {first} already.",
                "A row was copied: keep the right one of the two.",
            )  # fmt: skip
            return None
        return worker if self._is_theirs(row, worker) else None

    def _is_theirs(self, row: Row, worker: Worker) -> bool:
        """Whether the row names the person of its token. Sorting some columns and not all of them parts the two."""
        same_number = folded(self._text(row, REGISTRATION)) == folded(worker.registration)
        same_name = folded(self._text(row, NAME)) == folded(worker.name)
        if same_number and same_name:
            return True
        where = NAME if same_number else REGISTRATION
        _note(
            row, where, "token_of_another",
            f"The token of this row is that of no. {worker.number} on the sheet, and here stands somebody else.",
            "Rows may have been swapped or sorted in part: put each row back as it was exported.",
        )  # fmt: skip
        return False

    def _filled(self, row: Row, worker: Worker) -> Filled:
        known = self._context.paper
        found: dict[str, int] = {}
        worked: dict[date, int] = {}
        half_days = 0
        for place, column in self._context.columns.items():
            try:
                text = cell(row, place)
                if column.holds == DAY and column.day:
                    worked[column.day] = half_day(text)
                elif column.piece:
                    found[column.piece] = pieces(text)
                elif column.holds == DAYS_WORKED:
                    half_days = days_worked(text)
            except Unusable as problem:
                row.reasons.append(
                    Reason(problem.code, column.heading, problem.message, problem.next_step)
                )
        if known.basis is Basis.PIECES:
            made = {code: count for code, count in found.items() if count}
            return Filled("", Done(half_days, made))
        attendance = "".join(str(worked.get(day, 0)) for day in known.days)
        return Filled(attendance, Done(sum(worked.values())))

    def _check(self, row: Row, worker: Worker, filled: Filled) -> None:
        paper, other = self._context.paper, self._context.elsewhere.get(worker.person_id)
        other = other or Elsewhere()
        headings = {column.day: column.heading for column in self._context.columns.values()}
        for day, mark in zip(paper.days, filled.attendance, strict=False):
            if mark != "0" and (problem := self._day(day, int(mark), worker, other)):
                row.reasons.append(
                    Reason(problem.code, headings[day], problem.message, problem.next_step)
                )
        most = paper.terms.max_days
        if filled.done.half_days + other.half_days > 2 * most:
            also = f", and {days(other.half_days)} on other sheets" if other.half_days else ""
            _note(
                row, "", "too_many_days",
                f"There are {days(filled.done.half_days)} here{also}: nobody is paid for more than {most} in a period.",
                "Enter the days that may be paid, and note the others where they are planned.",
            )  # fmt: skip
        value, _ = earned(paper.terms, paper.basis, filled.done, paper.currency)
        short = below_minimum(paper.terms, filled.done, value)
        if short is not None and paper.basis is Basis.PIECES:
            row.warnings.append(
                Reason(
                    "below_minimum", "",
                    f"{value} for {days(filled.done.half_days)} is less than the minimum wage.",
                    "Check the count. If it is right, the rate per piece is too low: tell the programme manager.",
                )
            )  # fmt: skip

    def _day(self, day: date, half_days: int, worker: Worker, other: Elsewhere) -> Unusable | None:
        """Why nothing may be entered for that day."""
        if not self._context.paper.is_open(day):
            paper = self._context.paper
            return Unusable(
                "outside_activity", f"The work runs from {paper.work_starts_on} to {paper.work_ends_on}.",
                "Leave this day empty.",
            )  # fmt: skip
        if not worker.is_in_group(day):
            return Unusable(
                "not_in_group", "The person was not in this group on that day.",
                "Leave this day empty, or correct when the person joined or left.",
            )  # fmt: skip
        if day > self._context.today:
            return Unusable("not_yet", "That day has not come yet.", "Enter work once it is done.")
        if half_days + other.by_day.get(day, 0) > 2:
            return Unusable(
                "on_another_sheet", "Another sheet has this person at work on that day.",
                "Nobody is paid twice for one day: find out where the person was.",
            )  # fmt: skip
        return None

    def _text(self, row: Row, holds: str) -> str:
        for place, column in self._context.columns.items():
            if column.holds == holds:
                try:
                    return cell(row, place)
                except Unusable:
                    return ""
        return ""


_NO_TOKEN = (
    "The row has no token of this sheet, so nobody can tell whose it is.",
    "Add people to their group and export the sheet again; copy no rows by hand.",
)


def _note(row: Row, column: str, code: str, message: str, next_step: str) -> None:
    row.reasons.append(Reason(code, _LABELS.get(column, column), message, next_step))


_LABELS = {TOKEN: "Token", NAME: "Name", REGISTRATION: "Registration number"}


def half_day(text: str) -> int:
    """A day as it was entered, in halves: nothing, 0.5 or 1. Raises Unusable."""
    number = _decimal(text)
    if number not in _HALVES:
        raise Unusable(
            "not_a_day", "A day is 1, half a day 0.5; nothing else can stand here.",
            "Write 1, 0.5 or 0, or leave it empty.",
        )  # fmt: skip
    return _HALVES[number]


def days_worked(text: str) -> int:
    """A number of days, in halves. Raises Unusable."""
    doubled = _decimal(text) * 2
    if doubled != int(doubled) or not 0 <= doubled <= 200:
        raise Unusable(
            "not_days", "This is not a number of whole and half days.", "Write a number such as 12 or 12.5."
        )  # fmt: skip
    return int(doubled)


def pieces(text: str) -> int:
    """A number of pieces. Raises Unusable, also for `1.000`, which is one to some and a thousand to others."""
    refuse_shortened(text, "number")
    plain = plain_digits(text)
    if plain and not (plain.isascii() and plain.isdecimal() and int(plain) <= MOST_PIECES):
        raise Unusable(
            "not_pieces", f"This is not a whole number of pieces, from 0 to {MOST_PIECES:,}.",
            "Write digits only, without full stops, commas or words.",
        )  # fmt: skip
    return int(plain or 0)


def _decimal(text: str) -> Decimal:
    """A number in any digit script, with a full stop or a comma before its decimals; nothing is nought."""
    plain = plain_digits(text).replace("1⁄2", ".5").replace("٫", ".").replace(",", ".")
    if not plain:
        return Decimal(0)
    try:
        number = Decimal(plain) if set(plain) <= set("0123456789.") else None
    except InvalidOperation:
        number = None
    if number is None:
        raise Unusable(
            "not_a_number", "A number belongs here, not words or marks.",
            "Write digits, such as 1 or 0.5.",
        )  # fmt: skip
    return number


def noted(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows with reasons, which keep the sheet out."""
    return (row for row in rows if row.reasons)
