"""Commands for top-ups: amounts that households are owed on top of what a cycle decided."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.programmes.top_up_models import TopUp
    from cbi.programmes.top_up_queries import TopUpLine

top_ups = typer.Typer(
    help="What households are owed on top of a cycle, decided by two people.", no_args_is_help=True
)

Why = Annotated[str, typer.Option("--reason", help="Why, in a few words.")]
Reference = Annotated[str, typer.Option(help="Where the decision can be found, such as a memo.")]
Number = Annotated[int, typer.Argument(help="The top-up's number in its cycle.")]


@top_ups.command("propose")
def propose(
    programme: str,
    period: str,
    reason: Why,
    reference: Reference,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list", exists=True, dir_okay=False,
            help="A list (CSV, XLSX): registration number, amount on top, reason.",
        ),
    ] = None,
    by_rules: Annotated[
        bool, typer.Option(help="Decide anew by the cycle's rules, with what is known today.")
    ] = False,
    household: Annotated[
        list[str] | None, typer.Option(help="With --by-rules: only this household; may be repeated.")
    ] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Propose a top-up. Nothing is owed until somebody else accepts it.

    Example: cbi cycle top-up propose winter-2026 2026-11 --list more.xlsx --reason "fuel prices" --reference MEMO-14
    """
    from cbi.programmes import queries, top_up_rules
    from cbi.programmes import top_ups as use
    from cbi.programmes.top_up_lists import read_list

    if (listed is None) != by_rules:
        raise typer.BadParameter("Give either a list with --list, or --by-rules.")

    def work(session: "Session", actor: "Actor") -> "list[TopUpLine]":
        cycle_id = queries.cycle_id(session, programme, period)
        if by_rules:
            made = top_up_rules.propose(
                session, actor, cycle_id, reason=reason, reference=reference, households=household or ()
            )  # fmt: skip
        else:
            assert listed is not None
            currency = queries.cycle(session, cycle_id)[1].currency
            lines = read_list(listed, currency, reason=reason)
            made = use.propose(session, actor, cycle_id, lines, reason=reason, reference=reference)
        return _of(session, actor, made)

    _tell(working(office, user, work), json=json)


@top_ups.command("list")
def list_top_ups(
    programme: str, period: str, office: Office = None, user: User = None, json: Json = False
) -> None:
    """The top-ups of a cycle. Example: cbi cycle top-up list winter-2026 2026-11"""
    from cbi.programmes import queries, top_up_queries

    def work(session: "Session", actor: "Actor") -> "list[TopUpLine]":
        cycle_id = queries.cycle_id(session, programme, period)
        return top_up_queries.listed(session, actor, cycle_id)

    _tell(working(office, user, work), json=json)


@top_ups.command("show")
def show(
    programme: str, period: str, number: Number, office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """The households of a top-up, the first thousand. Example: cbi cycle top-up show winter-2026 2026-11 1"""
    from cbi.programmes import queries, top_up_queries
    from cbi.terminal.output import as_json, table

    found = working(
        office, user,
        lambda session, actor: top_up_queries.rows(
            session, actor, queries.cycle_id(session, programme, period), number, 1000
        ),
    )  # fmt: skip
    if json:
        as_json(found)
        return
    table(
        f"Top-up {number} of {programme} {period}",
        ["Household", "Before#", "On top#", "Reason"],
        [(each.household, each.before, each.amount, each.reason) for each in found],
    )


@top_ups.command("accept")
def accept(
    programme: str, period: str, number: Number, code: OneTimeCode = None, office: Office = None,
    user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Accept a colleague's top-up, with your one-time code: it is owed from now on.

    Example: cbi cycle top-up accept winter-2026 2026-11 1
    """
    from cbi.programmes import top_ups as use

    typed = one_time_code(code)
    _decide(
        programme, period, number, office, user,
        lambda session, actor, top_up: use.accept(session, actor, top_up, typed), json=json,
    )  # fmt: skip


@top_ups.command("refuse")
def refuse(
    programme: str, period: str, number: Number, reason: Why, office: Office = None, user: User = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Refuse a colleague's top-up. Example: cbi cycle top-up refuse winter-2026 2026-11 1 --reason "wrong list" """
    from cbi.programmes import top_ups as use

    _decide(
        programme, period, number, office, user,
        lambda session, actor, top_up: use.refuse(session, actor, top_up, reason), json=json,
    )  # fmt: skip


@top_ups.command("withdraw")
def withdraw(
    programme: str, period: str, number: Number, reason: Why, office: Office = None, user: User = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Take back a top-up that you proposed. Example: cbi cycle top-up withdraw winter-2026 2026-11 1 --reason "typo" """
    from cbi.programmes import top_ups as use

    _decide(
        programme, period, number, office, user,
        lambda session, actor, top_up: use.withdraw(session, actor, top_up, reason), json=json,
    )  # fmt: skip


def _decide(
    programme: str, period: str, number: int, office: str | None, user: str | None,
    decide: "Callable[[Session, Actor, UUID], TopUp]", *, json: bool,
) -> None:  # fmt: skip
    from cbi.programmes import queries, top_up_queries

    def work(session: "Session", actor: "Actor") -> "list[TopUpLine]":
        cycle_id = queries.cycle_id(session, programme, period)
        found = top_up_queries.numbered(session, actor, cycle_id, number)
        return _of(session, actor, decide(session, actor, found))

    _tell(working(office, user, work), json=json)


def _of(session: "Session", actor: "Actor", made: "TopUp") -> "list[TopUpLine]":
    from cbi.programmes import top_up_queries

    return [
        line for line in top_up_queries.listed(session, actor, made.cycle_id) if line.id == made.id
    ]


def _tell(lines: "list[TopUpLine]", *, json: bool) -> None:
    from cbi.terminal.output import as_json, table

    if json:
        as_json(lines)
        return
    table(
        "Top-ups",
        ["No.#", "Households#", "Total#", "Reason", "Decision", "Proposed by", "State"],
        [
            (
                line.number, f"{line.households:,}", line.total, line.reason, line.reference, line.proposed_by,
                f"{line.decision} by {line.decided_by}" if line.decision else "waits",
            )
            for line in lines
        ],
    )  # fmt: skip
