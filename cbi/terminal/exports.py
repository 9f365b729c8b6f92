"""Commands for lists of people that leave the house: ask, approve, fetch, open, revoke, and trace what leaked."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.protection.exporting.schemas import ExportOut

exports = typer.Typer(
    help="Lists of people that leave the house: encrypted, limited, marked.", no_args_is_help=True
)
Number = Annotated[int, typer.Argument(help="The list's number.")]
Reason = Annotated[str, typer.Option(help="Why, in a few words.")]


@exports.command("ask")
def ask(
    purpose: Annotated[str, typer.Option(help="What for, such as delivery or audit.")],
    reason: Annotated[str, typer.Option(help="What is done with it, in a few words.")],
    column: Annotated[
        list[str], typer.Option(help="number, name, phone, area, … (several times).")
    ],
    programme: Annotated[str | None, typer.Option(help="Whose people.")] = None,
    period: Annotated[str | None, typer.Option(help="Only those owed something in it.")] = None,
    area: Annotated[str | None, typer.Option(help="Only there and below.")] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="All members.")] = False,
    fetches: Annotated[int, typer.Option(help="How often it may be fetched.")] = 1,
    recipient: Annotated[str | None, typer.Option(help="User name of who fetches it.")] = None,
    disclosure: Annotated[int | None, typer.Option(help="What lets it go outside.")] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Ask for a list. Nothing is written to a file yet.

    Example: cbi export ask --programme winter-2026 --period 2026-11 --column number --column phone
    --purpose delivery --reason "Call those who wait" --user omar
    """
    from cbi.access import users
    from cbi.protection.exporting import asking
    from cbi.protection.exporting.asking import Wish
    from cbi.protection.exporting.choosing import Whom
    from cbi.protection.exporting.schemas import ExportOut
    from cbi.terminal.output import as_json, say

    def work(session: "Session", actor: "Actor") -> ExportOut:
        whose = users.id_of(session, recipient) if recipient else None
        whom = Whom(programme, period, area, everybody)
        wish = Wish(whom, tuple(column), purpose, reason, fetches, whose, disclosure)
        return ExportOut.of(asking.ask(session, actor, wish))

    made = working(office, user, work)
    if json:
        as_json(made.model_dump(mode="json"))
    elif made.needs_approval:
        say(f"List {made.number} holds {made.people} people: a colleague approves it first.")
        say(f"They do it with: cbi export approve {made.number}")
    else:
        say(f"List {made.number} holds {made.people} people: cbi export fetch {made.number} FILE")


@exports.command("list")
def list_exports(office: Office = None, user: User = None, json: Json = False) -> None:
    """The lists that were asked for, the latest first. Example: cbi export list --user omar"""
    from cbi.protection.exporting import asking
    from cbi.protection.exporting.schemas import ExportOut
    from cbi.terminal.output import as_json, at, say, table

    found = working(
        office,
        user,
        lambda session, actor: [ExportOut.of(each) for each in asking.listed(session, actor)],
    )
    if json:
        as_json([each.model_dump(mode="json") for each in found])
    elif not found:
        say("Nobody has asked for a list.")
    else:
        table(
            "Lists of people",
            ["Number#", "Asked", "What for", "People#", "Fetched", "State"],
            [
                [
                    each.number, at(each.asked_at), each.purpose, each.people,
                    f"{each.fetches} of {each.most_fetches}", _state(each),
                ]
                for each in found
            ],
        )  # fmt: skip


@exports.command("show")
def show_export(number: Number, office: Office = None, user: User = None) -> None:
    """One list, as JSON: who asked for what, and what became of it. Example: cbi export show 12"""
    from cbi.protection.exporting import asking
    from cbi.protection.exporting.schemas import ExportOut
    from cbi.terminal.output import as_json

    found = working(
        office, user, lambda session, actor: ExportOut.of(asking.find(session, actor, number))
    )
    as_json(found.model_dump(mode="json"))


