"""Commands for payments that wait for a provider which never comes back: taking them back, by two people."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.office import Office, OneTimeCode, User, one_time_code, working
from cbi.terminal.runs import Number, Reason, runs

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor

__all__ = ["runs"]


@runs.command("withdraw")
def withdraw(
    number: Number,
    provider: Annotated[str, typer.Option(help="Which provider they wait for.")],
    reason: Reason = "",
    payment: Annotated[UUID | None, typer.Option(help="Only this payment.")] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Propose to take back what waits. Example: cbi run withdraw 12 --provider post_office --reason "It closed" """
    from cbi.payments.runs import queries
    from cbi.payments.unpaid import withdrawing
    from cbi.terminal.output import say

    def propose(session: "Session", actor: "Actor") -> tuple[UUID, int]:
        run_id = queries.run_by_number(session, number)
        made = withdrawing.propose(session, actor, run_id, provider, reason, payment)
        return made.id, made.payment_count

    proposal, count = working(office, user, propose)
    say(
        f"Noted as {proposal}: {count:,} payments. Nothing has moved yet: a colleague who may authorise runs has to"
        " confirm it."
    )


@runs.command("confirm-withdrawal")
def confirm_withdrawal(
    withdrawal: Annotated[UUID, typer.Argument(help="The proposal, as it was noted.")],
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Confirm it; what still waits has failed. Example: cbi run confirm-withdrawal 7a… --user karim"""
    from cbi.payments.unpaid import withdrawing
    from cbi.terminal.output import say

    typed = one_time_code(code)
    taken = working(
        office, user,
        lambda session, actor: withdrawing.confirm(session, actor, withdrawal, typed).payment_count,
    )  # fmt: skip
    say(
        f"{taken:,} payments are taken back and wait for a decision: try them again or give them up."
    )
