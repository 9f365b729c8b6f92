"""Commands for a single payment: what happened to it, and what two people find when nobody can say."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, reading, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor

payments = typer.Typer(help="Single payments.", no_args_is_help=True)

Payment = Annotated[UUID, typer.Argument(help="The payment's id.")]


@payments.command("show")
def show(payment: Payment, office: Office = None, json: Json = False) -> None:
    """What happened to a payment, in order. Example: cbi payment show 5f…"""
    from cbi.payments.runs import queries
    from cbi.terminal.output import as_json, at, table

    with reading(office) as session:
        queries.run_of(session, payment)
        story = queries.story(session, payment)
    if json:
        as_json([{"at": when, "what": what} for when, what in story])
        return
    table("What happened", ["When", "What"], [(at(when), what) for when, what in story])


@payments.command("cover")
def cover(payment: Payment, office: Office = None, user: User = None) -> None:
    """Cover from the budget what was delivered after its money had been spent. Example: cbi payment cover 5f…"""
    from cbi.payments.recovery import recovering
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: recovering.cover(session, actor, payment))
    say("Covered: the programme's budget bears it now.")


@payments.command("report-unpaid")
def report_unpaid(
    payment: Payment,
    proof: Annotated[str, typer.Option(help="Where the provider's written word can be found.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Report that a payment was not paid: an unknown one, or one accepted two weeks ago and silent since.

    Example: cbi payment report-unpaid 5f… --proof "Letter 55"
    """
    from cbi.payments.unpaid import unpaid
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: unpaid.report(session, actor, payment, proof))
    say("Noted. Nothing has moved yet: a colleague who may authorise runs has to confirm it.")


@payments.command("confirm-unpaid")
def confirm_unpaid(
    payment: Payment, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Confirm a colleague's report; the payment has failed. Example: cbi payment confirm-unpaid 5f… --user karim"""
    from cbi.payments.unpaid import unpaid
    from cbi.terminal.output import say

    typed = one_time_code(code)
    working(office, user, lambda session, actor: unpaid.confirm(session, actor, payment, typed))
    say("The payment has failed; its money is back in the run's committed funds.")


@payments.command("report-amount")
def report_amount(
    payment: Payment,
    amount: Annotated[
        str, typer.Option(help="What left our account with the provider; 0: nothing.")
    ],
    proof: Annotated[str, typer.Option(help="Where the provider's written word can be found.")],
    attempt: Annotated[
        int | None, typer.Option(help="Which attempt, if several are in question.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Report that another amount was paid. Example: cbi payment report-amount 5f… --amount 400.00 --proof "Letter 55" """
    from cbi.payments.recovery import amounts
    from cbi.terminal.output import say

    finding = working(
        office, user,
        lambda session, actor: amounts.report(session, actor, payment, amount, proof, attempt).id,
    )  # fmt: skip
    say(
        f"Noted as {finding}. Nothing has moved yet: a colleague who may authorise runs has to confirm it."
    )


@payments.command("confirm-amount")
def confirm_amount(
    finding: Annotated[UUID, typer.Argument(help="The report, as it was noted.")],
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Confirm a colleague's report of an amount. Example: cbi payment confirm-amount 7a… --user karim"""
    from cbi.money import Money
    from cbi.payments.recovery import amounts
    from cbi.terminal.output import say

    typed = one_time_code(code)

    def confirm(session: "Session", actor: "Actor") -> Money:
        found = amounts.confirm(session, actor, finding, typed)
        return Money(found.paid_minor, found.currency)

    say(f"Booked: the provider took {working(office, user, confirm)}.")
