"""Commands for what amounts rest on: baskets, and rounds of market prices, out to the markets and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.programmes.price_results import Entered

baskets = typer.Typer(help="What a household needs, and what it costs.", no_args_is_help=True)
prices = typer.Typer(help="Rounds of market prices, out and back.", no_args_is_help=True)

Round = Annotated[int, typer.Argument(help="The round's number, as `cbi prices list` shows it.")]
SHOWN_ROWS = 12


@baskets.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    office: Office = None,
    user: User = None,
) -> None:
    """Create or change a basket from its file; it changes no amount. Example: cbi basket apply examples/basket.yaml"""
    from cbi.programmes import baskets as use
    from cbi.terminal.output import say

    text = file.read_bytes().decode("utf-8-sig", errors="replace")
    applied = working(office, user, lambda session, actor: use.apply(session, actor, text))
    what = "applied" if applied.changed else "on record already: nothing changed"
    say(f"{applied.basket}: version {applied.version} {what}.")


@baskets.command("list")
def list_baskets(office: Office = None, user: User = None, json: Json = False) -> None:
    """The office's baskets. Example: cbi basket list"""
    from cbi.programmes import baskets as use
    from cbi.terminal.output import as_json, table

    rows = [
        (row.code, row.version, row.content["currency"], row.content["household_size"], len(row.content["lines"]),
         len(row.content["markets"]))
        for row in working(office, user, use.listed)
    ]  # fmt: skip
    heads = ["Basket", "Version#", "Currency", "Members#", "Items#", "Markets#"]
    if json:
        names = [head.rstrip("#").lower() for head in heads]
        as_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        table("Baskets", heads, rows)


@prices.command("export")
def export(
    basket: Annotated[str, typer.Argument(help="The basket's code.")],
    name: Annotated[str, typer.Argument(help="What the round is called, such as 2026-03.")],
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to: .xlsx or .csv.")],
    language: Annotated[str | None, typer.Option(help="en, fr, ar or es.")] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Write a round's sheet for the markets, with what is known so far.

    Example: cbi prices export meb-oran 2026-03 prices-march.xlsx
    """
    import io

    from cbi.offices import office_of
    from cbi.programmes import price_rounds
    from cbi.terminal.output import say

    form = file.suffix.lower().lstrip(".")
    if form not in {"xlsx", "csv"}:
        raise typer.BadParameter("The file's name ends in .xlsx or .csv.")

    def work(session: "Session", actor: "Actor") -> tuple[int, int, bytes]:
        target = io.BytesIO()
        round_ = price_rounds.make(session, actor, basket, name)
        spoken = language or office_of(session).languages[0]
        sheet = price_rounds.export(session, actor, round_, target, form=form, language=spoken)
        return round_.id, len(sheet.rows), target.getvalue()

    number, rows, content = working(office, user, work)
    file.write_bytes(content)
    say(f"Round {number} with {rows} prices to ask is in {file.name}.")


@prices.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
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

    Example: cbi prices import prices-march.xlsx --report prices-march-checked.xlsx
    """
    from cbi.programmes import price_rounds
    from cbi.programmes.price_results import PricesRefused
    from cbi.programmes.value_schemas import PricesOut
    from cbi.terminal.output import as_json, cover

    def work(session: "Session", actor: "Actor") -> "Entered":
        return price_rounds.take_in(session, actor, file, dry_run=dry_run)

    try:
        entered = working(office, user, work)
    except PricesRefused as refusal:
        if report:
            price_rounds.write_report(refusal.result, file, report, cover())
        raise
    if report:
        price_rounds.write_report(entered, file, report, cover())
    if json:
        as_json(PricesOut.of(entered).model_dump(mode="json"))
    else:
        print_entered(entered)


def print_entered(entered: "Entered") -> None:
    """What came of a price sheet."""
    from rich.markup import escape

    from cbi.terminal.output import say, show

    if entered.repeated:
        say("This file was taken in before: nothing changed.")
    what = f"Round {entered.round_id}{' (dry run)' if entered.dry_run else ''}"
    show(
        {
            what: f"{entered.name}, version {entered.version}",
            "Prices": entered.taken,
            "Without a price": entered.not_found,
            "Worth a look": entered.outliers,
        }
    )
    for note in entered.rows[:SHOWN_ROWS]:
        for warning in note.warnings:
            say(escape(f"  row {note.line}: {warning.message} {warning.next_step}"))
    if not entered.repeated and not entered.dry_run:
        say(f"See what it makes: cbi value propose {entered.round_id}")


@prices.command("list")
def list_rounds(office: Office = None, user: User = None, json: Json = False) -> None:
    """The rounds of prices, the latest first. Example: cbi prices list"""
    from cbi.programmes import value_queries
    from cbi.programmes.value_schemas import RoundOut
    from cbi.terminal.output import as_json, at, table

    rows = working(office, user, value_queries.rounds)
    if json:
        as_json([RoundOut.of(row).model_dump(mode="json") for row in rows])
        return
    table(
        "Rounds of prices",
        ["Round#", "Basket", "Name", "Prices", "Made"],
        [
            (
                row.id, f"{row.basket} ({row.basket_version})", row.name,
                f"version {row.latest}" if row.latest else "out", at(row.made_at),
            )
            for row in rows
        ],
    )  # fmt: skip


@prices.command("show")
def show_round(number: Round, office: Office = None, user: User = None, json: Json = False) -> None:
    """A round's prices with their medians, and those far from the usual. Example: cbi prices show 3"""
    from cbi.programmes import baskets as use
    from cbi.programmes import value_queries
    from cbi.programmes.value_schemas import ItemOut
    from cbi.terminal.output import as_json, table

    def look(session: "Session", actor: "Actor") -> tuple[str, str, list[ItemOut]]:
        round_, items = value_queries.items(session, actor, number)
        currency = use.find(session, round_.basket, round_.basket_version)[1].currency
        return round_.name, currency, [ItemOut.of(item, currency) for item in items]

    name, currency, items = working(office, user, look)
    if json:
        as_json([item.model_dump(mode="json") for item in items])
        return
    table(
        f"Round {number} ({name}), {currency}",
        ["Item", "Unit", "Prices#", "Median#", "Lowest#", "Highest#", "Far from the usual"],
        [
            (
                item.name, item.unit, len(item.prices), item.median.amount if item.median else "–",
                *_ends([price.price.amount for price in item.prices]), ", ".join(item.outliers),
            )
            for item in items
        ],
    )  # fmt: skip


def _ends(amounts: list[str]) -> tuple[str, str]:
    ordered = sorted(amounts, key=lambda amount: (len(amount), amount))
    return (ordered[0], ordered[-1]) if ordered else ("–", "–")
