"""Commands for money in several currencies: exchange rates, deals at the bank, and what is held."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.office import (
    Json,
    Office,
    OneTimeCode,
    User,
    one_time_code,
    reading,
    working,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.ledger.fx_models import Deal, ReferenceRate

fx = typer.Typer(help="Money in several currencies: rates, and deals.", no_args_is_help=True)

Day = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day it is of; today otherwise.")
]
RateId = Annotated[UUID, typer.Argument(help="As `cbi fx rates` shows it.")]
Reason = Annotated[str, typer.Option(help="Why; whoever proposed it reads it.")]
Ticket = Annotated[str, typer.Argument(help="The bank's reference, as `cbi fx deals` shows it.")]


@fx.command("rate")
def rate(
    base: Annotated[str, typer.Argument(help="ISO 4217 code, such as EUR.")],
    quote: Annotated[str, typer.Argument(help="ISO 4217 code, such as DZD.")],
    value: Annotated[str, typer.Argument(help="What one BASE is worth in QUOTE: 145.2035 or 1000/7.")],
    source: Annotated[str, typer.Option(help="Who says so, such as the central bank.")],
    day: Day = None,
    office: Office = None,
    user: User = None,
) -> None:  # fmt: skip
    """Enter an exchange rate; it counts once a second person confirms it.

    Example: cbi fx rate EUR DZD 145.2035 --source "Bank of Algeria"
    """
    from cbi.ledger import reference_rates
    from cbi.terminal.output import say

    on = day.date() if day else None
    made = working(
        office, user,
        lambda session, actor: reference_rates.propose(session, actor, base, quote, value, source, on).id,
    )  # fmt: skip
    say(f"It is noted. Somebody else confirms it: cbi fx confirm-rate {made}")


@fx.command("confirm-rate")
def confirm_rate(
    rate_id: RateId,
    rate: Annotated[
        str, typer.Option(help="The rate typed once more, where it is far from the last one.")
    ] = "",
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Let a colleague's rate count from now on. Example: cbi fx confirm-rate 5f… --user karim"""
    from cbi.ledger import reference_rates
    from cbi.payments.signing import rate_limits
    from cbi.terminal.output import say, show

    with reading(office) as session:
        compared = _compared(session, rate_id)
    if compared:
        show(compared)
    typed = one_time_code(code)
    counts = working(
        office, user,
        lambda session, actor: str(
            reference_rates.rate_of(rate_limits.confirm(session, actor, rate_id, typed, rate))
        ),
    )  # fmt: skip
    say(f"It counts from now on: {counts}")


@fx.command("withdraw-rate")
def withdraw_rate(
    rate_id: RateId, reason: Reason, office: Office = None, user: User = None
) -> None:
    """Drop a rate that nobody has confirmed. Example: cbi fx withdraw-rate 5f… --reason "typed the wrong way round" """
    from cbi.ledger import reference_rates
    from cbi.terminal.output import say

    working(
        office,
        user,
        lambda session, actor: reference_rates.withdraw(session, actor, rate_id, reason).id,
    )
    say("It is withdrawn.")


@fx.command("rates")
def rates(office: Office = None, json: Json = False) -> None:
    """Every exchange rate, the latest day first. Example: cbi fx rates"""
    from cbi.ledger import reference_rates
    from cbi.terminal.output import as_json, table

    with reading(office) as session:
        names = _names(session)
        rows = [_rate_row(row, names) for row in reference_rates.every(session)]
    if json:
        as_json(rows)
    else:
        table("Exchange rates", _heads(rows, "Rate"), [tuple(row.values()) for row in rows])


