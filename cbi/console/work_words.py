"""What the pages about cash for work say: how far a sheet is, and why a row of it cannot be taken."""

from collections.abc import Mapping
from dataclasses import replace

from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.console.visit import Visit
from cbi.programmes.work_models import Basis
from cbi.programmes.work_queries import SheetLine
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.results import RowNote

BASES: Mapping[str, str] = {Basis.DAYS: N_("days"), Basis.PIECES: N_("pieces")}

REASONS: Mapping[str, tuple[str, str]] = {
    "no_token": (
        N_("The row has no token of this sheet, so nobody can tell whose it is."),
        N_("Add people to their group and download the sheet again; copy no rows by hand."),
    ),
    "wrong_token": (
        N_("The row has no token of this sheet, so nobody can tell whose it is."),
        N_("Add people to their group and download the sheet again; copy no rows by hand."),
    ),
    "foreign_token": (N_("This row belongs to another sheet."), N_("Move it there, or delete it here.")),
    "old_copy": (
        N_("The sheet has been handed in since this copy was made."),
        N_("Download the sheet again, and enter what differs there."),
    ),
    "mixed_copies": (
        N_("Rows of two copies of this sheet were put together."),
        N_("Download the sheet again, and enter everything in that copy."),
    ),
    "repeated": (
        N_("The same token stands in an earlier row already."),
        N_("A row was copied: keep the right one of the two."),
    ),
    "token_of_another": (
        N_("The token of this row is that of somebody else on the sheet."),
        N_("Rows may have been swapped or sorted in part: put each row back as it was."),
    ),
    "too_many_days": (
        N_("There are more days than anybody is paid for in a period, other sheets included."),
        N_("Enter the days that may be paid, and note the others where they are planned."),
    ),
    "below_minimum": (
        N_("This earns less than the minimum wage for these days."),
        N_("Check the count. If it is right, the rate per piece is too low: tell the programme manager."),
    ),
    "outside_activity": (N_("There is no work of this activity on that day."), N_("Leave this day empty.")),
    "not_in_group": (
        N_("The person was not in this group on that day."),
        N_("Leave this day empty, or correct when the person joined or left."),
    ),
    "not_yet": (N_("That day has not come yet."), N_("Enter work once it is done.")),
    "on_another_sheet": (
        N_("Another sheet has this person at work on that day."),
        N_("Nobody is paid twice for one day: find out where the person was."),
    ),
    "not_a_day": (
        N_("A day is 1, half a day 0.5; nothing else can stand here."),
        N_("Write 1, 0.5 or 0, or leave it empty."),
    ),
    "not_days": (
        N_("This is not a number of whole and half days."), N_("Write a number such as 12 or 12.5."),
    ),
    "not_pieces": (
        N_("This is not a whole number of pieces."),
        N_("Write digits only, without full stops, commas or words."),
    ),
    "not_a_number": (
        N_("A number belongs here, not words or marks."), N_("Write digits, such as 1 or 0.5."),
    ),
}  # fmt: skip

REFUSALS: Table = {
    "work.sheet_refused": (
        N_("The sheet was not taken in; nothing was changed."),
        N_("Correct these rows and hand in the whole sheet again: it is signed as one."),
    ),
    "work.not_a_sheet": (
        N_("No row of this file has the token of a work sheet."),
        N_("Hand in the file as it was downloaded, filled in."),
    ),
    "work.nothing_differs": (
        N_("The file says what is signed already."), N_("Enter what is to be corrected."),
    ),
    "work.reason_needed": (
        N_("The sheet is signed: what is changed in it now is a correction."),
        N_("Say why, such as: two days were left out."),
    ),
    "work.no_work_then": (
        N_("There is no work of this activity in that period."), N_("Choose another period."),
    ),
    "work.nobody_works": (
        N_("Nobody is in the group in that period."), N_("Add people to the group first."),
    ),
    "work.unknown_activity": (N_("There is no such activity."), N_("Choose one from the list.")),
    "work.unknown_group": (N_("There is no such group."), N_("Choose one from the list.")),
    "programmes.unusable_period": (
        N_("This is no period of the programme."), N_("Write it such as 2026-01."),
    ),
}  # fmt: skip


def half_days(visit: Visit, count: int) -> str:
    """`18.5 days`."""
    whole, half = divmod(count, 2)
    figure = f"{whole}.5" if half else str(whole)
    return visit.ngettext("%(figure)s day", "%(figure)s days", whole + half, figure=figure)


def state(visit: Visit, line: SheetLine, opened: frozenset[str]) -> tuple[str, str]:
    """How far a sheet is, in words, with the sign beside it."""
    if not line.version:
        return visit.gettext("has not come back"), "plain"
    if line.is_refused:
        return visit.gettext("refused: it is to be put right"), "bad"
    if line.signed_at is None:
        if line.corrects:
            return visit.gettext("a correction waits for a signature"), "wait"
        return visit.gettext("waits for a signature"), "wait"
    if line.unpaid.minor and line.period in opened:
        return visit.gettext("signed late: the next cycle pays it"), "wait"
    if line.unpaid.minor:
        return visit.gettext("signed: its cycle pays it"), "good"
    return visit.gettext("signed and in a cycle"), "good"


def in_their_words(visit: Visit, rows: tuple[RowNote, ...]) -> tuple[RowNote, ...]:
    """The notes about rows in the reader's language."""

    def told(reason: Reason) -> Reason:
        if visit.language == "en" or reason.code not in REASONS:
            return reason
        message, next_step = (visit.gettext(words) for words in REASONS[reason.code])
        return Reason(reason.code, reason.column, message, next_step)

    return tuple(
        replace(row, reasons=tuple(map(told, row.reasons)), warnings=tuple(map(told, row.warnings)))
        for row in rows
    )
