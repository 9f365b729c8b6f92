"""Commands for recipients' cards: issue, hand over, block, replace."""

from collections.abc import Callable
from functools import partial
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
    from cbi.payments.sending import cards as use

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
    from cbi.payments.sending import cards as use

    _do(
        office, user, household,
        lambda session, actor, at: use.issue(session, actor, provider, at, name=name, currency=currency),
        json=json,
    )  # fmt: skip


@cards.command("issue-all")
def issue_all(
    provider: Provider = "cards",
    currency: Annotated[
        str, typer.Option(help="The cards' currency, if it is not the office's.")
    ] = "",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Make a card for everybody who is to be paid by card and has none. Example: cbi card issue-all --user sami"""
    from rich.markup import escape

    from cbi import offices
    from cbi.errors import CbiError
    from cbi.payments.sending import cards as use
    from cbi.terminal.office import chosen
    from cbi.terminal.output import as_json, progress, say, table

    code = chosen(office)
    actor, waiting = working(
        code, user, lambda session, actor: (actor, use.without_card(session, actor, provider))
    )
    made, refused = 0, []
    with progress("making cards", len(waiting)) as bar:
        for each in waiting:
            # One transaction for each, so that a name which cannot stand on a card keeps nobody else waiting.
            one = partial(
                use.issue, actor=actor, provider=provider, household_id=each.household_id, currency=currency
            )  # fmt: skip
            try:
                offices.transact(code, one, seen_by=actor)
                made += 1
            except CbiError as error:
                refused.append((each.registration_number, error.message, error.next_step))
            bar.advance(1)
    if json:
        names = ("household", "why", "next_step")
        as_json({"made": made, "refused": [dict(zip(names, row, strict=True)) for row in refused]})
    else:
        say(escape(f"{made} of {len(waiting)} cards were made."))
        if refused:
            table("Not made", ["Household", "Why", "What to do"], refused)
    if refused:
        raise typer.Exit(1)


@cards.command("hand-over")
def hand_over(
    household: Household,
    provider: Provider = "cards",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """The recipient has the card in hand: bring it into use. Example: cbi card hand-over KEN-0042 --user sami"""
    from cbi.payments.sending import cards as use

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
    from cbi.payments.sending import cards as use

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
    from cbi.payments.sending import cards as use

    _do(
        office, user, household, lambda session, actor, at: use.replace(session, actor, provider, at), json=json
    )  # fmt: skip


def _do(
    office: str | None, user: str | None, household: str, work: "Callable[[Session, Actor, UUID], Card]", *, json: bool
) -> None:  # fmt: skip
    from cbi.payments.sending.cards import household_called
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
