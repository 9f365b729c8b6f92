"""Commands for programme managers and the treasurer: programmes, funds, payment cycles."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, reading, working

if TYPE_CHECKING:
    from cbi.ledger.queries import FundPosition

programmes = typer.Typer(help="Programmes: who is paid, how much, how.", no_args_is_help=True)
funds = typer.Typer(help="A donor's money on its way to the counter.", no_args_is_help=True)
cycles = typer.Typer(help="Payment cycles: what each household is owed.", no_args_is_help=True)

Amount = Annotated[str, typer.Argument(help="Such as 1000000.00, in the fund's currency.")]
Reference = Annotated[
    str, typer.Option(help="The reference of the paper that proves it; booked once.")
]
ValueDate = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="When the bank moved it, as the paper says; today if left out."
    ),
]


@programmes.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    check: Annotated[bool, typer.Option(help="Only say what it would change.")] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Create or change a programme from its file; applying it again changes nothing.

    Example: cbi programme apply examples/programme.yaml --check
    """
    from cbi.programmes import applying
    from cbi.terminal.output import as_json, say

    text = file.read_bytes().decode("utf-8-sig", errors="replace")
    work = applying.check if check else applying.apply
    applied = working(office, user, lambda session, actor: work(session, actor, text))
    if json:
        as_json(applied)
    elif applied.changed:
        done = "would be applied" if check else "applied"
        say(f"{applied.programme}: version {applied.version} {done}.")
        for change in applied.what_changed:
            say(f"  {change}")
    else:
        say(f"{applied.programme}: nothing changed (version {applied.version}).")


@programmes.command("history")
def history(programme: str, office: Office = None, json: Json = False) -> None:
    """Every version of a programme's rules, with what it changed. Example: cbi programme history winter-2026"""
    from cbi.access.holders import names_of
    from cbi.programmes import history as of
    from cbi.programmes import queries
    from cbi.terminal.output import as_json, at, table

    with reading(office) as session:
        versions = of.versions(session, queries.find(session, programme))
        names = names_of(session, [each.applied_by for each in versions])
    if json:
        as_json(versions)
        return
    rows = [
        (
            each.number,
            at(each.applied_at),
            names.get(each.applied_by, "") if each.applied_by else "",
            "\n".join(each.changes),
        )
        for each in versions
    ]
    table(f"Versions of {programme}", ["No.#", "Applied", "By", "What it changed"], rows)


@funds.command("list")
def list_funds(office: Office = None, json: Json = False) -> None:
    """Where each fund's money is. Example: cbi fund list"""
    from cbi.ledger.queries import fund_positions
    from cbi.terminal.output import as_json

    with reading(office) as session:
        positions = fund_positions(session)
    if json:
        as_json(positions)
    else:
        print_positions(positions)


def print_positions(positions: "list[FundPosition]") -> None:
    """The fund position, as a treasurer reads it."""
    from cbi.terminal.output import table

    stages = {
        "Granted": "granted",
        "Received": "received",
        "  not given to a programme": "unallocated",
        "  in a budget, free": "available",
        "  committed to approved runs": "committed",
        "  in transit": "in_transit",
        "  expired or returned": "awaiting",
        "  delivered": "delivered",
        "  lost and written off": "written_off",
        "  delivered without cover": "uncovered",
        "  changed into another currency": "converted",
        "  FX differences borne": "fx_borne",
        "  taken by providers as fees": "fees",
    }
    table(
        "Fund position",
        ["", *(f"{_named(fund, positions)}#" for fund in positions)],
        [(words, *(getattr(fund, name) for fund in positions)) for words, name in stages.items()],
    )


def _named(fund: "FundPosition", positions: "list[FundPosition]") -> str:
    """The fund's code, with the currency where it has money in several."""
    several = sum(each.code == fund.code for each in positions) > 1
    return f"{fund.code} {fund.received.currency}" if several else fund.code


def on(value_date: datetime | None) -> date | None:
    """The day of the option."""
    return value_date.date() if value_date else None


