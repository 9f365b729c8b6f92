"""Commands for lists that come in by other ways: forms, sources, the worker; and for rows that were rejected."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.office import Json, Office, User, chosen, working
from cbi.terminal.registry import registry

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.protection.exporting.row_workbooks import Taken
    from cbi.registry.intake.rejected import OpenedRow

__all__ = ["registry"]

SHOWN = 200


@registry.command("form")
def draft_mapping(
    form: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The XLSForm (XLSX).")],
    language: Annotated[str, typer.Option(help="The language of the labels in it.")] = "en",
) -> None:
    """Draft a mapping file from a form: every question with its label and choices, to be filled in.

    Example: cbi registry form household.xlsx --language fr > kobo.yaml
    """
    from cbi.registry.intake.drafts import draft
    from cbi.registry.intake.xlsforms import read_form

    typer.echo(draft(read_form(form), language), nl=False)


@registry.command("imports")
def list_imports(office: Office = None, user: User = None, json: Json = False) -> None:
    """The latest imports, and how far those are that the worker reads. Example: cbi registry imports"""
    from cbi.registry import queries
    from cbi.registry.import_models import Import
    from cbi.registry.schemas import ImportOut
    from cbi.terminal.output import as_json, at, table

    def work(session: "Session", actor: "Actor") -> list[ImportOut]:
        found = queries.imports(actor).order_by(Import.imported_at.desc(), Import.id).limit(SHOWN)
        return [ImportOut.of(row) for row in session.scalars(found)]

    rows = working(office, user, work)
    if json:
        as_json([row.model_dump(mode="json") for row in rows])
        return
    table(
        "Imports",
        ["Import", "When", "File", "State", "Read#", "Landed#", "Unchanged#", "Rejected#"],
        [
            (
                row.id, at(row.imported_at), row.filename, row.state,
                f"{row.total:,} of {row.expected:,}" if row.expected is not None else f"{row.total:,}",
                f"{row.landed:,}", f"{row.unchanged:,}", f"{row.rejected:,}",
            )
            for row in rows
        ],
    )  # fmt: skip


@registry.command("pull")
def pull(
    source: Annotated[str, typer.Argument(help="A source of CBI_SOURCES.")],
    again: Annotated[
        bool, typer.Option("--again", help="Everything from the beginning: shows what was edited.")
    ] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Fetch new submissions from a source and take them in. Example: cbi registry pull kobo"""
    from cbi.registry.intake import pulling, sources, waiting
    from cbi.registry.queries import import_of
    from cbi.registry.schemas import ImportOut
    from cbi.terminal.output import as_json, progress, say, show

    actor = working(office, user, lambda _, actor: actor)
    code = chosen(office)
    with progress("submissions") as bar:
        import_id = pulling.pull(
            code, actor, sources.source(source), again=again, progress=bar.advance
        )
    if import_id is None:
        as_json({"import_id": None}) if json else say("Nothing new.")
        return
    with progress("households") as bar:
        waiting.work(code, import_id, bar.advance)
    from cbi.offices import transact

    row = transact(code, lambda session: ImportOut.of(import_of(session, actor, import_id)))
    if json:
        as_json(row.model_dump(mode="json"))
        return
    show(
        {
            "Import": f"{row.id} ({row.state})",
            "Landed": f"{row.landed:,} with {row.people:,} people",
            "Unchanged": f"{row.unchanged:,}",
            "Rejected": f"{row.rejected:,}",
        }
    )
    if row.rejected:
        say(f"See why: cbi registry rejected --import {row.id}")


