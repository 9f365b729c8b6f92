"""Commands for money that was paid twice: what is owed back, that it came back, or that two people give it up."""

from typing import Annotated
from uuid import UUID

import typer

from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, working

receivables = typer.Typer(help="Money that was paid twice and is owed back.", no_args_is_help=True)

Receivable = Annotated[UUID, typer.Argument(help="Its id, as in the list.")]


@receivables.command("list")
def list_owed(
    every: Annotated[bool, typer.Option("--all", help="Also what has ended.")] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """What is owed back, by whom, since when. Example: cbi receivable list --user nadia"""
    from cbi.money import Money
    from cbi.payments.recovery import recovering
    from cbi.payments.recovery.receivable_endpoints import OwedOut
    from cbi.terminal.output import as_json, table

    owed = working(
        office,
        user,
        lambda session, actor: [
            OwedOut.of(each) for each in recovering.owed_back(session, actor, is_open=not every)
        ],
    )
    if json:
        as_json([each.model_dump(mode="json") for each in owed])
        return
    table(
        "Owed back",
        ["Id", "Provider", "Run#", "Amount#", "Since", "State", "Write-off"],
        [
            (
                each.id, each.provider, each.run, Money.parse(each.amount.amount, each.amount.currency),
                f"{each.found_at:%d/%m/%Y}", each.state.value.replace("_", " "),
                "decided" if each.confirmed_by else "proposed" if each.proposed_by else "",
            )
            for each in owed
        ],
    )  # fmt: skip


@receivables.command("recover")
def recover(
    receivable: Receivable,
    reference: Annotated[str, typer.Option(help="The reference of the paper that proves it.")],
    to_bank: Annotated[
        bool, typer.Option("--to-bank", help="It came to our bank, not to the provider's float.")
    ] = False,
    office: Office = None,
    user: User = None,
) -> None:
    """Book that the money came back. Example: cbi receivable recover 5f… --reference CREDIT-7"""
    from cbi.payments.recovery import recovering
    from cbi.terminal.output import say

    booked = working(
        office, user,
        lambda session, actor: recovering.recover(session, actor, receivable, reference, to_bank=to_bank),
    )  # fmt: skip
    say("Booked." if booked else "This is booked already: nothing changed.")


@receivables.command("write-off")
def write_off(
    receivable: Receivable,
    reason: Annotated[str, typer.Option(help="Why the money will not come back.")],
    evidence: Annotated[str, typer.Option(help="Where the evidence can be found.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Propose to give the money up. Example: cbi receivable write-off 5f… --reason "…" --evidence "Letter 55" """
    from cbi.payments.recovery import recovering
    from cbi.terminal.output import say

    working(
        office, user,
        lambda session, actor: recovering.propose_write_off(session, actor, receivable, reason, evidence),
    )  # fmt: skip
    say("Noted. Nothing has moved yet: a colleague who may authorise runs has to confirm it.")


@receivables.command("confirm-write-off")
def confirm_write_off(
    receivable: Receivable, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Confirm a colleague's proposal. Example: cbi receivable confirm-write-off 5f… --user karim"""
    from cbi.payments.recovery import recovering
    from cbi.terminal.output import say

    typed = one_time_code(code)
    working(
        office, user,
        lambda session, actor: recovering.confirm_write_off(session, actor, receivable, typed),
    )  # fmt: skip
    say("Written off: the programme's budget bears the loss.")