@funds.command("receive")
def receive(
    fund: str,
    amount: Amount,
    reference: Reference,
    value_date: ValueDate = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Book money received from a donor. Example: cbi fund receive echo-26 5000000.00 --reference BNA-2026-0117"""
    from cbi.ledger import funds as use
    from cbi.money import Money
    from cbi.terminal.output import say

    booked = working(
        office, user,
        lambda session, actor: use.receive(
            session, actor, fund, Money.parse(amount, use.find(session, fund).currency), reference, on(value_date)
        ),
    )  # fmt: skip
    say("Booked." if booked else "This reference is booked already: nothing changed.")


@funds.command("allocate")
def allocate(
    programme: str,
    amount: Amount,
    reference: Reference,
    fund: Annotated[
        str | None, typer.Option(help="The fund's code, where the programme draws on several.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Give part of one of its funds to a programme.

    Example: cbi fund allocate winter-2026 3000000.00 --reference MEMO-7
    """
    from cbi.programmes import budget
    from cbi.terminal.output import say

    booked = working(
        office, user,
        lambda session, actor: budget.allocate(session, actor, programme, amount, reference, fund=fund),
    )  # fmt: skip
    say("Booked." if booked else "This reference is booked already: nothing changed.")


@funds.command("prefund")
def prefund(
    provider: str,
    amount: Amount,
    currency: Annotated[str, typer.Option(help="ISO 4217 code.")],
    reference: Reference,
    value_date: ValueDate = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Place money with a provider to pay out from.

    Example: cbi fund prefund post_office 3000000.00 --currency DZD --reference VIR-55
    """
    from cbi.ledger import funds as use
    from cbi.money import Money
    from cbi.terminal.output import say

    booked = working(
        office, user,
        lambda session, actor: use.prefund(
            session, actor, provider, Money.parse(amount, currency), reference, on(value_date)
        ),
    )  # fmt: skip
    say("Booked." if booked else "This reference is booked already: nothing changed.")


@funds.command("movements")
def movements(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the latest.")] = 50,
    office: Office = None,
    json: Json = False,
) -> None:
    """What was booked last of money on its way, with its papers. Example: cbi fund movements"""
    from cbi.ledger import movements as of
    from cbi.terminal.output import as_json, at, table

    with reading(office) as session:
        found = of.latest(session, limit)
    if json:
        as_json(found)
        return
    rows = [
        (
            at(each.recorded_at),
            each.value_date,
            each.kind,
            each.fund or "",
            (each.provider or "").replace("_", " "),
            each.amount,
            each.reference,
        )
        for each in found
    ]
    table(
        "Money on its way",
        ["Booked", "Of the day", "What", "Fund", "Provider", "Amount#", "Paper"],
        rows,
    )


@cycles.command("replay")
def replay(
    programme: str,
    period: Annotated[str, typer.Argument(help="The period, such as 2026-11.")],
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Work a cycle out again from the facts that were kept, and compare; exit code 1 when something differs.

    Example: cbi cycle replay winter-2026 2026-11
    """
    from rich.markup import escape

    from cbi.programmes import replaying
    from cbi.terminal.output import as_json, say, show

    found = working(
        office, user, lambda session, actor: replaying.replay(session, actor, programme, period)
    )
    if json:
        as_json(found)
    else:
        show(
            {
                "Cycle": f"{found.programme} {found.period}, decided under version {found.version}",
                "Decisions": f"{found.decisions:,} from {found.combinations:,} combinations of facts",
                "Without facts": f"{found.not_kept:,}",
                "Differing": f"{found.differing:,}",
            }
        )
        for each in found.examples:
            of = f" ({each.component})" if each.component else ""
            say(escape(f"  {each.household_id}{of}: {each.kept} → {each.again}"))
    if found.differing:
        raise typer.Exit(1)


@cycles.command("open")
def open_cycle(
    programme: str,
    period: Annotated[
        str,
        typer.Argument(
            help="The month, such as 2026-11 (a quarter 2026-Q4, a week 2026-W47; of several together the first)."
        ),
    ],
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Decide who is owed what for a period; opening it again changes nothing.

    Example: cbi cycle open winter-2026 2026-11
    """
    from cbi.programmes import cycles as use
    from cbi.terminal.output import as_json, show

    opened = working(
        office, user, lambda session, actor: use.open_cycle(session, actor, programme, period)
    )
    if json:
        as_json(opened)
        return
    show(
        {
            "Cycle": f"{opened.id} ({'was open already' if opened.already_open else 'opened'})",
            "Eligible": opened.eligible,
            "Not eligible": opened.ineligible,
            "Owed": opened.total,
        }
    )


@cycles.command("planned")
def planned(office: Office = None, json: Json = False) -> None:
    """Which cycles open by themselves next, and which should have and did not. Example: cbi cycle planned"""
    from cbi.payments.runs import scheduled
    from cbi.terminal.output import as_json, at, table

    with reading(office) as session:
        overdue, coming = scheduled.overdue(session), scheduled.planned(session)
    if json:
        as_json({"overdue": overdue, "planned": coming})
        return
    rows = [(each.programme, each.period, at(each.at), "overdue") for each in overdue]
    rows += [(each.programme, each.period, at(each.at), "") for each in coming]
    table("Cycles that open by themselves", ["Programme", "Period", "When", ""], rows)