@fx.command("deal")
def deal(
    fund: Annotated[str, typer.Argument(help="Whose money is changed.")],
    sold: Annotated[str, typer.Argument(help="What the bank took, in the fund's currency.")],
    bought: Annotated[str, typer.Option(help="What the bank gave.")],
    into: Annotated[str, typer.Option(help="In which currency: ISO 4217 code.")],
    reference: Annotated[str, typer.Option(help="The reference on the bank's ticket.")],
    rate: Annotated[
        str | None, typer.Option(help="The ticket's rate; worked out from the amounts otherwise.")
    ] = None,
    out_of: Annotated[str | None, typer.Option(help="Sold in this currency, not the fund's.")] = None,
    day: Day = None,
    value_date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When the bank moved the money; else once confirmed.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:  # fmt: skip
    """Write down a deal as the bank's ticket says it; it is booked once a second person confirms it.

    Example: cbi fx deal echo-26 10000.00 --bought 1452035.00 --into DZD --rate 145.2035 --reference BNA-FX-77
    """
    from cbi.ledger import deals, funds
    from cbi.money import Money
    from cbi.terminal.output import show

    on = day.date() if day else None

    def work(session: "Session", actor: "Actor") -> dict[str, str]:
        currency = (out_of or funds.find(session, fund).currency).upper()
        ticket = deals.Ticket(
            reference, Money.parse(sold, currency), Money.parse(bought, into.upper()), rate, on,
            value_date.date() if value_date else None,
        )  # fmt: skip
        made = deals.propose(session, actor, fund, ticket)
        exchange = deals.exchange_of(session, made)
        return {
            "Sold": str(exchange.sold),
            "Bought": str(exchange.bought),
            "Rate": f"{exchange.rate}, of {made.dealt_on}",
            "Reference rate": str(exchange.reference),
            "Loss against it (below zero: a gain)": str(exchange.spread),
            "Rounded by the bank": str(exchange.residual),
        }

    show(
        working(office, user, work)
        | {"Somebody else confirms it": f"cbi fx confirm-deal {reference}"}
    )


@fx.command("confirm-deal")
def confirm_deal(
    ticket: Ticket, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Confirm a colleague's deal with the bank's ticket in hand, and book it. Example: cbi fx confirm-deal BNA-FX-77"""
    from cbi.ledger import deals
    from cbi.terminal.output import say

    typed = one_time_code(code)

    def work(session: "Session", actor: "Actor") -> str:
        found = deals.by_reference(session, ticket)
        made = deals.confirm(session, actor, found.id, typed)
        return f"{deals.sold_of(made)} for {deals.bought_of(made)}"

    say(f"Booked: {working(office, user, work)}.")


@fx.command("withdraw-deal")
def withdraw_deal(ticket: Ticket, reason: Reason, office: Office = None, user: User = None) -> None:
    """Drop a deal that nobody has confirmed. Example: cbi fx withdraw-deal BNA-FX-77 --reason "the bank corrected it" """
    from cbi.ledger import deals
    from cbi.terminal.output import say

    working(
        office, user,
        lambda session, actor: deals.withdraw(
            session, actor, deals.by_reference(session, ticket).id, reason
        ).id,
    )  # fmt: skip
    say("It is withdrawn, and its reference is free again.")


@fx.command("deals")
def list_deals(office: Office = None, json: Json = False) -> None:
    """Every deal, the latest first. Example: cbi fx deals"""
    from sqlalchemy import select

    from cbi.ledger import deals
    from cbi.ledger.models import Fund
    from cbi.terminal.output import as_json, table

    with reading(office) as session:
        names = _names(session)
        funds = dict(session.execute(select(Fund.id, Fund.code)).all())
        rows = [_deal_row(each, names, funds[each.fund_id]) for each in deals.every(session)]
    if json:
        as_json(rows)
    else:
        heads = _heads(rows, "Ticket", numbers={"sold", "bought", "spread", "residual"})
        table("Deals", heads, [tuple(row.values()) for row in rows])


@fx.command("positions")
def positions(
    through: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day that counts; today otherwise."),
    ] = None,
    office: Office = None,
    json: Json = False,
) -> None:
    """What is held in each currency, what it would be worth, and what deals have cost. Example: cbi fx positions"""
    from cbi.ledger import fx_positions
    from cbi.terminal.output import as_json, table

    with reading(office) as session:
        held = fx_positions.holdings(session, through.date() if through else None)
        changed = fx_positions.changed(session)
    if json:
        as_json({"holdings": held, "changed": changed})
        return
    table(
        "What is held",
        ["At the bank#", "With providers#", "FX position#", "Worth#", "At"],
        [
            (each.bank, each.floats, each.position, each.worth or "", each.rate or each.why_not)
            for each in held
        ],
    )
    table(
        "What was changed (spread and rounding above zero are a loss)",
        ["Deals#", "Sold#", "Bought#", "Spread#", "Rounding#", "On average"],
        [
            (each.deals, each.sold, each.bought, each.spread, each.residual, each.average.about)
            for each in changed
        ],
    )


def _names(session: "Session") -> dict[UUID, str]:
    from sqlalchemy import select

    from cbi.access.models import User as Member

    return dict(session.execute(select(Member.id, Member.username)).all())


def _heads(
    rows: list[dict[str, object]], only: str, *, numbers: frozenset[str] | set[str] = frozenset()
) -> list[str]:
    """The names of the columns, or one where there is no row."""
    names = list(rows[0]) if rows else [only]
    return [
        name.replace("_", " ").capitalize() + ("#" if name in numbers else "") for name in names
    ]


def _compared(session: "Session", rate_id: UUID) -> dict[str, object]:
    """What the second person has before them: the rate, the last one, and how far apart they are."""
    from cbi.ledger import reference_rates
    from cbi.ledger.fx_models import ReferenceRate

    row = session.get(ReferenceRate, rate_id)
    if row is None:
        return {}
    found = reference_rates.change(session, row)
    last = {"Last rate": found.last, "Change": found.percent} if found else {"Last rate": "none"}
    return {"Rate": reference_rates.rate_of(row), **last}


def _rate_row(row: "ReferenceRate", names: dict[UUID, str]) -> dict[str, object]:
    from cbi.ledger import reference_rates

    return {
        "rate": str(reference_rates.rate_of(row)),
        "day": row.day,
        "source": row.source,
        "state": reference_rates.state(row),
        "entered_by": names[row.proposed_by],
        "confirmed_by": names[row.confirmed_by] if row.confirmed_by else "",
        "id": row.id,
    }


def _deal_row(row: "Deal", names: dict[UUID, str], fund: str) -> dict[str, object]:
    from cbi.ledger import deals

    return {
        "ticket": row.reference,
        "fund": fund,
        "day": row.dealt_on,
        "sold": str(deals.sold_of(row)),
        "bought": str(deals.bought_of(row)),
        "rate": deals.rate_of(row).written,
        "spread": str(deals.spread_of(row)),
        "residual": str(deals.residual_of(row)),
        "state": deals.state(row),
        "entered_by": names[row.proposed_by],
        "confirmed_by": names[row.confirmed_by] if row.confirmed_by else "",
    }
