"""Commands for whoever decides about people who register themselves, are referred, or have a question."""

from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor

referrals = typer.Typer(help="The queue of people who want to be registered.", no_args_is_help=True)
partners = typer.Typer(help="Organisations that may refer people.", no_args_is_help=True)
referrals.add_typer(partners, name="partner")

Number = Annotated[int, typer.Argument(help="The referral's number.")]


@referrals.command("list")
def list_referrals(
    everything: Annotated[bool, typer.Option("--all", help="Also those decided.")] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Who waits, the oldest first. Example: cbi referral list"""
    from cbi.registry.referrals import deciding
    from cbi.terminal.output import as_json, at, say, table

    found = working(
        office, user, lambda session, actor: deciding.queue(session, actor, waiting=not everything)
    )
    if json:
        as_json(found)
    elif not found:
        say("Nobody waits.")
    else:
        table(
            "Referrals",
            ["Number#", "From", "Came", "State", "Same phone#"],
            [
                [line.number, line.partner or line.kind, at(line.received_at), line.state, line.same_phone]
                for line in found
            ],
        )  # fmt: skip


@referrals.command("show")
def show_referral(
    number: Number, office: Office = None, user: User = None, json: Json = False
) -> None:
    """Open one; that you did is noted. Example: cbi referral show 12"""
    from cbi.registry.referrals import deciding
    from cbi.registry.referrals.schemas import OpenedReferral
    from cbi.terminal.output import as_json, show

    found = working(
        office,
        user,
        lambda session, actor: OpenedReferral.opened(deciding.opened(session, actor, number)),
    )
    if json:
        as_json(found.model_dump())
        return
    facts = {"number": found.number, "from": found.partner or found.kind, "state": found.state}
    if found.asked:
        facts |= {name: said for name, said in found.asked.model_dump().items() if said}
    if found.known_as:
        facts["same telephone as"] = ", ".join(found.known_as)
    show(facts)


@referrals.command("accept")
def accept(
    number: Number,
    name: Annotated[str | None, typer.Option(help="Corrected.")] = None,
    phone: Annotated[str | None, typer.Option(help="Corrected.")] = None,
    size: Annotated[int | None, typer.Option(help="Corrected.")] = None,
    area: Annotated[str | None, typer.Option(help="Corrected.")] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Register a new household from it. Example: cbi referral accept 12 --area DZ31"""
    from cbi.registry.referrals import deciding
    from cbi.registry.referrals.schemas import AcceptReferral
    from cbi.terminal.output import say

    def work(session: "Session", actor: "Actor") -> str:
        asked = deciding.opened(session, actor, number).asked
        corrections = AcceptReferral(name=name, phone=phone, size=size, area=area)
        household = deciding.accept(
            session, actor, number, corrected=corrections.over(asked) if asked else None
        )
        return f"{household.source}/{household.source_id}"

    say(f"Registered as {working(office, user, work)}.")


@referrals.command("merge")
def merge(
    number: Number,
    household: Annotated[str, typer.Argument(help="Its number, as SOURCE/NUMBER.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Note that the household is registered already. Example: cbi referral merge 12 partner-oran-2026/0042"""
    from cbi.registry.referrals import deciding
    from cbi.terminal.output import say

    working(
        office, user, lambda session, actor: deciding.merge(session, actor, number, household).id
    )
    say(f"Referral {number} is {household}.")


@referrals.command("reject")
def reject(
    number: Number,
    refusal: Annotated[
        str,
        typer.Argument(
            help="not_reached, outside_area, incomplete, asked_twice, other_service or withdrawn."
        ),
    ],
    remark: Annotated[str, typer.Option(help="For colleagues.")] = "",
    office: Office = None,
    user: User = None,
) -> None:
    """Say no; the sender reads the reason in their language. Example: cbi referral reject 12 outside_area"""
    from cbi.registry.referrals import deciding
    from cbi.terminal.output import say

    working(
        office,
        user,
        lambda session, actor: deciding.reject(session, actor, number, refusal, remark),
    )
    say(f"Referral {number} is rejected.")


@referrals.command("answer")
def answer(
    number: Number,
    remark: Annotated[str, typer.Option(help="How, for colleagues.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Note that a question was answered. Example: cbi referral answer 13 --remark "Called, told where to register." """
    from cbi.registry.referrals import deciding
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: deciding.answer(session, actor, number, remark))
    say(f"Question {number} is answered.")


@partners.command("add")
def add_partner(
    code: Annotated[str, typer.Argument(help="Small letters, digits and -.")],
    name: Annotated[str, typer.Option(help="As people know it.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Let an organisation refer people, and print its key once.

    Example: cbi referral partner add red-crescent-oran --name "Red Crescent, Oran"
    """
    from cbi.registry.referrals import deciding
    from cbi.terminal.output import say

    say("Its key, which is not shown again:")
    say(
        working(
            office, user, lambda session, actor: deciding.add_partner(session, actor, code, name)
        )
    )


@partners.command("stop")
def stop_partner(
    code: Annotated[str, typer.Argument(help="Its short name.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Take no more from it; what it sent stays. Example: cbi referral partner stop red-crescent-oran"""
    from cbi.registry.referrals import deciding
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: deciding.stop_partner(session, actor, code))
    say(f"Nothing more is taken from {code}.")
