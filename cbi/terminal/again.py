"""Commands for payments that were not paid: what waits for a decision, trying it anew, giving it up."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.office import Json, Office, User, reading, working
from cbi.terminal.runs import Number, Reason, runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.payments.unpaid.again import Decided
    from cbi.payments.unpaid.decision_models import Remedy
    from cbi.payments.unpaid.undecided import Chosen, Line

__all__ = ["runs"]

States = Annotated[
    list[str] | None,
    typer.Option("--state", help="Only these: failed, returned or expired. May be repeated."),
]
Payments = Annotated[
    list[UUID] | None, typer.Option("--payment", help="Only this payment. May be repeated.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be moved; move nothing.")]


@runs.command("undecided")
def undecided(number: Number, office: Office = None, json: Json = False) -> None:
    """What of a run failed, came back or expired, and since when. Example: cbi run undecided 12"""
    from cbi.payments.runs import queries
    from cbi.payments.runs.runs import find
    from cbi.payments.unpaid import undecided as found
    from cbi.terminal.output import as_json

    with reading(office) as session:
        lines = found.weigh(session, find(session, queries.run_by_number(session, number)))
    if json:
        as_json(lines)
    else:
        _print("Waiting for a decision", lines)


@runs.command("try-again")
def try_again(
    number: Number,
    reason: Reason = "",
    state: States = None,
    payment: Payments = None,
    dry_run: DryRun = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Send what was not paid once more. Example: cbi run try-again 12 --state expired --reason "The road was closed" """
    from cbi.payments.unpaid.decision_models import Remedy

    chosen = _chosen(state, payment)
    _decide(
        number, Remedy.TRY_AGAIN, chosen, reason, dry_run=dry_run, office=office, user=user, json=json
    )  # fmt: skip


@runs.command("give-up")
def give_up(
    number: Number,
    reason: Reason = "",
    state: States = None,
    payment: Payments = None,
    dry_run: DryRun = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Pay it no more in this run; a follow-up can. Example: cbi run give-up 12 --state failed --reason "Wrong numbers" """
    from cbi.payments.unpaid.decision_models import Remedy

    chosen = _chosen(state, payment)
    _decide(
        number, Remedy.GIVE_UP, chosen, reason, dry_run=dry_run, office=office, user=user, json=json
    )  # fmt: skip


def _chosen(states: list[str] | None, payments: list[UUID] | None) -> "Chosen":
    from cbi.payments.runs.progress import UNDECIDED
    from cbi.payments.unpaid.undecided import Chosen

    wanted = frozenset(state for state in UNDECIDED if not states or state.value in states)
    if states and (strange := sorted(set(states) - {state.value for state in UNDECIDED})):
        raise typer.BadParameter(
            f"{', '.join(strange)}: payments that are failed, returned or expired wait for a decision."
        )
    return Chosen(wanted, tuple(payments) if payments else None)


def _decide(
    number: int,
    remedy: "Remedy",
    chosen: "Chosen",
    reason: str,
    *,
    dry_run: bool,
    office: str | None,
    user: str | None,
    json: bool,
) -> None:
    from cbi.payments.runs import queries
    from cbi.payments.unpaid import again
    from cbi.payments.unpaid.decision_models import Remedy
    from cbi.terminal.output import as_json, say

    use = again.try_again if remedy is Remedy.TRY_AGAIN else again.give_up

    def work(session: "Session", actor: "Actor") -> "Decided":
        run_id = queries.run_by_number(session, number)
        if dry_run:
            return again.weigh(session, actor, run_id, remedy, chosen)
        return use(session, actor, run_id, reason, chosen)

    if not dry_run and not reason:
        raise typer.BadParameter("Say why, with --reason.")
    done = working(office, user, work)
    if json:
        as_json(
            {
                "run": number, "remedy": remedy, "decision_id": done.decision_id, "payments": done.payments,
                "total": done.total, "moved": done.moved, "left": done.left,
            }
        )  # fmt: skip
        return
    words = "tried anew" if remedy is Remedy.TRY_AGAIN else "given up"
    _print(f"To be {words}" if dry_run else words.capitalize(), done.moved)
    if done.left:
        _print("Left as they are", done.left)
    if not dry_run and remedy is Remedy.TRY_AGAIN:
        say("A worker sends them (cbi serve, or cbi worker).")
    elif not dry_run:
        say("Their money is back in the budget. A follow-up run for the cycle: cbi run build")


def _print(title: str, lines: "Sequence[Line]") -> None:
    from functools import reduce
    from operator import add

    from cbi.payments.unpaid.undecided import SENTENCES
    from cbi.terminal.output import table

    whole = reduce(add, (line.total for line in lines)) if lines else ""
    table(
        title,
        ["Provider", "State", "Since (UTC)", "Payments#", "Total#", "Not to be tried anew, because"],
        [
            (
                line.provider, line.state, f"{line.since:%d/%m/%Y}", line.payments, line.total,
                SENTENCES[line.obstacle] if line.obstacle else "",
            )
            for line in lines
        ],
        totals=("all", "", "", sum(line.payments for line in lines), whole, ""),
    )  # fmt: skip
