"""Commands for recipients' cards: issue, hand over, block, replace."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.fsp.cards import Card, CardLoss
from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor

cards = typer.Typer(help="Recipients' cards.", no_args_is_help=True)

Household = Annotated[str, typer.Argument(help="The household's registration number.")]
Provider = Annotated[str, typer.Option(help="Whose cards they are.")]


@cards.command("show")
def show(
    household: Household,
    provider: Provider = "cards",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """The recipient's card as it stands. Example: cbi card show KEN-0042 --user sami"""
    from cbi.payments import cards as use

    _do(
        office, user, household, lambda session, actor, at: use.show(session, actor, provider, at), json=json
    )  # fmt: skip


@cards.command("issue")
def issue(
    household: Household,
    provider: Provider = "cards",
    name: Annotated[
        str, typer.Option(help="The name on the card, where the registered one cannot stand there.")
    ] = "",
    currency: Annotated[
        str, typer.Option(help="The card's currency, if it is not the office's.")
    ] = "",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Make the recipient's card; asked again, it is the same card. Example: cbi card issue KEN-0042 --user sami"""
    from cbi.payments import cards as use

    _do(
        office, user, household,
        lambda session, actor, at: use.issue(session, actor, provider, at, name=name, currency=currency),
        json=json,
    )  # fmt: skip


@cards.command("hand-over")
def hand_over(
    household: Household,
    provider: Provider = "cards",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """The recipient has the card in hand: bring it into use. Example: cbi card hand-over KEN-0042 --user sami"""
    from cbi.payments import cards as use

    _do(
        office, user, household, lambda session, actor, at: use.hand_over(session, actor, provider, at), json=json
    )  # fmt: skip


@cards.command("block")
def block(
    household: Household,
    loss: Annotated[CardLoss, typer.Option(help="Why.")],
    provider: Provider = "cards",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Stop a card for ever. Example: cbi card block KEN-0042 --loss stolen --user lina"""
    from cbi.payments import cards as use

    _do(
        office, user, household, lambda session, actor, at: use.block(session, actor, provider, at, loss), json=json
    )  # fmt: skip


@cards.command("replace")
def replace(
    household: Household,
    provider: Provider = "cards",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Make a new card with what was left on the blocked one. Example: cbi card replace KEN-0042 --user sami"""
    from cbi.payments import cards as use

    _do(
        office, user, household, lambda session, actor, at: use.replace(session, actor, provider, at), json=json
    )  # fmt: skip


def _do(
    office: str | None, user: str | None, household: str, work: "Callable[[Session, Actor, UUID], Card]", *, json: bool
) -> None:  # fmt: skip
    from cbi.payments.cards import household_called
    from cbi.terminal.output import as_json, show

    card = working(
        office,
        user,
        lambda session, actor: work(session, actor, household_called(session, household)),
    )
    if json:
        as_json(card)
        return
    facts = {"Card": card.name, "Ends in": card.last_digits, "Standing": card.standing.value}
    show(facts | ({"Replaces": card.replaces} if card.replaces else {}))
