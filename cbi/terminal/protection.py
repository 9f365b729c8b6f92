"""Commands about people's data: open it for a purpose, see who looked, destroy it, and change the keys it is under."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, reading, working

if TYPE_CHECKING:
    from cbi.protection.models import Erasure

person = typer.Typer(help="What identifies people, and who looked.", no_args_is_help=True)
erasure = typer.Typer(help="Destroying people's data, by two people.", no_args_is_help=True)
keys = typer.Typer(help="The keys that people's data is under.", no_args_is_help=True)

Household = Annotated[str, typer.Argument(help="The household's number, as SOURCE/NUMBER.")]


@person.command("open")
def open_household(
    household: Household,
    purpose: Annotated[str, typer.Option(help="What for, such as complaint or correction.")],
    field: Annotated[list[str] | None, typer.Option(help="name, phone, document, born_on.")] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Open what identifies a household's people; who looked at what, and for what, is kept.

    Example: cbi person open partner-oran-2026/0042 --purpose complaint --field name --field phone
    """
    from dataclasses import asdict

    from cbi.registry import viewing
    from cbi.terminal.output import as_json, say, table

    wanted = field or ["name"]
    found = working(
        office,
        user,
        lambda session, actor: viewing.opened(session, actor, household, wanted, purpose),
    )
    if json:
        as_json([asdict(one) | {"person_id": str(one.person_id)} for one in found])
        return
    rows = [
        ["recipient" if one.is_recipient else "head" if one.is_head else "member"]
        + ["erased" if one.erased else getattr(one, name) or "–" for name in wanted]
        for one in found
    ]
    table(f"Household {household}", ["", *wanted], rows)
    say("Your look was written down.")


