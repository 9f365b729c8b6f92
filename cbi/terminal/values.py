"""Commands for transfer values: what a round of prices makes, what it costs, and who accepts it."""

from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.programmes.revaluing import Outcome
    from cbi.programmes.value_queries import ValueLine

values = typer.Typer(help="Amounts that rest on market prices.", no_args_is_help=True)

Round = Annotated[int, typer.Argument(help="The round's number, as `cbi prices list` shows it.")]
Value = Annotated[int, typer.Argument(help="The value's number, as `cbi value list` shows it.")]


@values.command("propose")
def propose(
    number: Round,
    programme: Annotated[str | None, typer.Option(help="Only for this programme.")] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Propose what a round of prices makes of each programme that rests on its basket. Example: cbi value propose 3"""
    from rich.markup import escape

    from cbi.programmes import revaluing, value_queries
    from cbi.programmes.value_schemas import OutcomeOut, ValueOut
    from cbi.terminal.output import as_json, say

    def work(session: "Session", actor: "Actor") -> "tuple[list[Outcome], list[ValueLine]]":
        if programme:
            value = revaluing.propose(session, actor, programme, number)
            outcomes = [revaluing.Outcome(programme, value)]
        else:
            outcomes = revaluing.propose_all(session, actor, number)
        made = [each.value.id for each in outcomes if each.value]
        return outcomes, [value_queries.value(session, actor, one) for one in made]

    outcomes, lines = working(office, user, work)
    if json:
        as_json(
            {
                "outcomes": [OutcomeOut.of(each).model_dump(mode="json") for each in outcomes],
                "values": [ValueOut.of(line).model_dump(mode="json") for line in lines],
            }
        )
        return
    if not outcomes:
        say("No programme rests on this basket that you may propose for.")
    for each in outcomes:
        if each.why_not:
            say(escape(f"{each.programme}: {each.why_not}"))
    for line in lines:
        print_value(line)
    if len(lines) > 1:
        print_costs(lines)


def print_value(line: "ValueLine") -> None:
    """A value as whoever accepts it reads it."""
    from rich.markup import escape

    from cbi.terminal.output import say, show, table

    state = (
        f"{line.decision} as version {line.made_version}" if line.made_version else line.decision
    )
    show(
        {
            f"Value {line.number}": f"{line.programme}, {state or 'waits for a second person'}",
            "Rests on": f"{line.basket} (version {line.basket_version}), round {line.round_number} ({line.round_name})",
            "Base": f"{line.before[0].decimal} → {line.base}",
            "For each member": f"{line.before[1].decimal} → {line.per_member}",
        }
        | ({"Refused because": line.reason} if line.reason else {})
    )  # fmt: skip
    for step in line.trace:
        say(escape(f"  {step}"))
    for outlier in line.outliers:
        say(escape(f"  far from the usual: {outlier}"))
    cost = line.cost
    left = f"{cost['cycles_left']} cycles until the end"
    table(
        f"What it costs, {line.base.currency} ({cost['whom']}, {cost['households']} households)",
        ["", "Now#", "Then#"],
        [
            ("A cycle", cost["cycle_now"], cost["cycle_then"]),
            (left, cost["until_the_end_now"], cost["until_the_end_then"]),
            ("In the budget for new runs", "", cost["available"]),
            ("Its funds can still give", "", cost["unallocated"]),
            ("Short of", "", cost["short"]),
        ],
    )
    if line.decision is None:
        say(f"Somebody else accepts it: cbi value accept {line.number}")


def print_costs(lines: "list[ValueLine]") -> None:
    """What all of these cost together, in each currency."""
    from cbi.money import Money
    from cbi.terminal.output import table

    names = ("cycle_now", "cycle_then", "until_the_end_now", "until_the_end_then")
    for currency in sorted({line.base.currency for line in lines}):
        own = [line for line in lines if line.base.currency == currency]
        totals = [
            sum(Money.parse(line.cost[name], currency).minor for line in own) for name in names
        ]
        table(
            f"Together, {currency}",
            ["Programme", "Households#", "Cycle now#", "Cycle then#", "Until the end, now#", "Then#"],
            [
                (line.programme, line.cost["households"], *(line.cost[name] for name in names))
                for line in own
            ],
            totals=(
                "Total", sum(line.cost["households"] for line in own),
                *(Money(total, currency).decimal for total in totals),
            ),
        )  # fmt: skip


@values.command("list")
def list_values(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those nobody decided.")] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Transfer values and what became of them, the latest first. Example: cbi value list --waiting"""
    from cbi.programmes import value_queries
    from cbi.programmes.value_schemas import ValueOut
    from cbi.terminal.output import as_json, table

    lines = working(
        office, user, lambda session, actor: value_queries.values(session, actor, waiting=waiting)
    )
    if json:
        as_json([ValueOut.of(line).model_dump(mode="json") for line in lines])
        return
    table(
        "Transfer values",
        ["Value#", "Programme", "Round", "Base#", "For each member#", "State"],
        [
            (
                line.number, line.programme, f"{line.basket} {line.round_name}", line.base, line.per_member,
                line.decision or "waits",
            )
            for line in lines
        ],
    )  # fmt: skip


@values.command("show")
def show_value(number: Value, office: Office = None, user: User = None, json: Json = False) -> None:
    """One value with its calculation and what it costs. Example: cbi value show 7"""
    from cbi.programmes import value_queries
    from cbi.programmes.value_schemas import ValueOut
    from cbi.terminal.output import as_json

    line = working(office, user, lambda session, actor: value_queries.value(session, actor, number))
    if json:
        as_json(ValueOut.of(line).model_dump(mode="json"))
    else:
        print_value(line)


@values.command("accept")
def accept(
    number: Value, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Let a colleague's proposal hold for the cycles opened from now on. Example: cbi value accept 7"""
    from cbi.programmes import revaluing
    from cbi.terminal.output import say

    typed = one_time_code(code)
    version = working(
        office, user,
        lambda session, actor: revaluing.accept(session, actor, number, typed).made_version,
    )  # fmt: skip
    say(f"Value {number} holds from now on: it is version {version} of the programme.")


@values.command("refuse")
def refuse(
    number: Value,
    reason: Annotated[str, typer.Option(help="Why; it is kept, and others read it.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Refuse a proposal, or take one's own back. Example: cbi value refuse 7 --reason "rice at the port is a slip" """
    from cbi.programmes import revaluing
    from cbi.terminal.output import say

    working(
        office, user, lambda session, actor: revaluing.refuse(session, actor, number, reason).id
    )
    say(f"Value {number} is refused.")
