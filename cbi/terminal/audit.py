"""Commands for the end of the audit log: write it down elsewhere, and later see that nothing before it was taken away."""

from typing import Annotated

import typer

from cbi.terminal.office import Json, Office, reading

audit = typer.Typer(
    help="The audit log's end, to be kept where nobody with the database can reach it.",
    no_args_is_help=True,
)
Kept = Annotated[
    str,
    typer.Argument(
        help="What `cbi audit head` told then: a number, a colon, 64 letters and digits."
    ),
]


@audit.command("head")
def head(office: Office = None, json: Json = False) -> None:
    """Tell the end of the sealed audit log, to be kept on paper or in a mail. Example: cbi audit head --office dz"""
    from cbi.audit import chain
    from cbi.terminal.output import as_json, say

    with reading(office) as session:
        found = chain.head(session)
    if json:
        as_json({"position": found.position, "chain": found.chain.hex(), "head": found.told})
    else:
        say(f"{found.told}\nKeep it where nobody who can change the database can change it, too.")


@audit.command("check")
def check(kept: Kept, office: Office = None, json: Json = False) -> None:
    """Read the log, and whether what was kept still stands in it; exit code 1 if not. Example: cbi audit check 812:4f"""
    from cbi.audit import chain, verifying
    from cbi.terminal.output import as_json, say

    anchor = chain.as_told(kept)
    with reading(office) as session:
        found = verifying.first_break(session, anchor)
        now = chain.head(session)
    words = (
        str(found)
        if found
        else f"The log is what was written, up to {now.told}; what was kept stands in it."
    )
    if json:
        as_json({"kept": found is None, "breach": found and str(found), "head": now.told})
    else:
        say(words)
    if found:
        raise typer.Exit(1)
