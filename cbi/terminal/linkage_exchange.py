"""Commands for checks with another agency: keyed hashes out, yes or no back, and whom of ours they know."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.linkage import registry as registry
from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor

exchange = typer.Typer(
    help="Whether another agency knows the same people, by keyed hashes alone.",
    no_args_is_help=True,
)
registry.add_typer(exchange, name="exchange")

KeyFile = Annotated[
    Path,
    typer.Option(
        exists=True, dir_okay=False, help="The key that both agencies share (32 bytes in base64)."
    ),
]


Agreement = Annotated[
    int, typer.Option("--disclosure", help="Number of the approved disclosure, form keyed hashes.")
]


@exchange.command("export")
def export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write the hashes.")],
    key_file: KeyFile,
    disclosure: Agreement,
    office: Office = None,
    user: User = None,
) -> None:
    """Write a file of keyed hashes for another agency; no name, number or key of ours is in it.

    Example: cbi registry exchange export ours.txt --key-file shared.key --disclosure 3
    """
    from cbi.registry.linkage import exchange as hashes
    from cbi.terminal.output import say as tell

    key = hashes.key_in(key_file.read_text("utf-8"))
    lines = working(
        office, user, lambda session, actor: list(hashes.export(session, actor, key, disclosure))
    )
    with file.open("x", encoding="utf-8") as written:
        written.writelines(f"{line}\n" for line in lines)
    tell(f"{len(lines) - 1:,} hashes written.")


@exchange.command("answer")
def answer(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Their file.")],
    answers: Annotated[Path, typer.Argument(dir_okay=False, help="Where to write the answers.")],
    key_file: KeyFile,
    disclosure: Agreement,
    office: Office = None,
    user: User = None,
) -> None:
    """Answer another agency's file: yes or no to each of its hashes, as many in a day as are allowed.

    Example: cbi registry exchange answer theirs.txt answers.txt --key-file shared.key --disclosure 3
    """
    from cbi.registry.linkage import exchange as hashes
    from cbi.terminal.output import say as tell

    key = hashes.key_in(key_file.read_text("utf-8"))

    def work(session: "Session", actor: "Actor") -> list[str]:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return list(hashes.answer(session, actor, lines, key, disclosure))

    told = working(office, user, work)
    with answers.open("x", encoding="utf-8") as written:
        written.writelines(f"{line}\n" for line in told)
    tell(f"{len(told) - 1:,} answers written.")


@exchange.command("check")
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Their file.")],
    key_file: KeyFile,
    disclosure: Agreement,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Say how many of our people another agency's file has, and who of ours they are.

    Example: cbi registry exchange check theirs.txt --key-file shared.key --disclosure 3
    """
    from cbi.registry.linkage import exchange as hashes
    from cbi.terminal.output import as_json, table

    key = hashes.key_in(key_file.read_text("utf-8"))

    def work(session: "Session", actor: "Actor") -> hashes.Shared:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return hashes.check(session, actor, lines, key, disclosure)

    told = working(office, user, work)
    if json:
        as_json(
            {
                "theirs": told.theirs, "ours": dict(told.ours),
                "people": [
                    {"person": str(person), "household": number, "shared": shared}
                    for person, number, shared in told.people
                ],
            }
        )  # fmt: skip
    else:
        table(
            f"{len(told.people):,} of our people are known to them",
            ["Household", "Shared"],
            [(number, ", ".join(shared)) for _, number, shared in told.people],
        )
