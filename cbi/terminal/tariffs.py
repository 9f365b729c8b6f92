"""Commands for what providers charge: their tariffs, and what they took."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    from cbi.money import Money
    from cbi.reconciliation.fee_queries import Compared

tariffs = typer.Typer(help="What providers charge for payments.", no_args_is_help=True)

Provider = Annotated[str, typer.Argument(help="Whose tariff, such as post_office.")]
Currency = Annotated[str, typer.Argument(help="Such as DZD.")]


@tariffs.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Propose a tariff; it counts once a second person accepts it.

    Example: cbi tariff apply examples/tariff.yaml --user karim
    """
    from cbi.payments.fees import tariffs as use
    from cbi.terminal.output import say

    text, typed = file.read_bytes().decode("utf-8-sig", errors="replace"), one_time_code(code)
    made = working(office, user, lambda session, actor: use.propose(session, actor, text, typed))
    say(
        f"Version {made.version} of {made.provider}'s tariff in {made.currency} is proposed. Somebody else accepts it:"
        f" cbi tariff accept {made.provider} {made.currency} {made.version}"
    )


@tariffs.command("accept")
def accept(
    provider: Provider,
    currency: Currency,
    version: int,
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Let a colleague's proposal count. Example: cbi tariff accept post_office DZD 1 --user lina"""
    from cbi.payments.fees import tariffs as use
    from cbi.terminal.output import say

    typed = one_time_code(code)
    made = working(
        office,
        user,
        lambda session, actor: use.accept(session, actor, provider, currency, version, typed),
    )
    say(f"Version {made.version} counts from {made.valid_from}.")


@tariffs.command("list")
def list_tariffs(office: Office = None, user: User = None, json: Json = False) -> None:
    """Every version of every tariff, the latest first. Example: cbi tariff list"""
    from cbi.payments.fees import tariffs as use
    from cbi.payments.fees.tariff_schemas import TariffOut
    from cbi.terminal.output import as_json, table

    rows = working(
        office,
        user,
        lambda session, actor: [TariffOut.of(row) for row in use.versions(session, actor)],
    )
    if json:
        as_json([row.model_dump(mode="json") for row in rows])
        return
    table(
        "Tariffs",
        ["Provider", "Currency", "Version#", "From", "Source", "State"],
        [
            (
                row.provider, row.currency, row.version, row.valid_from, row.rules["source"],
                "accepted" if row.accepted_at else "waits for a second person",
            )
            for row in rows
        ],
    )  # fmt: skip


@tariffs.command("cost")
def cost(
    provider: Provider, amount: str, currency: Currency, office: Office = None, user: User = None
) -> None:
    """What one payment costs today by the tariff that counts. Example: cbi tariff cost post_office 12000.00 DZD"""
    from cbi import clock
    from cbi.money import Money
    from cbi.offices import office_of
    from cbi.payments.fees import tariffs as use
    from cbi.terminal.output import say

    money = Money.parse(amount, currency)
    with reading(office) as session:
        today = clock.today(office_of(session).timezone)
        found = use.in_force(session, [provider], currency, today).get(provider)
    if found is None:
        say(f"No tariff of {provider} in {currency} counts today.")
        return
    fee = found.tariff.fee(money)
    say(
        f"{fee} for {money}, by version {found.version} ({found.tariff.source}),"
        f" rounded {found.tariff.rounding}."
    )


@tariffs.command("compare")
def compare(
    month: Annotated[str, typer.Argument(help="The month, such as 2026-11.")],
    provider: Annotated[str | None, typer.Option(help="Only this provider's.")] = None,
    statements: Annotated[bool, typer.Option("--statements", help="Statement by statement.")] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Fees against tariffs: what was charged, what the tariff says. Example: cbi tariff compare 2026-11"""
    from cbi.month_end.checklist import month_of
    from cbi.reconciliation import fee_queries as use
    from cbi.terminal.output import as_json

    ask = use.by_statement if statements else use.compare

    def work(
        session: "Session", actor: "Actor"
    ) -> "tuple[list[Compared], dict[tuple[str, str], Money]]":
        of = month_of(session, month)
        return ask(session, actor, of.first, of.last, provider), use.set_aside(session)

    found, reserved = working(office, user, work)
    if json:
        as_json(
            {"fees": found, "set_aside": [{"provider": name, "amount": held} for (name, _), held in reserved.items()]}
        )  # fmt: skip
    else:
        _print(month, found, reserved)


def _print(month: str, found: "list[Compared]", reserved: "dict[tuple[str, str], Money]") -> None:
    from cbi.terminal.output import say, table

    table(
        f"Fees against tariffs, {month}",
        ["Provider", "Statement", "Fees#", "Charged#", "By tariff#", "Above#", "Below#", "Unexplained#"],
        [
            (
                each.provider, each.file or "all", each.fees, each.charged, each.by_tariff, each.above, each.below,
                each.unexplained,
            )
            for each in found
        ],
    )  # fmt: skip
    for (provider, _), held in reserved.items():
        say(f"Set aside now for fees of {provider} that no statement has listed yet: {held}.")