@registry.command("rejected")
def list_rejected(
    import_id: Annotated[UUID | None, typer.Option("--import", help="Of one import only.")] = None,
    copy: Annotated[
        Path | None,
        typer.Option(
            help="Write the rows with what stands in them as an encrypted workbook, to be corrected and imported."
        ),
    ] = None,
    row: Annotated[int | None, typer.Option(help="Show what stands in this row.")] = None,
    purpose: Annotated[
        str, typer.Option(help="What the rows are opened for; it is noted.")
    ] = "correction",
    language: Annotated[
        str, typer.Option(help="The language of the reasons: en, fr, ar or es.")
    ] = "en",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Rows that did not land, and why. What stands in them is opened only for one row or a copy, and that is noted.

    Example: cbi registry rejected --import 5f… --copy to-correct.zip
    """
    from cbi.protection.exporting import row_workbooks
    from cbi.registry.import_models import RejectedRow
    from cbi.registry.intake import rejected
    from cbi.registry.intake.checks import Reason
    from cbi.registry.intake.wording import told
    from cbi.registry.purposes import Purpose
    from cbi.terminal.output import as_json, say, show, table

    if copy or row:
        why = Purpose(purpose) if purpose in set(Purpose) else None
        if why is None:
            raise typer.BadParameter(f"a purpose is one of {', '.join(Purpose)}")

    def rows(session: "Session", actor: "Actor") -> tuple[list[RejectedRow], int]:
        found = rejected.waiting_rows(actor, import_id).order_by(RejectedRow.id).limit(SHOWN)
        return list(session.scalars(found)), rejected.destroyed_rows(session, actor, import_id)

    if row is not None:

        def open_one(session: "Session", actor: "Actor") -> "OpenedRow":
            return rejected.opened(session, actor, [row], Purpose(purpose))[0]

        opened = working(office, user, open_one)
        as_json(dict(opened.cells)) if json else show(opened.cells)
        return
    if copy is not None:

        def take(session: "Session", actor: "Actor") -> "Taken":
            return row_workbooks.take(
                session, actor, import_id, purpose=Purpose(purpose), language=language
            )

        taken = working(office, user, take)
        copy.write_bytes(taken.content)
        say(
            f"{taken.rows:,} rows are in {copy}, encrypted. Its passphrase: cbi registry rows-passphrase {taken.number}"
        )
        say(f"Correct them, and hand them in, encrypted or not: cbi registry import {copy}")
        return
    found, destroyed = working(office, user, rows)
    if json:
        as_json(
            [
                {"row": each.id, "import": each.import_id, "sheet": each.sheet, "line": each.line,
                 "source_id": each.source_id, "reasons": each.reasons}
                for each in found
            ]
        )  # fmt: skip
        return
    table(
        "Rejected rows",
        ["Row#", "Sheet", "Line#", "Number", "Why", "What next"],
        [
            (
                each.id, each.sheet or "", each.line, each.source_id or "",
                "\n".join(f"{reason.column}: {reason.message}".lstrip(": ") for reason in said),
                "\n".join(dict.fromkeys(reason.next_step for reason in said)),
            )
            for each in found
            for said in [[told(Reason.of(kept), language) for kept in each.reasons]]
        ],
    )  # fmt: skip
    if destroyed:
        say(f"Not put right in time: {destroyed:,}. What stood in them is destroyed.")


@registry.command("rows-passphrase")
def rows_passphrase(
    number: Annotated[int, typer.Argument(help="The workbook, as the name of its file says.")],
    office: Office = None,
    user: User = None,
) -> None:
    """The passphrase of rejected rows that you took: told, and never sent with the file.

    Example: cbi registry rows-passphrase 17
    """
    from cbi.protection.exporting import row_workbooks
    from cbi.terminal.output import say

    say(
        working(
            office, user, lambda session, actor: row_workbooks.passphrase(session, actor, number)
        )
    )


@registry.command("fix")
def fix(
    row: Annotated[int, typer.Argument(help="The rejected row.")],
    values: Annotated[list[str], typer.Argument(help="field=value, as often as needed.")],
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Correct a rejected row; its household lands if it is right now. Example: cbi registry fix 17 phone=0550123456"""
    from cbi.registry.intake import correcting
    from cbi.terminal.output import as_json, say

    pairs = [each.partition("=") for each in values]
    if bad := [name for name, sign, _ in pairs if not sign or not name]:
        raise typer.BadParameter(f"write field=value, not {bad[0]}")
    done = working(
        office, user,
        lambda session, actor: correcting.correct(
            session, actor, row, {name: text for name, _, text in pairs}
        ),
    )  # fmt: skip
    if json:
        as_json({"ending": done.ending, "source_id": done.source_id, "people": done.people})
    elif done.people:
        say(f"Landed: {done.people:,} people.")
    else:
        say("It was there already, with the same facts.")


@registry.command("drop")
def drop(
    row: Annotated[int, typer.Argument(help="The rejected row.")],
    reason: Annotated[str, typer.Option(help="Why it will not be taken in, in a few words.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Give up a rejected row, and the others of its household. Example: cbi registry drop 17 --reason "left the camp" """
    from cbi.registry.intake import rejected
    from cbi.terminal.output import say

    count = working(office, user, lambda session, actor: rejected.drop(session, actor, row, reason))
    say(f"Given up: {count:,} rows.")
