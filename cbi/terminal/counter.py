"""Commands for the counter: post offices, tellers, paying a code; and the phone simulator."""

import os
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.office import Json, Office, User, chosen, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor

counters = typer.Typer(
    help="Post offices, tellers, and cash over the counter.", no_args_is_help=True
)


@counters.command("create-office")
def create_office(
    code: Annotated[str, typer.Argument(help="The provider's number for it.")],
    name: str,
    provider: Annotated[str, typer.Option(help="Whose office it is.")] = "post_office",
    area: Annotated[str | None, typer.Option(help="Where it is.")] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Add a post office. Example: cbi counter create-office 101 "Alger Centre" --user sami"""
    from cbi.redemption import counters as use
    from cbi.terminal.output import say

    made = working(
        office, user,
        lambda session, actor: use.create_office(
            session, actor, provider=provider, code=code, name=name, area=area
        ).id,
    )  # fmt: skip
    say(f"{name}: {made}")


@counters.command("create-teller")
def create_teller(
    office_id: Annotated[
        UUID, typer.Argument(help="The post office, as create-office printed it.")
    ],
    username: str,
    full_name: str,
    office: Office = None,
    user: User = None,
) -> None:
    """Add a teller; the new password is asked for (or CBI_NEW_PASSWORD).

    Example: cbi counter create-teller 5f… lina "Lina B." --user sami
    """
    from cbi.redemption import counters as use
    from cbi.terminal.output import say

    password = _new_password()
    working(
        office, user,
        lambda session, actor: use.create_teller(
            session, actor, office_id=office_id, username=username, full_name=full_name, password=password
        ).id,
    )  # fmt: skip
    say(f"{username} is ready.")


def _new_password() -> str:
    given: str = os.environ.get("CBI_NEW_PASSWORD") or typer.prompt(
        "Teller's password", hide_input=True, confirmation_prompt=True, err=True
    )
    return given


@counters.command("set-password")
def set_password(username: str, office: Office = None, user: User = None) -> None:
    """Give a teller who forgot it a new password, which is asked for (or CBI_NEW_PASSWORD). Their sign-ins end.

    Example: cbi counter set-password lina --user sami
    """
    from cbi.redemption import counters as use
    from cbi.redemption.queries import teller_named
    from cbi.terminal.output import say

    password = _new_password()

    def work(session: "Session", actor: "Actor") -> None:
        use.set_password(session, actor, teller_named(session, actor, username).id, password)

    working(office, user, work)
    say(f"{username} signs in with the new password from now on.")


@counters.command("no-cash")
def no_cash(
    office_id: Annotated[
        UUID, typer.Argument(help="The post office, as create-office printed it.")
    ],
    amount: Annotated[
        str | None, typer.Option(help="What was asked for, in the office's currency, if known.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Say that a post office has not enough cash, so that the treasurer sees it.

    Example: cbi counter no-cash 5f… --user sami
    """
    from rich.markup import escape

    from cbi.money import Money
    from cbi.offices import office_of
    from cbi.redemption import shortages
    from cbi.terminal.output import say

    def work(session: "Session", actor: "Actor") -> tuple[str, list[str]]:
        asked_for = Money.parse(amount, office_of(session).currency) if amount else None
        place = shortages.report(session, actor, office_id, asked_for)
        return place.name, [each.name for each in shortages.elsewhere(session, office_id)]

    name, near = working(office, user, work)
    say(escape(f"{name}: noted until it pays again. Nothing else has changed."))
    if near:
        say(escape(f"People can go to: {', '.join(near)}."))


@counters.command("short-of-cash")
def short_of_cash(office: Office = None, user: User = None, json: Json = False) -> None:
    """List the post offices that said they had not enough cash and have paid nobody since.

    Example: cbi counter short-of-cash --user sami
    """
    from rich.markup import escape

    from cbi.redemption import shortages
    from cbi.redemption.schemas import ShortageOut
    from cbi.terminal.output import as_json, at, say

    found = working(office, user, shortages.short_of_cash)
    if json:
        as_json([ShortageOut.of(each).model_dump(mode="json") for each in found])
        return
    for each in found:
        asked = " + ".join(map(str, each.asked_for)) or "amount not known"
        say(escape(f"{each.code} {each.name}: {each.times} × since {at(each.since)} ({asked})"))
    if not found:
        say("Every post office has cash, as far as anybody said.")


@counters.command("redeem")
def redeem(
    teller: Annotated[str, typer.Option(help="The teller's user name; the password is asked for.")],
    part: Annotated[
        str | None,
        typer.Option(help="Hand over so much of it only, where the programme allows parts."),
    ] = None,
    office: Office = None,
) -> None:
    """Pay a code: it asks for the code and for what the person shows, and says what to hand over.

    Nothing that is typed is shown or kept. Example: cbi counter redeem --teller lina
    """
    from cbi import offices
    from cbi.money import Money
    from cbi.redemption import counter, parts, refusals
    from cbi.terminal.output import say

    place = chosen(office)
    password = os.environ.get("CBI_PASSWORD") or typer.prompt("Password", hide_input=True, err=True)
    actor = offices.transact(place, lambda session: _signed_in(session, teller, password))
    code = typer.prompt("Code", hide_input=True, err=True)
    factor = typer.prompt(
        "Last four of the document (or the card, or the word)", hide_input=True, err=True
    )
    checked = offices.transact(
        place, lambda session: counter.authorise(session, actor, code=code, factor=factor)
    )  # fmt: skip
    if isinstance(checked, refusals.Refused):
        say(f"[red]Do not pay.[/red] {checked.message} {checked.next_step}")
        raise typer.Exit(1)
    now = Money.parse(part, checked.amount.currency) if part else checked.amount
    of = f" of {checked.amount}" if part else ""
    say(f"Right. Amount: [bold]{now}[/bold]{of}. Let the person sign, then confirm.")
    if not typer.confirm("Confirm, and hand over the cash?", err=True):
        offices.transact(
            place, lambda session: counter.release_hold(session, actor, checked.authorisation_id)
        )  # fmt: skip
        say("Not paid. The code can be used again.")
        raise typer.Exit(1)
    receipt = offices.transact(
        place, lambda session: parts.confirm(session, actor, checked.authorisation_id, now)
    )  # fmt: skip
    say(f"Paid. Hand over exactly [bold]{receipt.amount}[/bold]. Receipt {receipt.receipt}.")
    say(f"Collected as: {receipt.collected_as}.")
    if receipt.left is not None:
        say(
            f"{receipt.left} is left until {receipt.last_day}: a new code goes to the telephone on record."
        )


def _signed_in(session: "Session", teller: str, password: str) -> "Actor":
    from cbi.access import tokens
    from cbi.redemption import tellers

    token = tellers.sign_in(session, teller, password)
    actor = tokens.resolve(session, token, {"teller": tellers.actor_of_teller})
    assert actor is not None, "a token that was just given opens"
    return actor


@counters.command("reissue")
def reissue(
    payment_id: UUID,
    reason: Annotated[str, typer.Option(help="Why, in a few words.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Send a recipient a new code; the old one dies at once. Example: cbi counter reissue 5f… --reason "Phone lost" """
    from cbi.redemption import reissuing
    from cbi.terminal.output import say

    def work(session: "Session", actor: "Actor") -> None:
        reissuing.reissue(session, actor, payment_id, reason)

    working(office, user, work)
    say("A new code is on its way to the recipient's telephone.")
