"""Commands for who signs payment runs: the office's approval policy, and standing in for somebody who is away."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.office import (
    Json,
    Office,
    OneTimeCode,
    User,
    one_time_code,
    reading,
    working,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.payments.signing.approval_policy import Policy
    from cbi.payments.signing.signing_models import Delegation

policy = typer.Typer(help="Who signs payment runs of which size.", no_args_is_help=True)
delegations = typer.Typer(help="Signing in the place of another.", no_args_is_help=True)

Id = Annotated[UUID, typer.Argument(help="As `cbi delegation list` shows it.")]
_DAY = ["%Y-%m-%d"]


@policy.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Propose a policy; it holds once a second person accepts it.

    Example: cbi approval-policy apply examples/approval-policy.yaml --user karim
    """
    from cbi.payments.signing import policies
    from cbi.terminal.output import say

    text, typed = file.read_bytes().decode("utf-8-sig", errors="replace"), one_time_code(code)
    made = working(
        office, user, lambda session, actor: policies.propose(session, actor, text, typed).version
    )
    say(f"Version {made} is proposed. Somebody else accepts it: cbi approval-policy accept {made}")


@policy.command("accept")
def accept(
    version: int, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Let a colleague's proposal hold from now on. Example: cbi approval-policy accept 2"""
    from cbi.payments.signing import policies
    from cbi.terminal.output import say

    typed = one_time_code(code)
    working(office, user, lambda session, actor: policies.accept(session, actor, version, typed))
    say(f"Version {version} holds from now on.")


@policy.command("show")
def show(office: Office = None, json: Json = False) -> None:
    """What holds, and what is proposed. Example: cbi approval-policy show"""
    from sqlalchemy import select

    from cbi.payments.signing import approval_policy, policies
    from cbi.payments.signing.signing_models import ApprovalPolicy
    from cbi.terminal.output import as_json, say

    with reading(office) as session:
        holds = policies.in_force(session)
        proposed = session.scalars(
            select(ApprovalPolicy)
            .where(
                ApprovalPolicy.accepted_at.is_(None), ApprovalPolicy.version > (holds or (0,))[0]
            )
            .order_by(ApprovalPolicy.version.desc())
        ).first()
    waits = (
        (proposed.version, approval_policy.stored(proposed.rules, proposed.controls))
        if proposed
        else None
    )
    if json:
        as_json(
            {
                name: found
                and {
                    "version": found[0],
                    "rules": found[1].canonical(),
                    "controls": found[1].controls.canonical(),
                }
                for name, found in (("holds", holds), ("proposed", waits))
            }
        )
        return
    if holds is None:
        say("No policy holds: every run takes two signatures, of a certifier and an authoriser.")
    for what, found in (("holds", holds), ("is proposed", waits)):
        if found:
            _print(f"Version {found[0]} {what}", found[1])


def _print(title: str, shown: "Policy") -> None:
    from cbi.terminal.output import table

    table(
        title,
        ["Currencies", "Programmes", "In seven days up to#", "One household up to#", "Signatures"],
        [
            (
                ", ".join(rule.currencies), ", ".join(rule.programmes) or "all others", band.up_to or "any amount",
                band.household_up_to or "any amount", " → ".join(step.name for step in band.steps),
            )
            for rule in shown.rules
            for band in rule.bands
        ],
    )  # fmt: skip
    said = shown.controls
    if said.canonical():
        table(
            "Controls that are not as the engine comes (all of them: cbi waiver controls)",
            ["Control", "Blocks", "Passes up to#"],
            [
                (each.control, "yes" if each.blocks else "no", "" if each.at_most is None else each.at_most)
                for each in said.blocking
            ]
            + [
                (
                    " of ".join(("amounts", *each.components)) + " in " + ", ".join(each.programmes or ("all",)),
                    "yes", f"{each.at_least or 'any'} – {each.at_most or 'any'}",
                )
                for each in said.amounts
            ],
        )  # fmt: skip


@delegations.command("make")
def make(
    to: Annotated[str, typer.Argument(help="The user name of whoever signs in your place.")],
    role: Annotated[str, typer.Argument(help="Your role, such as authoriser.")],
    first: Annotated[datetime, typer.Option(formats=_DAY, help="The first day.")],
    last: Annotated[datetime, typer.Option(formats=_DAY, help="The last day, included.")],
    programme: Annotated[
        list[str] | None, typer.Option(help="Only for this programme; may be given again.")
    ] = None,
    limit: Annotated[str | None, typer.Option(help="Up to this amount, such as 500000.00.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of the limit; else the office's.")] = None,
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Let a colleague sign in your place; it holds once a third person accepts it.

    Example: cbi delegation make lina authoriser --first 2026-12-20 --last 2027-01-05 --limit 500000.00
    """
    from sqlalchemy import select

    from cbi.access.models import User as Member
    from cbi.access.permissions import named_roles
    from cbi.access.roles import UnknownUser
    from cbi.money import Money
    from cbi.offices import office_of
    from cbi.payments.signing import delegations as use
    from cbi.terminal.output import say

    typed = one_time_code(code)
    named = named_roles([role])[0]

    def work(session: "Session", actor: "Actor") -> UUID:
        to_id = session.scalar(select(Member.id).where(Member.username == to))
        if to_id is None:
            raise UnknownUser(f"There is no user {to}.", next_step="See: cbi user list")
        upto = Money.parse(limit, currency or office_of(session).currency) if limit else None
        terms = use.Terms(to_id, named, first.date(), last.date(), tuple(programme or ()), upto)
        return use.make(session, actor, terms, typed).id

    made = working(office, user, work)
    say(f"It is noted. A third person accepts it: cbi delegation accept {made}")


@delegations.command("accept")
def accept_delegation(
    delegation: Id, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Agree to what two others arranged. Example: cbi delegation accept 5f… --user rania"""
    from cbi.payments.signing import delegations as use
    from cbi.terminal.output import say

    typed = one_time_code(code)
    working(office, user, lambda session, actor: use.accept(session, actor, delegation, typed).id)
    say("It is accepted.")


@delegations.command("withdraw")
def withdraw(
    delegation: Id,
    reason: Annotated[str, typer.Option(help="Why.")],
    office: Office = None,
    user: User = None,
) -> None:
    """End a delegation at once. Example: cbi delegation withdraw 5f… --reason "back from leave" """
    from cbi.payments.signing import delegations as use
    from cbi.terminal.output import say

    working(
        office, user, lambda session, actor: use.withdraw(session, actor, delegation, reason).id
    )
    say("It has ended.")


@delegations.command("list")
def list_delegations(office: Office = None, json: Json = False) -> None:
    """Who stands in for whom. Example: cbi delegation list"""
    from sqlalchemy import select

    from cbi.access.models import User as Member
    from cbi.payments.signing import delegations as use
    from cbi.payments.signing.signing_models import Delegation
    from cbi.terminal.output import as_json, table

    with reading(office) as session:
        names = dict(session.execute(select(Member.id, Member.username)).all())
        rows = [
            (
                given.id, names[given.from_id], names[given.to_id], given.role, given.first_day, given.last_day,
                use.limit_of(given) or "any amount", ", ".join(given.programmes) or "all", _state(given),
            )
            for given in session.scalars(select(Delegation).order_by(Delegation.made_at.desc()))
        ]  # fmt: skip
    heads = ["Delegation", "Of", "To", "Role", "First", "Last", "Up to", "Programmes", "State"]
    if json:
        as_json([dict(zip(map(str.lower, heads), row, strict=True)) for row in rows])
    else:
        table("Delegations", heads, rows)


def _state(given: "Delegation") -> str:
    if given.withdrawn_at:
        return "withdrawn"
    return "accepted" if given.accepted_at else "waits for a third person"
