"""The tour of five minutes through the made-up office, as the terminal prints it: one line for each step."""

import os
from collections.abc import Iterator
from pathlib import Path

from cbi.demo.ground import COMMAND
from cbi.demo.town import Town

STEPS = (
    ("Who is who", "{web}/demo", "Passwords, one-time codes and telephones. Keep it open beside the rest."),
    (
        "Certify",
        "{web}/approvals",
        "Sign in as amina. Open the run; open the list behind each warning; see what changed. Code; Certify.",
    ),
    ("Authorise", "{web}/approvals", "Sign out; karim signs in. The same run and lists: code; Authorise; then Release."),
    ("Telephone", "{web}/demo/phones/{new}", "Somebody who is new this month: the first code comes within seconds."),
    ("Counter", "{web}/counter", "teller-101 types the code and the four characters of {web}/demo/phones/{old}; confirms."),
    ("Questions", "{web}/demo/phones/{old}", "The text says how much was paid. Write STATUS, then PROBLEM and a few words."),
    ("Complaint", "{command} complaints list --user salma", "Hers to read, and no teller's; `complaints show` opens one."),
    ("Discrepancy", "{web}/discrepancies", "tala opens the amount that differs, writes down why, and settles it."),
    ("Front page", "{web}/", "marc sees how far each cycle is, what is stuck, and where the money is."),
    ("Proof", "{command} verify", "ada has every promise computed anew from the tables, your own clicks included."),
)  # fmt: skip


def lines(town: Town, web: str) -> Iterator[str]:
    """Where to go, who signs in, what to type and what to look at. `web` is the address of the console."""
    values = {
        "web": web,
        "command": _short(town.folder / COMMAND),
        "old": town.handsets.waiting[0].place,
        "new": town.handsets.new[0].place,
    }
    yield f"\n[bold]The console is served at {web}[/bold] (stop with Ctrl-C). A tour of five minutes:"
    for number, (title, where, what) in enumerate(STEPS, start=1):
        yield f"{number:>2}. [bold]{title}[/bold] {where.format(**values)}  {what.format(**values)}"


def _short(path: Path) -> str:
    """The path as somebody in this folder would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
