"""The command that brings in a list of what people who are registered already said."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.consent import consents
from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.registry.consent.lists import TakenIn

__all__ = ["consents"]


@consents.command("file")
def take_in(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    notice: Annotated[
        str, typer.Option(help="registration, or registration/2, for rows that name none.")
    ] = "",
    how: Annotated[
        str, typer.Option(help="in_person, signed or call, for rows that do not say.")
    ] = "",
    language: Annotated[
        str, typer.Option(help="In which language it was told, for rows that do not say.")
    ] = "",
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day, for rows without one.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Check everything, and change nothing.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a copy of the list with the reasons beside each row.")
    ] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Bring in what registered people said before; the same rows again change nothing.

    Example: cbi consent file paper-forms.xlsx --notice registration/1 --how signed --report checked.xlsx
    """
    from rich.markup import escape

    from cbi.registry.consent import lists
    from cbi.registry.consent.list_reading import Whole
    from cbi.registry.consent.schemas import ConsentListOut
    from cbi.registry.intake.results import count_reasons
    from cbi.terminal.output import as_json, cover, progress, say, show

    whole = Whole(how, notice, language, on.date() if on else None)
    with progress("rows") as bar:

        def work(session: "Session", actor: "Actor") -> "TakenIn":
            return lists.take_in(
                session, actor, file, filename=file.name, whole=whole, dry_run=dry_run, progress=bar.advance
            )  # fmt: skip

        result = working(office, user, work)
    if report:
        lists.write_report(result, file, report, cover=cover())
    if json:
        as_json(ConsentListOut.of(result, "en").model_dump(mode="json"))
        return
    show(
        {"List": f"{file.name}{' (dry run)' if dry_run else ''}"}
        | {name.capitalize(): f"{count:,}" for name, count in result.counts().items()}
    )
    for reason, rows in count_reasons(result.rows)[:10]:
        where = f"{reason.column}: " if reason.column else ""
        say(escape(f"  {rows} × {where}{reason.message} {reason.next_step}"))
