"""Commands for places: taking in the tree, looking at it, and matching the households with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cbi.registry.areas.tree import Place

areas = typer.Typer(help="Places as a tree.", no_args_is_help=True)


@areas.command("import")
def import_areas(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, change nothing.")
    ] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Take in a list of places (CSV or XLSX); new ones are added, new names noted, nothing is deleted.

    Example: cbi areas import dza_adminboundaries_tabulardata.xlsx --dry-run --user omar
    """
    from dataclasses import asdict

    from cbi.registry.areas.keeping import import_areas as use
    from cbi.terminal.output import as_json, say

    taken = working(
        office, user,
        lambda session, actor: use(session, actor, file, filename=file.name, dry_run=dry_run),
    )  # fmt: skip
    if json:
        as_json(asdict(taken))
        return
    would = "would be" if dry_run else "were"
    say(
        f"{taken.listed:,} places in {file.name}: {taken.added:,} {would} added, {taken.named:,} names {would} noted."
        if taken.changed
        else f"{taken.listed:,} places in {file.name}: all of it is on record."
    )


@areas.command("list")
def list_areas(
    below: Annotated[str | None, typer.Option(help="This area and what lies in it.")] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """The tree of places. Example: cbi areas list --below DZ31 --user omar"""
    from cbi.registry.areas import queries
    from cbi.terminal.output import as_json, table

    found = working(office, user, lambda s, actor: queries.areas(s, actor, below=below))
    if json:
        as_json([_plain(place) for place in found])
    else:
        table("Areas", ["Code", "Within", "Level#", "Names"], _rows(found))


@areas.command("show")
def show(code: str, office: Office = None, user: User = None, json: Json = False) -> None:
    """One area: every name it ever had, and what lies directly in it. Example: cbi areas show DZ31 --user omar"""
    from cbi.registry.areas import queries
    from cbi.terminal.output import as_json, table
    from cbi.terminal.output import show as show_it

    places, names = working(
        office, user,
        lambda s, actor: (
            queries.areas(s, actor, below=code),
            [(each.language, each.name) for each in queries.called(s, actor, code)],
        ),
    )  # fmt: skip
    own, *below = places
    direct = [each for each in below if each.parent == own.code]
    if json:
        as_json(_plain(own) | {"names_ever": names, "within": [_plain(each) for each in direct]})
        return
    show_it({"Code": own.code, "Lies in": " in ".join(own.line[1:]) or "-", "Level": own.level})
    table("Names, the latest first", ["Language", "Name"], names)
    table("In it", ["Code", "Within", "Level#", "Names"], _rows(direct))


@areas.command("match")
def match(
    write: Annotated[
        bool, typer.Option("--write", help="Write the codes; without it nothing changes.")
    ] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Match what stands as the area of each household with the tree.

    Example: cbi areas match --user omar, then: cbi areas match --write --user omar
    """
    from dataclasses import asdict

    from cbi.registry.areas.matching import match as use
    from cbi.terminal.output import as_json, say, show, table

    done = working(office, user, lambda session, actor: use(session, actor, write=write))
    if json:
        as_json(asdict(done))
        return
    show(
        {
            "In the tree already": f"{done.standing:,} households",
            "Matched now" if write else "Would be matched": f"{done.households_found:,} households",
            "Not found": f"{done.households_missing:,} households",
            "Without an area": f"{done.without:,} households",
        }
    )
    if done.found:
        table(
            "Found", ["Written", "Area", "Households#"],
            [(each.written, each.area or "", f"{each.households:,}") for each in done.found],
        )  # fmt: skip
    if done.missing:
        table(
            "Not found", ["Written", "Households#", "Why"],
            [(each.written, f"{each.households:,}", each.why) for each in done.missing],
        )  # fmt: skip
    if not write and done.found:
        say("Nothing was changed. Write the codes with: cbi areas match --write")


def _plain(place: "Place") -> dict[str, object]:
    return {
        "code": place.code, "parent": place.parent, "level": place.level, "names": dict(place.names)
    }  # fmt: skip


def _rows(places: "Iterable[Place]") -> list[tuple[str, str, str, str]]:
    return [
        (
            f"{'  ' * place.level}{place.code}", place.parent or "", str(place.level),
            "; ".join(f"{name} ({language})" for language, name in sorted(place.names.items())),
        )
        for place in places
    ]  # fmt: skip
