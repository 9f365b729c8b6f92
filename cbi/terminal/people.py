"""Commands for the administrator: who works here, and their authenticator apps."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, chosen, reading, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor

users = typer.Typer(help="Members of staff and their roles.", no_args_is_help=True)


@users.command("create")
def create(
    username: str,
    full_name: Annotated[str, typer.Argument(help="Name and surname.")],
    roles: Annotated[
        str, typer.Option(help="Comma-separated, such as certifier or registration_officer.")
    ] = "",
    programme: Annotated[str | None, typer.Option(help="Only for this programme.")] = None,
    first: Annotated[
        bool, typer.Option("--first", help="The first administrator of a new office; works once.")
    ] = False,
    office: Office = None,
    user: User = None,
) -> None:
    """Make a member of staff; the new password is asked for (or CBI_NEW_PASSWORD).

    Example: cbi user create amina "Amina Haddad" --roles certifier
    """
    from cbi import offices
    from cbi.access import users as use
    from cbi.access.permissions import named_roles
    from cbi.terminal.output import say

    password = os.environ.get("CBI_NEW_PASSWORD") or typer.prompt(
        "New user's password", hide_input=True, confirmation_prompt=True, err=True
    )
    if first:
        with offices.transaction(chosen(office)) as session:
            use.create_first_administrator(
                session, username=username, full_name=full_name, password=password
            )
    else:
        held = named_roles(roles.split(","))
        working(
            office, user,
            lambda session, actor: use.create_user(
                session, actor, username=username, full_name=full_name, password=password, roles=held,
                programme=programme,
            ),
        )  # fmt: skip
    say(f"{username} is ready.")


@users.command("authenticator")
def authenticator(office: Office = None, user: User = None) -> None:
    """Register your authenticator app; the secret is shown once. Example: cbi user authenticator --user amina"""
    from cbi.access import totp
    from cbi.access.actor import NotPermitted
    from cbi.terminal.output import say

    def enrol(session: "Session", actor: "Actor") -> str:
        if actor.id is None:
            raise NotPermitted("Only a member of staff has an authenticator.")
        return totp.enrol(session, actor.id)

    secret = working(office, user, enrol)
    say("Type this secret into your authenticator app now; it is never shown again:")
    say(secret)


Programme = Annotated[str | None, typer.Option(help="Only for this programme.")]
Areas = Annotated[
    list[str] | None,
    typer.Option(
        "--area", help="Only for the households of this area and of all below it; may be repeated."
    ),
]


@users.command("grant")
def grant(
    username: str,
    role: Annotated[str, typer.Argument(help="Such as registration_officer.")],
    programme: Programme = None,
    area: Areas = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Give a role. Example: cbi user grant amina registration_officer --area DZ31 --user root"""
    _change("grant_role", "has", office, user, username, role, programme, area)


@users.command("revoke")
def revoke(
    username: str,
    role: Annotated[str, typer.Argument(help="Such as registration_officer.")],
    programme: Programme = None,
    area: Areas = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Take a role back. Example: cbi user revoke amina registration_officer --area DZ31 --user root"""
    _change("revoke_role", "no longer has", office, user, username, role, programme, area)


def _change(
    change: str,
    now: str,
    office: str | None,
    user: str | None,
    username: str,
    role: str,
    programme: str | None,
    area: list[str] | None,
) -> None:
    from cbi.access import roles, users
    from cbi.access.permissions import named_roles
    from cbi.terminal.output import say

    (named,) = named_roles([role])
    act = getattr(roles, change)

    def work(session: "Session", actor: "Actor") -> bool:
        user_id = users.id_of(session, username)
        places: list[str | None] = [*area] if area else [None]
        done = [act(session, actor, user_id, named, programme, where) for where in places]
        return any(done)

    changed = working(office, user, work)
    held = f"{named}{f' ({programme})' if programme else ''}{f' in {chr(44).join(area)}' if area else ''}"
    say(f"{username} {now} the role {held}." if changed else "It was so before: nothing changed.")


@users.command("list")
def list_users(office: Office = None, json: Json = False) -> None:
    """Who works here. Example: cbi user list"""
    from cbi.access.holders import colleagues
    from cbi.terminal.output import as_json, table

    with reading(office) as session:
        people = colleagues(session)
    rows = [
        (
            each.username,
            each.full_name,
            ", ".join(map(str, each.roles)),
            "yes" if each.may_sign_in else "no",
        )
        for each in people
    ]
    if json:
        as_json(
            [dict(zip(("username", "name", "roles", "active"), row, strict=True)) for row in rows]
        )
    else:
        table("Staff", ["User", "Name", "Roles", "Active"], rows)
