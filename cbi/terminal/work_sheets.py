"""Commands for work sheets: out to the field, back again, shown and signed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.programmes.work_queries import RowLine, SheetLine
    from cbi.programmes.work_results import Entered

sheets = typer.Typer(help="Attendance and output, from the field and back.", no_args_is_help=True)

Programme = Annotated[str, typer.Argument(help="The programme's code.")]
Activity = Annotated[str, typer.Argument(help="The activity's code.")]
Group = Annotated[str, typer.Argument(help="The group's code.")]
Number = Annotated[int, typer.Argument(help="The number that stands on the sheet.")]
SHOWN_REASONS = 12


@sheets.command("export")
def export(
    programme: Programme,
    activity: Activity,
    group: Group,
    period: Annotated[str, typer.Argument(help="Such as 2026-01.")],
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to: .xlsx or .csv.")],
    language: Annotated[str | None, typer.Option(help="en, fr, ar or es.")] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Write a group's sheet for the field, with what is known so far.

    Example: cbi work sheet export roads-2026 well group-a 2026-01 well-january.xlsx
    """
    import io

    from cbi.offices import office_of
    from cbi.programmes import work_sheets
    from cbi.terminal.output import say

    form = file.suffix.lower().lstrip(".")
    if form not in {"xlsx", "csv"}:
        raise typer.BadParameter("The file's name ends in .xlsx or .csv.")

    def work_(session: "Session", actor: "Actor") -> tuple[int, int, bytes]:
        target = io.BytesIO()
        sheet = work_sheets.make(session, actor, programme, activity, group, period)
        spoken = language or office_of(session).languages[0]
        paper = work_sheets.export(session, actor, sheet, target, form=form, language=spoken)
        return sheet.id, len(paper.workers), target.getvalue()

    number, rows, content = working(office, user, work_)
    file.write_bytes(content)
    say(f"Sheet {number} with {rows} people is in {file.name}. It holds names: keep it safe.")


@sheets.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    reason: Annotated[str | None, typer.Option(help="Why a signed sheet is corrected.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, change nothing.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a copy of the sheet with the reasons beside each row."),
    ] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Take in a filled sheet: the whole of it, or nothing with the reasons; the same file again changes nothing.

    Example: cbi work sheet import well-january.xlsx --report well-january-checked.xlsx
    """
    from cbi.programmes import work_entering
    from cbi.programmes.work_results import SheetRefused
    from cbi.programmes.work_schemas import EnteredOut
    from cbi.terminal.output import as_json, cover

    def work_(session: "Session", actor: "Actor") -> "Entered":
        return work_entering.take_in(session, actor, file, reason=reason, dry_run=dry_run)

    try:
        entered = working(office, user, work_)
    except SheetRefused as refusal:
        if report:
            work_entering.write_report(refusal.result, file, report, cover())
        raise
    if report:
        work_entering.write_report(entered, file, report, cover())
    if json:
        as_json(EnteredOut.of(entered).model_dump(mode="json"))
    else:
        print_entered(entered)


def print_entered(entered: "Entered") -> None:
    """What came of a sheet."""
    from rich.markup import escape

    from cbi.programmes.work_pay import days
    from cbi.terminal.output import say, show

    if entered.repeated:
        say("This file was taken in before: nothing changed.")
    what = f"Sheet {entered.sheet}{' (dry run)' if entered.dry_run else ''}"
    version = f"version {entered.version}" + (
        f", a correction of version {entered.corrects}" if entered.corrects else ""
    )
    show(
        {
            what: version,
            "Rows": entered.taken,
            "Days": days(entered.half_days),
            "Earned": entered.earned,
        }
    )
    for note in entered.rows[:SHOWN_REASONS]:
        for warning in note.warnings:
            say(escape(f"  row {note.line}: {warning.message} {warning.next_step}"))
    if not entered.repeated and not entered.dry_run:
        say(f"It waits for a supervisor: cbi work sheet sign {entered.sheet}")


@sheets.command("show")
def show_sheet(
    number: Number, office: Office = None, user: User = None, json: Json = False
) -> None:
    """A sheet as a supervisor sees it before signing, without names. Example: cbi work sheet show 12"""
    from cbi.access.permissions import Permission
    from cbi.programmes import work_digest, work_queries
    from cbi.terminal.output import as_json, say, table

    def look(session: "Session", actor: "Actor") -> "tuple[int, str, list[RowLine]]":
        sheet = work_queries.sheet(session, actor, number, Permission.WORK_READ)
        if not sheet.latest:
            return 0, "", []
        digest = work_digest.digest_of(session, number, sheet.latest).hex()
        return sheet.latest, digest, work_queries.rows(session, number, sheet.latest)

    version, digest, rows = working(office, user, look)
    if json:
        as_json({"sheet": number, "version": version, "digest": digest, "rows": rows})
        return
    table(
        f"Sheet {number}, version {version}",
        ["No.#", "Registration number", "Calculation", "Before"],
        [(row.number, row.registration, row.trace, row.before or "") for row in rows],
    )
    say(f"Digest: {digest or 'nothing has come back yet'}")


@sheets.command("sign")
def sign(
    number: Number,
    digest: Annotated[
        str | None,
        typer.Option(help="As you were shown it; if the sheet differs, nothing is signed."),
    ] = None,
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Sign a sheet with your one-time code: from then on it is paid, and only corrections change it.

    Example: cbi work sheet sign 12
    """
    from cbi.programmes import work_signing
    from cbi.terminal.output import say

    try:
        seen = bytes.fromhex(digest) if digest else None
    except ValueError:
        raise typer.BadParameter("The digest has 64 digits and letters a to f.") from None
    typed = one_time_code(code)
    working(
        office,
        user,
        lambda session, actor: work_signing.sign(session, actor, number, typed, seen=seen),
    )
    say(f"Sheet {number} is signed.")


@sheets.command("list")
def list_sheets(
    programme: Programme,
    period: Annotated[str | None, typer.Option(help="Only those of one period.")] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """A programme's sheets: what is out, what waits for a signature, what is not paid yet.

    Example: cbi work sheet list roads-2026
    """
    from cbi.access.permissions import Permission
    from cbi.programmes import queries, work_queries
    from cbi.programmes.work_models import WorkSheet
    from cbi.programmes.work_pay import days
    from cbi.programmes.work_schemas import SheetOut
    from cbi.terminal.output import as_json, table

    def look(session: "Session", actor: "Actor") -> list[work_queries.SheetLine]:
        actor.require(Permission.WORK_READ, programme)
        wanted = [WorkSheet.period == period] if period else []
        return work_queries.sheets(session, queries.find(session, programme), *wanted)

    found = working(office, user, look)
    if json:
        as_json([SheetOut.of(line).model_dump(mode="json") for line in found])
        return
    table(
        f"Sheets of {programme}",
        ["Sheet#", "Activity", "Group", "Period", "State", "Rows#", "Days#", "Earned#", "Not paid#"],
        [
            (
                line.number, line.activity, line.group, line.period, _state(line), line.rows,
                days(line.half_days), line.earned, line.unpaid,
            )
            for line in found
        ],
    )  # fmt: skip


def _state(line: "SheetLine") -> str:
    if not line.version:
        return "out"
    what = "correction" if line.corrects else "sheet"
    if line.is_refused:
        return f"{what} refused"
    return f"{what} signed" if line.signed_at else f"{what} waits for a signature"
