"""Commands for reconciliation: statements, matching, discrepancies."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, chosen, working

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.reconciliation.matching import Reconciled
    from cbi.reconciliation.queries import KindTotal
    from cbi.reconciliation.statements import TakenIn

statement = typer.Typer(help="Statements of the providers.", no_args_is_help=True)
discrepancy = typer.Typer(help="What does not agree, until it is explained.", no_args_is_help=True)

Provider = Annotated[str, typer.Option(help="Whose statement, such as post_office.")]


@statement.command("import")
def import_statement(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    provider: Provider = "post_office",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Take in a provider's statement; the same file again changes nothing.

    Example: cbi statement import settlement.csv --provider post_office
    """
    from cbi.reconciliation import statements

    with file.open("rb") as content:
        taken = working(
            office, user,
            lambda session, actor: statements.take_in(session, actor, provider, content, file.name),
        )  # fmt: skip
    _print_taken(taken, json=json)


@statement.command("fetch")
def fetch_statement(
    first: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The first day.")],
    last: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The last day.")],
    provider: Annotated[str, typer.Option(help="Whose statement, such as cards.")] = "cards",
    currency: Annotated[str, typer.Option(help="If it is not the office's.")] = "",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Ask a provider for its statement, and take it in. Example: cbi statement fetch 2026-11-01 2026-11-30"""
    from cbi.reconciliation import statements

    actor = working(office, user, lambda _, actor: actor)
    taken = statements.fetch(chosen(office), actor, provider, first.date(), last.date(), currency)
    _print_taken(taken, json=json)


def _print_taken(taken: "TakenIn", *, json: bool) -> None:
    from cbi.terminal.output import as_json, say, show

    if json:
        as_json(taken)
        return
    show(
        {
            "Statement": "was here already: nothing changed" if taken.already else "taken in",
            "Lines": f"{taken.lines:,}, of which {taken.new_lines:,} new",
            "Paid out": taken.total,
        }
    )
    if taken.missing is not None and taken.missing.minor:
        say(
            f"The provider's balances moved {taken.missing} more than all lines that are here: a statement is missing."
        )


def reconcile(
    provider: Provider = "post_office", office: Office = None, user: User = None, json: Json = False
) -> None:
    """Match statements with payments; what does not agree becomes a discrepancy. Example: cbi reconcile"""
    from cbi.reconciliation import closing_balances, matching
    from cbi.reconciliation.queries import summary
    from cbi.terminal.output import as_json, say

    def work(session: "Session", actor: "Actor") -> "tuple[Reconciled, list[KindTotal], list[str]]":
        done = matching.reconcile(session, actor, provider)
        differing = closing_balances.told(session, actor, provider)
        return done, summary(session, actor, provider), differing

    done, totals, differing = working(office, user, work)
    if json:
        as_json({"reconciled": done, "open": totals})
        return
    say(
        f"{done.lines:,} lines: {done.matched:,} matched, {done.confirmed:,} payments confirmed,"
        f" {done.opened:,} discrepancies opened, {done.settled:,} explained."
    )
    print_discrepancies(totals, differing)


@discrepancy.command("list")
def list_discrepancies(
    provider: Annotated[str | None, typer.Option(help="Only this provider's.")] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Open discrepancies by kind, with their age. Example: cbi discrepancy list"""
    from cbi.reconciliation import closing_balances
    from cbi.reconciliation.queries import summary
    from cbi.terminal.output import as_json

    totals, differing = working(
        office, user,
        lambda session, actor: (
            summary(session, actor, provider), closing_balances.told(session, actor, provider)
        ),
    )  # fmt: skip
    if json:
        as_json(totals)
    else:
        print_discrepancies(totals, differing)


def print_discrepancies(totals: "Sequence[KindTotal]", differing: "Sequence[str]" = ()) -> None:
    """One line for each kind: how many, how much, how old; then each balance that differs, with both figures."""
    from cbi.reconciliation.schemas import meaning
    from cbi.terminal.output import say, table

    table(
        "Open discrepancies",
        ["Kind", "What it means", "Number#", "Amount#", "Oldest, days#"],
        [
            (line.kind, meaning(line.kind), line.count, line.total or "", line.oldest_days)
            for line in totals
        ],
        totals=("all", "", sum(line.count for line in totals), "", ""),
    )
    for words in differing:
        say(words)