@person.command("views")
def views(
    household: Household,
    names: Annotated[bool, typer.Option("--names", help="With who looked, for an audit.")] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Who has looked at a household's people, and for what: by role, as it is handed to the person.

    Example: cbi person views partner-oran-2026/0042
    """
    from dataclasses import asdict

    from cbi.registry import viewing
    from cbi.terminal.output import as_json, at, say, table

    found = working(
        office, user, lambda session, actor: viewing.seen(session, actor, household, names=names)
    )
    if json:
        as_json([asdict(one) | {"seen_at": one.seen_at.isoformat()} for one in found])
    elif not found:
        say("Nobody has looked.")
    else:
        table(
            f"Who looked at household {household}",
            ["When", "Who", "What", "What for", "Told to"],
            [
                [
                    at(one.seen_at), one.who or ", ".join(one.roles), ", ".join(one.fields), one.purpose,
                    one.told_to or ("in a list" if one.left_house else "–"),
                ]
                for one in found
            ],
        )  # fmt: skip


@erasure.command("ask")
def ask(
    households: Annotated[list[str], typer.Argument(help="Numbers of households.")],
    reason: Annotated[str, typer.Option(help="Why, in a few words.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Propose to destroy the data of everybody in these households; a colleague confirms.

    Example: cbi erasure ask partner-oran-2026/0042 --reason "They asked for it in their letter of 3 March."
    """
    from cbi.protection import erasing

    _asked(
        working(
            office, user, lambda session, actor: _told(session, erasing.ask(session, actor, households, reason))
        )
    )  # fmt: skip


@erasure.command("due")
def due(
    ask_for_it: Annotated[bool, typer.Option("--ask", help="Propose to destroy it.")] = False,
    reason: Annotated[
        str, typer.Option(help="Why, in a few words.")
    ] = "Kept as long as it may be.",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """What was kept as long as it may be; `--ask` proposes to destroy it. Example: cbi erasure due"""
    from cbi.protection import retention
    from cbi.terminal.output import as_json, say

    found = working(office, user, lambda session, actor: retention.due(session, actor))
    if json:
        as_json(
            {"households": found.households, "people": found.people, "texts": found.texts, "rows": found.rows,
             "answers": found.answers}
        )  # fmt: skip
    else:
        say(
            f"{found.people} people of {found.households} households, {found.texts} texts,"
            f" {found.rows} rows that did not land, the answers of {found.answers} assessments."
        )
    if ask_for_it:
        _asked(
            working(
                office,
                user,
                lambda session, actor: _told(
                    session, retention.ask_for_what_is_due(session, actor, reason)
                ),
            )
        )


def _told(session: object, made: "Erasure") -> tuple[int, list[str]]:
    from sqlalchemy.orm import Session

    from cbi.protection import erasing

    assert isinstance(session, Session)
    return made.number, [f"{each.people}: {each.why}" for each in erasing.obstacles(session, made)]


def _asked(told: tuple[int, list[str]]) -> None:
    from cbi.terminal.output import say

    number, obstacles = told
    say(f"Proposal {number} waits for a colleague: cbi erasure confirm {number}")
    for line in obstacles:
        say(f"For now something stands in the way of {line}")


@erasure.command("confirm")
def confirm(
    number: Annotated[int, typer.Argument(help="The proposal's number.")],
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Destroy the data as a colleague proposed, and print the certificate. Example: cbi erasure confirm 3"""
    from cbi.protection import erasing
    from cbi.terminal.output import as_json

    given = one_time_code(code)
    as_json(
        working(
            office, user, lambda session, actor: erasing.confirm(session, actor, number, given).certificate
        )
    )  # fmt: skip


@erasure.command("refuse")
def refuse(
    number: Annotated[int, typer.Argument(help="The proposal's number.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Refuse a proposal, or take back your own. Example: cbi erasure refuse 3 --reason "Still needed by an audit." """
    from cbi.protection import erasing
    from cbi.terminal.output import say

    working(
        office, user, lambda session, actor: erasing.refuse(session, actor, number, reason).number
    )
    say(f"Proposal {number} is refused.")


@erasure.command("list")
def list_erasures(office: Office = None, user: User = None, json: Json = False) -> None:
    """Every proposal to destroy data, and what came of it. Example: cbi erasure list"""
    from cbi.protection import erasing
    from cbi.protection.schemas import ErasureOut
    from cbi.terminal.output import as_json, at, say, table

    found = working(
        office,
        user,
        lambda session, actor: [ErasureOut.of(each) for each in erasing.listed(session, actor)],
    )
    if json:
        as_json([each.model_dump() for each in found])
    elif not found:
        say("Nobody has proposed to destroy anything.")
    else:
        table(
            "Erasures",
            ["Number#", "Ground", "Asked", "Decision", "People#"],
            [
                [
                    each.number, each.ground, at(each.asked_at), each.decision or "waits",
                    each.certificate["people"] if each.certificate else "–",
                ]
                for each in found
            ],
        )  # fmt: skip


@keys.command("rotate")
def rotate(
    first: Annotated[
        bool, typer.Option("--first", help="The file is not there yet: make it.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="No new key: only finish what was interrupted.")
    ] = False,
) -> None:
    """Make a new wrapping key and seal everybody's own key under it. Example: cbi keys rotate"""
    from cbi.protection import rotating
    from cbi.terminal.output import progress, say

    with progress("people") as bar:
        if again:
            rotating.rewrap(progress=bar.advance)
        else:
            rotating.rotate(first=first, progress=bar.advance)
    say("Everybody's own key is sealed under the newest wrapping key.")
    say("Keep a copy of the file of wrapping keys. In a day: cbi keys destroy")


@keys.command("list")
def list_keys(json: Json = False) -> None:
    """The wrapping keys, and how many keys of people's data are under each. Example: cbi keys list"""
    from cbi.protection import rotating
    from cbi.terminal.output import as_json, at, table

    found = rotating.in_use()
    if json:
        as_json([{"name": each.name, "keys": each.keys, "kept": each.is_kept} for each in found])
        return
    table(
        "Wrapping keys",
        ["Wrapping key", "Made", "Keys#", ""],
        [
            [
                each.name or "from the master key", at(each.made_at) if each.made_at else "–", str(each.keys),
                "" if each.is_kept else "missing here",
            ]
            for each in found
        ],
    )  # fmt: skip


@keys.command("destroy")
def destroy() -> None:
    """Remove every wrapping key but the newest, once nothing is sealed under them. Example: cbi keys destroy"""
    from cbi.protection import rotating
    from cbi.terminal.output import say

    gone = rotating.destroy_old()
    say(
        f"Destroyed: {', '.join(key.name.hex() for key in gone)}. Replace the copy you keep elsewhere, too."
        if gone
        else "There is one wrapping key at most: nothing to destroy."
    )


@keys.command("export")
def export(file: Annotated[Path, typer.Argument(dir_okay=False)], office: Office = None) -> None:
    """Write people's own keys, sealed, to a file to be kept apart from backups. Keep the newest only.

    Example: cbi keys export keys-dz.json
    """
    from cbi.protection import key_files
    from cbi.terminal.output import say

    with reading(office) as session:
        people = key_files.export(session, file)
    say(f"The keys of {people} people are in {file}. Destroy the one you made before.")


@keys.command("import")
def read_back(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], office: Office = None
) -> None:
    """After a backup was read back: take people's keys from the file; whoever was erased since is erased again.

    Example: cbi keys import keys-dz.json
    """
    from cbi.protection import key_files
    from cbi.terminal.output import say

    with reading(office) as session:
        taken, erased = key_files.read_back(session, file)
    say(f"{taken} keys that could not be opened here were taken, and {erased} people erased again.")