@exports.command("approve")
def approve(
    number: Number, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Let a list be fetched that a colleague asked for above the limits. Example: cbi export approve 12"""
    from cbi.protection.exporting import asking
    from cbi.terminal.output import say

    given = one_time_code(code)
    working(
        office, user, lambda session, actor: asking.approve(session, actor, number, given).number
    )
    say(f"List {number} may be fetched.")


@exports.command("refuse")
def refuse(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """Refuse a list that waits. Example: cbi export refuse 12 --reason "One area is enough" """
    from cbi.protection.exporting import asking
    from cbi.terminal.output import say

    working(
        office, user, lambda session, actor: asking.refuse(session, actor, number, reason).number
    )
    say(f"List {number} is refused.")


@exports.command("revoke")
def revoke(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """Let a list be fetched no more. Example: cbi export revoke 12 --reason "The passphrase was lost" """
    from cbi.protection.exporting import asking
    from cbi.terminal.output import say

    working(
        office, user, lambda session, actor: asking.revoke(session, actor, number, reason).number
    )
    say(f"List {number} is revoked.")


@exports.command("fetch")
def fetch(
    number: Number,
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to: a new .zip file.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Write the list to an encrypted file; everybody in it can see that they left. Example: cbi export fetch 12 l.zip"""
    from cbi.protection.exporting import fetching
    from cbi.terminal.output import say

    # The place first: a list that was fetched and could not be written would count as fetched.
    with _new(file) as written:
        made = working(office, user, lambda session, actor: fetching.fetch(session, actor, number))
        written.write(made.content)
    say(f"{made.people} people are in {file}, encrypted.")
    say(f"A colleague reads the passphrase out: cbi export passphrase {number}")


@exports.command("passphrase")
def passphrase(number: Number, office: Office = None, user: User = None) -> None:
    """Show a list's passphrase, once, to one who does not fetch it, to be read out. Example: cbi export passphrase 12"""
    from cbi.protection.exporting import fetching
    from cbi.terminal.output import say

    say(working(office, user, lambda session, actor: fetching.passphrase(session, actor, number)))


@exports.command("open")
def open_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The ZIP file.")],
    target: Annotated[Path, typer.Argument(dir_okay=False, help="Where to: a new .xlsx file.")],
) -> None:
    """Open a fetched list with its passphrase, as 7-Zip does. Needs no office. Example: cbi export open l.zip l.xlsx"""
    from cbi.protection.exporting import envelope
    from cbi.terminal.output import say

    words = typer.prompt("Passphrase", hide_input=True, err=True)
    _, content = envelope.opened(file.read_bytes(), words)
    with _new(target) as written:
        written.write(content)
    say(f"The list is in {target}, readable to whoever has it. Delete it when its work is done.")


@exports.command("trace")
def trace(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What was found.")],
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Say which list a file, or some rows of one, came from. Example: cbi export trace found.xlsx --user nadia"""
    from dataclasses import asdict

    from cbi.protection.exporting import tracing
    from cbi.terminal.output import as_json, say, table

    content = file.read_bytes()
    found = working(office, user, lambda session, actor: tracing.trace(session, actor, content))
    if json:
        as_json([asdict(each) for each in found])
    elif not found:
        say("Nothing in it tells which list it came from.")
    else:
        table(
            "Where it came from",
            ["List#", "Told by its", "Rows#"],
            [[each.number, each.by, each.rows] for each in found],
        )


@contextmanager
def _new(file: Path) -> Iterator[BinaryIO]:
    """A file that was not there, which nobody else on the machine reads; taken away again if it could not be filled."""
    from cbi.terminal.output import refuse as say_no

    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        say_no(f"No file can be written at {file} ({error.strerror}).", "Name a new file.")
        raise typer.Exit(1) from None
    try:
        with os.fdopen(handle, "wb") as written:
            yield written
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _state(one: "ExportOut") -> str:
    if one.revoked_at:
        return "revoked"
    if one.needs_approval and one.decision is None:
        return "waits for approval"
    return str(one.decision or "within the limits")
