"""Commands for telling somebody outside about people: propose, decide, revoke, and the register."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, working

if TYPE_CHECKING:
    from cbi.registry.disclosing.schemas import DisclosureOut

disclosures = typer.Typer(
    help="What somebody outside may be told, by the legal officer's word.", no_args_is_help=True
)
Number = Annotated[int, typer.Argument(help="The disclosure's number.")]
Reason = Annotated[str, typer.Option(help="Why, in a few words.")]


@disclosures.command("propose")
def propose(
    requester: Annotated[str, typer.Option(help="Who asks, such as 'National audit office'.")],
    requester_kind: Annotated[
        str, typer.Option("--kind", help="agency, partner, authority, court, auditor or donor.")
    ],
    legal_ground: Annotated[
        str, typer.Option("--ground", help="The law or agreement, and where in it.")
    ],
    wanted_for: Annotated[str, typer.Option("--for", help="What they do with it.")],
    necessity: Annotated[str, typer.Option(help="Why nothing less would do.")],
    risk: Annotated[str, typer.Option(help="What could happen to the people.")],
    most_people: Annotated[int, typer.Option("--most", help="People in one list, at most.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day.")],
    column: Annotated[
        list[str] | None, typer.Option(help="number, name, … (several times).")
    ] = None,
    hashes: Annotated[bool, typer.Option("--hashes", help="Keyed hashes, not a file.")] = False,
    programme: Annotated[str | None, typer.Option(help="Whose people.")] = None,
    period: Annotated[str | None, typer.Option(help="Only in this period.")] = None,
    area: Annotated[str | None, typer.Option(help="Only there and below.")] = None,
    silence: Annotated[
        str | None, typer.Option(help="Why the people may not be told of it.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Propose that somebody outside is told; nothing leaves before the legal officer's word.

    Example: cbi disclosure propose --kind auditor --requester "National audit office" --ground "Grant, article 11"
    --for "A sample on the spot" --necessity "They visit people" --risk "It could be passed on" --column number
    --column name --programme winter-2026 --most 60 --until 2026-12-31
    """
    from cbi.registry.disclosing import disclosing
    from cbi.registry.disclosing.disclosing import Proposal
    from cbi.registry.disclosing.models import Form
    from cbi.terminal.output import say

    said = Proposal(
        requester_kind, requester, legal_ground, wanted_for, necessity, risk, Form.HASHES if hashes else Form.FILE,
        most_people, until.date(), tuple(column or ()), programme, period, area, silence,
    )  # fmt: skip
    number = working(
        office, user, lambda session, actor: disclosing.propose(session, actor, said).number
    )
    say(f"Disclosure {number} waits for the legal officer: cbi disclosure approve {number}")


@disclosures.command("approve")
def approve(
    number: Number,
    reason: Reason,
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Let it be told. Example: cbi disclosure approve 3 --reason "The agreement asks for it" --user leila"""
    from cbi.registry.disclosing import disclosing
    from cbi.terminal.output import say

    given = one_time_code(code)
    working(
        office, user,
        lambda session, actor: disclosing.approve(session, actor, number, reason, given).number,
    )  # fmt: skip
    say(f"Disclosure {number} is approved.")


@disclosures.command("refuse")
def refuse(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """Say no. Example: cbi disclosure refuse 3 --reason "The letter names no law" --user leila"""
    from cbi.registry.disclosing import disclosing
    from cbi.terminal.output import say

    working(
        office,
        user,
        lambda session, actor: disclosing.refuse(session, actor, number, reason).number,
    )
    say(f"Disclosure {number} is refused.")


@disclosures.command("revoke")
def revoke(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """End it at once; what was asked for under it is not given out. Example: cbi disclosure revoke 3 --reason "Over" """
    from cbi.registry.disclosing import disclosing
    from cbi.terminal.output import say

    working(
        office,
        user,
        lambda session, actor: disclosing.revoke(session, actor, number, reason).number,
    )
    say(f"Disclosure {number} is revoked.")


@disclosures.command("list")
def list_disclosures(office: Office = None, user: User = None, json: Json = False) -> None:
    """The register of disclosures. Example: cbi disclosure list --user leila"""
    from cbi.registry.disclosing import disclosing
    from cbi.registry.disclosing.schemas import DisclosureOut
    from cbi.terminal.output import as_json, at, say, table

    found = working(
        office,
        user,
        lambda session, actor: [
            DisclosureOut.of(each) for each in disclosing.listed(session, actor)
        ],
    )
    if json:
        as_json([each.model_dump(mode="json") for each in found])
    elif not found:
        say("Nobody outside was ever to be told anything.")
    else:
        table(
            "Disclosures",
            ["Number#", "Proposed", "To", "What", "People#", "Until", "State"],
            [
                [
                    each.number, at(each.proposed_at), each.requester, ", ".join(each.columns) or "keyed hashes",
                    each.most_people, each.until.isoformat(), _state(each),
                ]
                for each in found
            ],
        )  # fmt: skip


@disclosures.command("show")
def show_disclosure(number: Number, office: Office = None, user: User = None) -> None:
    """One disclosure, whole, as JSON. Example: cbi disclosure show 3"""
    from cbi.registry.disclosing import disclosing
    from cbi.registry.disclosing.schemas import DisclosureOut
    from cbi.terminal.output import as_json

    found = working(
        office,
        user,
        lambda session, actor: DisclosureOut.of(disclosing.find(session, actor, number)),
    )
    as_json(found.model_dump(mode="json"))


def _state(one: "DisclosureOut") -> str:
    if one.revoked_at:
        return "revoked"
    return str(one.decision or "waits for the legal officer")
