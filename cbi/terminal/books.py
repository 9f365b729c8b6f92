"""Commands that show the books themselves."""

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, reading

if TYPE_CHECKING:
    from cbi.ledger.queries import Balance

books = typer.Typer(
    help="The books: every account, now or on an earlier day.", no_args_is_help=True
)


@books.command("trial-balance")
def trial_balance(
    through: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day that counts, such as 2026-10-31."),
    ] = None,
    as_known: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M"],
            help="Leave out what was written down after this, on the office's clock.",
        ),
    ] = None,
    office: Office = None,
    json: Json = False,
) -> None:
    """Debits and credits of every kind of account, with totals. Example: cbi books trial-balance --through 2026-10-31"""
    from cbi.ledger import past, queries
    from cbi.offices import office_of
    from cbi.terminal.output import as_json

    with reading(office) as session:
        if through is None and as_known is None:
            lines = queries.trial_balance(session)
        else:
            zone = office_of(session).timezone
            lines = past.trial_balance(
                session,
                through=through.date() if through else None,
                as_known=as_known.replace(tzinfo=zone) if as_known else None,
            )
    if json:
        as_json(lines)
    else:
        _print(lines)


def _print(lines: "list[Balance]") -> None:
    """One table for each currency: what an entry joins adds up to the same on both sides."""
    from cbi.money import Money
    from cbi.terminal.output import say, table

    by_currency: dict[str, list[Balance]] = defaultdict(list)
    for line in lines:
        by_currency[line.balance.currency].append(line)
    for currency, found in by_currency.items():
        none = Money.zero(currency)
        debits, credits = (
            sum((getattr(line, side) for line in found), none) for side in ("debits", "credits")
        )
        table(
            f"Trial balance, {currency}",
            ["Account", "Name", "Debits#", "Credits#", "Balance#"],
            [(line.code, line.name, line.debits, line.credits, line.balance) for line in found],
            totals=("", "Total", debits, credits, ""),
        )
    if not lines:
        say("Nothing had been booked by then.")
