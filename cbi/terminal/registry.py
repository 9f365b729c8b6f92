"""Commands for the registration officer: taking in lists, and deciding about likely duplicates."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.registry.intake.results import ImportResult

registry = typer.Typer(help="Households and people.", no_args_is_help=True)

SHOWN_REASONS = 8


@registry.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    mapping: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Which column is which (YAML).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, change nothing.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a copy of the list with the reasons beside each row.")
    ] = None,
    language: Annotated[
        str, typer.Option(help="The language of that copy: en, fr, ar or es.")
    ] = "en",
    form: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The XLSForm, for the labels of choices."),
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Leave it to the worker: for long lists.")
    ] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Take in a list of households (CSV, XLSX) or submissions of a form (JSON); the same file again changes nothing.

    Example: cbi registry import list.xlsx --dry-run --report list-checked.xlsx
    """
    from cbi.offices import office_of
    from cbi.protection.exporting import row_workbooks
    from cbi.registry.intake import importing, reports, waiting
    from cbi.registry.intake.mapping import TEMPLATE
    from cbi.registry.intake.mapping_files import load_mapping
    from cbi.registry.intake.xlsforms import read_form, with_form
    from cbi.terminal.output import as_json, cover, progress, say

    rules = (
        load_mapping(mapping.read_bytes().decode("utf-8-sig", errors="replace"))
        if mapping
        else TEMPLATE
    )
    if form:
        questions = read_form(form)
        usual = working(office, user, lambda session, _: office_of(session).languages[0])
        rules = with_form(rules, questions, usual)
    content = working(
        office, user, lambda session, actor: row_workbooks.unsealed(session, actor, file)
    )
    if report and content is not file:
        raise typer.BadParameter(
            "Hand an encrypted workbook in without --report: what is still wrong waits as before."
        )
    if background:
        if dry_run or report:
            raise typer.BadParameter("--background goes neither with --dry-run nor with --report")
        import_id = working(
            office, user,
            lambda session, actor: waiting.store(
                session, actor, content, filename=file.name, mapping=rules
            ),
        )  # fmt: skip
        as_json({"import_id": import_id}) if json else say(
            f"The worker takes it in as {import_id}. How far it is: cbi registry imports"
        )
        return

    def write_report(result: "ImportResult") -> None:
        if report:
            reports.write_report(
                result, file, report, mapping=rules, cover=cover(), language=language
            )

    with progress("households") as bar:

        def work(session: "Session", actor: "Actor") -> "ImportResult":
            return importing.import_file(
                session, actor, content, filename=file.name, mapping=rules, dry_run=dry_run, progress=bar.advance
            )  # fmt: skip

        try:
            result = working(office, user, work)
        except importing.NothingUsable as refusal:
            write_report(refusal.result)
            raise
    write_report(result)
    if json:
        as_json(result.counts() | {"flags": dict(result.flags), "repeated": result.repeated})
    else:
        print_import(result)


def print_import(result: "ImportResult") -> None:
    """What came of a list, and why rows did not land."""
    from rich.markup import escape

    from cbi.registry.intake.results import count_reasons
    from cbi.terminal.output import say, show

    if result.repeated:
        say("This file was taken in before: nothing changed.")
    show(
        {
            "Households": f"{result.total:,} in {result.filename}{' (dry run)' if result.dry_run else ''}",
            "Landed": f"{result.landed:,} with {result.people:,} people",
            "Unchanged": f"{result.unchanged:,}",
            "Rejected": f"{result.rejected:,}",
            "Flagged": ", ".join(
                f"{count} {kind.replace('_', ' ')}" for kind, count in result.flags.items()
            )
            or "nothing",
        }
    )
    for reason, rows in count_reasons(result.rows)[:SHOWN_REASONS]:
        where = f"{reason.column}: " if reason.column else ""
        say(escape(f"  {rows} × {where}{reason.message} {reason.next_step}"))


@registry.command("need")
def note_need(
    household: Annotated[str, typer.Argument(help="The household's registration number.")],
    word: Annotated[str, typer.Argument(help="The need, in the words that programmes use.")],
    members: Annotated[int, typer.Option(help="How many members have it; 0: nobody any more.")] = 1,
    source: Annotated[str, typer.Option(help="Where this comes from.")] = "visit",
    office: Office = None,
    user: User = None,
) -> None:
    """Note a household's need. Example: cbi registry need H-0042 disability --members 2 --source "visit of 3 March" """
    from cbi.registry import needs
    from cbi.registry.naming import named
    from cbi.terminal.output import say

    working(
        office, user,
        lambda session, actor: needs.note(
            session, actor, named(session, household), word, members=members, source=source
        ),
    )  # fmt: skip
    say("Noted.")


@registry.command("needs")
def list_needs(office: Office = None, user: User = None, json: Json = False) -> None:
    """The needs that households have now, by the word. Example: cbi registry needs"""
    from cbi.registry import needs
    from cbi.terminal.output import as_json, table

    rows = working(office, user, needs.words)
    if json:
        as_json([dict(zip(("need", "households", "members"), row, strict=True)) for row in rows])
    else:
        table("Needs", ["Need", "Households#", "Members#"], rows)


@registry.command("band")
def note_band(
    household: Annotated[str, typer.Argument(help="The household's registration number.")],
    band: Annotated[str, typer.Argument(help="The band, in the words that programmes use.")],
    scorecard: Annotated[
        str, typer.Option(help="Which scorecard, and after a stroke its version.")
    ] = "assessment",
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of the assessment.")
    ] = None,
    source: Annotated[str, typer.Option(help="Where this comes from.")] = "visit",
    office: Office = None,
    user: User = None,
) -> None:
    """Note what an assessment made of a household.

    Example: cbi registry band H-0042 severe --scorecard vulnerability/2 --on 2026-03-03
    """
    from cbi.registry import bands
    from cbi.registry.naming import named
    from cbi.terminal.output import say

    working(
        office, user,
        lambda session, actor: bands.note(
            session, actor, named(session, household), band, scorecard=scorecard,
            on=on.date() if on else None, source=source,
        ),
    )  # fmt: skip
    say("Noted.")


@registry.command("bands")
def list_bands(office: Office = None, user: User = None, json: Json = False) -> None:
    """The bands that households are in now, by scorecard. Example: cbi registry bands"""
    from cbi.registry import bands
    from cbi.terminal.output import as_json, table

    rows = working(office, user, bands.words)
    if json:
        names = ("scorecard", "version", "band", "households")
        as_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        table("Bands", ["Scorecard", "Version#", "Band", "Households#"], rows)


@registry.command("duplicates")
def list_duplicates(office: Office = None, user: User = None, json: Json = False) -> None:
    """Households that share a telephone or a document, undecided, or found to be one and not merged.

    Example: cbi registry duplicates
    """
    from cbi.registry import duplicates
    from cbi.terminal.output import as_json, table

    waiting = working(office, user, duplicates.list_flags)
    unmerged = working(office, user, duplicates.list_unmerged)
    rows = [
        (
            one.flag.id, one.flag.kind.replace("_", " "),
            ", ".join(household.source_id for household in one.households),
            "one person: merge them" if one.flag.decision else "to be decided",
        )
        for one in (*waiting, *unmerged)
    ]  # fmt: skip
    if json:
        names = ("id", "kind", "households", "state")
        as_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        table("Possible duplicates", ["Flag", "Kind", "Households", "State"], rows)


@registry.command("decide")
def decide(
    flag: UUID,
    decision: Annotated[str, typer.Argument(help="different or same.")],
    reason: Annotated[str, typer.Option(help="What you know, in a few words.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Say whether flagged households are different or the same; `same` keeps them from being paid.

    That one document belongs to different people takes somebody else, too.

    Example: cbi registry decide 5f… different --reason "Sisters, one telephone"
    """
    from cbi.registry import duplicates
    from cbi.terminal.output import say

    done = working(
        office, user, lambda session, actor: duplicates.decide(session, actor, flag, decision, reason)
    )  # fmt: skip
    say("Noted." if done.decision else "Noted. Somebody else must say so, too.")
